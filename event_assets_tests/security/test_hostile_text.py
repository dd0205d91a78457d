"""Names and values that come with a file stay text, wherever Dagster's pages show them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import dagster as dg
import pytest

from event_assets_tests.orchestration.platform import Platform
from event_assets_tests.world import HEADER

HOSTILE = "<img src=x onerror=alert(1)>"
LINK = "[a](javascript:alert(1))"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A world whose file has a hostile name, field, user, type and page."""
    platform = Platform(tmp_path)
    records = [
        f"{HOSTILE},{HOSTILE},2025-01-05T10:00:00Z,{LINK},,x",
        f"{LINK},view,2025-01-05T10:00:00Z,</td><script>alert(1)</script>,,x",
        f",{HOSTILE},2025-01-05T10:00:00Z,`|`,,x",
    ]
    platform.drop(f"clicks_{HOSTILE}.csv", "\n".join([f"{HEADER},{HOSTILE}", *records]) + "\n")
    with platform.instance:
        yield platform


def shown(platform: Platform) -> Iterator[tuple[str, dg.MetadataValue]]:
    """(asset and entry, value) of all metadata that a run reports."""
    run = platform.run()
    assert run.success
    for record in platform.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        materialization = record.asset_materialization
        assert materialization is not None
        for name, value in materialization.metadata.items():
            yield f"{materialization.asset_key.to_user_string()} {name}", value


def test_markdown_of_a_run_holds_no_markup_of_a_file(platform: Platform) -> None:
    texts = {place: value.md_str for place, value in shown(platform) if isinstance(value, dg.MarkdownMetadataValue)}
    values = [text for place, text in texts.items() if place.endswith("preview")]
    assert any("img" in text for text in values), "the preview shows none of the file's text"
    for place, text in texts.items():
        assert "<" not in text, place
        links = re.findall(r"\]\(([^)]*)", text)
        assert [link for link in links if not link.startswith("data:image/svg+xml,")] == [], place


def test_pictures_of_a_run_hold_no_markup_of_a_file(platform: Platform) -> None:
    """Browsers run no script of an SVG that is an image; a picture that holds none is safe wherever it is opened."""
    pictures = [
        (place, unquote(svg))
        for place, value in shown(platform)
        if isinstance(value, dg.MarkdownMetadataValue)
        for svg in re.findall(r"\(data:image/svg\+xml,([^)]*)\)", value.md_str)
    ]
    assert pictures
    for place, svg in pictures:
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()}
        assert tags <= {"svg", "path", "g", "text"}, place

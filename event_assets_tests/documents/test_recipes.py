"""Every recipe lands its sample to sessions, with the figures of its page; `init` drafts what the page declares."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from event_assets.declaration import Dataset, parse_dataset
from event_assets.draft import draft
from event_assets_tests.world import World

RECIPES = Path(__file__).resolve().parents[2] / "docs" / "recipes"
NAMES = sorted(path.stem for path in RECIPES.glob("*.md") if path.stem != "index")
_DECIDED = "  # Decided: "


@dataclass(frozen=True)
class Recipe:
    """What a page says."""

    declaration: list[str]
    """The lines of its YAML."""
    figures: list[int]
    """records, events, duplicates, rejected, users, sessions."""
    options: dict[str, str]
    """What its command names beside the sample."""
    sample: Path

    @property
    def dataset(self) -> Dataset:
        return parse_dataset(yaml.safe_load("\n".join(self.declaration))["attributes"], self.sample.name)


def recipe(name: str) -> Recipe:
    text = (RECIPES / f"{name}.md").read_text(encoding="utf-8")
    declaration, figures, command = (
        re.search(pattern, text, re.MULTILINE | re.DOTALL)
        for pattern in (r"^```yaml\n(.*?)^```", r"^\|(?:---:\|)+\n(\|[\d |]+)$", r"^event-assets (init [^\n]+)$")
    )
    assert None not in (declaration, figures, command), f"{name}.md lacks a declaration, figures or its command"
    assert declaration and figures and command  # noqa: PT018 (for the type checker)
    words = shlex.split(command[1])
    assert words[:3] == ["init", name, "--from"]
    options = {words[at][2:].partition("-")[0]: words[at + 1] for at in range(4, len(words), 2)}
    return Recipe(
        declaration[1].splitlines(),
        [int(figure) for figure in re.findall(r"\d+", figures[1])],
        {"kind" if key == "type" else key: value for key, value in options.items()},
        RECIPES.parents[1] / words[3],
    )


#: Columns of which one of the sample's files has no field: they are null there, and a warning reports it.
NULL_IN_A_FILE = {"iis": ["cs_host"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_lands_its_sample_to_sessions(name: str, tmp_path: Path) -> None:
    found = recipe(name)
    world = World(tmp_path, found.dataset)
    for path in sorted(path for path in found.sample.rglob("*") if path.is_file()):
        target = tmp_path / "inbox" / name / path.relative_to(found.sample)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert [warning.split()[1] for warning in world.land().warnings] == NULL_IN_A_FILE.get(name, [])
    assert {outcome.state for outcome in world.make()} == {"materialized"}
    rejected = world.table("landing_rejects").height + world.table("quarantine").height
    records = sum(file.records for file in world.workspace.ledger.files.values())
    events, sessions = world.table("cleaned_events"), world.table("sessions")
    duplicates = records - events.height - rejected
    users = events["user_id"].drop_nulls().n_unique()
    assert [records, events.height, duplicates, rejected, users, sessions.height] == found.figures
    assert sessions.height > 0
    assert world.reconciled().holds


@pytest.mark.parametrize("name", NAMES)
def test_init_drafts_the_recipe_but_for_what_a_person_decides(name: str) -> None:
    found = recipe(name)
    drafted = [line.partition("  # CHECK")[0] for line in draft(name, found.sample, **found.options).text.splitlines()]
    drafted = [line for line in drafted if line.strip() and not line.lstrip().startswith(("#", "description:"))]
    written = [line for line in found.declaration if not line.lstrip().startswith("description:")]
    same = [line for line in written if _DECIDED not in line]
    assert [line for line in same if line not in drafted] == []
    assert len([line for line in drafted if line not in same]) == len(written) - len(same)


def test_a_visitor_of_segment_is_one_person_before_and_after_the_login(tmp_path: Path) -> None:
    found = recipe("segment")
    declared = yaml.safe_load("\n".join(found.declaration))["attributes"]
    links = {"identity": {"links": [["anonymous_id", "user_id"]], "max_ids": 2}}
    world = World(tmp_path, parse_dataset({**declared, **links}, "segment"))
    world.drop("1.segment.json", next(found.sample.rglob("*.json")).read_bytes())
    world.refresh()
    facts = world.table("joined_facts")
    assert facts["person_id"].n_unique() == facts["anonymous_id"].n_unique() == 8
    assert set(facts["person_id"]) < set(facts["user_id"])
    assert world.table("sessions").height == found.figures[-1]


def test_every_recipe_is_listed() -> None:
    index = (RECIPES / "index.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\(([a-z0-9_]+)\.md\)", index)) == NAMES
    assert sorted(path.name for path in (RECIPES / "samples").iterdir()) == NAMES

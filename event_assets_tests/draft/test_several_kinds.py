"""Samples of several kinds: what is a block, and what a person has to decide about it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from event_assets.draft import draft
from event_assets.draft.events_and_profiles import kinds_of
from event_assets.draft.proposed_changes import differences
from event_assets.draft.trial_run import try_out

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def write(folder: Path, name: str, records: list[dict[str, object]]) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


def messages(folder: Path) -> None:
    for day in (6, 7):
        at = dt.datetime(2025, 1, day, tzinfo=dt.UTC).timestamp()
        records = [{"type": "message", "user": f"U{n % 3}", "text": "x", "ts": f"{at + n:.6f}"} for n in range(8)]
        write(folder, f"general/2025-01-0{day}.json", records)


def test_a_list_of_channels_beside_messages_is_remarked_upon(tmp_path: Path) -> None:
    messages(tmp_path)
    channels = [{"id": f"C{n}", "name": f"c{n}", "created": 1736000000 + n, "creator": "U1"} for n in range(4)]
    write(tmp_path, "channels.json", channels)
    made = draft("slack", tmp_path)
    assert [block.files for block in made.dataset.events] == [("channels*.json",), ("**/*-*-*.json",)]
    assert (
        sum("if the file lists things, such as channels or products, remove this block" in n for n in made.notes) == 1
    )


def test_a_further_block_names_the_pattern_that_would_take_its_files(tmp_path: Path) -> None:
    messages(tmp_path / "old")
    declared = draft("slack", tmp_path / "old").dataset
    orders = [{"order": n, "buyer": f"U{n}", "at": f"2025-01-06T10:0{n}:00Z", "total": 5} for n in range(5)]
    kinds = kinds_of([write(tmp_path / "new", "orders/1.json", orders).parent.parent], time=None, user=None, kind=None)
    [change] = [c for c in differences(declared, kinds, try_out(declared, kinds.files, NOW)) if c.key == "events"]
    assert change.why.endswith('"**/*.json" of an earlier block reads these files: write the new block above it')

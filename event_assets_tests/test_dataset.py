"""Declarations: what is understood, and how an error names the file, the key and the remedy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from event_assets.declaration import SHIPPED, Dataset, load_dataset, load_datasets, parse_dataset
from event_assets.errors import DeclarationError
from event_assets_tests.world import CLICKS, clicks

Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> dict[str, Any]:
    attributes = copy.deepcopy(yaml.safe_load(CLICKS))
    change(attributes)
    return attributes


def column(attributes: dict[str, Any], place: int) -> dict[str, Any]:
    found: dict[str, Any] = attributes["events"]["columns"][place]
    return found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.update(gaps="30m"), "clicks.yaml: gaps: is not a key of a dataset declaration"),
        (
            lambda a: column(a, 0).update(typ="int64"),
            "events.columns.0.typ: is not a key of a dataset declaration; did you mean type?",
        ),
        (
            lambda a: a["events"].update(formt=a["events"].pop("format")),
            "events.formt: is not a key of a dataset declaration; did you mean format?",
        ),
        (lambda a: column(a, 0).update(type="int"), "events.columns.0.type: a type is string, int64,"),
        (lambda a: column(a, 3).update(type="decimal(40,2)"), "events.columns.3.type: decimal(p,s) takes 1 <= p <= 38"),
        (lambda a: column(a, 0).pop("description"), "events.columns.0.description: is missing; add it"),
        (lambda a: column(a, 2).update(name="event_id"), "the platform adds event_id itself; choose another name"),
        (lambda a: column(a, 2).update(name="price"), "column price is declared twice"),
        (
            lambda a: column(a, 3).update(min="free"),
            "min: 'free' is not a valid decimal(10,2)",
        ),
        (lambda a: column(a, 3).update(type="float64"), "price is a float64, and floats enter no key"),
        (lambda a: column(a, 2).update(min=1), "min and max make no sense for type string"),
        (lambda a: a["events"]["columns"].pop(0), "events.columns must declare user_id"),
        (lambda a: column(a, 0).update(type="float64"), "user_id is an identifier: its type is string or int64"),
        (lambda a: a["events"].pop("time"), "clicks.yaml: events.time: is missing; add it"),
        (lambda a: a["events"].update(encoding="klingon"), "'klingon' is not a known encoding"),
        (lambda a: a.update(timezone="Mars/Olympus"), "'Mars/Olympus' is no IANA time zone"),
        (lambda a: a.update(deduplicate={"keys": ["log_id"]}), "deduplicate.keys names no declared column: 'log_id'"),
        (
            lambda a: a.update(event_id="page", deduplicate={"keys": ["price"]}),
            "the deduplication key is that column alone",
        ),
        (
            lambda a: a["sessions"].update(gap="25h"),
            "sessions.gap: must be more than 0 and at most 24h; correct '25h'",
        ),
        (lambda a: a["sessions"].update(gap="soon"), "write a duration as a number and s, m, h or d"),
        (
            lambda a: a["gold"].update(top_user={}),
            "gold.top_user: is not a key of a dataset declaration; did you mean top_users?",
        ),
        (
            lambda a: a["gold"]["top_users"].update(by="platform"),
            "gold.top_users.by names no declared column: 'platform'",
        ),
        (lambda a: a["gold"].update(watch_time={"column": "price"}), "gold.watch_time needs geo"),
        (lambda a: a["gold"]["user_funnel"].update(steps=["Buy", "buy"]), "step 'Buy' is named twice"),
        (lambda a: a["gold"]["user_funnel"].update(steps=["a\nb", "buy"]), "becomes a part of column names"),
        (lambda a: a["gold"]["user_funnel"].update(steps=[{"name": "x"}, "buy"]), "has no condition"),
        (
            lambda a: a["gold"]["user_funnel"].update(steps=[{"name": "x", "where": {"pge": ["/a"]}}, "buy"]),
            "x: where names no declared column: 'pge'",
        ),
        (
            lambda a: a["gold"]["user_funnel"].update(steps=[{"name": "x", "where": {"price": ["free"]}}, "buy"]),
            "x: where, price: 'free' is not a valid decimal(10,2)",
        ),
        (
            lambda a: a.update(events=[a["events"], a["events"]]),
            "events.1.files: 'clicks_*.csv' is also a pattern of events.0, which reads all its files",
        ),
        (lambda a: a.update(start_date="0001-01-02"), "start_date: 0001-01-02 is not within 1900-01-01 and 2200-01-01"),
    ],
)
def test_a_wrong_declaration_says_where_what_and_what_to_do_in_one_line(change: Change, message: str) -> None:
    with pytest.raises(DeclarationError) as error:
        parse_dataset(changed(change), "clicks.yaml")
    assert message in str(error.value)
    assert str(error.value).startswith("clicks.yaml: ")
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "defs.yaml"
    path.write_text("type: [")
    with pytest.raises(DeclarationError, match="can't be read as YAML"):
        load_dataset(path)


def test_a_further_folder_adds_datasets_and_one_name_is_one_dataset(tmp_path: Path) -> None:
    text = yaml.safe_dump({"type": "event_assets.EventDataset", "attributes": yaml.safe_load(CLICKS)})
    for folder in ("clicks", "clicks_again"):
        (tmp_path / folder).mkdir()
    (tmp_path / "clicks" / "defs.yaml").write_text(text)
    assert set(load_datasets(tmp_path)) == {*load_datasets(), "clicks"}
    (tmp_path / "clicks_again" / "defs.yaml").write_text(text)
    found = load_datasets(tmp_path)
    assert set(found) == {*load_datasets(), "clicks"}
    assert "clicks is declared twice" in str(found.failures["clicks_again"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type: event_assets.EventDataset\nattribute: {}\n", "attribute: is not a key of the file; write it below"),
        ("type: event_assets.EventDataset\nattributes:\n  name: a\n  name: b\n", "line 4: name: is written twice"),
        ("attributes: " + "[" * 100_000, "is nested deeper than 50 levels"),
        ("attributes: " + "{a: " * 100_000, "is nested deeper than 50 levels"),
        ("attributes: \x00", "can't be read as YAML"),
    ],
)
def test_a_wrong_file_is_one_line_and_stops_its_own_dataset_alone(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "defs.yaml").write_text(text)
    found = load_datasets(tmp_path)
    assert set(found) == set(load_datasets())
    assert message in str(found.failures["wrong"])
    assert "\n" not in str(found.failures["wrong"])


def test_the_five_datasets_ship() -> None:
    assert sorted(load_datasets(SHIPPED / "nowhere")) == ["activity", "app_events", "benefits", "shop", "streaming"]


@pytest.mark.parametrize(
    ("rules", "days"),
    [
        ({}, 0),  # all columns, and so the time
        ({"deduplicate": {"keys": ["event_time", "user_id"]}}, 0),
        ({"deduplicate": {"keys": ["user_id", "page"]}}, "all"),
        ({"deduplicate": {"keys": ["user_id", "page"], "days": 3}}, 3),
        ({"event_id": "page"}, "all"),
    ],
)
def test_a_key_without_the_time_is_looked_for_in_all_dates_unless_said_otherwise(
    rules: dict[str, object], days: object
) -> None:
    assert clicks(**rules).dedupe_days == days


def test_two_equal_declarations_are_one(tmp_path: Path) -> None:
    assert clicks() == clicks()
    assert hash(clicks()) == hash(clicks())
    assert isinstance(clicks(), Dataset)

"""Laws of all transforms: the order of rows changes nothing, engines agree, no record is lost."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.transforms.clean import clean, event_keys
from event_assets_tests.transforms.bench import Bench, Rows, at, declared

DATASET = declared(
    [
        {"name": "user_id", "type": "int64"},
        {"name": "event_type", "case": "lower", "aliases": {"buy": "purchase"}, "required": True},
        {"name": "price", "type": "decimal(6,2)", "min": 0},
        {"name": "day", "type": "date"},
        {"name": "ok", "type": "bool"},
        {"name": "details", "type": "json"},
        {"name": "seen", "type": "timestamp"},
    ],
    deduplicate={"keys": ["user_id", "event_type", "price", "seen"], "days": 1},
)


def texts(*favourites: str) -> st.SearchStrategy[str | None]:
    """Few texts, so that records meet; and any text at all, which no rule may choke on."""
    return st.one_of(st.none(), st.sampled_from(favourites), st.text(max_size=6))


@st.composite
def raw_events(draw: st.DrawFn) -> Rows:
    columns = {
        "user_id": texts("1", " 1", "01", "9007199254740993", "-0"),
        "event_type": texts("view", "VIEW ", "Buy", "purchase", "é"),
        "price": texts("1.5", "1.50", "-0.0", "0", "1.505"),
        "day": texts("2024-02-29", "2024-2-29"),
        "ok": texts("true", "FALSE"),
        "details": texts("{}", '{"a": "é"}', "{"),
        "seen": texts("2024-05-02T10:00:00Z", "2024-05-02 12:00:00+02:00"),
        "extra": st.sampled_from([None, "{}", '{"a": 1}']),
    }
    rows: Rows = []
    for number in range(draw(st.integers(0, 12))):
        moment = at(draw(st.sampled_from(["10:00:00", "10:00:00.000001", "23:59:59.999999"])))
        row: dict[str, Any] = {name: draw(values) for name, values in columns.items()}
        time = {"event_time": moment, "time_assumed": False}
        rows.append({**row, **time, "file_id": draw(st.sampled_from("fg")), "row_number": number + 1})
    return rows


def cleaned(engine: str, records: Rows, earlier: Rows) -> tuple[dict[str, Rows], dict[str, int], Rows]:
    bench = Bench(engine)
    keys = bench.table(event_keys, DATASET, {"raw_events": records})
    before = [{"event_date": at("2024-05-01T00:00").date(), **key} for key in keys[: len(earlier)]]
    return *bench.run(clean, DATASET, {"raw_events": records, "event_keys": before}), keys


@settings(max_examples=8)
@given(records=raw_events(), earlier=st.lists(st.none(), max_size=2), seed=st.integers(0, 9))
def test_cleaning_is_alike_on_each_engine_in_any_order_and_loses_nothing(
    records: Rows, earlier: Rows, seed: int
) -> None:
    made, figures, keys = cleaned("polars", records, earlier)
    shuffled = random.Random(seed).sample(records, len(records))
    assert cleaned("duckdb", shuffled, earlier) == (made, figures, keys)
    assert figures["raw"] == figures["cleaned"] + figures["duplicates"] + figures["quarantined"] == len(records)
    assert (figures["cleaned"], figures["quarantined"]) == (len(made["cleaned_events"]), len(made["quarantine"]))
    ids = [row["event_id"] for row in made["cleaned_events"]]
    assert len(set(ids)) == len(ids)
    assert set(ids) == {key["event_id"] for key in keys[len(earlier) :]}
    assert all(row["price"] is None or Decimal(0) <= row["price"] for row in made["cleaned_events"])

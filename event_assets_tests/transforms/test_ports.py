"""What engines add to Narwhals: alike on each, and right where a standard says what is right."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

import narwhals as nw
import polars as pl
import pytest

from event_assets.engines.ip_continents import CONTINENT, GeoDatabase
from event_assets.engines.polars.ports import PolarsPorts
from event_assets.errors import DeclarationError
from event_assets_tests.transforms.bench import Bench, at

NAMESPACE = str(uuid.NAMESPACE_URL)


@pytest.mark.parametrize("count", [3, 12_000], ids=["few", "many"])
def test_uuid5_is_the_standards(bench: Bench, count: int) -> None:
    texts = [f"é{number}" * (number % 9) for number in range(count)]
    frame = bench.frame([{"text": text} for text in texts], {"text": pl.String()})
    rows = bench.rows(bench.ports.uuid5(frame, "id", text="text", namespace=NAMESPACE))
    assert {row["text"]: row["id"] for row in rows} == {
        text: str(uuid.uuid5(uuid.NAMESPACE_URL, text)) for text in texts
    }


def test_distinct_texts_are_sorted_by_bytes_without_nulls(bench: Bench) -> None:
    given = [
        ("a", "é"),
        ("a", "z"),
        ("a", "Z"),
        ("a", "z"),
        ("a", None),
        ("b", "x"),
        ("b", "x"),
        ("c", None),
        (None, "n"),
    ]
    frame = bench.frame([{"by": by, "text": text} for by, text in given], {"by": pl.String(), "text": pl.String()})
    rows = bench.rows(bench.ports.distinct_text(frame, by=["by"], column="text", into="texts", separator="|"))
    assert [(row["by"], row["texts"]) for row in rows] == [(None, "n"), ("a", "Z|z|é"), ("b", "x"), ("c", "")]


@pytest.mark.parametrize("by", [["user"], ["group", "user"]])
def test_distinct_values_are_counted(bench: Bench, by: list[str]) -> None:
    given = [(number % 3, f"u{number % 7}", f"s{number * number % 11}") for number in range(400)]
    given += [(9, "once", "s1"), (9, "", "s1"), (9, "", "s1"), (9, "", "")]
    schema = {"group": pl.Int64(), "user": pl.String(), "session": pl.String()}
    frame = bench.frame([dict(zip(schema, row, strict=True)) for row in given], schema)
    rows = bench.rows(bench.ports.distinct_counts(frame, by=by, column="session", into="count"))
    found = {tuple(row[name] for name in by): row["count"] for row in rows}
    sessions: dict[tuple[object, ...], set[str]] = {}
    for row in given:
        sessions.setdefault(row[-1 - len(by) : -1], set()).add(row[-1])
    assert found == {key: len(values) for key, values in sessions.items()}
    assert len(rows) == len(found)


def test_rows_with_one_mark_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.Expr, "hash", lambda expression, seed=0: pl.lit(7, pl.UInt64))
    rows = pl.LazyFrame({"user": [1, 1, 1, 2], "session": ["a", "b", "a", "a"]})
    found = PolarsPorts().distinct_counts(nw.from_native(rows), by=["user"], column="session", into="count")
    assert dict(nw.to_native(found).collect().rows()) == {1: 2, 2: 1}


@pytest.mark.parametrize("marks", [1, 7, 100])
def test_distinct_values_are_counted_in_parts(monkeypatch: pytest.MonkeyPatch, marks: int) -> None:
    monkeypatch.setattr("event_assets.engines.polars.ports._MARKS", marks)
    rows = pl.LazyFrame({"user": [n % 3 for n in range(90)], "session": [f"s{n % 20}" for n in range(90)]})
    found = PolarsPorts().distinct_counts(nw.from_native(rows), by=["user"], column="session", into="count")
    assert dict(nw.to_native(found).collect().rows()) == {0: 20, 1: 20, 2: 20}


@pytest.mark.parametrize("count", [64, 65])
def test_distinct_texts_may_be_many(bench: Bench, count: int) -> None:
    texts = [f"{number:02d}" for number in range(count)]
    given = [("all", text) for text in texts] + [
        ("one", texts[-1]),
        ("two", texts[-1]),
        ("two", texts[0]),
        ("no", None),
    ]
    frame = bench.frame([{"by": by, "text": text} for by, text in given], {"by": pl.String(), "text": pl.String()})
    rows = bench.rows(bench.ports.distinct_text(frame, by=["by"], column="text", into="texts", separator="|"))
    assert {row["by"]: row["texts"] for row in rows} == {
        "all": "|".join(texts),
        "one": texts[-1],
        "two": f"{texts[0]}|{texts[-1]}",
        "no": "",
    }


def test_the_row_before_and_the_latest_value_are_those_of_the_own_group(bench: Bench) -> None:
    given = [("b", 1, None), ("a", 3, None), ("a", 1, "x"), ("a", 4, "y"), ("a", 2, None), ("b", 0, "z")]
    schema = {"by": pl.String(), "at": pl.Int64(), "text": pl.String()}
    frame = bench.frame([dict(zip(schema, row, strict=True)) for row in given], schema)
    found = bench.ports.previous(frame, {"at": "at before"}, by=["by"], order=["at"])
    found = bench.ports.latest(found, ["text"], by=["by"], order=["at"])
    assert sorted((row["by"], row["at"], row["at before"] or 0, row["text"]) for row in bench.rows(found)) == [
        ("a", 1, 0, "x"),
        ("a", 2, 1, "x"),
        ("a", 3, 2, "x"),
        ("a", 4, 3, "y"),
        ("b", 0, 0, "z"),
        ("b", 1, 0, "z"),
    ]


def test_as_of_finds_the_nearest_row_of_the_own_group_on_one_side(bench: Bench) -> None:
    rows = {"day": pl.Int64(), "by": pl.Int64(), "at": pl.Int64()}
    frame = bench.frame(
        [{"day": 1, "by": by, "at": at} for by, at in [(1, 9), (1, 5), (1, 4), (2, 1), (3, 1), (1, 5)]], rows
    )
    known = [(1, 1, 5, "p"), (1, 1, 8, "q"), (1, 2, 2, "r"), (2, 1, 4, "of another day"), (2, 3, 1, "too")]
    schema = {"day": pl.Int64(), "by": pl.Int64(), "known at": pl.Int64(), "what": pl.String()}
    other = bench.frame([dict(zip(schema, row, strict=True)) for row in known], schema)

    def found(forward: bool) -> list[tuple[object, ...]]:
        joined = bench.ports.as_of(frame, other, by=["day", "by"], at="at", other_at="known at", forward=forward)
        return sorted(
            ((row["by"], row["at"], row["known at"], row["what"]) for row in bench.rows(joined)),
            key=lambda row: row[:2],
        )

    assert found(forward=False) == [
        (1, 4, None, None),
        (1, 5, 5, "p"),
        (1, 5, 5, "p"),
        (1, 9, 8, "q"),
        (2, 1, None, None),
        (3, 1, None, None),
    ]
    assert found(forward=True) == [
        (1, 4, 5, "p"),
        (1, 5, 5, "p"),
        (1, 5, 5, "p"),
        (1, 9, None, None),
        (2, 1, 2, "r"),
        (3, 1, None, None),
    ]


def test_lookup_keeps_every_row_once(bench: Bench) -> None:
    frame = bench.frame([{"id": 2}, {"id": 1}, {"id": 2}], {"id": pl.Int64()})
    other = bench.frame([{"id": 2, "name": "two"}, {"id": 3, "name": "three"}], {"id": pl.Int64(), "name": pl.String()})
    rows = bench.rows(bench.ports.lookup(frame, other, ["id"]))
    assert sorted((row["id"], row["name"]) for row in rows) == [(1, None), (2, "two"), (2, "two")]


def test_microseconds_are_exact_before_and_after_1970(bench: Bench) -> None:
    times = [at("1969-12-31T23:59:59.999999"), at("2024-05-02T00:00:00.000001")]
    frame = bench.frame([{"t": time} for time in [*times, None]], {"t": pl.Datetime("us", "UTC")})
    rows = bench.rows(bench.ports.microseconds(frame, {"t": "us"}))
    assert [row["us"] for row in rows] == [None, -1, 1_714_608_000_000_001]


def test_from_text_hands_over_rows_with_their_nulls(bench: Bench) -> None:
    schema = {"a": pl.String(), "b": pl.String()}
    frame = bench.frame([{"a": "x", "b": None}, {"a": None, "b": None}, {"a": "x", "b": None}], schema)
    made = bench.ports.from_text(
        frame,
        ["a", "b"],
        into="n",
        declared_type="int64",
        function=lambda texts: [row.count(None) for row in zip(*texts, strict=True)],
    )
    assert [row["n"] for row in bench.rows(made)] == [2, 1, 1]


@pytest.mark.parametrize("texts", [["x", "y", "x"], [None, "x"], [None, None], []])
def test_from_text_hands_over_the_texts_that_there_are_and_no_others(bench: Bench, texts: list[str | None]) -> None:
    frame = bench.frame([{"a": text} for text in texts], {"a": pl.String()})
    seen: list[str | None] = []

    def counted(columns: Sequence[Sequence[str | None]]) -> list[int]:
        seen.extend(columns[0])
        return [len(text or "") for text in columns[0]]

    made = bench.ports.from_text(frame, ["a"], into="n", declared_type="int64", function=counted)
    assert [row["n"] for row in bench.rows(made)] == sorted(len(text or "") for text in texts)
    assert {*seen} <= {*texts} or bench.engine == "spark", "which calls it in other processes"


ADDRESSES = {
    "8.8.8.8": "NA",
    "2001:4860:4860::8888": "NA",
    "::ffff:8.8.8.8": "NA",
    "193.0.6.139": "EU",
    "10.0.0.1": "Unknown",
    "127.0.0.1": "Unknown",
    "192.0.2.1": "Unknown",
    "::1": "Unknown",
    "fe80::1": "Unknown",
    "999.1.1.1": "Unknown",
    "8.8.8.8:80": "Unknown",
    "": "Unknown",
    None: "Unknown",
}


def test_regions_are_continents_or_unknown(bench: Bench) -> None:
    frame = bench.frame([{"ip": address} for address in ADDRESSES], {"ip": pl.String()})
    rows = bench.rows(bench.ports.region(frame, address="ip", into="region"))
    assert {row["ip"]: row["region"] for row in rows} == ADDRESSES


def test_a_geo_database_names_itself_and_its_edition() -> None:
    name, edition = PolarsPorts().version.split()
    assert name == "iptocc"
    assert edition.count(".") == 2


def test_each_country_lies_on_one_continent() -> None:
    assert len(CONTINENT) == 251
    assert [CONTINENT[country] for country in ("US", "GB", "ZA", "IN", "BR", "AU", "AQ")] == [
        *("NA", "EU", "AF", "AS", "SA", "OC", "AN")
    ]


def mmdb_value(value: object) -> bytes:
    """A value of a MaxMind database: a map, a text, an empty list, or a number as its big-endian bytes."""
    match value:
        case dict():
            return bytes([7 << 5 | len(value)]) + b"".join(mmdb_value(part) for pair in value.items() for part in pair)
        case str():
            return bytes([2 << 5 | len(value)]) + value.encode()
        case []:
            return bytes([0, 4])
        case bytes():
            kind = {2: bytes([5 << 5 | 2]), 4: bytes([6 << 5 | 4]), 8: bytes([8, 9 - 7])}
            return kind[len(value)] + value
    raise TypeError(value)


def write_mmdb(path: Path, prefix: str, record: dict[str, dict[str, str]]) -> None:
    """The smallest MaxMind database: IPv4, one network of so many bits (as text of 0 and 1) with one record.

    https://maxmind.github.io/MaxMind-DB/
    """
    nothing, found = len(prefix), len(prefix) + 16
    tree = b""
    for depth, bit in enumerate(prefix):
        onward = depth + 1 if depth + 1 < len(prefix) else found
        left, right = (nothing, onward) if bit == "1" else (onward, nothing)
        tree += left.to_bytes(3, "big") + right.to_bytes(3, "big")
    about = {
        "node_count": len(prefix).to_bytes(4, "big"),
        "record_size": (24).to_bytes(2, "big"),
        "ip_version": (4).to_bytes(2, "big"),
        "database_type": "Tiny",
        "languages": [],
        "binary_format_major_version": (2).to_bytes(2, "big"),
        "binary_format_minor_version": (0).to_bytes(2, "big"),
        "build_epoch": (1714608000).to_bytes(8, "big"),
        "description": {},
    }
    path.write_bytes(tree + bytes(16) + mmdb_value(record) + b"\xab\xcd\xefMaxMind.com" + mmdb_value(about))


def test_a_maxmind_database_takes_the_built_in_ones_place(tmp_path: Path) -> None:
    path = tmp_path / "tiny.mmdb"
    write_mmdb(path, "00001010", {"country": {"iso_code": "BR"}})
    database = GeoDatabase(path)
    assert database.version == "Tiny 1714608000"
    assert database.regions([["10.1.2.3", "8.8.8.8", "::1", "x", None]]) == ["SA", *["Unknown"] * 4]


def test_a_database_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "geo.mmdb"
    broken.write_bytes(b"no database")
    with pytest.raises(DeclarationError, match=r"EVENT_ASSETS_GEO_DB: .*geo\.mmdb can't be read"):
        GeoDatabase(broken)


def test_distinct_rows_are_told_apart_side_by_side_and_far_apart(bench: Bench) -> None:
    rows = [(None, None), (None, None), ("a", 1), ("a", 1), ("a", None), ("b", 1), ("a", 1)]
    given = [{"text": text, "n": n} for text, n in rows]
    frame = bench.frame(given, {"text": pl.String(), "n": pl.Int64()})
    found = bench.rows(bench.ports.distinct(frame))
    assert sorted((row["text"] or "", row["n"] or 0) for row in found) == [("", 0), ("a", 0), ("a", 1), ("b", 1)]

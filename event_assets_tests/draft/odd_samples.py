"""Odd samples: files as exports really are, with the fields that each of them has."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from event_assets_tests.workbooks import workbook

Record = dict[str, Any]
START = dt.datetime(2024, 12, 30, 22, 5, 7, tzinfo=dt.UTC)

#: How times are written.
TIMES: tuple[Callable[[dt.datetime], Any], ...] = (
    lambda at: at.isoformat(),
    lambda at: f"{at:%Y-%m-%dT%H:%M:%S}.123456789Z",
    lambda at: f"{at:%Y-%m-%d}",
    lambda at: f"{at:%d.%m.%Y %H:%M}",
    lambda at: f"{at:%m/%d/%Y %I:%M:%S %p}",
    lambda at: f"{at:%d/%m/%Y %H:%M}",
    lambda at: f"{at:%y/%m/%d %H:%M:%S}",
    lambda at: f"{at:%d/%b/%Y:%H:%M:%S} +0000",
    lambda at: f"{at:%a, %d %b %Y %H:%M:%S} +0000",
    lambda at: f"{at:%Y%m%d-%H:%M:%S}:{at.microsecond // 1000}",
    lambda at: f"{at:%B %d, %Y %H:%M}",
    lambda at: f"{at:%Y-%m-%d %H:%M:%S} CEST",
    lambda at: int(at.timestamp()),
    lambda at: int(at.timestamp() * 1000),
    lambda at: int(at.timestamp() * 1_000_000),
    lambda at: f"{at.timestamp():.3f}",
)
TIME_NAMES = ("timestamp", "Zeitpunkt", "event time", "createdAt", "ts", "Created At (UTC)", "startTime")
USER_NAMES = ("user_id", "userId", "Kunden-Nr.", "actor", "e-mail", "Nutzer", "client_id")
TYPE_NAMES = ("event", "type", "Aktion", "event name", "action")
ODD_NAMES = (
    *(
        "größe",
        "a.b",
        "x[0]",
        "日本",
        "",
        " padded ",
        "Preis (€)",
        "select",
        'say "x"',
        "it's",
        "#n",
        "null",
        "no",
        "1st",
    ),
    *("file_path", "^", "event_id", "event_time", "session_id", "row_number", "extra", "A", "a", "k:v", "c,d", "c;d"),
    *("user_id_2", "source", "line\u2028end", "tab\there", "e\u0301", "_", "__", "raw", "reason", "came_as_number"),
)
TEXTS = (
    "",
    " ",
    "x",
    "ü",
    "12",
    "12.50",
    "1,5",
    "1.234,5",
    "007",
    "true",
    "ja",
    "NaN",
    "null",
    "-",
    "n/a",
    "{",
    '"',
    "a,b",
)
TEXTS += (
    "a;b",
    "two\nlines",
    "2024-12-30",
    "9" * 25,
    "1e400",
    "-0",
    "0x1F",
    "12:30",
    "\u00a0",
    "=1+1",
    "#",
    "\t",
    "'",
    "\\",
)
NUMBERS = (0, 7, -1, 1.5, 2**53 + 1, 2**70, 1e21, 0.1, 12.50, 1e-9)
NESTED = ([], {}, [1, None], [{"a": 1}], {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}, {"x.y": 1}, [[1], []])


@dataclass(frozen=True)
class Odd:
    """A sample file, and the names of its fields at the root that some record has a value in."""

    name: str
    content: bytes
    fields: tuple[str, ...]
    has_times: bool
    """Whether each record has a field with a time."""


def odd_samples() -> st.SearchStrategy[Odd]:
    """Any sample. Evenly spread, which Hypothesis by itself is not."""
    return st.randoms(use_true_random=True).map(odd_sample)


def odd_sample(chance: random.Random) -> Odd:
    write = chance.choice(list(WRITERS))
    is_flat = write in FLAT
    names = chance.sample(ODD_NAMES, chance.randint(0, 6))
    kinds = {
        name: chance.choice(["empty", "text", "texts", "number", "mixed", *([] if is_flat else ["nested"])])
        for name in names
    }
    texts = {name: chance.sample(TEXTS, 3) for name in names}
    time, form = chance.choice(TIME_NAMES), chance.choice(TIMES)
    has_times = chance.random() < 0.95
    user = chance.choice([None, *USER_NAMES, *USER_NAMES])
    kind = chance.choice([None, *TYPE_NAMES, *TYPE_NAMES])
    most = chance.choice([0, 0, 0.1, 0.6])
    records = []
    for number in range(chance.choice([1, 1, 2, 7, 40])):
        record: Record = {}
        if has_times:
            record[time] = form(START + dt.timedelta(minutes=37 * number))
            if chance.random() < 0.02:
                record[time] = chance.choice([None, "soon"])
        if user:
            record[user] = None if chance.random() < most else f"u{chance.randint(1, 4)}"
        if kind:
            record[kind] = chance.choice(["view", "view", "Buy", "buy"])
        for name in names:
            record[name] = _value(chance, kinds[name], texts[name])
        if not is_flat and chance.random() < 0.2:
            record.pop(chance.choice([*names, *([user] if user else []), time]), None)
        records.append(record)
    ending, content = write(chance, records)
    if chance.random() < 0.2 and ending not in ("parquet", "xlsx"):
        ending, content = f"{ending}.gz", gzip.compress(content, mtime=0)
    name = chance.choice(["export", "users", "a b", "events_2025-01-31", "Export (1)", "über", "x[1]"])
    timed = sum(record.get(time) not in (None, "soon") for record in records)
    filled = dict.fromkeys(name for record in records for name, value in record.items() if value not in (None, ""))
    return Odd(f"{name}.{ending}", content, tuple(filled), write != _text_log and timed == len(records))


def _value(chance: random.Random, kind: str, texts: Sequence[str]) -> Any:
    match kind:
        case "empty":
            return None
        case "text":
            return texts[0]
        case "texts":
            return chance.choice(texts)
        case "number":
            return chance.choice(NUMBERS)
        case "nested":
            return chance.choice(NESTED)
    return chance.choice([None, *texts, *NUMBERS])


def _csv(chance: random.Random, records: Sequence[Record]) -> tuple[str, bytes]:
    names = list(dict.fromkeys(name for record in records for name in record))
    if chance.random() < 0.1:
        names.append(names[0] if names else "x")  # a repeated name
    file = io.StringIO()
    ends = chance.choice(["\n", "\r\n"])
    rows = csv.writer(file, delimiter=chance.choice([",", ";", "\t", "|"]), lineterminator=ends)
    if chance.random() < 0.9:
        rows.writerow(names)
    for record in records:
        rows.writerow([_cell(record.get(name)) for name in names])
        if chance.random() < 0.1:
            file.write(ends)  # a blank line
    text = file.getvalue()
    if chance.random() < 0.1:
        text = f"Report of today{ends}{text}"
    if chance.random() < 0.2:
        text = text.removesuffix(ends)
    encoding = chance.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"])
    try:
        return chance.choice(["csv", "txt", "tsv"]), text.encode(encoding)
    except UnicodeEncodeError:
        return "csv", text.encode()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


def _array(chance: random.Random, records: Sequence[Record]) -> tuple[str, bytes]:
    return "json", json.dumps(records, indent=chance.choice([None, 2]), ensure_ascii=chance.random() < 0.5).encode()


def _lines(chance: random.Random, records: Sequence[Record]) -> tuple[str, bytes]:
    ends = chance.choice(["\n", "\r\n"])
    some = [json.dumps(record) for record in records]
    if chance.random() < 0.2:
        some.insert(0, "")
    if chance.random() < 0.1:
        some.append('{"cut": "o')
    mark = "\ufeff" if chance.random() < 0.2 else ""
    return chance.choice(["ndjson", "jsonl", "json", "txt"]), (mark + ends.join(some)).encode()


def _document(chance: random.Random, records: Sequence[Record]) -> tuple[str, bytes]:
    key = chance.choice(["Records", "data.items", "größe", "items"])
    return "json", json.dumps({"next": None, "meta": {"n": len(records)}, key: records}).encode()


def _parents(chance: random.Random, records: Sequence[Record]) -> tuple[str, bytes]:
    some = [{"visit": number, "device": {"os": "x"}, "hits": [record, record]} for number, record in enumerate(records)]
    return "ndjson", "\n".join(map(json.dumps, some)).encode()


def _text_log(chance: random.Random, records: Sequence[Record]) -> tuple[str, bytes]:
    def line(record: Mapping[str, Any]) -> str:
        return " ".join(str(value).replace("\n", " ") for value in record.values() if value is not None)

    return chance.choice(["log", "txt"]), "\n".join(map(line, records)).encode()


def _parquet(chance: random.Random, records: Sequence[Record]) -> tuple[str, bytes]:
    file = io.BytesIO()
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = {name: [_cell(record.get(name)) for record in records] for name in names}
    pq.write_table(pa.table({name: _column(values) for name, values in columns.items()}), file)
    return "parquet", file.getvalue()


def _column(values: Sequence[Any]) -> pa.Array:
    """The values as numbers where all are, else as texts."""
    if all(value is None or (type(value) in (int, float) and abs(value) < 2**60) for value in values):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _sheet(chance: random.Random, records: Sequence[Record]) -> tuple[str, bytes]:
    names = list(dict.fromkeys(name for record in records for name in record if name.strip()))
    rows = [[_in_cell(record.get(name)) for name in names] for record in records]
    return "xlsx", workbook({"Sheet1": [*[["Report"]] * chance.choice([0, 1]), [*map(_in_cell, names)], *rows]})


def _in_cell(value: Any) -> str | float | None:
    """A value without what XML can't have; a list as text."""
    if value is None or type(value) in (int, float):
        return None if value is None else float(value)
    return str(_cell(value)).replace("\u2028", " ")


WRITERS = (_csv, _csv, _csv, _array, _lines, _lines, _document, _parents, _text_log, _parquet, _sheet)
FLAT = (_csv, _text_log, _parquet, _sheet)

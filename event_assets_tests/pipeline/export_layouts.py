"""The files of exports: layouts that can be declared, each with the records that it writes."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from event_assets_tests.workbooks import workbook

Row = Mapping[str, Any]
"""user, cookie, kind, at, price and app; None where the record has none."""
FIELDS = ("user", "cookie", "kind", "at", "price", "app")


@dataclass(frozen=True)
class Layout:
    """How files of one kind are laid out."""

    ending: str
    keys: dict[str, Any]
    """Format and dialect, as a block declares them."""
    sources: dict[str, str]
    """Where each field is."""
    contents: Callable[[Sequence[Row], int], bytes]
    """The file of some records. A file has more blank lines or the like than another, so that no two are the same."""
    two_times: tuple[str, str] | None = None
    """The places of date and time, where they are apart."""
    is_nested: bool = False
    share_of_numbers: float = 0
    """How many prices are numbers and not texts."""
    has_blanks: bool = True
    """Whether a value may contain blanks."""

    @property
    def time_source(self) -> Any:
        return list(self.two_times) if self.two_times else self.sources["at"]

    def can_write(self, texts: Sequence[str]) -> bool:
        """Whether times such as these can be written: in two parts, or without blanks."""
        return all(text.count(" ") == 1 if self.two_times else self.has_blanks or " " not in text for text in texts)


def table(chance: random.Random) -> Layout:
    """A report as office programs write it: a title, several lines of header, remarks, a total."""
    delimiter = chance.choice([",", ";", "\t", "||"])
    title, footer, headers = chance.choice([0, 0, 2]), chance.choice([0, 1]), chance.choice([0, 1, 2])
    comment, encoding = chance.choice([None, "#"]), chance.choice(["utf-8", "cp1252"])
    names = {"user": "Käufer", "cookie": "Cookie", "kind": "Was", "at": "Wann", "price": "Preis (€)", "app": "App"}
    two = chance.random() < 0.3
    columns = ["user", "cookie", "kind", *(["day", "clock"] if two else ["at"]), "price", "app"]
    names |= {"day": "Tag", "clock": "Uhrzeit"}
    if headers == 0:
        names = {name: f"column_{n}" for n, name in enumerate(columns, 1)}
    if headers == 2:
        names = {name: f"{name[0]} {text}" for name, text in names.items()}

    def written(rows: Sequence[Row], blank: int) -> bytes:
        lines = ["Export", "Stand: heute"][:title]
        shown = [names[name] for name in columns]
        lines += [delimiter.join(text.split(" ")[0] for text in shown)] if headers == 2 else []
        lines += [delimiter.join(text.partition(" ")[2] if headers == 2 else text for text in shown)] if headers else []
        lines += ["# remark"] if comment else []
        lines += [_csv([_two(row)[name] if two else row[name] for name in columns], delimiter) for row in rows]
        lines += [""] * blank
        return "\r\n".join([*lines, *([f"Summe{delimiter}9"] if footer else []), ""]).encode(encoding)

    dialect = {"delimiter": delimiter, "skip_lines": title, "footer_lines": footer, "header": headers > 0}
    dialect |= ({"header_lines": headers} if headers else {}) | ({"comment": comment} if comment else {})
    keys = {"format": "csv", "encoding": encoding, "csv": dialect}
    apart = (names["day"], names["clock"]) if two else None
    return Layout("csv", keys, {name: names[name] for name in FIELDS if name in names}, written, apart)


def w3c(chance: random.Random) -> Layout:
    """A server's log whose `#Fields:` change within the file."""
    delimiter = chance.choice(["\t", "whitespace"])
    mark = "\t" if delimiter == "\t" else "  "
    columns = ["date", "time", "cs-user", "cs(Cookie)", "cs-kind", "price", "app"]
    of = {"date": "day", "time": "clock", "cs-user": "user", "cs(Cookie)": "cookie", "cs-kind": "kind"}

    def written(rows: Sequence[Row], blank: int) -> bytes:
        lines = ["#Version: 1.0", "#" * (blank + 1)]
        for row in rows:
            start = len(row["user"] or row["kind"] or "")
            order = columns[start:] + columns[:start]
            values = _two(row)
            lines.append(f"#Fields: {' '.join(order)}")
            lines.append(mark.join(str(values[of.get(name, name)] or "-") for name in order))
        return ("\n".join(lines if rows else [*lines, f"#Fields: {' '.join(columns)}"]) + "\n").encode()

    sources = {"user": "cs-user", "cookie": "cs(Cookie)", "kind": "cs-kind", "price": "price", "app": "app"}
    keys = {"format": "csv", "csv": {"delimiter": delimiter, "header": "w3c"}}
    return Layout("log", keys, sources, written, ("date", "time"), has_blanks=delimiter == "\t")


def log(chance: random.Random) -> Layout:
    """A log that a regular expression reads."""
    pattern = r'\[(?P<at>[^\]]*)\] (?P<user>\S*):(?P<cookie>\S*) "(?P<kind>[^"]*)" <(?P<price>[^>]*)> (?P<app>\w*)'

    def written(rows: Sequence[Row], blank: int) -> bytes:
        lines = []
        for row in rows:
            at, user, cookie, kind, price, app = (
                "" if row[n] is None else row[n] for n in ("at", *FIELDS[:3], *FIELDS[4:])
            )
            lines.append(f'[{at}] {user}:{cookie} "{kind}" <{price}> {app}')
        return ("\n".join([*lines, *[""] * blank]) + "\n").encode()

    return Layout("txt", {"format": "log", "log": {"pattern": pattern}}, {name: name for name in FIELDS}, written)


NESTED = {
    "user": "ids.user",
    "cookie": 'ids."cookie.id"',
    "kind": "name",
    "at": "meta.at",
    "price": "params[key=price].value.s",
    "app": "params[key=app].value.s",
}


def _nested(row: Row, price: str = "s") -> dict[str, Any]:
    """A record with values in an array of keys and values; `price` is what the member with the price is called."""
    members = {"price": price, "app": "s"}
    params = [{"key": key, "value": {member: row[key]}} for key, member in members.items() if row[key] is not None]
    params = [{"key": "other", "value": {"s": "x"}}, *params]
    return {
        "ids": {"user": row["user"], "cookie.id": row["cookie"]},
        "name": row["kind"],
        "meta": {"at": row["at"], "v": 1},
        "params": params,
    }


def lines(chance: random.Random) -> Layout:
    """An object a line, with values in arrays of keys and values."""
    is_ascii = chance.random() < 0.5

    def written(rows: Sequence[Row], blank: int) -> bytes:
        found = [json.dumps(_nested(row), ensure_ascii=is_ascii) for row in rows]
        return "\n".join([*found, *[" "] * blank]).encode()

    return Layout("ndjson", {"format": "ndjson"}, NESTED, written, is_nested=True, share_of_numbers=0.5)


def document(chance: random.Random) -> Layout:
    """One object with the records below a key, and compressed."""
    indent = chance.choice([None, 1])

    def written(rows: Sequence[Row], blank: int) -> bytes:
        text = json.dumps({"export": {"Records": list(map(_nested, rows))}, "next": None}, indent=indent)
        return gzip.compress(text.encode() + b" " * blank, mtime=0)

    keys = {"format": "json", "records": "export.Records"}
    return Layout("json.gz", keys, NESTED, written, is_nested=True, share_of_numbers=0.5)


def exploded(chance: random.Random) -> Layout:
    """Visits with their hits: a visit that is cut in two is two visits."""

    def written(rows: Sequence[Row], blank: int) -> bytes:
        found = []
        for (user, cookie), some in groupby(rows, lambda row: (row["user"], row["cookie"])):
            hits = [{"kind": r["kind"], "at": r["at"], "price": r["price"], "app": r["app"]} for r in some]
            found.append(json.dumps({"user": user, "device": {"cookie": cookie}, "hits": hits}))
        return "\n".join([*found, *[""] * blank]).encode()

    sources = {"user": "^.user", "cookie": "^.device.cookie", **{name: name for name in FIELDS[2:]}}
    keys = {"format": "ndjson", "explode": "hits"}
    return Layout("ndjson", keys, sources, written, is_nested=True, share_of_numbers=0.5)


def parquet(chance: random.Random) -> Layout:
    """A table with structs and a list of them."""
    share, member = chance.choice([(0, "s"), (1, "d")])
    value = pa.struct({"s": pa.string(), "d": pa.float64()})
    ids = pa.struct({"user": pa.string(), "cookie.id": pa.string()})
    params = pa.list_(pa.struct({"key": pa.string(), "value": value}))
    meta = pa.struct({"at": pa.string(), "v": pa.int32()})
    schema = pa.schema({"ids": ids, "name": pa.string(), "meta": meta, "params": params})

    def written(rows: Sequence[Row], blank: int) -> bytes:
        file, records = io.BytesIO(), [_nested(row, member) for row in rows]
        named = schema.with_metadata({"part": f"{blank}"})
        pq.write_table(pa.Table.from_pylist(records, named), file)
        return file.getvalue()

    sources = NESTED | {"price": f"params[key=price].value.{member}"}
    return Layout("parquet", {"format": "parquet"}, sources, written, is_nested=True, share_of_numbers=share)


def avro(chance: random.Random) -> Layout:
    """Records of a schema, whose values may be null."""

    def record(name: str, **fields: Any) -> dict[str, Any]:
        return {"type": "record", "name": name, "fields": [{"name": n, "type": kind} for n, kind in fields.items()]}

    text = ["null", "string"]
    nested = {"ids": record("ids", user=text, cookie=text), "price": ["null", "string", "long", "double"]}
    schema = fastavro.parse_schema(record("event", **nested, kind=text, at=text, app=text))

    def written(rows: Sequence[Row], blank: int) -> bytes:
        file = io.BytesIO()
        records = [{**row, "ids": {"user": row["user"], "cookie": row["cookie"]}} for row in rows]
        fastavro.writer(file, schema, records, metadata={"part": f"{blank}"}, sync_marker=b"-" * 16)
        return file.getvalue()

    sources = {"user": "ids.user", "cookie": "ids.cookie", **{name: name for name in FIELDS[2:]}}
    return Layout("avro", {"format": "avro"}, sources, written, is_nested=True, share_of_numbers=0.5)


def excel(chance: random.Random) -> Layout:
    """A sheet with a title above its header, and prices that are numbers or texts."""
    names = {"user": "Käufer", "cookie": "Cookie", "kind": "Was", "at": "Wann", "price": "Preis (€)", "app": "App"}
    titles = chance.choice([0, 2])

    def written(rows: Sequence[Row], blank: int) -> bytes:
        # Without the number a record without any value is an empty row.
        cells = [[names[name] for name in FIELDS] + ["No."], *([*map(row.get, FIELDS), 1] for row in rows)]
        return workbook({"Export": [*[["Report"]] * titles, *cells, *[[None]] * blank], "Notes": [["x"]]})

    return Layout("xlsx", {"format": "excel"}, names, written, share_of_numbers=0.5)


LAYOUTS = (table, table, w3c, log, lines, lines, document, exploded, parquet, avro, excel)


def _two(row: Row) -> dict[str, Any]:
    """The row with its time in two parts."""
    day, _, clock = (row["at"] or "").partition(" ")
    return {**row, "day": day or None, "clock": clock or None}


def _csv(values: Sequence[Any], delimiter: str) -> str:
    """A record of CSV; quotes where they are needed, and where they are not."""
    texts = ["" if value is None else str(value) for value in values]
    return delimiter.join(f'"{text}"' if delimiter in text or len(text) % 5 == 1 else text for text in texts)

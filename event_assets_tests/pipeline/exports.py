"""Exports of any shape: what was done, a declaration that uses the keys of a declaration, and files that write it down.

What each record has to become is known from what was done, not from the files.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from event_assets.declaration import Dataset, parse_dataset
from event_assets_tests.pipeline.export_layouts import LAYOUTS, Layout
from event_assets_tests.pipeline.export_times import FORMS, TimeForm
from event_assets_tests.workbooks import zipped

#: How texts write numbers: mark of decimals, mark of thousands, unit.
NOTATIONS = (
    *((",", ".", None), (",", " ", None), (".", ",", None), (".", "'", None), (",", None, None), (".", None, None)),
    *((".", ",", "$"), (",", ".", "EUR"), (".", None, "%")),
)
WHERE: tuple[dict[str, Any], ...] = (
    {},
    {"app": {"not": ["test"]}},
    {"app": ["shop", None]},
    {"event_type": ["view", "buy"], "app": {"not": [None]}},
)
GOLD = {
    "daily_summary": {},
    "user_funnel": {"steps": [{"name": "seen", "event_type": ["view"], "where": {"app": ["shop"]}}, "buy"]},
}
FOLDER = "shop=([^/]+)/"
SOME_TIME = dt.datetime(2025, 1, 13, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Record:
    """What was done, and the texts that say so."""

    user: str | None
    cookie: str | None
    kind: str | None
    at: dt.datetime | None
    """None where no form can read the text."""
    time: str | None
    price: str | int | float | None
    """As the file writes it; mostly a number where the format has numbers."""
    paid: Decimal | None
    """What the price means; None where it is missing or no number."""
    app: str | None
    shop: str
    """The folder of the file."""


@dataclass(frozen=True)
class Kind:
    """Files of one kind: a block of the declaration."""

    number: int
    layout: Layout
    form: TimeForm
    notation: tuple[str, str | None, str | None]
    where: dict[str, Any]
    in_folders: bool
    anonymous: bool
    """Whether the cookie is the user where nobody is logged in."""

    @property
    def columns(self) -> list[dict[str, Any]]:
        sources = self.layout.sources
        user = [sources["user"], sources["cookie"]] if self.anonymous else sources["user"]
        columns: list[dict[str, Any]] = [
            {"name": "user_id", "source": user, "null_values": ["(none)"]},
            {"name": "event_type", "source": sources["kind"]},
            {"name": "price", "source": sources["price"], "numbers": self._numbers},
            {"name": "app", "source": sources["app"]},
            {"name": "kind_of_file", "constant": f"{self.number}"},
        ]
        return columns + ([{"name": "shop", "source": "file_path", "pattern": FOLDER}] if self.in_folders else [])

    @property
    def _numbers(self) -> dict[str, str]:
        marks = zip(("decimal", "thousands", "unit"), self.notation, strict=True)
        return {key: mark for key, mark in marks if mark}

    def block(self, **changes: Any) -> dict[str, Any]:
        """The block as its declaration has it."""
        files = ("**/" if self.in_folders else "") + f"kind{self.number}_*.{self.layout.ending}"
        time: dict[str, Any] = {"source": self.layout.time_source, "formats": list(self.form.formats)}
        if self.form.zones:
            time["zones"] = self.form.zones
        block = {"files": [files], "time": time, "columns": self.columns, "where": self.where}
        return {**block, **self.layout.keys, **changes}

    def replay_block(self) -> dict[str, Any]:
        """The block of files of records as quarantine writes them: objects by the names of their sources."""
        nested = self.layout.is_nested
        columns = [
            {**column, "source": _as_key(column["source"], nested)} if "source" in column else column
            for column in self.columns
        ]
        time = {**self.block()["time"], "source": _as_key(self.layout.time_source, nested)}
        files = ("**/" if self.in_folders else "") + f"replay{self.number}_*.ndjson"
        return {"files": [files], "format": "ndjson", "time": time, "columns": columns, "where": self.where}

    def place(self, name: str, shop: str) -> str:
        return f"shop={shop}/{name}" if self.in_folders else name

    def row(self, record: Record) -> tuple[Any, ...]:
        """The event that a record is, if it is one."""
        user = next((one for one in (record.user, record.cookie if self.anonymous else None) if one), None)
        shop = record.shop if self.in_folders else None
        return (record.at, user, record.kind, record.paid, record.app, f"{self.number}", shop)

    def verdict(self, record: Record, rules: Rules) -> str:
        """`event`, `excluded`, or the reason why the record is rejected or quarantined."""
        if record.at is None:
            return "missing_timestamp" if not record.time else self.form.refusal
        for name, wanted in self.where.items():
            value = {"app": record.app, "event_type": record.kind}[name]
            if value in wanted["not"] if isinstance(wanted, dict) else value not in wanted:
                return "excluded"
        if rules.strict and self.row(record)[1] is None:
            return "missing_user_id"
        if rules.strict and record.kind is None:
            return "missing_event_type"
        too_low = rules.strict and record.paid is not None and record.paid < 0
        return "invalid_price" if too_low or (record.price is not None and record.paid is None) else "event"


@dataclass(frozen=True)
class Rules:
    strict: bool
    """Whether users, types and prices from 0 on are required; where not, what that refused is taken."""


STRICT, LOOSE = Rules(strict=True), Rules(strict=False)


@dataclass(frozen=True)
class Export:
    """Records by kind, and the files into which they are cut."""

    kinds: tuple[Kind, ...]
    records: tuple[tuple[Record, ...], ...]
    zone: str
    """Of times without one."""
    pieces: tuple[tuple[tuple[Record, ...], ...], ...]
    """By kind: the records of each file before they are told apart by folder."""
    are_zipped: tuple[bool, ...]
    """By kind: whether these files are members of one zip."""

    def dataset(self, rules: Rules = STRICT, *, replay: bool = False) -> Dataset:
        """The declaration; `replay` adds a block for the texts of each kind's quarantined records."""
        blocks = [kind.block() for kind in self.kinds] + [kind.replay_block() for kind in self.kinds if replay]
        rest = {
            "user_id": {"required": rules.strict},
            "event_type": {"required": rules.strict},
            "price": {"type": "decimal(12,2)", **({"min": 0} if rules.strict else {})},
        }
        for block in blocks:
            block["columns"] = [{"description": "x", **one, **rest.get(one["name"], {})} for one in block["columns"]]
        attributes = {"name": "exports", "description": "x", "start_date": "2020-01-01", "gold": GOLD}
        return parse_dataset({**attributes, "source_timezone": self.zone, "events": blocks}, "exports")

    def in_one_batch(self, without: frozenset[str] = frozenset()) -> Iterable[tuple[str, bytes]]:
        """A file for each kind and folder, in order; without the records of some verdicts."""
        for kind, records in zip(self.kinds, self.records, strict=True):
            kept = [record for record in records if kind.verdict(record, STRICT) not in without]
            yield from _files(kind, kept, "all")

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The files into which the records are cut."""
        for kind, pieces, is_zip in zip(self.kinds, self.pieces, self.are_zipped, strict=True):
            files = [file for n, piece in enumerate(pieces) for file in _files(kind, piece, str(n), n)]
            yield from [(f"kind{kind.number}_0.{kind.layout.ending}.zip", zipped(dict(files)))] if is_zip else files

    def replayed(self, quarantined: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
        """Files of the texts of quarantined records, given the names of the files that these came from."""
        texts: dict[str, list[str]] = {}
        for name, raw in quarantined:
            kind = next(kind for kind in self.kinds if f"kind{kind.number}_" in name)
            folder = name.partition("/")[0] + "/" if kind.in_folders else ""
            texts.setdefault(f"{folder}replay{kind.number}_0.ndjson", []).append(raw)
        for name, some in texts.items():
            yield name, "\n".join(some).encode()

    def prices(self) -> list[str | int | float | None]:
        """The prices of all records that have a time, as they are written."""
        return [record.price for records in self.records for record in records if record.at is not None]

    def verdicts(self, rules: Rules = STRICT) -> list[tuple[str, tuple[Any, ...]]]:
        """The verdict on each record, and the event that it is."""
        pairs = zip(self.kinds, self.records, strict=True)
        return [(kind.verdict(one, rules), kind.row(one)) for kind, records in pairs for one in records]


def _as_key(source: Any, nested: bool) -> Any:
    """A source within the object of a record: the name of a flat file's field is one key, a parent is in `^`."""
    if isinstance(source, list):
        return [_as_key(one, nested) for one in source]
    if nested and source.startswith("^."):
        return f'"^".{source.removeprefix("^.")}'
    return source if source == "file_path" or nested else f'"{source}"'


def _files(kind: Kind, records: Iterable[Record], name: str, blank: int = 0) -> Iterable[tuple[str, bytes]]:
    some = list(records)
    for shop in sorted({record.shop for record in some}) if kind.in_folders else [""]:
        within = [record for record in some if not kind.in_folders or record.shop == shop]
        rows = [_fields(record) for record in within]
        content = kind.layout.contents(rows, blank)
        yield kind.place(f"kind{kind.number}_{name}.{kind.layout.ending}", shop), content


def _fields(record: Record) -> dict[str, Any]:
    named = {"user": record.user, "cookie": record.cookie, "kind": record.kind, "at": record.time}
    return {**named, "price": record.price, "app": record.app}


def exports() -> st.SearchStrategy[Export]:
    """Any export. Evenly spread, which Hypothesis by itself is not: it likes the simplest."""
    return st.randoms(use_true_random=True).map(_export)


def _export(chance: random.Random) -> Export:
    zone = chance.choice(["UTC", "Europe/Berlin", "America/New_York"])
    layouts = chance.sample(LAYOUTS, chance.choice([1, 1, 2]))
    kinds = tuple(_kind(chance, number, layout(chance)) for number, layout in enumerate(layouts))
    records = tuple(tuple(_record(chance, kind, zone) for _ in range(chance.randint(1, 9))) for kind in kinds)
    pieces = []
    for some in records:
        twice = [*some, *chance.sample(some, chance.choice([0, 0, 1]))]
        cut: list[list[Record]] = [[] for _ in range(chance.choice([1, 2, 3]))]
        for record in chance.sample(twice, len(twice)):
            chance.choice(cut).append(record)
        pieces.append(tuple(map(tuple, cut)))
    whole = tuple(tuple(record for piece in cut for record in piece) for cut in pieces)
    zips = tuple(chance.random() < 0.2 for _ in kinds)
    return Export(kinds, whole, zone, tuple(pieces), zips)


def _kind(chance: random.Random, number: int, layout: Layout) -> Kind:
    forms = [form for form in FORMS if layout.can_write([write(SOME_TIME) for write in form.writers])]
    notations = [notation for notation in NOTATIONS if layout.has_blanks or " " not in notation]
    return Kind(
        number,
        layout,
        chance.choice(forms),
        chance.choice(notations),
        chance.choice(WHERE),
        in_folders=chance.random() < 0.4,
        anonymous=chance.random() < 0.6,
    )


def _record(chance: random.Random, kind: Kind, zone: str) -> Record:
    minute = dt.timedelta(minutes=chance.choice([0, 10, 29, 30, 31, 700, 1439]))
    at: dt.datetime | None = dt.datetime(2025, 1, chance.choice([1, 6, 7, 13]), tzinfo=dt.UTC) + minute
    assert at is not None
    time: str | None = kind.form.write(at, zone, chance)
    if chance.random() < 0.1:
        at, time = None, chance.choice([None, *([] if kind.form.swapped or kind.layout.two_times else ["soon"])])
    elif kind.form.is_ambiguous(at, zone):
        at = None
    price, paid = _price(chance, kind)
    return Record(
        user=chance.choice(["u1", "u2", "ü3", None, None]),
        cookie=chance.choice(["c1", "c2", None]),
        kind=chance.choice(["view", "view", "buy", "wish", None]),
        at=at,
        time=time,
        price=price,
        paid=paid,
        app=chance.choice(["shop", "shop", "test", None]),
        shop=chance.choice(["a", "b"]),
    )


def _price(chance: random.Random, kind: Kind) -> tuple[str | int | float | None, Decimal | None]:
    """A price as a file writes it, and what it means."""
    value = Decimal(chance.choice(["0", "1.5", "12.25", "1893.71", "1.9", "1234567", "-3.5"]))
    decimal, thousands, unit = kind.notation
    if chance.random() < 0.15:
        return None, None
    if chance.random() < kind.layout.share_of_numbers:
        return int(value) if value == value.to_integral() else float(value), value
    if chance.random() < 0.15:
        return chance.choice(["much", "1.5.2", "1,2,3", "12,34,5"]), None
    digits = f"{value:,}" if thousands and chance.random() < 0.7 else f"{value}"
    text = digits.translate(str.maketrans({",": thousands or "", ".": decimal}))
    if unit and chance.random() < 0.7:
        text = chance.choice([f"{unit}{text}", f"{text}{unit}", f"-{unit}{text[1:]}" if value < 0 else f"{unit}{text}"])
        blank = "\u00a0" if kind.layout.has_blanks and chance.random() < 0.3 else ""
        text = text.replace(unit, f"{unit}{blank}" if text.startswith((unit, f"-{unit}")) else f"{blank}{unit}")
    return text, value

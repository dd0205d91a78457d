"""JSON arrays and NDJSON as batches: values found by path, everything undeclared kept in `extra`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from event_assets.dataset import Source
from event_assets.landing.blocks import BLOCK_BYTES, LineBlocks, open_plain
from event_assets.landing.json_elements import Element, elements_of
from event_assets.landing.json_values import BadJson, Record, members_of, minified, parse_record, value_text
from event_assets.landing.records import EXTRA, ROW_NUMBER, TOO_LONG, Batch, Fields, Reject

#: Declared places as a tree: a member's name to the tree of its declared members, or to None where the
#: whole member is declared.
Tree = Mapping[str, Any]
_NOTHING: dict[str, Any] = {}


def read_json(path: Path, source: Source, fields: Fields, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Batch]:
    """The elements of an array, or the lines of an NDJSON file, in order."""
    if source.format == "json":
        parts = elements_of(path, source.max_record_bytes, block_bytes=block_bytes)
    else:
        parts = _lines_of(path, source.max_record_bytes, block_bytes)
    tree = _tree(fields)
    for elements in parts:
        yield _batch(elements, fields, tree)


def _lines_of(path: Path, max_bytes: int, block_bytes: int) -> Iterator[list[Element]]:
    with open_plain(path) as file:
        for block in LineBlocks(file, max_bytes, bare_cr=False, block_bytes=block_bytes):
            if block.too_long:
                yield [Element(block.data, None, TOO_LONG)]
            elif lines := [text for line in block.data.split(b"\n") if (text := line.strip())]:
                yield [_element(line, max_bytes) for line in lines]


def _element(text: bytes, max_bytes: int) -> Element:
    if len(text) > max_bytes:
        return Element(text, None, TOO_LONG)
    try:
        return Element(text, parse_record(text))
    except BadJson as bad:
        return Element(text, None, bad.reason)


def _tree(fields: Fields) -> Tree:
    tree: dict[str, Any] = {}
    for source in fields.sources.values():
        branch, (*parents, leaf) = tree, source.split(".")
        for name in parents:
            branch = branch.setdefault(name, {})
            if branch is None:
                break  # the whole member is declared by another column
        else:
            branch[leaf] = None
        tree[source] = None
    return tree


def _batch(elements: list[Element], fields: Fields, tree: Tree) -> Batch:
    numbered = [(number, e.record) for number, e in enumerate(elements, 1) if e.record is not None]
    reasons = {number: e.reason for number, e in enumerate(elements, 1) if e.reason is not None}
    numbers, records = [n for n, _ in numbered], [record for _, record in numbered]
    refused: dict[int, str] = {}
    columns: dict[str, list[str | None]] = {}
    present = set()
    for name, source in fields.sources.items():
        columns[name], found = _column(records, source, refused)
        if found:
            present.add(name)
    undeclared: Counter[str] = Counter()
    extras = [_extra(place, record, tree, undeclared, refused) for place, record in enumerate(records)]
    frame = pl.DataFrame({ROW_NUMBER: numbers, **columns, EXTRA: extras}, fields.schema)
    if refused:
        reasons |= {numbers[place]: reason for place, reason in refused.items()}
        frame = frame.filter(~pl.col(ROW_NUMBER).is_in([numbers[place] for place in refused]))

    def texts(wanted: Sequence[int]) -> list[bytes]:
        return [elements[number - 1].text for number in wanted]

    rejects = [Reject(number, reason, elements[number - 1].text) for number, reason in sorted(reasons.items())]
    return Batch(len(elements), frame, rejects, texts, frozenset(present), undeclared)


def _column(records: list[Record], source: str, refused: dict[int, str]) -> tuple[list[str | None], bool]:
    """(the texts of the values at a declared place, whether any record has that place)."""
    *parents, leaf = path = source.split(".")
    objects = [record.values for record in records]
    for name in parents:
        objects = [value if type(value := o.get(name)) is dict else _NOTHING for o in objects]
    values = [o.get(leaf) for o in objects]
    found = any(value is not None for value in values) or any(leaf in o for o in objects)
    literal: set[int] = set()
    if parents:  # a member that bears the whole name, dots and all, comes first
        literal = {place for place, record in enumerate(records) if source in record.values}
        for place in literal:
            values[place], found = records[place].values[source], True
    if not {type(value) for value in values} <= {str, type(None)}:
        for place, value in enumerate(values):
            if value is not None and type(value) is not str:
                values[place] = _text(records, place, [source] if place in literal else path, value, refused)
    return values, found


def _text(records: list[Record], place: int, path: list[str], value: object, refused: dict[int, str]) -> str | None:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int and value != 0:  # 0 may be written -0
        return str(value)
    try:
        return value_text(records[place].member(path))
    except BadJson as bad:
        refused[place] = bad.reason
        return None


def _extra(place: int, record: Record, tree: Tree, undeclared: Counter[str], refused: dict[int, str]) -> str | None:
    """The record's undeclared members as a JSON object, None where there are none."""
    if _all_declared(record.values, tree):
        return None
    try:
        return _rest(record.members, tree, "", undeclared)
    except BadJson as bad:
        refused[place] = bad.reason
        return None


def _all_declared(values: dict[str, Any], tree: Tree) -> bool:
    for name, value in values.items():
        branch = tree.get(name, _NOTHING)
        if branch is None:
            continue
        if name not in tree or (value is not None and not (type(value) is dict and _all_declared(value, branch))):
            return False
    return True


def _rest(members: dict[str, bytes], tree: Tree, prefix: str, undeclared: Counter[str]) -> str | None:
    """What no column declares, as JSON; nested objects of which a part is declared keep the other part."""
    kept = []
    for name, text in members.items():
        branch = tree.get(name, _NOTHING)
        if branch is None or (name in tree and text == b"null"):
            continue
        if name in tree and text.startswith(b"{"):
            rest = _rest(members_of(text), branch, f"{prefix}{name}.", undeclared)
        else:
            undeclared[prefix + name] += 1
            rest = minified(text)
        if rest is not None:
            kept.append(f"{orjson.dumps(name).decode()}:{rest}")
    return "{" + ",".join(kept) + "}" if kept else None

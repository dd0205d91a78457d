"""The fields of JSON records: paths into objects, lookups by key into arrays, arrays of records below the root."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from event_assets.draft.sample import Field, trimmed
from event_assets.text.field_paths import MEMBERS

#: An object with more places for values than this becomes one JSON column.
_MAX_MEMBERS = 12
#: At most this number of keys of an array of keys and values become columns, each in at least this share of records.
_MAX_KEYS = 15
_MIN_KEY_SHARE = 0.05
_MAX_DEPTH = 6
#: Records are searched up to this number of levels below the root of a document.
_MAX_DEPTH_OF_RECORDS = 4
#: The share of an object's members that must have the common names, to be records.
_MOST = 0.9
_PLAIN_SEGMENT = re.compile(r"[^.\[\]\"]+")
_MEANT_OTHERWISE = ("^", "file_path")
_KEYS, _VALUES = ("key", "name", "k"), ("value", "v", "val")


class Number(str):
    """The text of a JSON number, as it is written: 12.50 is a decimal of two digits."""

    __slots__ = ()


def parse(text: str | bytes) -> Any:
    """The value of a JSON text, numbers as they are written; ValueError if the text is not JSON."""
    return json.loads(text, parse_float=Number, parse_int=Number)


def segment(name: str) -> str:
    """A name as a part of a path, quoted where it contains a mark of paths."""
    plain = _PLAIN_SEGMENT.fullmatch(name) and name not in _MEANT_OTHERWISE
    return name if plain else json.dumps(name, ensure_ascii=False)


def json_fields(records: Sequence[dict[str, Any]], prefix: str = "") -> tuple[Field, ...]:
    """The fields of records, in the order in which they first occur; `prefix` begins their paths.

    The members of a large object follow it, marked as `within` it: most of them stay a part of its JSON column.
    """
    return tuple(_fields(records, prefix, (), ""))


@dataclass(frozen=True)
class Below:
    """The records below the root of a document."""

    path: str
    """As `records` has it."""
    records: list[dict[str, Any]]
    keys: list[tuple[str, ...]]
    """The names of the members that the records are, the innermost first; empty of an array."""

    def contains(self, other: Below) -> bool:
        """Whether the other records are parts of these records."""
        return bool(self.keys and not other.keys) and other.path.startswith(self.path.rstrip(f".{MEMBERS}"))


def array_path(document: Any) -> Below | None:
    """The largest array of objects below the root of a document; None if it has no such array."""
    arrays = (Below(path, value, []) for path, value in _places(document) if isinstance(value, list))
    able = [one for one in arrays if one.records and all(isinstance(record, dict) for record in one.records)]
    return max(able, key=lambda one: len(one.records), default=None)


def keyed_path(document: Any) -> Below | None:
    """The largest object whose members (or their members) are records of one kind; None if there is no such object."""
    able = []
    for path, value in _places(document):
        for depth in (1, 2) if isinstance(value, dict) else ():
            records = [*_members(value, depth, ())]
            if _are_alike(records):
                place = f"{path}{f'.{MEMBERS}' * depth}".lstrip(".")
                able.append(Below(place, [record for _, record in records], [keys for keys, _ in records]))
    return max(able, key=lambda one: len(one.records), default=None)


def _places(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The values of a document with their paths, but those within arrays or deep down."""
    yield path, value
    if isinstance(value, dict) and depth < _MAX_DEPTH_OF_RECORDS:
        for name, inner in value.items():
            yield from _places(inner, f"{path}.{segment(name)}".lstrip("."), depth + 1)


def _members(value: dict[str, Any], depth: int, outer: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What landing reads as records of an object's members, with their keys."""
    for name, inner in value.items():
        if depth > 1 and isinstance(inner, dict):
            yield from _members(inner, depth - 1, (name, *outer))
        else:
            yield from (((name, *outer), one) for one in (inner if isinstance(inner, list) else [inner]))


def _are_alike(records: Sequence[tuple[tuple[str, ...], Any]]) -> bool:
    """Whether members are records of one kind, and not the parts of one record."""
    if not records or not all(isinstance(record, dict) for _, record in records):
        return False
    if len({len(keys) for keys, _ in records}) > 1:
        return False
    if any(len({*level}) < 2 for level in zip(*(keys for keys, _ in records), strict=True)):
        return False
    if len(records) < 3 and not any(char.isdigit() for keys, _ in records for key in keys for char in key):
        return False
    counts = Counter(name for _, record in records for name in record)
    common = {name for name, count in counts.items() if 2 * count >= len(records)}
    similar = sum(2 * len(common & record.keys()) >= len(common) for _, record in records)
    return bool(common) and similar >= _MOST * len(records)


def _fields(records: Sequence[dict[str, Any]], prefix: str, parts: tuple[str, ...], within: str) -> Iterator[Field]:
    for name in dict.fromkeys(name for record in records for name in record):
        values = [record.get(name) for record in records]
        source, path = f"{prefix}{segment(name)}", (*parts, name)
        filled = [value for value in values if value is not None]
        if filled and all(isinstance(value, dict) for value in filled) and len(path) < _MAX_DEPTH:
            inner = list(_fields([value or {} for value in values], f"{source}.", path, within))
            if 0 < len(inner) <= _MAX_MEMBERS:
                yield from inner
                continue
            yield _leaf(source, values, path, within)
            yield from _fields([value or {} for value in values], f"{source}.", path, within or source)
            continue
        yield _leaf(source, values, path, within)
        if lookup := _lookup(filled):
            yield from _looked_up(values, source, path, *lookup)


def _leaf(source: str, values: Sequence[Any], parts: tuple[str, ...], within: str) -> Field:
    filled = [value for value in values if value is not None]
    nested = any(isinstance(value, (dict, list)) for value in filled)
    is_number = bool(filled) and all(isinstance(value, Number) for value in filled)
    return Field(source, trimmed(map(as_text, values)), parts, nested, is_number, within)


def _lookup(filled: Sequence[Any]) -> tuple[str, str] | None:
    """The members with the key and the value, where the arrays are of keys and values."""
    elements = [one for value in filled if isinstance(value, list) for one in value]
    if not elements or not all(isinstance(value, list) for value in filled):
        return None
    if not all(isinstance(one, dict) and len(one) <= 4 for one in elements):
        return None
    key = next((k for k in _KEYS if all(isinstance(one.get(k), str) for one in elements)), None)
    value = next((v for v in _VALUES if any(v in one for one in elements)), None)
    return (key, value) if key and value else None


def _looked_up(values: Sequence[Any], source: str, parts: tuple[str, ...], key: str, value: str) -> Iterator[Field]:
    """A field for each of the commonest keys; where a value is an object of types, for each of those that occur."""
    maps = [{one[key]: one.get(value) for one in reversed(array or [])} for array in values]
    counts = Counter(name for found in maps for name in found)
    common = [name for name, count in counts.most_common() if count >= _MIN_KEY_SHARE * len(maps)]
    for name in common[:_MAX_KEYS]:
        found = [one.get(name) for one in maps]
        lookup, path = f"{source}[{key}={segment(name)}].{segment(value)}", (*parts, name)
        objects = [one for one in found if isinstance(one, dict)]
        if not objects:
            yield _leaf(lookup, found, path, "")
            continue
        types = dict.fromkeys(t for one in objects for t in one)
        fields = [
            _leaf(f"{lookup}.{segment(t)}", [one.get(t) if isinstance(one, dict) else None for one in found], path, "")
            for t in types
            if any(one.get(t) is not None for one in objects)
        ]
        if fields:
            yield reduce(Field.or_else, fields)


def as_text(value: Any) -> str | None:
    """A value as landing writes it."""
    if isinstance(value, (bool, dict, list)):
        return json.dumps(value, default=str, ensure_ascii=False)
    return None if value is None else str(value)

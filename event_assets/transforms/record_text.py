"""A refused record as it came, out of its raw row: a JSON object of its fields by their source names.

Of JSON sources nested fields are in their objects again (those of a parent in `^`), and values are written as the
source wrote them; of all others every value is a text. The fields of time and the undeclared ones are among them.
Landing has the same record again when it reads this text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from event_assets.declaration import Column, Dataset, Events, Source
from event_assets.declaration.dataset import Kind
from event_assets.text.canonical_json import canonical_json
from event_assets.text.paths import FILE_PATH, is_plain, parse_path

#: So much of a record's text is kept.
RAW_BYTES = 64 * 1024
TIME_TEXT = "time_text"
SOURCE_BLOCK = "source_block"
_SCALAR = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false")
_JSON = ("json", "ndjson", "avro", "parquet")

#: Finds where a value ends; numbers are not computed.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, strict=False)

Place = tuple[str, ...]
"""The names that lead to a field."""


class _Verbatim(str):
    """JSON that is written as it is."""


class _Object(list[tuple[str, Any]]):
    """The members of a JSON object in their order; a name may be repeated."""


class RecordTexts:
    """The texts of the records of one kind, out of the raw columns `columns`, all as text."""

    def __init__(self, dataset: Dataset, kind: Kind) -> None:
        declared = [column.name for column in dataset.columns_of(kind)]
        self._blocks = [_BlockTexts(block, declared) for block in dataset.blocks(kind)]
        self._several = dataset.is_mixed(kind)
        self.columns = [*declared, *([TIME_TEXT] if kind == "events" else []), "extra"]
        self.columns += [SOURCE_BLOCK] if self._several else []

    def texts(self, columns: Sequence[Sequence[str | None]]) -> list[str]:
        """The record of each row of the columns."""
        return [self._blocks[int(row[-1] or 0) if self._several else 0].text(row) for row in zip(*columns, strict=True)]


class _BlockTexts:
    """The texts of the records that one block of files read."""

    def __init__(self, block: Source, declared: Sequence[str]) -> None:
        self._nests = block.format in _JSON
        places = {name: place for place, name in enumerate(declared)}
        self._fields = [
            (places[c.name], c, c.sources[0]) for c in block.columns if c.constant is None and _is_field(c.sources[0])
        ]
        self._all_times = block.time.sources if isinstance(block, Events) else ()
        known = {source for _, _, source in self._fields}
        self._times = [source for source in self._all_times if source not in known and _is_field(source)]
        self._time, self._extra = len(declared), len(declared) + isinstance(block, Events)

    def text(self, row: Sequence[str | None]) -> str:
        record = _Object()
        for place, column, source in self._fields:
            if (value := self._value(column, row[place])) is not None:
                _put(record, self._place(source), value)
        if self._times:
            for source, text in self._of_time(row[self._time]):
                _put(record, self._place(source), self._scalar(text))
        for name, value in _members(row[self._extra]):
            _merge(record, name, value)
        return _written(record).encode()[:RAW_BYTES].decode(errors="ignore")

    def _value(self, column: Column, text: str | None) -> str | None:
        """The value as it came; an empty field is known only where every file has the field."""
        if text is None:
            return None if self._nests or not (column.required or column.in_every_file) else ""
        if column.type == "json" and self._nests:
            return _Verbatim(text)
        if column.type != "string":
            return self._scalar(text)
        nested = self._nests and text[:1] in ("{", "[") and canonical_json(text) is not None
        return _Verbatim(text) if nested else text

    def _scalar(self, text: str) -> str:
        return _Verbatim(text) if self._nests and _SCALAR.fullmatch(text) else text

    def _of_time(self, text: str | None) -> Iterator[tuple[str, str]]:
        if text is None:
            yield from ((source, "") for source in self._times if not self._nests)
            return
        parts = text.split(" ", len(self._all_times) - 1)
        if len(parts) == len(self._all_times):
            yield from ((s, part) for s, part in zip(self._all_times, parts, strict=True) if s in self._times)
        else:
            yield " ".join(self._times), text

    def _place(self, source: str) -> Place:
        path = parse_path(source) if self._nests else (source,)
        return tuple(map(str, path)) if is_plain(path) else (source,)


def _is_field(source: str) -> bool:
    return source != FILE_PATH


def _put(record: _Object, place: Place, value: Any) -> None:
    *parents, leaf = place
    for name in parents:
        inner = next((known for member, known in record if member == name and isinstance(known, _Object)), None)
        if inner is None:
            inner = _Object()
            record.append((name, inner))
        record = inner
    record.append((leaf, value))


def _merge(record: _Object, name: str, value: _Verbatim) -> None:
    """Add an undeclared member; of an object of which a part is declared it is the other part."""
    known = next((inner for member, inner in record if member == name and isinstance(inner, _Object)), None)
    if known is not None and value.startswith("{"):
        for inner_name, inner_value in _members(value):
            _merge(known, inner_name, inner_value)
    else:
        record.append((name, value))


def _members(text: str | None) -> Iterator[tuple[str, _Verbatim]]:
    """The members of a JSON object, each value as it is written."""
    place = _skip(text, 1) if text else 0
    while text and text[place] != "}":
        name, place = _DECODER.raw_decode(text, place)
        start = _skip(text, _skip(text, place) + 1)
        end = _DECODER.raw_decode(text, start)[1]
        yield name, _Verbatim(text[start:end])
        place = _skip(text, end)
        if text[place] == ",":
            place = _skip(text, place + 1)


def _skip(text: str, place: int) -> int:
    """The place of the next character that is not white space."""
    while text[place] in " \t\r\n":
        place += 1
    return place


def _written(value: Any) -> str:
    if isinstance(value, _Verbatim):
        return value
    if isinstance(value, _Object):
        return "{" + ", ".join(f"{_written(name)}: {_written(inner)}" for name, inner in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)

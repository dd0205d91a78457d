"""The original text of a quarantined record, from its raw row: a JSON object of its fields by their source names.

Of JSON sources nested fields are in their objects again (those of a parent in `^`), and values are written as the
source wrote them; of all others every value is a text. The fields of time and the undeclared ones are among them. What
a column's text doesn't tell (null, a number in a column of text, which of several sources) is in `as_written`. Landing
has the same record again when it reads this text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from event_assets.declaration import Column, Dataset, Events, Source
from event_assets.declaration.dataset import Kind
from event_assets.declaration.events_and_profiles import NESTED
from event_assets.tables.landed_tables import AS_WRITTEN, CAME_AS_NUMBER, MAX_RAW_BYTES, SOURCE_BLOCK, TIME_TEXT
from event_assets.text.canonical_json import canonical_json
from event_assets.text.field_paths import FILE_PATH, is_plain, parse_path
from event_assets.text.json_members import SCALAR, json_string, members_as_written

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
        self.columns = [*declared, *([TIME_TEXT] if kind == "events" else []), "extra"]
        self.columns += [AS_WRITTEN] if dataset.has_values_as_written(kind) else []
        self.columns += [CAME_AS_NUMBER] if dataset.tells_numbers_from_texts(kind) else []
        self._blocks = [_BlockTexts(block, self.columns) for block in dataset.blocks(kind)]
        self._several = dataset.is_mixed(kind)
        self.columns += [SOURCE_BLOCK] if self._several else []

    def texts(self, columns: Sequence[Sequence[str | None]]) -> list[str]:
        """The record of each row of the columns."""
        return [self._blocks[int(row[-1] or 0) if self._several else 0].text(row) for row in zip(*columns, strict=True)]


class _BlockTexts:
    """The texts of the records that one block of files read."""

    def __init__(self, block: Source, columns: Sequence[str]) -> None:
        self._nests = block.format in NESTED
        self._typed = block.format == "parquet"
        places = {name: place for place, name in enumerate(columns)}
        self._fields = [
            (places[c.name], c, self._places(c.sources))
            for c in block.columns
            if c.constant is None and self._is_field(c.sources[0])
        ]
        self._all_times = block.time.sources if isinstance(block, Events) else ()
        known = {place for _, _, of_column in self._fields for place in of_column}
        self._times = {
            source: place
            for source in self._all_times
            if self._is_field(source) and (place := self._places([source])[0]) not in known
        }
        # Of Parquet `as_written` has the values of several sources by their paths.
        self._placed = {
            source: tuple(map(str, parse_path(source)))
            for column in block.columns
            for source in column.sources
            if self._typed and len(column.sources) > 1 and self._is_field(source)
        }
        self._of_two_notations = {column.name for column in block.of_two_notations}
        self._time, self._extra, self._written, self._numbers = (
            places.get(name) for name in (TIME_TEXT, "extra", AS_WRITTEN, CAME_AS_NUMBER)
        )

    def text(self, row: Sequence[str | None]) -> str:
        record, written, extra = _Object(), dict(_members(self._at(row, self._written))), self._at(row, self._extra)
        numbers = (self._at(row, self._numbers) or "").split()
        for column_place, column, places in self._fields:
            value = self._value(column, row[column_place], numbers)
            if value is not None and not (written and any(_has(written, place) for place in places)):
                _put(record, places[0], value)
        if self._times and not any(_has(written, place) for place in self._times.values()):
            for place, text in self._of_time(self._at(row, self._time)):
                _put(record, place, self._scalar(text))
        for name, value in written.items():
            if name in self._placed:
                _put(record, self._placed[name], value)
            else:
                _merge(record, name, value, nest=True)
        for name, value in _members(extra):
            _merge(record, name, value)
        return _written(record).encode()[:MAX_RAW_BYTES].decode(errors="ignore")

    @staticmethod
    def _at(row: Sequence[str | None], place: int | None) -> str | None:
        return None if place is None else row[place]

    def _value(self, column: Column, text: str | None, numbers: Collection[str]) -> str | None:
        """The value as it came. A field without a text is empty where files have columns; of JSON, null is in
        `as_written`."""
        if text is None:
            return None if self._nests else ""
        if column.name in self._of_two_notations:
            return _Verbatim(text) if column.name in numbers else text
        if column.type == "json" and self._nests:
            return _Verbatim(text)
        if column.type != "string":
            return self._scalar(text)
        nested = self._typed and text[:1] in ("{", "[") and canonical_json(text) is not None
        return _Verbatim(text) if nested else text

    def _scalar(self, text: str) -> str:
        return _Verbatim(text) if self._nests and SCALAR.fullmatch(text) else text

    def _of_time(self, text: str | None) -> Iterator[tuple[Place, str]]:
        if text is None:
            yield from ((place, "") for place in self._times.values() if not self._nests)
            return
        parts = text.split(" ", len(self._all_times) - 1)
        if len(parts) == len(self._all_times):
            found = zip(self._all_times, parts, strict=True)
            yield from ((self._times[source], part) for source, part in found if source in self._times)
        else:
            yield (" ".join(self._times),), text

    def _is_field(self, source: str) -> bool:
        """Whether the record has the source as a field. What is looked up in an array is in `extra`, with the array."""
        return source != FILE_PATH and (not self._nests or is_plain(parse_path(source)))

    def _places(self, sources: Sequence[str]) -> list[Place]:
        """Where a column's values may be: the paths of its sources, and members with the sources as names."""
        paths = [tuple(map(str, parse_path(source))) for source in sources] if self._nests else []
        return [*paths, *((source,) for source in sources)]


def _has(members: Mapping[str, str], place: Place) -> bool:
    """Whether there is a value at a place, or in the way of it."""
    text = members.get(place[0])
    if text is None or len(place) == 1 or not text.startswith("{"):
        return text is not None
    return _has(dict(_members(text)), place[1:])


def _put(record: _Object, place: Place, value: Any) -> None:
    *parents, leaf = place
    for name in parents:
        inner = next((known for member, known in record if member == name and isinstance(known, _Object)), None)
        if inner is None:
            inner = _Object()
            record.append((name, inner))
        record = inner
    record.append((leaf, value))


def _merge(record: _Object, name: str, value: _Verbatim, *, nest: bool = False) -> None:
    """Add a member; an object is merged into an object of that name."""
    known = next((inner for member, inner in record if member == name and isinstance(inner, _Object)), None)
    if known is None and nest and value.startswith("{"):
        known = _Object()
        record.append((name, known))
    if known is not None and value.startswith("{"):
        for inner_name, inner_value in _members(value):
            _merge(known, inner_name, inner_value, nest=nest)
    else:
        record.append((name, value))


def _members(text: str | None) -> Iterator[tuple[str, _Verbatim]]:
    """The members of a JSON object, each value as it is written; empty for null."""
    return ((name, _Verbatim(value)) for name, value in members_as_written(text or "{}"))


def _written(value: str | _Object) -> str:
    if isinstance(value, _Verbatim):
        return value
    if isinstance(value, _Object):
        return "{" + ", ".join([f"{json_string(name)}: {_written(inner)}" for name, inner in value]) + "}"
    return json_string(value)

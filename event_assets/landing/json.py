"""JSON arrays and NDJSON as batches: values found by path, everything undeclared kept in `extra`.

A column's text loses what some values were: a number in a column of text, a string in one of numbers, null, several
sources of one column. `as_written` has such values, so that a record can be written again as it came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from event_assets.declaration import Source
from event_assets.declaration.events_and_profiles import NESTED
from event_assets.landing.json_elements import Elements, elements_of, lines_of
from event_assets.landing.json_paths import PART, JsonPath, Tree, array_start, exploded, looked_up, text_behind, tree_of
from event_assets.landing.record_batches import (
    AS_WRITTEN,
    EXTRA,
    MALFORMED,
    ROW_NUMBER,
    Batch,
    Fields,
    Reject,
    gathered,
    number_flag,
)
from event_assets.text.json_text import (
    SCALAR,
    BadJson,
    certainly_once,
    member_at,
    members_of,
    minified,
    names_in,
    pairs_of,
    repeats,
    value_text,
    written_once,
)

#: Smaller than for CSV: the many Python objects of a block should stay in the processor's cache.
BLOCK_BYTES = 256 * 1024
_BATCH_BYTES = 4 * 1024 * 1024
#: Marks the name of a member that another one of its name follows.
REPEATED = " (repeated)"
#: Types of values that are not texts. Cleaning rejects true in a column of numbers.
_NUMERIC = frozenset({int, float, bool})
_Pairs = Collection[tuple[str, bytes]]
_Split = Callable[[bytes], _Pairs]
#: The names that lead to a value.
Place = tuple[str, ...]
NOTHING: dict[str, Any] = {}


def read_json(
    path: Path,
    source: Source,
    fields: Fields,
    *,
    block_bytes: int = BLOCK_BYTES,
    read: Callable[[int], None] | None = None,
) -> Iterator[Batch]:
    """The elements of an array, or the lines of an NDJSON file, in order; `read` receives the number of bytes read."""
    # The names of a sheet's fields are no paths.
    as_path = JsonPath.of if source.format in NESTED else lambda name: JsonPath((name,))
    paths = {name: as_path(place) for name, place in fields.sources.items()}
    tree = tree_of(paths.values())
    cut = elements_of if source.format == "json" else lines_of
    if source.format == "json" and source.records is not None:
        start = array_start(path, source.records)
        if start is None:
            return
        cut = partial(elements_of, start=start)
    blocks = cut(path, source.max_record_bytes, block_bytes=block_bytes, read=read)
    if source.explode:
        blocks = exploded(blocks, JsonPath.of(source.explode), source.max_record_bytes)
    yield from gathered((_batch(elements, fields, paths, tree) for elements in blocks), _BATCH_BYTES)


def _batch(elements: Elements, fields: Fields, paths: Mapping[str, JsonPath], tree: Tree) -> Batch:
    literals = frozenset(path.literal for path in paths.values() if path.literal is not None)
    objects = JsonObjects(elements, tree, literals)
    columns: dict[str, Any] = {}
    numeric: dict[str, list[bool]] = {}
    present = set()
    for name, path in paths.items():
        values, kinds, literal, found = _values(objects, path)
        if name in fields.of_two_notations:
            numeric[number_flag(name)] = [type(value) in _NUMERIC for value in values]
        columns[name] = _texts(objects, values, kinds, path, literal, verbatim=name in fields.json)
        if found:
            present.add(name)
    undeclared: Counter[str] = Counter()
    extras = _extras(objects, undeclared)
    numbers = [place + 1 for place in objects.places]
    columns = {ROW_NUMBER: numbers, **columns, EXTRA: extras}
    if fields.as_written:
        columns[AS_WRITTEN] = _as_written(objects, _lost_in_text(objects, fields, paths))
    columns |= numeric
    frame = pl.DataFrame(columns, fields.schema)
    if objects.refused:
        frame = frame.filter(~pl.col(ROW_NUMBER).is_in([numbers[at] for at in objects.refused]))
    reasons = elements.reasons | {objects.places[at]: reason for at, reason in objects.refused.items()}
    rejects = [Reject(place + 1, reason, elements.texts[place]) for place, reason in sorted(reasons.items())]

    own = elements.texts  # not the values, which need several times the memory

    def texts(wanted: Sequence[int]) -> list[bytes]:
        return [own[number - 1] for number in wanted]

    return Batch(len(own), frame, rejects, texts, frozenset(present), undeclared)


def _values(objects: JsonObjects, path: JsonPath) -> tuple[list[Any], frozenset[type], set[int], bool]:
    """(the values at a declared place, their types, the objects that have the path as a name, whether any object has
    that place)."""
    values, kinds = objects.at(path.members), objects.kinds(path.members)
    literal = set[int]()
    if path.rest:
        values = looked_up(values, path.rest)
        kinds = frozenset(map(type, values))
    elif path.literal is not None:
        name = path.literal
        literal = {at for at in objects.named_oddly if name in objects.values[at]}
        if literal:
            values = [objects.values[at][name] if at in literal else value for at, value in enumerate(values)]
            kinds = frozenset(map(type, values))
    found = bool(kinds - {type(None)}) or bool(literal)
    return values, kinds, literal, found or (not path.rest and len(objects.lacking(path.members)) < len(values))


def _texts(
    objects: JsonObjects,
    values: list[Any],
    kinds: frozenset[type],
    path: JsonPath,
    literal: set[int],
    *,
    verbatim: bool,
) -> list[str | None]:
    """The texts of values. `verbatim` texts are JSON as the source writes it; of others strings are decoded, and nested
    values minified."""

    def text(at: int) -> str | None:
        place = JsonPath((path.literal,)) if at in literal and path.literal is not None else path
        return _text(objects, at, place, verbatim=verbatim)

    if verbatim:
        return [None if value is None else text(at) for at, value in enumerate(values)]
    if kinds <= {str, type(None)}:
        return values
    # 0 may be written -0
    values = [str(value) if type(value) is int and value != 0 else value for value in values]
    for at, value in enumerate(values):
        if type(value) is not str and value is not None:
            values[at] = text(at)
    return values


def _text(objects: JsonObjects, at: int, path: JsonPath, *, verbatim: bool) -> str | None:
    try:
        text = member_at(objects.members(at), path.members)
        if path.rest:
            text = text_behind(text, objects.at(path.members)[at], path.rest)
        return text.decode() if verbatim else value_text(text)
    except BadJson:
        objects.refused[at] = MALFORMED
        return None


def _lost_in_text(objects: JsonObjects, fields: Fields, paths: Mapping[str, JsonPath]) -> dict[int, set[Place]]:
    """The declared places of an object (by index) whose values are lost in the columns' texts."""
    found: dict[int, set[Place]] = {}
    places = {path.members[:depth] for path in paths.values() for depth in range(1, len(path.members) + 1)}
    for place in places:
        if type(None) in objects.kinds(place):
            below, leaf = objects.below(place[:-1]), place[-1]
            for at in _places_of_null(objects.at(place)):
                if leaf in below[at]:
                    found.setdefault(at, set()).add(place)
    for place in {place[:-1] for place in places if len(place) > 1}:
        for at, value in enumerate(objects.at(place) if dict in objects.kinds(place) else ()):
            if value == {}:
                found.setdefault(at, set()).add(place)
    for name, path in paths.items():
        for at in objects.named_oddly if path.literal is not None else ():
            if path.literal in objects.values[at]:
                found.setdefault(at, set()).add((str(path.literal),))
        kinds = {str} if name in fields.strings else _NUMERIC
        plain = name not in fields.merged and objects.kinds(path.members) <= {*kinds, type(None)}
        if name in fields.json or path.rest or plain:
            continue
        for at, value in enumerate(objects.at(path.members)):
            if value is None:
                continue
            lost = type(value) not in kinds
            if lost and type(value) is str:
                lost = SCALAR.fullmatch(value) is not None
            if lost or name in fields.merged:
                found.setdefault(at, set()).add(path.members)
    return found


def _as_written(objects: JsonObjects, lost: Mapping[int, Collection[Place]]) -> list[str | None]:
    """The `lost` values of each object as a JSON object of their places, None where there are none."""
    texts: list[str | None] = [None] * len(objects.values)
    for at, places in lost.items():
        try:
            members = objects.members(at)
            texts[at] = _nested({place: minified(member_at(members, place)) for place in sorted(places)})
        except BadJson:
            objects.refused[at] = MALFORMED
    return texts


def _nested(values: Mapping[Place, str]) -> str:
    """JSON values at their places in one object."""
    members: dict[str, str] = {}
    below: dict[str, dict[Place, str]] = {}
    for (name, *rest), text in values.items():
        if rest:
            below.setdefault(name, {})[tuple(rest)] = text
        else:
            members[name] = text
    members |= {name: _nested(inner) for name, inner in below.items()}
    return "{" + ",".join(f"{orjson.dumps(name).decode()}:{text}" for name, text in members.items()) + "}"


def _extras(objects: JsonObjects, undeclared: Counter[str]) -> list[str | None]:
    """Each object's undeclared members as a JSON object, None where there are none.

    Of several members of one name the last one is the declared one, all others are not.
    """
    extras: list[str | None] = [None] * len(objects.values)
    for at in sorted(objects.undeclaring | objects.repeating):
        try:
            if at in objects.repeating:
                extras[at] = _rest(pairs_of(objects.text(at)), objects.tree, "", undeclared, pairs_of)
            else:
                extras[at] = _rest(objects.members(at).items(), objects.tree, "", undeclared, _unrepeated)
        except BadJson:
            objects.refused[at] = MALFORMED
    return extras


def _rest(pairs: _Pairs, tree: Tree, prefix: str, undeclared: Counter[str], split: _Split) -> str | None:
    """What no column declares, as JSON; nested objects of which a part is declared keep the other part."""
    kept = []
    left = Counter(name for name, _ in pairs)
    for name, text in pairs:
        left[name] -= 1
        again, branch = left[name] > 0, tree.get(name, NOTHING)
        if not again and (branch is None or (name in tree and text == b"null")):
            continue
        rest: str | None
        if not again and branch is PART:
            rest = minified(text)
        elif not again and name in tree and text.startswith(b"{"):
            rest = _rest(split(text), branch, f"{prefix}{name}.", undeclared, split)
        else:
            undeclared[f"{prefix}{name}{REPEATED if again else ''}"] += 1
            rest = minified(text)
        if rest is not None:
            kept.append(f"{orjson.dumps(name).decode()}:{rest}")
    return "{" + ",".join(kept) + "}" if kept else None


def _unrepeated(text: bytes) -> _Pairs:
    return members_of(text).items()


class JsonObjects:
    """The valid objects among some elements, and their members' own texts where these are needed.

    All are read together, column by column; one by one only those that lack a member or have too many.
    """

    def __init__(self, elements: Elements, tree: Tree, literals: Set[str] = frozenset()) -> None:
        """`literals` are the names at the root of the tree that are whole paths."""
        self._elements, self.tree, self._literals = elements, tree, literals
        self.values = [value for value in elements.values if value is not None]
        self.places: Sequence[int] = range(len(elements.texts))
        if elements.reasons:
            self.places = [place for place, value in enumerate(elements.values) if value is not None]
        self._members: dict[int, dict[str, bytes]] = {}
        self._below: dict[Place, list[dict[str, Any]]] = {(): self.values}
        self._at: dict[Place, list[Any]] = {}
        self._kinds: dict[Place, frozenset[type]] = {}
        self.refused: dict[int, str] = {}
        """Objects (by index) that can't be read after all: nested too deeply."""

    def members(self, at: int) -> dict[str, bytes]:
        if at not in self._members:
            self._members[at] = members_of(self.text(at))
        return self._members[at]

    def text(self, at: int) -> bytes:
        return self._elements.texts[self.places[at]]

    def at(self, path: Place) -> list[Any]:
        """The value at a path in each of the objects; None where there is none."""
        if path not in self._at:
            *parents, leaf = path
            self._at[path] = [o.get(leaf) for o in self.below(tuple(parents))]
        return self._at[path]

    def kinds(self, path: Place) -> frozenset[type]:
        """The types of those values."""
        if path not in self._kinds:
            self._kinds[path] = frozenset(map(type, self.at(path)))
        return self._kinds[path]

    def below(self, path: Place) -> list[dict[str, Any]]:
        """The nested object at a path in each of the objects; an empty one where there is none."""
        if path not in self._below:
            self._below[path] = [value if type(value) is dict else NOTHING for value in self.at(path)]
        return self._below[path]

    def lacking(self, path: Place) -> list[int]:
        """The objects (by index) that have nothing at a path, not even null."""
        *parents, leaf = path
        below = self.below(tuple(parents))
        return [at for at in _places_of_null(self.at(path)) if leaf not in below[at]]

    @cached_property
    def named_oddly(self) -> set[int]:
        """The objects (by index) with a member of a name that is no first part of a declared path: it is undeclared,
        or the whole path."""
        return self._strange((), [name for name in self.tree if name not in self._literals])

    @cached_property
    def undeclaring(self) -> set[int]:
        """The objects (by index) that have something which the tree doesn't declare."""
        known = frozenset(self.tree)
        return {at for at in self.named_oddly if not known.issuperset(self.values[at])} | self._beneath((), self.tree)

    def _beneath(self, path: Place, tree: Tree) -> set[int]:
        """Those that have something undeclared in the declared members of a nested object."""
        found: set[int] = set()
        for name, branch in tree.items():
            if branch is None:
                continue
            inner = (*path, name)
            if branch is PART:
                found |= {at for at, value in enumerate(self.at(inner)) if value is not None}
                continue
            if not self.kinds(inner) <= {dict, type(None)}:
                whole = enumerate(self.at(inner))
                found |= {at for at, value in whole if value is not None and type(value) is not dict}
            found |= self._strange(inner, branch) | self._beneath(inner, branch)
        return found

    def _strange(self, path: Place, names: Collection[str]) -> set[int]:
        """The objects (by index) with a member of another name at a path: it has too many, or lacks some."""
        below, known = self.below(path), frozenset(names)
        likely = {at for at, count in enumerate(map(len, below)) if count > len(known)}
        likely.update(*(self.lacking((*path, name)) for name in known))
        return {at for at in likely if not known.issuperset(below[at])}

    @cached_property
    def repeating(self) -> set[int]:
        """The objects (by index) in which some name occurs twice."""
        joined = self._elements.texts.joined(without=self._elements.reasons)
        names = self._names((), self.tree) + names_in([self.values[at] for at in self.undeclaring])
        if certainly_once(joined, at_least=names) or written_once(joined, self.values):
            return set()
        return {at for at, value in enumerate(self.values) if repeats(self.text(at), value)}

    def _names(self, path: Place, tree: Tree) -> int:
        """How many names there are at declared places, in objects that hold nothing undeclared."""
        below = self.below(path)
        count = sum(map(len, below)) - sum(len(below[at]) for at in self.undeclaring)
        return count + sum(
            self._names((*path, name), branch) for name, branch in tree.items() if isinstance(branch, dict)
        )


def _places_of_null(values: list[Any]) -> Iterator[int]:
    place = -1
    with suppress(ValueError):
        while True:
            place = values.index(None, place + 1)
            yield place

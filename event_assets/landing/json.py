"""JSON arrays and NDJSON as batches: values found by path, everything undeclared kept in `extra`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from event_assets.dataset import Source
from event_assets.landing.blocks import LineBlocks, open_plain
from event_assets.landing.json_elements import elements_of
from event_assets.landing.json_repeats import certainly_once, names_in, pairs_of, repeats, written_once
from event_assets.landing.json_values import BadJson, Elements, member_at, members_of, minified, value_text
from event_assets.landing.records import EXTRA, ROW_NUMBER, TOO_LONG, Batch, Fields, Reject, gathered

#: Smaller than for CSV: so many Python objects as a block makes should stay in the processor's cache.
BLOCK_BYTES = 256 * 1024
_BATCH_BYTES = 4 * 1024 * 1024
#: Declared places as a tree: a member's name to the tree of its declared members, or to None where the
#: whole member is declared.
Tree = Mapping[str, Any]
_Path = tuple[str, ...]
_NOTHING: dict[str, Any] = {}
#: What is told of a member that another one of its name follows.
REPEATED = " (repeated)"
_Pairs = Collection[tuple[str, bytes]]
_Split = Callable[[bytes], _Pairs]


def read_json(
    path: Path,
    source: Source,
    fields: Fields,
    *,
    block_bytes: int = BLOCK_BYTES,
    read: Callable[[int], None] | None = None,
) -> Iterator[Batch]:
    """The elements of an array, or the lines of an NDJSON file, in order; `read` is told of bytes read."""
    cut = elements_of if source.format == "json" else lines_of
    tree = _tree(fields)
    blocks = cut(path, source.max_record_bytes, block_bytes=block_bytes, read=read)
    yield from gathered((_batch(elements, fields, tree) for elements in blocks), _BATCH_BYTES)


def lines_of(
    path: Path, max_bytes: int, *, block_bytes: int, read: Callable[[int], None] | None = None
) -> Iterator[Elements]:
    """The records of an NDJSON file: its lines but blank ones."""
    with open_plain(path, read=read) as file:
        for block in LineBlocks(file, max_bytes, bare_cr=False, block_bytes=block_bytes):
            elements = Elements()
            if block.too_long:
                elements.refuse(block.data, TOO_LONG)
            else:
                for line in block.data.split(b"\n"):
                    if text := line.strip():
                        elements.add(text, max_bytes)
            if elements.texts:
                yield elements


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


def _batch(elements: Elements, fields: Fields, tree: Tree) -> Batch:
    objects = _Objects(elements, tree)
    columns: dict[str, list[str | None]] = {}
    present = set()
    for name, source in fields.sources.items():
        columns[name], found = _column(objects, source)
        if found:
            present.add(name)
    undeclared: Counter[str] = Counter()
    extras = _extras(objects, undeclared)
    numbers = [place + 1 for place in objects.places]
    frame = pl.DataFrame({ROW_NUMBER: numbers, **columns, EXTRA: extras}, fields.schema)
    if objects.refused:
        frame = frame.filter(~pl.col(ROW_NUMBER).is_in([numbers[at] for at in objects.refused]))
    reasons = elements.reasons | {objects.places[at]: reason for at, reason in objects.refused.items()}
    rejects = [Reject(place + 1, reason, elements.texts[place]) for place, reason in sorted(reasons.items())]

    own = elements.texts  # not the values, which need several times the room

    def texts(wanted: Sequence[int]) -> list[bytes]:
        return [own[number - 1] for number in wanted]

    return Batch(len(own), frame, rejects, texts, frozenset(present), undeclared)


class _Objects:
    """The valid objects among some elements, and their members' own texts where these are needed.

    All are looked at together, column by column; one by one only those that lack a member or have too many.
    """

    def __init__(self, elements: Elements, tree: Tree) -> None:
        self._elements, self.tree = elements, tree
        self.values = [value for value in elements.values if value is not None]
        self.places: Sequence[int] = range(len(elements.texts))
        if elements.reasons:
            self.places = [place for place, value in enumerate(elements.values) if value is not None]
        self._members: dict[int, dict[str, bytes]] = {}
        self._below: dict[_Path, list[dict[str, Any]]] = {(): self.values}
        self._at: dict[_Path, list[Any]] = {}
        self._kinds: dict[_Path, frozenset[type]] = {}
        self.refused: dict[int, str] = {}
        """Objects (by index) that turned out to be unreadable after all: nested too deeply."""

    def members(self, at: int) -> dict[str, bytes]:
        if at not in self._members:
            self._members[at] = members_of(self.text(at))
        return self._members[at]

    def text(self, at: int) -> bytes:
        return self._elements.texts[self.places[at]]

    def at(self, path: _Path) -> list[Any]:
        """The value at a path in each of the objects; None where there is none."""
        if path not in self._at:
            *parents, leaf = path
            self._at[path] = [o.get(leaf) for o in self.below(tuple(parents))]
        return self._at[path]

    def kinds(self, path: _Path) -> frozenset[type]:
        """The types of those values."""
        if path not in self._kinds:
            self._kinds[path] = frozenset(map(type, self.at(path)))
        return self._kinds[path]

    def below(self, path: _Path) -> list[dict[str, Any]]:
        """The nested object at a path in each of the objects; an empty one where there is none."""
        if path not in self._below:
            self._below[path] = [value if type(value) is dict else _NOTHING for value in self.at(path)]
        return self._below[path]

    def lacking(self, path: _Path) -> list[int]:
        """The objects (by index) that have nothing at a path, not even null."""
        *parents, leaf = path
        below = self.below(tuple(parents))
        return [at for at in _places_of_null(self.at(path)) if leaf not in below[at]]

    @cached_property
    def named_oddly(self) -> set[int]:
        """The objects (by index) with a member of a name that is no first part of a declared path: it is undeclared,
        or the whole path."""
        return self._strange((), [name for name in self.tree if "." not in name])

    @cached_property
    def undeclaring(self) -> set[int]:
        """The objects (by index) that hold something which the tree doesn't declare."""
        known = frozenset(self.tree)
        return {at for at in self.named_oddly if not known.issuperset(self.values[at])} | self._beneath((), self.tree)

    def _beneath(self, path: _Path, tree: Tree) -> set[int]:
        """Those that hold something undeclared in the declared members of a nested object."""
        found: set[int] = set()
        for name, branch in tree.items():
            if branch is None:
                continue
            inner = (*path, name)
            if not self.kinds(inner) <= {dict, type(None)}:
                whole = enumerate(self.at(inner))
                found |= {at for at, value in whole if value is not None and type(value) is not dict}
            found |= self._strange(inner, branch) | self._beneath(inner, branch)
        return found

    def _strange(self, path: _Path, names: Collection[str]) -> set[int]:
        """The objects (by index) with a member of another name at a path: it has too many, or lacks some."""
        below, known = self.below(path), frozenset(names)
        likely = {at for at, count in enumerate(map(len, below)) if count > len(known)}
        likely.update(*(self.lacking((*path, name)) for name in known))
        return {at for at in likely if not known.issuperset(below[at])}

    @cached_property
    def repeating(self) -> set[int]:
        """The objects (by index) in which some name occurs twice."""
        joined = self._elements.texts.joined(without=self._elements.reasons)
        names = self._names((), self.tree)
        if names is not None:
            names += names_in([self.values[at] for at in self.undeclaring])
        if (names is not None and certainly_once(joined, names)) or written_once(joined, self.values):
            return set()
        return {at for at, value in enumerate(self.values) if repeats(self.text(at), value)}

    def _names(self, path: _Path, tree: Tree) -> int | None:
        """How many names there are in objects that declare all they hold; None where the tree doesn't tell, since a
        declared value holds some, too."""
        below = self.below(path)
        count = sum(map(len, below)) - sum(len(below[at]) for at in self.undeclaring)
        for name, branch in tree.items():
            inner = None if self._nests((*path, name)) else 0
            if branch is not None:
                inner = self._names((*path, name), branch)
            if inner is None:
                return None
            count += inner
        return count

    def _nests(self, path: _Path) -> bool:
        """Whether some value at a path is an object or a list."""
        kinds: Collection[type]
        if "." in path[-1] and len(path) == 1:
            kinds = {type(self.values[at].get(path[-1])) for at in self.named_oddly}
        else:
            kinds = self.kinds(path)
        return not {dict, list}.isdisjoint(kinds)


def _places_of_null(values: list[Any]) -> Iterator[int]:
    place = -1
    with suppress(ValueError):
        while True:
            place = values.index(None, place + 1)
            yield place


def _column(objects: _Objects, source: str) -> tuple[list[str | None], bool]:
    """(the texts of the values at a declared place, whether any object has that place)."""
    path = tuple(source.split("."))
    values, kinds = objects.at(path), objects.kinds(path)
    literal = set[int]()
    if len(path) > 1:  # a member that bears the whole name, dots and all, comes first
        literal = {at for at in objects.named_oddly if source in objects.values[at]}
    if literal:
        values = [objects.values[at][source] if at in literal else value for at, value in enumerate(values)]
        kinds = frozenset(map(type, values))
    found = bool(kinds - {type(None)}) or bool(literal) or len(objects.lacking(path)) < len(values)
    if not kinds <= {str, type(None)}:
        # 0 may be written -0
        values = [str(value) if type(value) is int and value != 0 else value for value in values]
        for at, value in enumerate(values):
            if type(value) is not str and value is not None:
                values[at] = _text(objects, at, (source,) if at in literal else path)
    return values, found


def _text(objects: _Objects, at: int, path: _Path) -> str | None:
    try:
        return value_text(member_at(objects.members(at), path))
    except BadJson as bad:
        objects.refused[at] = bad.reason
        return None


def _extras(objects: _Objects, undeclared: Counter[str]) -> list[str | None]:
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
        except BadJson as bad:
            objects.refused[at] = bad.reason
    return extras


def _rest(pairs: _Pairs, tree: Tree, prefix: str, undeclared: Counter[str], split: _Split) -> str | None:
    """What no column declares, as JSON; nested objects of which a part is declared keep the other part."""
    kept = []
    left = Counter(name for name, _ in pairs)
    for name, text in pairs:
        left[name] -= 1
        again, branch = left[name] > 0, tree.get(name, _NOTHING)
        if not again and (branch is None or (name in tree and text == b"null")):
            continue
        if not again and name in tree and text.startswith(b"{"):
            rest = _rest(split(text), branch, f"{prefix}{name}.", undeclared, split)
        else:
            undeclared[f"{prefix}{name}{REPEATED if again else ''}"] += 1
            rest = minified(text)
        if rest is not None:
            kept.append(f"{orjson.dumps(name).decode()}:{rest}")
    return "{" + ",".join(kept) + "}" if kept else None


def _unrepeated(text: bytes) -> _Pairs:
    return members_of(text).items()

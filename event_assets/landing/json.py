"""JSON arrays and NDJSON as batches: values found by path, everything undeclared kept in `extra`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from event_assets.dataset import Source
from event_assets.landing.blocks import LineBlocks, open_plain
from event_assets.landing.json_elements import elements_of
from event_assets.landing.json_repeats import pairs_of, repeating
from event_assets.landing.json_values import BadJson, Elements, member_at, members_of, minified, value_text
from event_assets.landing.records import EXTRA, ROW_NUMBER, TOO_LONG, Batch, Fields, Reject

#: Smaller than for CSV: so many Python objects as a block makes should stay in the processor's cache.
BLOCK_BYTES = 1024 * 1024
#: Declared places as a tree: a member's name to the tree of its declared members, or to None where the
#: whole member is declared.
Tree = Mapping[str, Any]
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
    for elements in cut(path, source.max_record_bytes, block_bytes=block_bytes, read=read):
        yield _batch(elements, fields, tree)


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
    objects = _Objects(elements)
    columns: dict[str, list[str | None]] = {}
    present = set()
    for name, source in fields.sources.items():
        columns[name], found = _column(objects, source)
        if found:
            present.add(name)
    undeclared: Counter[str] = Counter()
    extras = _extras(objects, tree, undeclared)
    numbers = [place + 1 for place in objects.places]
    frame = pl.DataFrame({ROW_NUMBER: numbers, **columns, EXTRA: extras}, fields.schema)
    if objects.refused:
        frame = frame.filter(~pl.col(ROW_NUMBER).is_in([numbers[at] for at in objects.refused]))
    reasons = elements.reasons | {objects.places[at]: reason for at, reason in objects.refused.items()}
    rejects = [Reject(place + 1, reason, elements.texts[place]) for place, reason in sorted(reasons.items())]

    def texts(wanted: Sequence[int]) -> list[bytes]:
        return [elements.texts[number - 1] for number in wanted]

    return Batch(len(elements.texts), frame, rejects, texts, frozenset(present), undeclared)


class _Objects:
    """The valid objects among some elements, and their members' own texts where these are needed."""

    def __init__(self, elements: Elements) -> None:
        self._texts = elements.texts
        self.values = [value for value in elements.values if value is not None]
        self.places: Sequence[int] = range(len(elements.texts))
        if elements.reasons:
            self.places = [place for place, value in enumerate(elements.values) if value is not None]
        self._members: dict[int, dict[str, bytes]] = {}
        self._below: dict[tuple[str, ...], list[dict[str, Any]]] = {(): self.values}
        self.refused: dict[int, str] = {}
        """Objects (by index) that turned out to be unreadable after all: nested too deeply."""
        self.repeating = frozenset(repeating([self._texts[place] for place in self.places], self.values))
        """Objects (by index) in which some name occurs twice."""

    def members(self, at: int) -> dict[str, bytes]:
        if at not in self._members:
            self._members[at] = members_of(self._texts[self.places[at]])
        return self._members[at]

    def text(self, at: int) -> bytes:
        return self._texts[self.places[at]]

    def below(self, path: tuple[str, ...]) -> list[dict[str, Any]]:
        """The nested object at a path in each of the objects; an empty one where there is none."""
        if path not in self._below:
            name = path[-1]
            inner = [o.get(name) for o in self.below(path[:-1])]
            self._below[path] = [value if type(value) is dict else _NOTHING for value in inner]
        return self._below[path]


def _column(objects: _Objects, source: str) -> tuple[list[str | None], bool]:
    """(the texts of the values at a declared place, whether any object has that place)."""
    *parents, leaf = path = source.split(".")
    below = objects.below(tuple(parents))
    values = [o.get(leaf) for o in below]
    literal: set[int] = set()
    if parents:  # a member that bears the whole name, dots and all, comes first
        literal = {at for at, o in enumerate(objects.values) if source in o}
        for at in literal:
            values[at] = objects.values[at][source]
    kinds = set(map(type, values))
    found = bool(kinds - {type(None)}) or any(leaf in o for o in below)
    if not kinds <= {str, type(None)}:
        for at, value in enumerate(values):
            kind = type(value)
            if kind is int and value != 0:  # 0 may be written -0
                values[at] = str(value)
            elif kind is not str and value is not None:
                values[at] = _text(objects, at, [source] if at in literal else path)
    return values, found


def _text(objects: _Objects, at: int, path: list[str]) -> str | None:
    try:
        return value_text(member_at(objects.members(at), path))
    except BadJson as bad:
        objects.refused[at] = bad.reason
        return None


def _extras(objects: _Objects, tree: Tree, undeclared: Counter[str]) -> list[str | None]:
    """Each object's undeclared members as a JSON object, None where there are none.

    Of several members of one name the last one is the declared one, all others are not.
    """
    extras: list[str | None] = [None] * len(objects.values)
    for at in sorted(_undeclaring(objects, tree, ()) | objects.repeating):
        try:
            if at in objects.repeating:
                extras[at] = _rest(pairs_of(objects.text(at)), tree, "", undeclared, pairs_of)
            else:
                extras[at] = _rest(objects.members(at).items(), tree, "", undeclared, _unrepeated)
        except BadJson as bad:
            objects.refused[at] = bad.reason
    return extras


def _undeclaring(objects: _Objects, tree: Tree, path: tuple[str, ...]) -> set[int]:
    """The objects that hold something below the path which the tree doesn't declare."""
    known = frozenset(tree)
    below = objects.below(path)
    found = {at for at, o in enumerate(below) if not known.issuperset(o)}
    for name, branch in tree.items():
        if branch is not None:
            whole = [o.get(name) for o in below]
            found |= {at for at, value in enumerate(whole) if value is not None and type(value) is not dict}
            found |= _undeclaring(objects, branch, (*path, name))
    return found


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

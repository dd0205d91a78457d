"""Looks up declared paths in JSON objects: the value of a column, and the array whose elements become records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import orjson

from event_assets.landing.json_elements import Elements
from event_assets.landing.reader_interface import MALFORMED
from event_assets.text.field_paths import PARENT, Lookup, Path, parse_path
from event_assets.text.json_text import BadJson, items_of, member_at, members_of

_PARENT = orjson.dumps(PARENT)
#: In a tree: an array with some declared elements. It stays in `extra` as a whole.
PART = "part"
#: Declared places as a tree: a member's name to the tree of its declared members, to None where the whole member is
#: declared, or to PART. A place of several names is at the root under its whole path, too.
Tree = Mapping[str, Any]


@dataclass(frozen=True)
class JsonPath:
    """A declared source as it is searched in objects."""

    members: tuple[str, ...]
    """The names that lead to the value, or to the array in which it is."""
    rest: Path = ()
    """What leads from the array to the value."""
    literal: str | None = None
    """A member whose name is the whole path, with its dots, comes first."""

    @classmethod
    def of(cls, source: str) -> JsonPath:
        steps = parse_path(source)
        members = tuple(takewhile(lambda step: isinstance(step, str), steps))
        names = tuple(str(name) for name in members)
        literal = source if len(names) > 1 and names == tuple(source.split(".")) else None
        return cls(names, steps[len(names) :], literal)


def tree_of(paths: Iterable[JsonPath]) -> Tree:
    """All declared places."""
    tree: dict[str, Any] = {}
    for path in paths:
        branch, (*parents, leaf) = tree, path.members
        for name in parents:
            inner = branch.setdefault(name, {})
            if not isinstance(inner, dict):
                break  # the whole member is declared by another column, or stays whole
            branch = inner
        else:
            if not path.rest:
                branch[leaf] = None
            elif branch.get(leaf, PART) is not None:
                branch[leaf] = PART
        if path.literal is not None:
            tree[path.literal] = None
    return tree


def looked_up(arrays: Sequence[Any], rest: Path) -> list[Any]:
    """The value at the path in each array; None if the array has no such value."""
    values = list(arrays)
    for step in rest:
        values = [_step(value, step) for value in values]
    return values


def text_behind(text: bytes, value: Any, rest: Path) -> bytes:
    """The own text of the value behind an array, given the text and the value of the array."""
    for step in rest:
        if isinstance(step, str):
            text, value = members_of(text)[step], value[step]
            continue
        place = _place(value, step)
        assert place is not None
        text, value = items_of(text)[place], value[place]
    return text


def _step(value: Any, step: str | int | Lookup) -> Any:
    if isinstance(step, str):
        return value.get(step) if type(value) is dict else None
    place = _place(value, step) if type(value) is list else None
    return None if place is None else value[place]


def _place(array: list[Any], step: int | Lookup) -> int | None:
    """The position that an index or a lookup means: of a lookup the first object whose member is that text."""
    if isinstance(step, int):
        return step if step < len(array) else None
    key, value = step.key, step.value
    for place, one in enumerate(array):
        try:
            member = one[key]
        except (KeyError, TypeError):  # no such member, or no object
            continue
        if member == value or (type(member) in (bool, int) and orjson.dumps(member).decode() == value):
            return place
    return None


# The array that becomes records


def exploded(blocks: Iterable[Elements], path: JsonPath, max_bytes: int) -> Iterator[Elements]:
    """Each element of the arrays at a path as a record; a record whose array is absent or empty is one record without
    element members.

    The member `^` of a record is the record around it, without the array. An element that is no object is malformed.
    """
    for block in blocks:
        made = Elements()
        for at, value in enumerate(block.values):
            text = block.texts[at]
            if value is None:
                made.refuse(text, block.reasons[at])
            else:
                try:
                    _explode(text, value, path.members, made, max_bytes)
                except BadJson:
                    made.refuse(text, MALFORMED)
        if made.texts:
            yield made


def _explode(text: bytes, value: dict[str, Any], members: tuple[str, ...], made: Elements, max_bytes: int) -> None:
    array: Any = value
    for name in members:
        array = array.get(name) if type(array) is dict else None
    if type(array) is not list and array is not None:  # not an array of records, and so a value like others
        take_within(made, b"{}", {}, value, text, max_bytes)
        return
    rest = _value_without(value, members)
    around = text if array is None and rest == value else _without(text, members)
    if not array:
        take_within(made, b"{}", {}, rest, around, max_bytes)
        return
    texts = items_of(member_at(members_of(text), members))
    for own, element in zip(texts, array, strict=True):
        if type(element) is dict:
            take_within(made, own, element, rest, around, max_bytes)
        else:
            made.refuse(own, MALFORMED)


def take_within(
    made: Elements, text: bytes, values: dict[str, Any], around: object, around_text: bytes, max_bytes: int
) -> None:
    """Add a valid record with what is around it, as the member `^`."""
    member = b"%s%s:%s}" % (b"," if values else b"", _PARENT, around_text)
    made.take(text.rstrip()[:-1] + member, {**values, PARENT: around}, max_bytes + len(member))


def _without(text: bytes, members: tuple[str, ...]) -> bytes:
    """The object's text without the member at a path, if it has one."""
    name, *inner = members
    kept = []
    for other, raw in members_of(text).items():
        if other == name:
            if not inner:
                continue
            raw = _without(raw, tuple(inner)) if raw.startswith(b"{") else raw
        kept.append(b"%s:%s" % (orjson.dumps(other), raw))
    return b"{" + b",".join(kept) + b"}"


def _value_without(value: Any, members: tuple[str, ...]) -> Any:
    name, *inner = members
    if type(value) is not dict or name not in value:
        return value
    if not inner:
        return {other: one for other, one in value.items() if other != name}
    return {**value, name: _value_without(value[name], tuple(inner))}

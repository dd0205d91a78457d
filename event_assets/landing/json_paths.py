"""Declared paths into JSON: a column's value, and the array that becomes records."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import orjson

from event_assets.landing.json_elements import Elements
from event_assets.landing.reader_interface import MALFORMED
from event_assets.text.field_paths import PARENT, Lookup, Path, parse_path
from event_assets.text.json_text import BadJson, items_of, member_at, members_of

#: In a tree: an array of which some elements are declared. It stays in `extra` as a whole.
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
    """A member of this very name, dots and all, comes first."""

    @classmethod
    def of(cls, source: str) -> JsonPath:
        steps = parse_path(source)
        members = tuple(takewhile(lambda step: isinstance(step, str), steps))
        names = tuple(str(name) for name in members)
        literal = source if len(names) > 1 and names == tuple(source.split(".")) else None
        return cls(names, steps[len(names) :], literal)


_PARENT = orjson.dumps(PARENT)


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
    """The value behind each array; None where there is none. The first step is looked up in all arrays together."""
    first, *others = rest
    values: list[Any]
    if isinstance(first, Lookup):
        key, value = first.key, first.value
        values = [_first(array, key, value) if type(array) is list else None for array in arrays]
    else:
        values = [_step(array, first) for array in arrays]
    for step in others:
        values = [_step(value, step) for value in values]
    return values


def text_behind(text: bytes, value: Any, rest: Path) -> bytes:
    """The own text of the value behind an array, given the text and the value of the array."""
    for step in rest:
        if isinstance(step, str):
            text, value = members_of(text)[step], value[step]
            continue
        place = step if isinstance(step, int) else _place(value, step.key, step.value)
        assert place is not None
        text, value = items_of(text)[place], value[place]
    return text


def _first(array: list[Any], key: str, value: str) -> Any:
    """The first object of an array whose member `key` is that text."""
    place = _place(array, key, value)
    return None if place is None else array[place]


def _place(array: list[Any], key: str, value: str) -> int | None:
    for place, one in enumerate(array):
        try:
            member = one[key]
        except (KeyError, TypeError):  # no such member, or no object
            continue
        if member == value or (type(member) is not str and _is_value(member, value)):
            return place
    return None


def _step(value: Any, step: str | int | Lookup) -> Any:
    if isinstance(step, str):
        return value.get(step) if type(value) is dict else None
    if type(value) is not list:
        return None
    if isinstance(step, int):
        return value[step] if step < len(value) else None
    return _first(value, step.key, step.value)


def _is_value(member: Any, value: str) -> bool:
    """Whether a boolean or a whole number is written as that text."""
    if type(member) is bool:
        return value == ("true" if member else "false")
    return type(member) is int and str(member) == value


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
    if type(array) is not list or not array:
        around, rest = text, value
        if array in (None, []) and _has(value, members):
            around, rest = _without(text, members), _value_without(value, members)
        made.extend(b"{%s:%s}" % (_PARENT, around), [{PARENT: rest}])
        return
    around, rest = _without(text, members), _value_without(value, members)
    texts = items_of(member_at(members_of(text), members))
    for own, element in zip(texts, array, strict=True):
        if type(element) is not dict:
            made.refuse(own, MALFORMED)
            continue
        comma = b"," if element else b""
        record = b"%s%s%s:%s}" % (own.rstrip()[:-1], comma, _PARENT, around)
        made.take(record, {**element, PARENT: rest}, max_bytes + len(around))


def _has(value: Any, members: tuple[str, ...]) -> bool:
    for name in members:
        if type(value) is not dict or name not in value:
            return False
        value = value[name]
    return True


def _without(text: bytes, members: tuple[str, ...]) -> bytes:
    """The object's text without the member at a path."""
    name, *inner = members
    kept = []
    for other, raw in members_of(text).items():
        if other == name:
            if not inner:
                continue
            raw = _without(raw, tuple(inner))
        kept.append(b"%s:%s" % (orjson.dumps(other), raw))
    return b"{" + b",".join(kept) + b"}"


def _value_without(value: dict[str, Any], members: tuple[str, ...]) -> dict[str, Any]:
    made = copy.copy(value)
    place = made
    for name in members[:-1]:
        place[name] = copy.copy(place[name])
        place = place[name]
    place.pop(members[-1], None)
    return made

"""Declared paths into JSON: which part of one leads through members, what follows it, and all of them as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import msgspec

from event_assets.landing.json_values import BadJson, members_of
from event_assets.landing.record_batches import MALFORMED
from event_assets.text.paths import Lookup, Path, parse_path

#: In a tree: an array of which some elements are declared. It is kept in `extra` as a whole.
PART = "part"
#: Declared places as a tree: a member's name to the tree of its declared members, to None where the whole member is
#: declared, or to PART. A place of several names is at the root under its whole path, too.
Tree = Mapping[str, Any]

_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True)
class JsonPath:
    """A declared source as it is looked for in objects."""

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
    """The value behind each array; None where there is none. For the first step all arrays are looked at together."""
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
    """The own text of what is behind an array, given the text and the value of the array."""
    for step in rest:
        if isinstance(step, str):
            text, value = members_of(text)[step], value[step]
            continue
        place = step if isinstance(step, int) else _place(value, step.key, step.value)
        assert place is not None
        text, value = _elements(text)[place], value[place]
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


def _elements(array: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in _ARRAY.decode(array)]
    except (msgspec.DecodeError, RecursionError):
        raise BadJson(MALFORMED) from None

"""Records within records: the elements of an array as records, each beside what is left of the record around."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import orjson

from event_assets.landing.json_paths import JsonPath
from event_assets.landing.json_values import BadJson, Elements, member_at, members_of
from event_assets.landing.record_batches import MALFORMED
from event_assets.text.paths import PARENT

_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_PARENT = orjson.dumps(PARENT)


def exploded(blocks: Iterable[Elements], path: JsonPath, max_bytes: int) -> Iterator[Elements]:
    """Each element of the arrays at a path as a record; a record whose array is absent or empty is one without any.

    The member `^` of a record is the one around it, without the array. An element that is no object is malformed.
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
                except BadJson as bad:
                    made.refuse(text, bad.reason)
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
    texts = _elements(member_at(members_of(text), members))
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


def _elements(array: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in _ARRAY.decode(array)]
    except (msgspec.DecodeError, RecursionError):
        raise BadJson(MALFORMED) from None

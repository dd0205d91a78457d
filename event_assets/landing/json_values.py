"""One JSON record: is it valid, and what are its values' own texts?

orjson decides what is valid (it is exact on all of JSONTestSuite); msgspec gives the text of those values
whose text can't be derived from their value: numbers with a point or exponent, numbers beyond 64 bits, nested
objects. Of several members of one name the last one wins, as in both of these parsers; json_repeats.py
finds the others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec
import orjson

from event_assets.landing.json_texts import Texts
from event_assets.landing.record_batches import MALFORMED, NOT_UTF8, TOO_LONG

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class BadJson(Exception):
    """No valid JSON object."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass
class Elements:
    """Some consecutive records: their own texts, their values as orjson reads them (None where refused), and
    by place why those were refused."""

    texts: Texts = field(default_factory=Texts)
    values: list[dict[str, Any] | None] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)

    def add(self, text: bytes, max_bytes: int) -> None:
        """Judge a record and take it."""
        try:
            self.take(text, parse_object(text), max_bytes)
        except BadJson as bad:
            self.refuse(text, bad.reason if len(text) <= max_bytes else TOO_LONG)

    def take(self, text: bytes, values: dict[str, Any], max_bytes: int) -> None:
        if len(text) > max_bytes:
            self.refuse(text, TOO_LONG)
        else:
            self.extend(text, [values])

    def extend(self, texts: bytes, values: list[dict[str, Any]]) -> None:
        """Take valid records that follow each other with commas between them."""
        self.texts.extend(texts, len(values))
        self.values.extend(values)

    def refuse(self, text: bytes, reason: str) -> None:
        self.reasons[len(self.texts)] = reason
        self.texts.append(text)
        self.values.append(None)

    def drop_last(self) -> None:
        self.texts.pop()
        self.values.pop()
        self.reasons.pop(len(self.texts), None)


def parse_object(text: bytes) -> dict[str, Any]:
    """The members' values, BadJson where the text is no valid object of UTF-8."""
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        values = _beyond_orjson(text, error)
    if type(values) is not dict:
        raise BadJson(MALFORMED)
    return values


def members_of(text: bytes) -> dict[str, bytes]:
    """The members of a valid object by name, each as it is written; BadJson where it is nested too deeply."""
    try:
        return {name: bytes(raw) for name, raw in _MEMBERS.decode(text).items()}
    except (msgspec.DecodeError, RecursionError):
        raise BadJson(MALFORMED) from None


def member_at(members: dict[str, bytes], path: Sequence[str]) -> bytes:
    """The text of the value at a path that exists."""
    for name in path[:-1]:
        members = members_of(members[name])
    return members[path[-1]]


def minified(text: bytes) -> str:
    """The JSON without white space, every number and string as it is written."""
    try:
        return msgspec.json.format(text, indent=-1).decode()
    except (msgspec.DecodeError, RecursionError):
        raise BadJson(MALFORMED) from None


def value_text(text: bytes) -> str | None:
    """A member's value as a raw table keeps it: strings decoded, null as None, all else as JSON."""
    if text.startswith(b'"'):
        return str(msgspec.json.decode(text, type=str))
    if text == b"null":
        return None
    return minified(text) if text[0] in b"{[" else text.decode()


def _beyond_orjson(text: bytes, error: orjson.JSONDecodeError) -> Any:
    """What orjson refuses though it is JSON: a number too large for a float, kept as text here."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        raise BadJson(NOT_UTF8) from None
    if "infinity" not in str(error):
        raise BadJson(MALFORMED)
    try:
        values = json.loads(decoded, parse_int=str, parse_float=str, parse_constant=_no_constant)
        orjson.dumps(values, default=str)  # refuses lone surrogates, which no table can hold
    except (ValueError, TypeError, RecursionError):
        raise BadJson(MALFORMED) from None
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)

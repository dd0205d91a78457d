"""One JSON record: is it valid, and what are its values' own texts?

orjson decides what is valid (it is exact on all of JSONTestSuite); msgspec gives the text of those values
whose text isn't told by their value: numbers with a point or exponent, numbers beyond 64 bits, nested
objects. Of several members of one name the last one stands, as in both of these parsers.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cached_property
from typing import Any, NoReturn

import msgspec
import orjson

from event_assets.landing.records import MALFORMED, NOT_UTF8

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class BadJson(Exception):
    """No valid JSON object."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Record:
    """A valid JSON object: its values as orjson reads them, and its members' texts when they are needed."""

    __slots__ = ("__dict__", "text", "values")

    def __init__(self, text: bytes, values: dict[str, Any]) -> None:
        self.text, self.values = text, values

    @cached_property
    def members(self) -> dict[str, bytes]:
        return members_of(self.text)

    def member(self, path: list[str]) -> bytes:
        """The text of the value at a path that exists."""
        members = self.members
        for name in path[:-1]:
            members = members_of(members[name])
        return members[path[-1]]


def parse_record(text: bytes) -> Record:
    """The record, BadJson where the text is no valid object of UTF-8."""
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        values = _beyond_orjson(text, error)
    if type(values) is not dict:
        raise BadJson(MALFORMED)
    return Record(text, values)


def members_of(text: bytes) -> dict[str, bytes]:
    """The members of a valid object by name, each as it is written; BadJson where it is nested too deeply."""
    try:
        return {name: bytes(raw) for name, raw in _MEMBERS.decode(text).items()}
    except (msgspec.DecodeError, RecursionError):
        raise BadJson(MALFORMED) from None


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
        values = json.loads(decoded, parse_int=Decimal, parse_float=Decimal, parse_constant=_no_constant)
        orjson.dumps(values, default=str)  # refuses lone surrogates, which no table can hold
    except (ValueError, TypeError, RecursionError):
        raise BadJson(MALFORMED) from None
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)

"""The members of a JSON object in their order, each value as it is written; a name may be repeated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NoReturn

#: A value of JSON that a text without quotes may be: a number, true or false.
SCALAR = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false")
_SURROGATE = re.compile("[\ud800-\udfff]")
#: `json.dumps` makes an encoder at each call, which takes ten times as long as its work on a short text.
_string = json.JSONEncoder(ensure_ascii=False).encode
_SPACES = re.compile(r"[ \t\r\n]*")
_value = json.JSONDecoder(parse_int=str, parse_float=str, strict=False).raw_decode


def members_as_written(text: str) -> Iterator[tuple[str, str]]:
    """The name of each member of a valid object and the text of its value. RecursionError where it is nested deeply."""
    place = _behind_space(text, _behind_space(text, 0) + 1)
    while text[place] != "}":
        name, place = _value(text, place)
        start = _behind_space(text, _behind_space(text, place) + 1)
        _, end = _value(text, start)
        yield name, text[start:end]
        place = _behind_space(text, end)
        if text[place] == ",":
            place = _behind_space(text, place + 1)


def json_string(text: str) -> str:
    """A text as a JSON string, without needless escapes; a lone surrogate, which has no UTF-8, is one."""
    return _string(text) if text.isascii() or not _SURROGATE.search(text) else json.dumps(text)


def refuse_constant(name: str) -> NoReturn:
    """For `parse_constant` of Python's parser, which reads NaN and Infinity; they are not JSON."""
    raise ValueError(f"{name} is not JSON")


def _behind_space(text: str, place: int) -> int:
    match = _SPACES.match(text, place)
    assert match is not None
    return match.end()

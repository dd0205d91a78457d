"""JSON in its canonical form: two texts have the same one exactly where their values are equal."""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any

from event_assets.text.json_members import json_string, refuse_constant
from event_assets.text.numbers import exact_json

#: Deeper nesting is rejected, at the same depth for every reader: Python's own limit depends on the caller.
MAX_DEPTH = 200
_BRACKETS_AND_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.S)


def canonical_json(text: str) -> str | None:
    """The canonical form of a JSON text (RFC 8259, so no NaN); None where it is not valid.

    Members are sorted by the UTF-8 bytes of their names, the last one of a name stays; there is no white space, and
    numbers are written by their exact decimal value.
    """
    if _too_deep(text):
        return None
    try:
        value = json.loads(
            text,
            parse_constant=refuse_constant,
            parse_int=_Written.number,
            parse_float=_Written.number,
            object_pairs_hook=_sorted,
        )
        return _written(value)
    except (ValueError, RecursionError):
        return None


class _Written(str):
    """A part of the value that is in canonical form already."""

    @classmethod
    def number(cls, text: str) -> _Written:
        return cls(exact_json(text))


def _sorted(pairs: list[tuple[str, Any]]) -> _Written:
    last = sorted(dict(pairs).items(), key=lambda member: member[0].encode("utf-8", "surrogatepass"))
    return _Written("{" + ",".join(f"{json_string(name)}:{_written(value)}" for name, value in last) + "}")


def _written(value: Any) -> str:
    if isinstance(value, _Written):
        return value
    if isinstance(value, str):
        return json_string(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return {None: "null", True: "true", False: "false"}[value]


def _too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    steps = ({"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0) for match in _BRACKETS_AND_STRINGS.finditer(text))
    return any(depth > MAX_DEPTH for depth in accumulate(steps))

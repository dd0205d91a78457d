"""Paths to a value within a record: `details.page`, `x."k.with.dot".id`, `parent[0].id`, `params[key=page].value`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

#: Instead of a path: the path of the file itself below the inbox.
FILE_PATH = "file_path"
#: The first name of a path that begins at the record from which `explode` took this one, or at the keys of its object.
PARENT = "^"
#: At the end of `records`: each member of an object, whose name is the record's `^.key`.
MEMBERS, KEY = "*", "key"


@dataclass(frozen=True)
class Lookup:
    """The first object of an array whose member `key` is the text `value`."""

    key: str
    value: str


Step = str | int | Lookup
"""A member's name, an index into an array (from 0), or a lookup in one."""
Path = tuple[Step, ...]

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_NAME = re.compile(rf"{_QUOTED}|[^.\[\]\"]+")
_BRACKET = re.compile(
    rf"\[(?:(?P<index>[0-9]{{1,9}})|(?P<key>{_QUOTED}|[^=\[\]\"]+)=(?P<value>{_QUOTED}|[^\[\]\"]*))\]"
)


@lru_cache(maxsize=4096)
def parse_path(text: str) -> Path:
    """The steps of a path; ValueError, with an example, if the text is not a path."""
    steps: list[Step] = []
    place = 0
    while True:
        match = _NAME.match(text, place)
        if match is None:
            raise ValueError(
                f"{text!r} is not a path (at character {place + 1}); write names with dots between them, quoted where "
                f'they hold a dot or a bracket, such as x."k.with.dot".id, parent[0].id or params[key=page].value'
            )
        steps.append(_plain(match[0]))
        place = match.end()
        while bracket := _BRACKET.match(text, place):
            index = bracket["index"]
            steps.append(int(index) if index is not None else Lookup(_plain(bracket["key"]), _plain(bracket["value"])))
            place = bracket.end()
        if place == len(text):
            return tuple(steps)
        place += text.startswith(".", place)


def is_plain(path: Path) -> bool:
    """Whether a path leads through members of objects only."""
    return all(isinstance(step, str) for step in path)


def _plain(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') else text

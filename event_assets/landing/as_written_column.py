"""The column `as_written`: the original JSON of those values that the columns' texts can't represent, such as null or
a number in a text column.

These are a number in a column of text, a string in one of numbers, null, and the several sources of one column.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from event_assets.landing.json_member_columns import NUMERIC, JsonObjects, Place, places_of_null
from event_assets.landing.json_paths import JsonPath
from event_assets.landing.reader_interface import MALFORMED, Fields
from event_assets.text.json_members import SCALAR
from event_assets.text.json_text import BadJson, member_at, minified


def _lost_in_text(objects: JsonObjects, fields: Fields, paths: Mapping[str, JsonPath]) -> dict[int, set[Place]]:
    """The declared places of an object (by index) whose values are lost in the columns' texts."""
    found: dict[int, set[Place]] = {}
    places = {path.members[:depth] for path in paths.values() for depth in range(1, len(path.members) + 1)}
    for place in places:
        if type(None) in objects.kinds(place):
            below, leaf = objects.below(place[:-1]), place[-1]
            for at in places_of_null(objects.at(place)):
                if leaf in below[at]:
                    found.setdefault(at, set()).add(place)
    for place in {place[:-1] for place in places if len(place) > 1}:
        for at, value in enumerate(objects.at(place) if dict in objects.kinds(place) else ()):
            if value == {}:
                found.setdefault(at, set()).add(place)
    for name, path in paths.items():
        for at in objects.named_oddly if path.literal is not None else ():
            if path.literal in objects.values[at]:
                found.setdefault(at, set()).add((str(path.literal),))
        kinds = {str} if name in fields.strings else NUMERIC
        plain = name not in fields.merged and objects.kinds(path.members) <= {*kinds, type(None)}
        if name in fields.json or path.rest or plain:
            continue
        for at, value in enumerate(objects.at(path.members)):
            if value is None:
                continue
            lost = type(value) not in kinds
            if lost and type(value) is str:
                lost = SCALAR.fullmatch(value) is not None
            if lost or name in fields.merged:
                found.setdefault(at, set()).add(path.members)
    return found


def as_written(objects: JsonObjects, fields: Fields, paths: Mapping[str, JsonPath]) -> list[str | None]:
    """The values of each object that are lost in text, as a JSON object of their places; None where there are none."""
    texts: list[str | None] = [None] * len(objects.values)
    for at, places in _lost_in_text(objects, fields, paths).items():
        try:
            members = objects.members(at)
            texts[at] = _nested({place: minified(member_at(members, place)) for place in sorted(places)})
        except BadJson:
            objects.refused[at] = MALFORMED
    return texts


def _nested(values: Mapping[Place, str]) -> str:
    """JSON values at their places in one object."""
    members: dict[str, str] = {}
    below: dict[str, dict[Place, str]] = {}
    for (name, *rest), text in values.items():
        if rest:
            below.setdefault(name, {})[tuple(rest)] = text
        else:
            members[name] = text
    members |= {name: _nested(inner) for name, inner in below.items()}
    return "{" + ",".join(f"{orjson.dumps(name).decode()}:{text}" for name, text in members.items()) + "}"

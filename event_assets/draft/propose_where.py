"""Proposes a `where` that excludes records of another shape than the others in a file, such as heartbeats among
clicks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from event_assets.draft.assign_roles import Roles
from event_assets.draft.sample import Field, Sample

_FEW = 30
#: Records of another shape share at most this part of their fields with the others, and are at most this part of all.
_MOST_COMMON, _MOST_RECORDS = 0.5, 0.5


@dataclass(frozen=True)
class LeftOut:
    """Values of a field whose records have no user, and hardly a field of the others."""

    field: Field
    values: tuple[str, ...]
    records: frozenset[int]
    """Their places in the sample."""


def records_left_out(sample: Sample, roles: Roles) -> LeftOut | None:
    """The records to leave out; None where all that have a time are of one shape."""
    user = roles.user
    if user is None or not user.empty:
        return None
    times = list(zip(*(one.values for one in roles.time), strict=True))
    timed = [at for at, parts in enumerate(times) if None not in parts]
    for one in _categories(sample, roles):
        by_value: dict[str | None, list[int]] = {}
        for at in timed:
            by_value.setdefault(one.values[at], []).append(at)
        bare = {value for value, places in by_value.items() if all(user.values[at] is None for at in places)}
        kept = [at for value, places in by_value.items() if value not in bare for at in places]
        wanted = _filled(sample, kept)
        repeated = [value for value in bare if value and len(by_value[value]) > 1]
        other = {v for v in repeated if _common(_filled(sample, by_value[v]), wanted, one) <= _MOST_COMMON}
        places = frozenset(at for value in other for at in by_value[value])
        if places and len(places) <= _MOST_RECORDS * len(timed):
            return LeftOut(one, tuple(sorted(filter(None, other))), places)
    return None


def _categories(sample: Sample, roles: Roles) -> list[Field]:
    """The fields at the root of records with few values, the type of event first, without time and user."""
    kinds = set(roles.type.sources) if roles.type else set()
    others = {one.source for one in roles.time} | (set(roles.user.sources) if roles.user else set())
    first = [one for one in sample.fields if one.source in kinds]
    able = first + [one for one in sample.fields if one.source not in kinds | others and len(one.parts) <= 1]
    return [one for one in able if not one.nested and 2 <= len(set(one.texts)) <= _FEW]


def _filled(sample: Sample, places: Iterable[int]) -> set[str]:
    some = list(places)
    return {one.source for one in sample.fields if any(one.values[at] is not None for at in some)}


def _common(mine: set[str], theirs: set[str], category: Field) -> float:
    """Which share of all fields two kinds of records have in common, the category aside."""
    union = (mine | theirs) - {category.source}
    return len((mine & theirs) - {category.source}) / max(1, len(union))

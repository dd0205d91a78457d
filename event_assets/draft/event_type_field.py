"""Guesses which field of a sample holds the type of an event, by the field's name and values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from event_assets.draft import known_names
from event_assets.draft.find_fields_by_name import fields_named, is_category, is_constant
from event_assets.draft.infer_types import is_identifier, is_number_text
from event_assets.draft.sample import Field, bare, share, titles_of

#: A type that is empty more often than this is another field's.
_MAX_EMPTY_TYPES = 0.2
_FEW_TYPES = 30


def event_type_field(fields: Sequence[Field], given: Field | None, remarks: list[str]) -> Field | None:
    candidates = [given] if given else fields_named(fields, known_names.TYPE, is_category)
    if not candidates:
        named = [one for one in fields if one.is_nameless and is_category(one)]
        words = [one for one in named if len(set(one.texts)) > 1 and all(text[0].isalpha() for text in one.texts)]
        if words:
            remarks.append(f"columns have no names: {words[0].source} was chosen by its values")
        return words[0] if words else None
    filled = [one if given else _with_alternatives(one, fields) for one in candidates]
    filled.sort(key=is_constant)
    chosen = next((one for one in filled if one.empty <= _MAX_EMPTY_TYPES * len(one.values)), filled[0])
    others = [one for one in candidates if not given and one.key in map(bare, known_names.TYPE[:12])]
    others = [one for one in others if one.source not in chosen.sources]
    if len(chosen.sources) > 1:
        remarks.append(f"the first of {', '.join(chosen.sources)} that is not empty")
    elif others:
        remarks.append(f"other fields that could be the type of event are {titles_of(others)}")
    elif not given and chosen.key.endswith("method"):
        able = fields_named(fields, known_names.PAGE, lambda one: len(set(one.texts)) > 1)
        able += [one for one in possible_types(fields) if one not in able and one.source not in chosen.sources]
        beside = f"; other fields that could be it are {titles_of(able)}" if able else ""
        remarks.append(f"the type of event is the HTTP method{beside}")
    if chosen.empty:
        what = share(chosen.empty, len(chosen.values))
        remarks.append(f"{what} have none and will be quarantined as missing_event_type")
    if several := differ_in_case(chosen.texts):
        remarks.append(f"{' and '.join(several)} differ in case only: case: lower makes them one type")
    return chosen


def _with_alternatives(chosen: Field, fields: Sequence[Field]) -> Field:
    """The field, with further fields beside it that name the type of event where it is empty."""
    beside = [one for one in fields if len(one.parts) == len(chosen.parts)]
    for other in fields_named(beside, known_names.TYPE_ELSE, is_category):
        whole = chosen.or_else(other)
        if whole.empty < chosen.empty:
            chosen = whole
    return chosen


def differ_in_case(texts: Iterable[str]) -> list[str]:
    """The first texts that differ in case only; empty if there are no such texts."""
    folded: dict[str, set[str]] = {}
    for text in texts:
        folded.setdefault(text.lower(), set()).add(text)
    return next((sorted(some) for some in folded.values() if len(some) > 1), [])


def possible_types(fields: Sequence[Field]) -> list[Field]:
    """The fields that could be the type of event: a few words for many records."""
    able = [one for one in fields if not one.nested and not one.within and not is_identifier(one.parts[-1])]
    able = [one for one in able if not all("@" in text or is_number_text(text) for text in one.texts)]
    return [one for one in able if 2 <= len(set(one.texts)) <= min(_FEW_TYPES, len(one.texts) // 2)]

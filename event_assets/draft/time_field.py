"""Guesses which field of a sample holds the time of an event, by the field's name and values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from event_assets.draft import known_names
from event_assets.draft.find_fields_by_name import fields_named, first_named
from event_assets.draft.infer_time_formats import CLOCK, TimeFormats, infer_time_formats, is_serial
from event_assets.draft.sample import Field, Sample, names_of, share, titles_of
from event_assets.errors import DeclarationError

_NO_TIMES = (
    "export a field with times such as 2025-01-31T10:00:00Z, 31.01.2025 10:00 or 1738317600000, or name it with "
    "--time-column NAME"
)
_NO_TIMES_IN_LINES = (
    "a line needs a time with its year, such as 2025-01-31 10:00:00 or 31/Jan/2025:10:00:00 +0000; of another form, "
    r"declare format: log with log: {pattern: '(?P<time>\S+ \S+) (?P<message>.*)'}"
)


def time_field(sample: Sample, given: Field | None, remarks: list[str]) -> tuple[tuple[Field, ...], TimeFormats]:
    fields = [given] if given else [one for one in sample.fields if not one.nested]
    named = {one.source for one in fields_named(fields, known_names.TIME, lambda _: True)}
    forms = {one.source: found for one in fields if (found := _forms_of(one, one.source in named or one is given))}
    able = [one for one in fields if one.source in forms]
    ranked = fields_named(able, known_names.TIME, lambda one: forms[one.source].has_clock)
    ranked += [one for one in able if forms[one.source].has_clock and not _is_only_number(forms[one.source])]
    epochs = [one for one in able if _is_called_a_time(one) and _is_epoch(forms[one.source])]
    ranked += sorted(epochs, key=lambda one: "end" in one.key)
    if not ranked and (pair := _date_and_clock(sample.fields, able, forms)):
        return pair
    ranked += fields_named(able, known_names.TIME, lambda _: True) + [
        one for one in able if given or not _is_only_number(forms[one.source])
    ]
    if not ranked and (nameless := [one for one in able if one.is_nameless and _is_epoch(forms[one.source])]):
        remarks.append(f"columns have no names: {nameless[0].title} was chosen by its values")
        ranked = nameless
    if not ranked:
        raise DeclarationError(
            str(given.source if given else sample.files[0].path),
            f"no field has times; there are {names_of(sample.fields)}",
            _NO_TIMES if not sample.is_nameless else _NO_TIMES_IN_LINES,
        )
    chosen = ranked[0]
    others = [one for one in able if one is not chosen and not one.within and not _is_only_number(forms[one.source])]
    if others and not given:
        remarks.append(f"other times are {titles_of(others)}: is {chosen.title} when the event happened?")
    _note_forms(chosen, forms[chosen.source], remarks)
    return (chosen,), forms[chosen.source]


def has_named_time(fields: Sequence[Field], *, by_ending: bool = False) -> bool:
    """Whether a field that is called like a time has times; `by_ending` takes names of vendors' own, too."""
    plain = [one for one in fields if not one.nested]
    named = fields_named(plain, known_names.TIME, lambda _: True)
    named += filter(_is_called_a_time, plain) if by_ending else []
    return any(_forms_of(one, True) for one in named)


def _note_forms(time: Field, forms: TimeFormats, remarks: list[str]) -> None:
    records = len(time.values)
    if not forms.has_clock:
        remarks.append(f"{time.title} has dates without a time of day: all events of a date are at midnight")
    if forms.ambiguous:
        remarks.append(
            f"{share(forms.ambiguous, records)} mean two different times in these formats and will be rejected as "
            f"ambiguous_timestamp: remove the format that is wrong"
        )
    elif len(forms.formats) > 1:
        remarks.append("times are written in several forms")
    if forms.unread:
        count = sum(text in forms.unread for text in time.texts)
        what = f"{share(count, records)} have no valid time, such as {forms.unread[0]!r}"
        remarks.append(f"{what}: they will be rejected as invalid_timestamp")
    if time.empty:
        remarks.append(f"{share(time.empty, records)} have no time: they will be rejected as missing_timestamp")


def _forms_of(one: Field, is_named: bool) -> TimeFormats | None:
    if one.form:
        return TimeFormats((one.form,), (), 0, has_clock=True, is_naive=True)
    if is_named and is_serial(one.texts):
        return TimeFormats(("excel_serial",), (), 0, has_clock=True, is_naive=True)
    return infer_time_formats(one.texts)


def _is_called_a_time(one: Field) -> bool:
    """Whether the last word of a field's name is one of times: EdgeStartTimestamp, time_usec, Created At (UTC)."""
    name = re.sub(r" *\([^()]*\)$", "", one.names[-1])
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return bool(words) and words[-1].lower() in known_names.TIME_ENDINGS


def _is_epoch(forms: TimeFormats) -> bool:
    return all(form.startswith("epoch") for form in forms.formats)


def _is_only_number(forms: TimeFormats) -> bool:
    """A number is only a time if it is called so; a text such as 2025-01-31T10:00:00 can be nothing else."""
    return all(form.startswith(("epoch", "excel")) or form in ("%Y%m%d", "%Y%m%d%H%M%S") for form in forms.formats)


def _date_and_clock(
    fields: Iterable[Field], able: Sequence[Field], forms: dict[str, TimeFormats]
) -> tuple[tuple[Field, ...], TimeFormats] | None:
    """A date and a time of day in two columns."""

    def is_clock(one: Field) -> bool:
        return not one.nested and bool(one.texts) and all(CLOCK.fullmatch(text) for text in one.texts)

    date = first_named(able, known_names.TIME, lambda one: not forms[one.source].has_clock) or next(iter(able), None)
    clocks = [one for one in fields if is_clock(one)]
    clock = first_named(clocks, known_names.CLOCK, lambda _: True) or next(iter(clocks), None)
    if date is None or clock is None:
        return None
    pairs = zip(date.values, clock.values, strict=True)
    found = infer_time_formats([f"{d} {c}" for d, c in pairs if d is not None and c is not None])
    return ((date, clock), found) if found else None

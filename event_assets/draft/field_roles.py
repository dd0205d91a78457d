"""Which field is the time, the user, the type of event and so on: by its name, checked against its values."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from event_assets.draft import role_names
from event_assets.draft.infer_time_formats import CLOCK, TimeFormats, infer_time_formats, is_serial
from event_assets.draft.infer_types import is_identifier
from event_assets.draft.sample import Field, Sample, bare, names_of, share
from event_assets.errors import DeclarationError

_MOST = 0.75
#: A type that is empty more often than this is another field's.
_MAX_EMPTY_TYPES = 0.2
_FEW_TYPES = 30
#: Of so many records a field with one value tells them apart no better than none.
_SEVERAL = 10
#: More empty ids than this are no mistakes: such events are kept without a user.
_MAX_EMPTY_USERS = 0.2


@dataclass(frozen=True)
class Roles:
    """The fields that mean something to the platform; None where no field does."""

    time: tuple[Field, ...]
    """One field, or a date and a time of day."""
    forms: TimeFormats
    user: Field | None
    user_required: bool
    type: Field | None
    id: Field | None
    session: Field | None
    platform: Field | None
    ip: Field | None
    page: Field | None
    minutes: Field | None
    remarks: dict[str, list[str]] = field(default_factory=dict)
    """What a person should check, by `time`, `user` and `type`."""


def roles_of(sample: Sample, time: str | None, user: str | None, kind: str | None) -> Roles:
    """The role of each field; `time`, `user` and `kind` name fields where the caller knows better.

    DeclarationError where no field has times, or a field that the caller names doesn't exist.
    """
    remarks: dict[str, list[str]] = {"time": [], "user": [], "type": []}
    found_time, forms = _time(sample, _given(sample, time, "--time-column"), remarks["time"])
    left = [one for one in sample.fields if one not in found_time]
    found_user = _user(left, _given(sample, user, "--user-column"), remarks["user"], _is_log(sample))
    required = found_user is not None and found_user.empty <= _MAX_EMPTY_USERS * len(found_user.values)
    if found_user is not None and not required:
        what = f"{share(found_user.empty, len(found_user.values))} have no user"
        remarks["user"].append(f"{what}: they are facts, but belong to no session; required: true rejects them instead")
    elif found_user is not None and found_user.empty:
        what = share(found_user.empty, len(found_user.values))
        remarks["user"].append(f"{what} have no user and will be quarantined as missing_user_id")
    users = set(found_user.sources) if found_user else set()
    left = [one for one in left if one.source not in users]
    found_kind = _type(left, _given(sample, kind, "--type-column"), remarks["type"])
    kinds = set(found_kind.sources) if found_kind else set()
    left = [one for one in left if one.source not in kinds]
    return Roles(
        time=found_time,
        forms=forms,
        user=found_user,
        user_required=required,
        type=found_kind,
        id=_first([one for one in left if not one.within or one.key in role_names.ID[:3]], role_names.ID, _is_unique),
        session=_first(left, role_names.SESSION, lambda one: not one.nested and bool(one.texts)),
        platform=_first(left, role_names.PLATFORM, _is_category),
        ip=_first(sample.fields, role_names.IP, _is_ip) or _named_ip(sample.fields),
        page=_first(left, role_names.PAGE, lambda one: not one.nested and bool(one.texts)),
        minutes=_first(left, role_names.MINUTES, lambda one: not one.nested),
        remarks=remarks,
    )


def has_named_time(fields: Sequence[Field]) -> bool:
    """Whether a field that is called like a time has times."""
    plain = [one for one in fields if not one.nested]
    named = [*_candidates(plain, role_names.TIME, lambda _: True), *filter(_is_called_a_time, plain)]
    return any(_forms_of(one, True) for one in named)


def user_of(sample: Sample, users: Collection[str] = frozenset()) -> Field | None:
    """The field that names the users of profiles: one with at least half of the users of events, where there is one;
    None where there is none."""
    unique = [one for one in sample.fields if _is_unique(one)]
    best = max(unique, key=lambda one: len(set(users).intersection(one.texts)), default=None)
    if best is not None and users and 2 * len(set(users).intersection(best.texts)) >= min(len(users), len(best.texts)):
        return best
    return _first(sample.fields, role_names.USER, lambda one: not one.nested and bool(one.texts)) or _first(
        sample.fields, ("id",), _is_unique
    )


def _candidates(fields: Sequence[Field], names: Sequence[str], fits: Callable[[Field], bool]) -> list[Field]:
    """The fields with one of the names that fit, the most telling name first; a whole name before a path's end."""
    by_name: dict[str, Field] = {}
    for whole in (True, False):
        for one in sorted(fields, key=lambda f: (bool(f.within), len(f.parts))):
            parts = one.parts or (one.source,)
            for name in [bare("".join(parts))] if whole else [bare(parts[-1]), bare("".join(parts[-2:]))]:
                if fits(one) and (whole or name not in role_names.OF_THE_ROOT):
                    by_name.setdefault(name, one)
    return list({by_name[name].source: by_name[name] for name in names if name in by_name}.values())


def _first(fields: Sequence[Field], names: Sequence[str], fits: Callable[[Field], bool]) -> Field | None:
    return next(iter(_candidates(fields, names, fits)), None)


def _given(sample: Sample, name: str | None, option: str) -> Field | None:
    if name is None:
        return None
    for one in sample.fields:
        if one.source == name or ".".join(one.parts) == name:
            return one
    raise DeclarationError(f"{option} {name}", f"is no field of {sample.title}", f"there are {names_of(sample.fields)}")


def _time(sample: Sample, given: Field | None, remarks: list[str]) -> tuple[tuple[Field, ...], TimeFormats]:
    fields = [given] if given else [one for one in sample.fields if not one.nested]
    named = {one.source for one in _candidates(fields, role_names.TIME, lambda _: True)}
    forms = {one.source: found for one in fields if (found := _forms_of(one, one.source in named or one is given))}
    able = [one for one in fields if one.source in forms]
    ranked = _candidates(able, role_names.TIME, lambda one: forms[one.source].has_clock)
    ranked += [one for one in able if forms[one.source].has_clock and not _is_only_number(forms[one.source])]
    epochs = [one for one in able if _is_called_a_time(one) and _is_epoch(forms[one.source])]
    ranked += sorted(epochs, key=lambda one: "end" in one.key)
    if not ranked and (pair := _date_and_clock(sample.fields, able, forms)):
        return pair
    ranked += _candidates(able, role_names.TIME, lambda _: True) + [
        one for one in able if given or not _is_only_number(forms[one.source])
    ]
    if not ranked and (nameless := [one for one in able if one.is_nameless and _is_epoch(forms[one.source])]):
        remarks.append(f"columns have no names: {nameless[0].source} was chosen by its values")
        ranked = nameless
    if not ranked:
        raise DeclarationError(
            str(given.source if given else sample.paths[0]),
            f"no field has times; there are {names_of(sample.fields)}",
            _NO_TIMES if not sample.is_nameless else _NO_TIMES_IN_LINES,
        )
    chosen = ranked[0]
    others = [
        one.source for one in able if one is not chosen and not one.within and not _is_only_number(forms[one.source])
    ]
    if others and not given:
        remarks.append(f"other times are {', '.join(others[:5])}: is {chosen.source} when the event happened?")
    _note_forms(chosen, forms[chosen.source], remarks)
    return (chosen,), forms[chosen.source]


_NO_TIMES = (
    "export a field with times such as 2025-01-31T10:00:00Z, 31.01.2025 10:00 or 1738317600000, or name it with "
    "--time-column NAME"
)
_NO_TIMES_IN_LINES = (
    "a line needs a time with its year, such as 2025-01-31 10:00:00 or 31/Jan/2025:10:00:00 +0000; of another form, "
    r"declare format: log with log: {pattern: '(?P<time>\S+ \S+) (?P<message>.*)'}"
)


def _note_forms(time: Field, forms: TimeFormats, remarks: list[str]) -> None:
    records = len(time.values)
    if not forms.has_clock:
        remarks.append(f"{time.source} has dates without a time of day: all events of a date are at midnight")
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
    name = re.sub(r" *\([^()]*\)$", "", (one.parts or (one.source,))[-1])
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return bool(words) and words[-1].lower() in role_names.TIME_ENDINGS


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

    date = _first(able, role_names.TIME, lambda one: not forms[one.source].has_clock) or next(iter(able), None)
    clocks = [one for one in fields if is_clock(one)]
    clock = _first(clocks, role_names.CLOCK, lambda _: True) or next(iter(clocks), None)
    if date is None or clock is None:
        return None
    pairs = zip(date.values, clock.values, strict=True)
    found = infer_time_formats([f"{d} {c}" for d, c in pairs if d is not None and c is not None])
    return ((date, clock), found) if found else None


def _is_log(sample: Sample) -> bool:
    return sample.format == "log" or sample.options.get("csv", {}).get("header") == "w3c"


def _user(fields: Sequence[Field], given: Field | None, remarks: list[str], is_log: bool) -> Field | None:
    """The user's field, with anonymous ids where it is empty; None where no field has one of the known names.

    An address identifies a user in logs only, which have nothing better.
    """

    def fits(one: Field) -> bool:
        return not one.nested

    known = [given] if given else _candidates(fields, role_names.USER, fits)
    anonymous = [one for one in _candidates(fields, role_names.ANONYMOUS, fits) if one.texts]
    # A field that is always empty in the sample is only taken where there is no other.
    known = [one for one in known if one.texts] or ([] if anonymous else known[:1])
    known.sort(key=_is_constant)
    chosen = known[0] if known else (anonymous[0] if anonymous else None)
    if chosen is None:
        return _guessed_user(fields, remarks)
    others = [one.source for one in known[1:] if len(set(one.texts)) > 1 and not one.within]
    if others and not given:
        remarks.append(f"other fields that could be the user are {', '.join(others[:5])}")
    if not known:
        remarks.append(f"no field names a known user: {chosen.source} is what comes closest")
    for other in anonymous:
        if other.source in chosen.sources or (_is_ip(other) and not is_log):
            continue
        whole = chosen.or_else(other)
        if whole.empty < chosen.empty:
            what = f"{share(chosen.empty, len(chosen.values))} have no {' and no '.join(chosen.sources)}"
            remarks.append(f"{what}: {other.source} is used there")
            remarks += _split_visitors(chosen, other)
            chosen = whole
    return chosen


def _split_visitors(user: Field, anonymous: Field) -> list[str]:
    """What to check where anonymous ids occur with a user id: each is a user of its own beside the known one."""
    linked = linked_ids(user, anonymous)
    if not linked:
        return []
    split = linked.intersection(id_ for known, id_ in zip(user.values, anonymous.values, strict=True) if known is None)
    what = (
        f"{len(linked)} of {len(set(anonymous.texts))} sampled values of {anonymous.source} occur with a {user.source}"
    )
    return [
        f"{what}, {len(split)} of them also without: such a visitor counts as several users, and funnels and sessions "
        "break at the login; see identity below"
    ]


def linked_ids(user: Field, anonymous: Field) -> set[str]:
    """The anonymous ids that occur with a known user; none of addresses, which many share."""
    if _is_ip(anonymous):
        return set()
    pairs = zip(user.values, anonymous.values, strict=True)
    return {id_ for known, id_ in pairs if id_ is not None and known not in (None, id_)}


def _guessed_user(fields: Sequence[Field], remarks: list[str]) -> Field | None:
    """The identifier with the most values that repeat; None where there is none. A person has to decide."""
    able = [one for one in fields if not one.nested and not one.within and _repeats(one)]
    able = [one for one in able if is_identifier((one.parts or (one.source,))[-1]) or one.is_nameless]
    able = [one for one in able if one.key not in (*role_names.SESSION, *role_names.ID, *role_names.PAGE)]
    chosen = max(able, key=lambda one: len(set(one.texts)), default=None)
    if chosen is not None:
        remarks.append(f"no field is called like a user's id: {chosen.source} was chosen by its values")
    return chosen


def _repeats(one: Field) -> bool:
    """Whether values are ids of those who come again: texts without blanks, or whole numbers."""
    several = 3 <= len(set(one.texts)) < 0.98 * len(one.texts)
    return several and not any(" " in text or "." in text or ":" in text for text in one.texts)


def _type(fields: Sequence[Field], given: Field | None, remarks: list[str]) -> Field | None:
    candidates = [given] if given else _candidates(fields, role_names.TYPE, _is_category)
    if not candidates:
        named = [one for one in fields if one.is_nameless and _is_category(one)]
        words = [one for one in named if len(set(one.texts)) > 1 and all(text[0].isalpha() for text in one.texts)]
        if words:
            remarks.append(f"columns have no names: {words[0].source} was chosen by its values")
        return words[0] if words else None
    filled = [one if given else _with_alternatives(one, fields) for one in candidates]
    filled.sort(key=_is_constant)
    chosen = next((one for one in filled if one.empty <= _MAX_EMPTY_TYPES * len(one.values)), filled[0])
    others = [one.source for one in candidates if not given and one.key in map(bare, role_names.TYPE[:12])]
    others = [source for source in others if source not in chosen.sources]
    if len(chosen.sources) > 1:
        remarks.append(f"the first of {', '.join(chosen.sources)} that is not empty")
    elif others:
        remarks.append(f"other fields that could be the type of event are {', '.join(others[:5])}")
    elif not given and chosen.key.endswith("method"):
        able = [one.source for one in _candidates(fields, role_names.PAGE, lambda one: len(set(one.texts)) > 1)]
        able += [source for source in possible_types(fields) if source not in (*able, *chosen.sources)]
        beside = f"; other fields that could be it are {', '.join(able[:5])}" if able else ""
        remarks.append(f"the type of event is the HTTP method{beside}")
    if chosen.empty:
        what = share(chosen.empty, len(chosen.values))
        remarks.append(f"{what} have none and will be quarantined as missing_event_type")
    if several := differ_in_case(chosen.texts):
        remarks.append(f"{' and '.join(several)} differ in case only: case: lower makes them one type")
    return chosen


def _with_alternatives(chosen: Field, fields: Sequence[Field]) -> Field:
    """A field for the type of event with those beside it that say what was done where it is empty."""
    beside = [one for one in fields if len(one.parts) == len(chosen.parts)]
    for other in _candidates(beside, role_names.TYPE_ELSE, _is_category):
        whole = chosen.or_else(other)
        if whole.empty < chosen.empty:
            chosen = whole
    return chosen


def differ_in_case(texts: Iterable[str]) -> list[str]:
    """The first texts that differ in case only; empty where none do."""
    folded: dict[str, set[str]] = {}
    for text in texts:
        folded.setdefault(text.lower(), set()).add(text)
    return next((sorted(some) for some in folded.values() if len(some) > 1), [])


def _is_category(one: Field) -> bool:
    return not one.nested and 0 < len(set(one.texts)) <= max(3, min(100, len(one.texts) // 2))


def _is_unique(one: Field) -> bool:
    """Nearly so: exports repeat themselves."""
    return not one.nested and not one.empty and len(set(one.texts)) > 0.9 * len(one.texts)


def _is_constant(one: Field) -> bool:
    """Whether a field has one value in many records, such as the account of all users or a name of the format."""
    return len(one.texts) >= _SEVERAL and len(set(one.texts)) == 1


def _named_ip(fields: Sequence[Field]) -> Field | None:
    """A field of addresses whose name ends as theirs do: sourceIPAddress, PageIp."""
    return next((one for one in fields if one.key.endswith(("ip", "ipaddress", "addr")) and _is_ip(one)), None)


def possible_users(fields: Sequence[Field]) -> list[str]:
    """The fields of which a person could choose the user: their values repeat."""
    return [
        one.source for one in fields if not one.nested and not one.within and 3 <= len(set(one.texts)) < len(one.texts)
    ]


def possible_types(fields: Sequence[Field]) -> list[str]:
    """The fields of which a person could choose the type of event: a few words for many records."""
    able = [one for one in fields if not one.nested and not one.within and not one.is_number]
    return [one.source for one in able if 2 <= len(set(one.texts)) <= min(_FEW_TYPES, len(one.texts) // 2)]


def _is_ip(one: Field) -> bool:
    def valid(text: str) -> bool:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return False
        return True

    return bool(one.texts) and not one.nested and sum(map(valid, one.texts)) > _MOST * len(one.texts)

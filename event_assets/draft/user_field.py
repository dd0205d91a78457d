"""Guesses which field of a sample holds the user id, by the field's name and values."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from event_assets.draft import known_names
from event_assets.draft.find_fields_by_name import fields_named, first_named, is_constant, is_ip, is_unique
from event_assets.draft.infer_types import is_identifier
from event_assets.draft.sample import Field, Sample, share, titles_of


def user_field(fields: Sequence[Field], given: Field | None, remarks: list[str], is_log: bool) -> Field | None:
    """The user's field, with anonymous ids where it is empty; None where no field has one of the known names.

    An address identifies a user in logs only, which have nothing better.
    """

    def fits(one: Field) -> bool:
        return not one.nested

    known = [given] if given else fields_named(fields, known_names.USER, fits)
    known += [] if given else [one for one in fields if one not in known and not one.within and _is_email(one)]
    anonymous = [one for one in fields_named(fields, known_names.ANONYMOUS, fits) if one.texts]
    # A field that is always empty in the sample is only taken where there is no other.
    known = [one for one in known if one.texts] or ([] if anonymous else known[:1])
    known.sort(key=is_constant)
    chosen = known[0] if known else (anonymous[0] if anonymous else None)
    if chosen is None:
        return _guessed_user(fields, remarks)
    others = [one for one in known[1:] if len(set(one.texts)) > 1 and not one.within]
    if others and not given:
        remarks.append(f"other fields that could be the user are {titles_of(others)}")
    if not known:
        remarks.append(f"no field names a known user: {chosen.title} is what comes closest")
    if _is_email(chosen):
        remarks.append(
            f"users are known by the e-mail address in {chosen.title}: who has two is two users; is there a better id?"
        )
    used = [chosen]
    for other in anonymous:
        if other.source in chosen.sources or (is_ip(other) and not is_log):
            continue
        whole = chosen.or_else(other)
        if whole.empty < chosen.empty:
            what = f"{share(chosen.empty, len(chosen.values))} have no {' and no '.join(one.title for one in used)}"
            remarks.append(f"{what}: {other.title} is used there")
            remarks += _split_visitors(chosen, other)
            chosen = whole
            used.append(other)
    return chosen


def profile_user_field(sample: Sample, users: Collection[str] = frozenset()) -> Field | None:
    """The field with the users of profiles, by its values (at least half of the events' users) or name; else None."""
    unique = [one for one in sample.fields if is_unique(one)]
    best = max(unique, key=lambda one: len(set(users).intersection(one.texts)), default=None)
    if best is not None and users and 2 * len(set(users).intersection(best.texts)) >= min(len(users), len(best.texts)):
        return best
    return first_named(sample.fields, known_names.USER, lambda one: not one.nested and bool(one.texts)) or first_named(
        sample.fields, ("id",), is_unique
    )


def is_log(sample: Sample) -> bool:
    return sample.format == "log" or sample.options.get("csv", {}).get("header") == "w3c"


def _is_email(one: Field) -> bool:
    """Whether a field has addresses of e-mail, and a name that ends as theirs do: Customer Email."""
    return not one.nested and one.key.endswith("mail") and bool(one.texts) and all("@" in text for text in one.texts)


def _split_visitors(user: Field, anonymous: Field) -> list[str]:
    """What to check where anonymous ids occur with a user id and without: each is a user beside the known one."""
    linked = linked_ids(user, anonymous)
    split = linked.intersection(id_ for known, id_ in zip(user.values, anonymous.values, strict=True) if known is None)
    if not split:
        return []
    return [
        f"{len(split)} of {len(set(anonymous.texts))} sampled values of {anonymous.source} occur with a {user.source} "
        "and also without: such a visitor counts as several users, and sessions and funnels end at the login; identity "
        "below counts persons"
    ]


def linked_ids(user: Field, anonymous: Field) -> set[str]:
    """The anonymous ids that occur with a known user; empty for IP addresses, which many users share."""
    if is_ip(anonymous):
        return set()
    pairs = zip(user.values, anonymous.values, strict=True)
    return {id_ for known, id_ in pairs if id_ is not None and known not in (None, id_)}


def _guessed_user(fields: Sequence[Field], remarks: list[str]) -> Field | None:
    """The identifier with the most different values that repeat; None without one. A person has to decide."""
    able = [one for one in fields if not one.nested and not one.within and _repeats(one)]
    able = [one for one in able if is_identifier(one.names[-1]) or one.is_nameless]
    able = [one for one in able if one.key not in (*known_names.SESSION, *known_names.ID, *known_names.PAGE)]
    chosen = max(able, key=lambda one: len(set(one.texts)), default=None)
    if chosen is not None:
        remarks.append(f"no field is called like a user's id: {chosen.title} was chosen by its values")
    return chosen


def _repeats(one: Field) -> bool:
    """Whether values are ids of those who come again: texts without blanks, or whole numbers."""
    several = 3 <= len(set(one.texts)) < 0.98 * len(one.texts)
    return several and not any(" " in text or "." in text or ":" in text for text in one.texts)


def possible_users(fields: Sequence[Field]) -> list[Field]:
    """The fields that could be the user: their values repeat."""
    return [one for one in fields if not one.nested and not one.within and 3 <= len(set(one.texts)) < len(one.texts)]

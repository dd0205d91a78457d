"""joined_facts: each event with its session, its user's profile on that day and its region."""

from __future__ import annotations

import narwhals as nw

from event_assets.declaration import Profiles
from event_assets.transforms.casts import bound
from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope, counted
from event_assets.transforms.normalize import normalised


def joined_facts(inputs: Inputs, scope: Scope) -> Outputs:
    """joined_facts of one date; an event is never multiplied.

    Inputs: cleaned_events and session_parts of the date, profiles where the dataset has them. Figures: cleaned,
    facts, filtered (by the profile filter), orphans (cleaned events whose user has no profile; 0 in a dataset
    without profiles).
    """
    cleaned = inputs["cleaned_events"]
    # An event belongs to the last part of its user that begins before it, or with it.
    parts = inputs["session_parts"].select("user_id", "part_start", "session_id")
    facts = scope.ports.as_of(cleaned, parts, by="user_id", at="event_time", other_at="part_start").drop("part_start")
    if scope.dataset.geo:
        facts = scope.ports.region(facts, address=scope.dataset.geo, into="geo_region")
    profiles = scope.dataset.profiles
    if profiles is None:
        kept = scope.ports.shared(facts.with_columns(nw.lit(False).alias("has_profile")))
        filtered = orphans = kept.head(0)
    else:
        facts = scope.ports.shared(_with_profiles(facts, inputs["profiles"], scope))
        kept, filtered = facts, facts.head(0)
        if profiles.filter:
            wanted = _wanted(profiles)
            kept, filtered = facts.filter(wanted), facts.filter(~wanted)
        orphans = facts.filter(~nw.col("has_profile"))
    return Outputs(
        {"joined_facts": scope.shaped(kept, "joined_facts")},
        counted(cleaned=cleaned, facts=kept, filtered=filtered, orphans=orphans),
    )


def _with_profiles(facts: Frame, profiles: Frame, scope: Scope) -> Frame:
    """Snapshots count from a date's midnight, so all events of a date see one and the same interval of a user:
    the one that holds on it, or the user's first where that begins later."""
    day = nw.lit(scope.day)
    # An interval ends where the user's next one begins (`profiles`), so one at most holds on the day.
    known = scope.ports.previous(profiles, {"valid_from": "from before"}, by=["user_id"], order=["valid_from"])
    is_open = nw.col("valid_to").is_null() | (nw.col("valid_to") > day)
    holds = (nw.col("valid_from") <= day) | nw.col("from before").is_null()
    columns = [column.name for column in scope.dataset.profile_columns]
    current = known.filter(is_open & holds).select("user_id", *columns, nw.lit(True).alias("has_profile"))
    joined = scope.ports.lookup(facts, current, ["user_id"])
    return joined.with_columns(nw.col("has_profile").fill_null(False))


def _wanted(declared: Profiles) -> nw.Expr:
    """Whether the profile has one of the declared values in each column of the filter; never null."""
    wanted = []
    for name, texts in declared.filter.items():
        column = declared.column(name)
        assert column is not None
        values = [bound(column, normalised(text, column)) for text in texts]
        wanted += [nw.col(name).is_in([value for value in values if value is not None]).fill_null(False)]
    return nw.all_horizontal(*wanted, ignore_nulls=False)

"""joined_facts: each event with its session, its user's profile on that day and its region."""

from __future__ import annotations

import narwhals as nw

from event_assets.transforms.scope import Frame, Inputs, Outputs, Scope, counted
from event_assets.transforms.sessions import with_part
from event_assets.transforms.text import normalised
from event_assets.transforms.values import bound


def joined_facts(inputs: Inputs, scope: Scope) -> Outputs:
    """joined_facts of one date; an event is never multiplied.

    Inputs: cleaned_events and session_parts of the date, profiles where the dataset has them. Figures: cleaned,
    facts, filtered (by the profile filter), orphans (cleaned events whose user has no profile; 0 in a dataset
    without profiles).
    """
    cleaned = inputs["cleaned_events"]
    facts = _with_sessions(cleaned, inputs["session_parts"], scope)
    if scope.dataset.geo:
        facts = scope.ports.region(facts, address=scope.dataset.geo, into="geo_region")
    if scope.dataset.profiles is None:
        kept = scope.ports.shared(facts.with_columns(nw.lit(False).alias("has_profile")))
        filtered = orphans = kept.head(0)
    else:
        facts = _with_profiles(facts, inputs["profiles"], scope)
        facts = scope.ports.shared(facts.with_columns(_wanted(scope).alias("wanted")))
        kept, filtered = facts.filter(nw.col("wanted")), facts.filter(~nw.col("wanted"))
        orphans = facts.filter(~nw.col("has_profile"))
    return Outputs(
        {"joined_facts": scope.shaped(kept, "joined_facts")},
        counted(cleaned=cleaned, facts=kept, filtered=filtered, orphans=orphans),
    )


def _with_sessions(cleaned: Frame, parts: Frame, scope: Scope) -> Frame:
    parts = scope.ports.microseconds(parts, {"part_start": "start"}).select("user_id", "start", "session_id")
    return with_part(cleaned, scope).join(parts, on=["user_id", "start"], how="left")


def _with_profiles(facts: Frame, profiles: Frame, scope: Scope) -> Frame:
    """Snapshots count from a date's midnight, so all events of a date see one and the same interval of a user:
    the one that holds on it, or the user's first where that begins later."""
    day = nw.lit(scope.day)
    open_ = profiles.filter(nw.col("valid_to").is_null() | (nw.col("valid_to") > day))
    first = open_.with_columns(nw.col("valid_from").min().over("user_id").alias("first from"))
    columns = [column.name for column in scope.dataset.profile_columns]
    current = first.filter(nw.col("valid_from") == nw.col("first from")).select(
        "user_id", *columns, nw.lit(True).alias("has_profile")
    )
    joined = facts.join(current, on="user_id", how="left")
    return joined.with_columns(nw.col("has_profile").fill_null(False))


def _wanted(scope: Scope) -> nw.Expr:
    """Whether the profile has one of the declared values in each column of the filter; never null."""
    declared = scope.dataset.profiles
    assert declared is not None
    wanted = [nw.lit(True)]
    for name, texts in declared.filter.items():
        column = declared.column(name)
        assert column is not None
        values = [bound(column, normalised(text, column)) for text in texts]
        wanted += [nw.col(name).is_in([value for value in values if value is not None]).fill_null(False)]
    return nw.all_horizontal(*wanted, ignore_nulls=False)

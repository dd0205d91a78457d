"""joined_facts: each event with its session, its user's profile on that day and its region."""

from __future__ import annotations

import narwhals as nw

from event_assets.transforms.conditions import holds
from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope, with_user
from event_assets.transforms.persons import with_person
from event_assets.transforms.sessions_by_source_id import with_session_id
from event_assets.transforms.traffic import with_traffic


def joined_facts(inputs: Inputs, scope: Scope) -> Outputs:
    """joined_facts; an event is never multiplied.

    Inputs: cleaned_events and session_parts of the dates, profiles where the dataset has them. Figures: cleaned,
    facts, filtered (by the profile filter), orphans (cleaned events whose user has no profile; 0 in a dataset
    without profiles) and, where `user_id` may be null, without_user (facts without a user); with
    `traffic` also human, bot and internal.
    """
    cleaned = inputs["cleaned_events"]
    by_source = scope.dataset.sessions.by is not None
    facts = with_session_id(cleaned, scope) if by_source else _with_session(cleaned, inputs["session_parts"], scope)
    if scope.dataset.geo:
        facts = scope.ports.region(facts, address=scope.dataset.geo, into="geo_region")
    if scope.dataset.traffic:
        facts = with_traffic(facts, scope)
    if scope.dataset.identity:
        facts = with_person(facts, inputs["identities"], scope)
    if not scope.dataset.profiles:
        kept = scope.ports.shared(facts.with_columns(nw.lit(False).alias("has_profile")))
        filtered = orphans = kept.head(0)
    else:
        facts = scope.ports.shared(_with_profiles(facts, inputs["profiles"], scope))
        kept, filtered = facts, facts.head(0)
        if scope.dataset.profile_filter:
            columns = {column.name: column for column in scope.dataset.columns_of("profiles")}
            wanted = holds(scope.dataset.profile_filter, columns.__getitem__)
            kept, filtered = facts.filter(wanted), facts.filter(~wanted)
        orphans = with_user(facts, scope).filter(~nw.col("has_profile"))
    without_user = {} if _all_have_users(scope) else {"without_user": kept.filter(nw.col("user_id").is_null())}
    kinds = ("human", "bot", "internal") if scope.dataset.traffic else ()
    traffic = {kind: kept.filter(nw.col("traffic") == kind) for kind in kinds}
    figures = {"cleaned": cleaned, "facts": kept, "filtered": filtered, "orphans": orphans}
    return scope.outputs(scope.counted(**figures, **without_user, **traffic), joined_facts=kept)


def _all_have_users(scope: Scope) -> bool:
    return scope.dataset.column("user_id").required


def _with_session(cleaned: Frame, session_parts: Frame, scope: Scope) -> Frame:
    """Each event with its session: the last part of its user that begins before it, or with it."""
    parts = session_parts.select(*scope.by("user_id", "session_id"), nw.col("part_start").alias("part start"))
    theirs = with_user(cleaned, scope)
    by = scope.by("user_id")
    facts = scope.ports.as_of(theirs, parts, by=by, at="event_time", other_at="part start").drop("part start")
    if _all_have_users(scope):
        return facts
    nobodys = cleaned.filter(nw.col("user_id").is_null()).with_columns(nw.lit(None, nw.String).alias("session_id"))
    return nw.concat([facts, nobodys.select(*facts.collect_schema().names())])


def _with_profiles(facts: Frame, profiles: Frame, scope: Scope) -> Frame:
    """Snapshots count from a date's midnight, so all events of a date see one and the same interval of a user:
    the one that holds on it, or the user's first where that begins later."""
    day = nw.col("event_date") if scope.several else nw.lit(scope.dates[0])
    # An interval ends where the user's next one begins (`profiles`), so one at most holds on the day.
    known = scope.ports.previous(profiles, {"valid_from": "from before"}, by=["user_id"], order=["valid_from"])
    is_open = nw.col("valid_to").is_null() | (nw.col("valid_to") > day)
    holds = (nw.col("valid_from") <= day) | nw.col("from before").is_null()
    columns = [column.name for column in scope.dataset.profile_columns]
    if scope.several:
        known = facts.select("event_date", "user_id").unique().join(known, on="user_id", how="inner")
    current = known.filter(is_open & holds).select(*scope.by("user_id", *columns), nw.lit(True).alias("has_profile"))
    joined = scope.ports.lookup(facts, current, scope.by("user_id"))
    return joined.with_columns(nw.col("has_profile").fill_null(False))

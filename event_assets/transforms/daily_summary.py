"""The gold table `daily_summary`: one row for each user and date."""

from __future__ import annotations

import narwhals as nw

from event_assets.transforms.interface import Inputs, Outputs, Scope, with_user


def daily_summary(inputs: Inputs, scope: Scope) -> Outputs:
    """daily_summary: a row per user. Input: joined_facts of the dates."""
    summary = (
        with_user(inputs["joined_facts"], scope)
        .group_by(scope.by("user_id"))
        .agg(
            nw.len().alias("event_count"),
            _sessions(scope).alias("session_count"),
            nw.col("event_time").min().alias("first_event_time"),
            nw.col("event_time").max().alias("last_event_time"),
        )
    )
    return scope.outputs(daily_summary=summary)


def _sessions(scope: Scope) -> nw.Expr:
    """Distinct sessions; events that the source gives no session id belong to none."""
    found = nw.col("session_id").n_unique()
    return found - nw.col("session_id").is_null().cast(nw.Int64).max() if scope.dataset.sessions.by else found

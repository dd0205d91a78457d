"""The most active users by distinct sessions: a rollup by date, and rankings of it."""

from __future__ import annotations

import narwhals as nw

from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope, declared, with_user
from event_assets.transforms.row_numbers import with_place


def platform_sessions(inputs: Inputs, scope: Scope) -> Outputs:
    """platform_sessions of dates: the distinct sessions of each user, within each value of the ranking's column.

    Rows without that column's value or without a session (the source's, where it gives one) don't count.
    Input: joined_facts of the dates.
    """
    given = any(column.name == "source_session_id" for column in scope.dataset.columns)
    session = nw.col("source_session_id" if given else "session_id").alias("session_id")
    by = _by(scope)
    rows = with_user(inputs["joined_facts"], scope).select(*scope.by(*by, "user_id"), session)
    rows = rows.filter(*(~nw.col(name).is_null() for name in (*by, "session_id")))
    return scope.outputs(platform_sessions=scope.ports.distinct(rows))


def top_users(inputs: Inputs, scope: Scope) -> Outputs:
    """top_users of dates. Input: platform_sessions of the dates."""
    users = inputs["platform_sessions"].group_by(scope.by(*_by(scope), "user_id")).agg(nw.len().alias("session_count"))
    return scope.outputs(top_users=_ranked(users, scope))


def top_users_overall(inputs: Inputs, scope: Scope) -> Outputs:
    """top_users_overall. Input: platform_sessions of all dates; a session of two dates counts once."""
    by = [*_by(scope), "user_id"]
    users = scope.ports.distinct_counts(inputs["platform_sessions"], by=by, column="session_id", into="session_count")
    ranked = _ranked(users, scope)
    return scope.outputs(top_users_overall=ranked)


def _by(scope: Scope) -> list[str]:
    options = declared(scope.dataset.gold.top_users)
    return [options.by] if options.by else []


def _ranked(users: Frame, scope: Scope) -> Frame:
    """Users by `session_count` descending, then by user_id as text; the first N of each group."""
    most = declared(scope.dataset.gold.top_users).n
    users = users.with_columns(
        (-nw.col("session_count").cast(nw.Int64)).alias("fewest last"),
        nw.col("user_id").cast(nw.String).alias("user text"),
    )
    placed = with_place(users, ["fewest last", "user text"], within=scope.by(*_by(scope)))
    return placed.filter(nw.col("row place") <= most).with_columns(nw.col("row place").alias("rank"))

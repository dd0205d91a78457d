"""Counts the sessions that late records changed, by date and kind (`SESSION_CHANGES`); a pure function of frames."""

from __future__ import annotations

import polars as pl

_VERSION, _GROUP = "version", "group"
_NEEDED = ("event_date", "session_id", "user_id", "session_start", "session_end")


def count_changed_sessions(before: pl.LazyFrame, after: pl.LazyFrame, *, by_source: bool = False) -> pl.DataFrame:
    """event_date, kind, sessions: the sessions of a date that differ, each counted once, by kind; in order of both.

    `before` and `after` hold all columns of `sessions`, `event_date` included, of the dates that may differ. A session
    differs where one of the two lacks its (event_date, session_id), or has it with other values.
    """
    columns = before.collect_schema().names()
    only = [
        one.join(other, on=columns, how="anti", nulls_equal=True).select(*_NEEDED, pl.lit(name).alias(_VERSION))
        for name, one, other in (("before", before, after), ("after", after, before))
    ]
    differing = _with_group(pl.concat(only).collect(engine="streaming"), by_source)
    olds, news = ((pl.col(_VERSION) == name).sum().over(_GROUP) for name in ("before", "after"))
    kind = (
        pl.when(olds == 0)
        .then(pl.lit("added"))
        .when(news == 0)
        .then(pl.lit("removed"))
        .when((olds == 1) & (news == 1) & (pl.col("session_start").n_unique().over(_GROUP) == 1))
        .then(pl.lit("extended"))
        .when((olds > 1) & (news == 1))
        .then(pl.lit("merged"))
        .when((olds == 1) & (news > 1))
        .then(pl.lit("split"))
        .otherwise(pl.lit("moved"))
    )
    counted = differing.with_columns(kind=kind).group_by("event_date", "kind")
    return counted.agg(pl.col("session_id").n_unique().cast(pl.Int64).alias("sessions")).sort("event_date", "kind")


def _with_group(differing: pl.DataFrame, by_source: bool) -> pl.DataFrame:
    """With the number of the group of related sessions.

    The sessions of one version share no instant, unless the source gave them: groups are the islands that they cover.
    """
    if by_source:
        return differing.with_columns(pl.col("session_id").rank("dense").alias(_GROUP))
    ordered = differing.sort("user_id", "session_start", "session_end")
    reached = pl.col("session_end").cum_max().shift(1).over("user_id")
    begins = (reached.is_null() | (pl.col("session_start") > reached)).cum_sum()
    return ordered.with_columns(begins.alias(_GROUP))

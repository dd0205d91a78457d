"""The gold tables `events_by_minute` and `events_by_type`."""

from __future__ import annotations

import narwhals as nw

from event_assets.transforms.interface import Inputs, Outputs, Scope


def events_by_minute(inputs: Inputs, scope: Scope) -> Outputs:
    """events_by_minute of dates: a row per minute (UTC) and type; events of no type count under null.

    Input: joined_facts of the dates.
    """
    minute = nw.col("event_time").dt.truncate("1m").alias("minute")
    minutes = inputs["joined_facts"].select(*scope.by("event_type"), minute)
    rows = minutes.group_by(scope.by("minute", "event_type")).agg(nw.len().alias("event_count"))
    return scope.outputs(events_by_minute=rows)


def events_by_type(inputs: Inputs, scope: Scope) -> Outputs:
    """events_by_type of dates: a row per type; events of no type count under null.

    Input: joined_facts of the dates.
    """
    users = nw.col("user_id").n_unique()
    if not scope.dataset.column("user_id").required:
        users = users - nw.col("user_id").is_null().cast(nw.Int64).max()  # null is not a user
    counts = nw.len().alias("event_count"), users.alias("user_count")
    rows = inputs["joined_facts"].group_by(scope.by("event_type")).agg(*counts)
    return scope.outputs(events_by_type=rows)

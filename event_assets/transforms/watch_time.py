"""Minutes watched by user and region: exact decimal sums."""

from __future__ import annotations

import narwhals as nw

from event_assets.tables.catalog import tables
from event_assets.tables.column_types import narwhals_type
from event_assets.transforms.interface import Inputs, Outputs, Scope, declared, with_user


def watch_time(inputs: Inputs, scope: Scope) -> Outputs:
    """watch_time of dates: a row per region and user; records without minutes count as logs of none.

    Input: joined_facts of the dates.
    """
    total = nw.col(declared(scope.dataset.gold.watch_time).column).cast(_total_type(scope)).sum()
    rows = (
        with_user(inputs["joined_facts"], scope)
        .group_by(scope.by("geo_region", "user_id"))
        .agg(total.alias("total_watch_time_min"), nw.len().alias("log_count"))
    )
    return scope.outputs(watch_time=rows)


def watch_time_overall(inputs: Inputs, scope: Scope) -> Outputs:
    """watch_time_overall, with its Hive column geo_region, and watch_time_by_user. Input: watch_time of all dates."""
    sums = nw.col("total_watch_time_min", "log_count").sum()
    by_region = scope.ports.shared(inputs["watch_time"].group_by("geo_region", "user_id").agg(sums))
    overall = scope.shaped(by_region, "watch_time_overall", "geo_region")
    by_user = scope.shaped(by_region.group_by("user_id").agg(sums), "watch_time_by_user")
    return Outputs({"watch_time_overall": overall, "watch_time_by_user": by_user})


def _total_type(scope: Scope) -> nw.dtypes.DType:
    columns = tables(scope.dataset)["watch_time"].columns
    return narwhals_type(next(column.type for column in columns if column.name == "total_watch_time_min"))

"""raw_profiles to profiles over validity intervals, and profile_quarantine (docs/adr/0013)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import narwhals as nw

from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope
from event_assets.transforms.row_numbers import among_equals
from event_assets.transforms.validate import judged, quarantine_rows

_SINCE_EVER = dt.date(1970, 1, 1)


def profiles(inputs: Inputs, scope: Scope) -> Outputs:
    """profiles (one row per user and interval) and profile_quarantine.

    Inputs: raw_profiles; profile_snapshots: file_id, name, snapshot_date (null: since ever), one row per name
    of a file. Figures: raw, quarantined, valid and, where a block has `where`, excluded.
    """
    columns = scope.dataset.columns_of("profiles")
    required = {column.name for column in columns if column.required} | {"user_id"}
    records = judged(inputs["raw_profiles"], columns, required, scope, "profiles")
    refused = quarantine_rows(records, columns, required, scope, "profiles")
    valid = records.filter(nw.col("is valid")).select(
        "file_id",
        "row_number",
        *(nw.col(f"typed {column.name}").alias(column.name) for column in columns),
        *(f"canonical {column.name}" for column in columns if column.type == "json"),
    )
    stated = _as_of(_last(valid, ["file_id", "user_id"], ["row_number"]), inputs["profile_snapshots"])
    compared = [f"canonical {c.name}" if c.type == "json" else c.name for c in scope.dataset.profile_columns]
    intervals = _intervals(stated, compared, scope)
    figures = {"raw": inputs["raw_profiles"], "quarantined": refused, "valid": valid}
    if scope.dataset.leaves_out("profiles"):
        figures["excluded"] = records.filter(nw.col("is excluded"))
    return scope.outputs(scope.counted(**figures), profiles=intervals, profile_quarantine=refused)


def _as_of(rows: Frame, snapshots: Frame) -> Frame:
    """Each user's profile as of each snapshot, with `valid_from`; of several snapshots of one day the last."""
    dated = nw.when(nw.col("snapshot_date").is_null()).then(nw.lit(0)).otherwise(nw.lit(1))
    days = snapshots.select(
        "file_id",
        nw.col("name").alias("snapshot name"),
        nw.col("snapshot_date").fill_null(nw.lit(_SINCE_EVER)).alias("valid_from"),
        dated.alias("is dated"),
    )
    stated = rows.join(days, on="file_id", how="inner")
    return _last(stated, ["user_id", "valid_from"], ["is dated", "snapshot name"])


def _last(frame: Frame, by: Sequence[str], order: Sequence[str]) -> Frame:
    """The last row of each group in an order that is total."""
    return among_equals(frame, order, within=by, from_last=True).filter(nw.col("row place") == 1).drop("row place")


def _intervals(stated: Frame, columns: Sequence[str], scope: Scope) -> Frame:
    """Runs of profiles of a user that are equal in the columns as one interval each, up to where the next begins."""
    order = {"by": ["user_id"], "order": ["valid_from"]}
    before = {column: f"{column} before" for column in ["valid_from", *columns]}
    frame = scope.ports.previous(stated, before, **order)
    different = [~_equal(nw.col(column), nw.col(before[column])) for column in columns]
    changed = nw.any_horizontal(nw.col(before["valid_from"]).is_null(), *different, ignore_nulls=False)
    begun = scope.ports.shared(frame.filter(changed).drop(*before.values()))
    later = scope.ports.previous(begun, {"valid_from": "next from"}, **order).filter(~nw.col("next from").is_null())
    ends = later.select("user_id", nw.col("next from").alias("valid_from"), nw.col("valid_from").alias("valid_to"))
    return scope.ports.lookup(begun, ends, ["user_id", "valid_from"])


def _equal(left: nw.Expr, right: nw.Expr) -> nw.Expr:
    """Equality in which two nulls are equal; never null."""
    return ((left == right) | (left.is_null() & right.is_null())).fill_null(False)

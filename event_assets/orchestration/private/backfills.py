"""Takes partitions that a table can't have out of the backfills that request them.

Dagster waits for a materialization of each requested partition. Where there is none, it ends the backfill as failed,
and tables over all dates, which would be its next run, are never made. It also ends a backfill with partitions that
have left the calendar. A date without records must not be recorded as materialized, so such a date is taken out of
what is requested.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill

#: Set by Dagster on the runs of a backfill.
BACKFILL_TAG = "dagster/backfill"
#: The daemon writes a backfill as it read it some time before, so a change may be lost: it must stay for so long.
_STAYS_SECONDS = 3

Exists = Callable[[str, dg.AssetKey, str], bool]
"""Whether an asset can have a partition, for the backfill of an id."""


def leave_out(instance: dg.DagsterInstance, exists: Exists) -> set[str]:
    """Take the partitions that can't exist out of all unfinished backfills; returns them."""
    found: set[str] = set()
    looks = 1
    while looks:
        backfills = instance.get_backfills(BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED]))
        removed = {partition for backfill in backfills for partition in _shorten(instance, backfill, exists)}
        found |= removed
        looks = _STAYS_SECONDS if removed else looks - 1
        if looks:
            time.sleep(1)
    return found


def _shorten(instance: dg.DagsterInstance, backfill: PartitionBackfill, exists: Exists) -> set[str]:
    data = backfill.asset_backfill_data
    if data is None:  # of a job
        return set()
    removed: set[str] = set()

    def shorter(subset: AssetGraphSubset) -> AssetGraphSubset:
        by_asset = dict(subset.partitions_subsets_by_asset_key)
        for asset, partitions in by_asset.items():
            keys = [*partitions.get_partition_keys()]
            missing = [key for key in keys if not exists(backfill.backfill_id, asset, key)]
            if missing:
                by_asset[asset] = partitions.empty_subset().with_partition_keys(set(keys).difference(missing))
                removed.update(missing)
        return subset._replace(partitions_subsets_by_asset_key=by_asset)

    changed = data._replace(target_subset=shorter(data.target_subset), requested_subset=shorter(data.requested_subset))
    if removed:
        instance.update_backfill(backfill._replace(asset_backfill_data=changed))
    return removed

"""Removes from backfills the partitions that a table can't have.

Dagster waits for a materialization of each requested partition. If one is missing, it ends the backfill as failed, and
the tables over all dates, which would be its next run, are not materialized. It also ends a backfill with partitions
that have left the calendar. A date without records must not be recorded as materialized, so it is removed from the
request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill

#: Set by Dagster on the runs of a backfill.
BACKFILL_TAG = "dagster/backfill"
#: The daemon may overwrite a change with the backfill that it read before: the change is checked for this time.
_STAYS_SECONDS = 3

Exists = Callable[[str, dg.AssetKey, str], bool]
"""Whether an asset can have a partition, for the backfill of an id."""


def remove_backfill_partitions(instance: dg.DagsterInstance, exists: Exists) -> set[str]:
    """Remove the partitions that can't exist from all unfinished backfills; returns them."""
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
    missing = _missing(backfill, exists)
    if not missing:
        return set()
    # Read again: meanwhile somebody may have canceled it, or the daemon requested runs.
    current = instance.get_backfill(backfill.backfill_id)
    data = current.asset_backfill_data if current else None
    if current is None or data is None or current.status != BulkActionStatus.REQUESTED:
        return set()
    shorter = data._replace(
        target_subset=_without(data.target_subset, missing), requested_subset=_without(data.requested_subset, missing)
    )
    instance.update_backfill(current._replace(asset_backfill_data=shorter))
    return {partition for partitions in missing.values() for partition in partitions}


def _missing(backfill: PartitionBackfill, exists: Exists) -> dict[dg.AssetKey, set[str]]:
    """The partitions that a backfill requests and that can't exist, by asset; none of a backfill of a job."""
    data = backfill.asset_backfill_data
    targets = data.target_subset.partitions_subsets_by_asset_key if data else {}
    missing = {
        asset: {key for key in partitions.get_partition_keys() if not exists(backfill.backfill_id, asset, key)}
        for asset, partitions in targets.items()
    }
    return {asset: keys for asset, keys in missing.items() if keys}


def _without(subset: AssetGraphSubset, missing: Mapping[dg.AssetKey, set[str]]) -> AssetGraphSubset:
    by_asset = dict(subset.partitions_subsets_by_asset_key)
    for asset, keys in missing.items():
        partitions = by_asset.pop(asset, None)
        if partitions and (left := set(partitions.get_partition_keys()) - keys):
            by_asset[asset] = partitions.empty_subset().with_partition_keys(left)
        # An asset without any has no entry: Dagster takes an empty one for an asset without partitions.
    return subset._replace(partitions_subsets_by_asset_key=by_asset)

"""The asset key of a table, and the tags that this package sets on runs."""

from __future__ import annotations

import dagster as dg

#: Set on runs that materialize only stale partitions; a run without it was started by a person.
ONLY_STALE_TAG = "event_assets/only_stale"
#: The dates that a run was requested for, `FIRST/LAST`, where Dagster's own tags of a range can't name them: it knows
#: the dates of the calendar that was loaded.
DATES_TAG = "event_assets/dates"
#: Tells runs of one cause apart from runs of another, so that a failed one is tried again but not for ever.
CAUSE_TAG = "event_assets/cause"
#: Set on runs that shall tell Dagster of all that the lake holds and it doesn't know.
REPORT_TAG = "event_assets/tell"
#: What a run is for, in words.
WHY_TAG = "event_assets/why"


def asset_key(dataset: str, table: str) -> dg.AssetKey:
    return dg.AssetKey([dataset, table])

"""raw_events to cleaned_events, quarantine and event_keys (SPEC "Cleaning", "Deduplication")."""

from __future__ import annotations

import narwhals as nw

from event_assets.dataset import Dataset
from event_assets.transforms.dedupe import earlier_keys, place_among_equals
from event_assets.transforms.ids import with_event_id
from event_assets.transforms.judge import judged, rejects
from event_assets.transforms.scope import Frame, Inputs, Outputs, Scope, counted


def clean(inputs: Inputs, scope: Scope) -> Outputs:
    """cleaned_events and quarantine of one date.

    Inputs: raw_events of the date and, where deduplication looks back, event_keys of the earlier dates
    (`dataset.dedupe_days` of them, or all). Figures: raw, duplicates, quarantined, cleaned.
    """
    dataset = scope.dataset
    raw = inputs["raw_events"]
    records = _judged(raw, scope)
    quarantine = rejects(records, dataset.columns, required_columns(dataset), scope)
    valid = with_event_id(records.filter(nw.col("valid")), scope)

    repeated: Frame | None = None
    if dataset.dedupe_days != 0:
        earlier = earlier_keys(inputs["event_keys"], scope)
        repeated = valid.join(earlier, on="event_id", how="semi")
        valid = valid.join(earlier, on="event_id", how="anti")
    order = ["event_time_us", *(f"typed {column.name}" for column in dataset.columns), "file_id", "row_number"]
    kept, others = place_among_equals(valid, order)
    duplicates = others if repeated is None else nw.concat([others.select("event_id"), repeated.select("event_id")])

    values = [nw.col(f"typed {column.name}").alias(column.name) for column in dataset.columns]
    cleaned = kept.select("event_id", "event_time", *values, "file_id", "row_number")
    return Outputs(
        {
            "cleaned_events": scope.shaped(cleaned, "cleaned_events"),
            "quarantine": scope.shaped(quarantine, "quarantine"),
        },
        counted(raw=raw, duplicates=duplicates, quarantined=quarantine, cleaned=cleaned),
    )


def event_keys(inputs: Inputs, scope: Scope) -> Outputs:
    """event_keys of one date: the distinct ids of its valid records, kept or not. Input: raw_events of the date."""
    valid = _judged(inputs["raw_events"], scope).filter(nw.col("valid"))
    ids = with_event_id(valid, scope).select("event_id").unique()
    return Outputs({"event_keys": scope.shaped(ids, "event_keys")})


def required_columns(dataset: Dataset) -> set[str]:
    """The event columns that may not be null: those declared so, the user and the declared id."""
    declared = {column.name for column in dataset.columns if column.required}
    return declared | {"user_id"} | ({dataset.event_id} if dataset.event_id else set())


def _judged(raw: Frame, scope: Scope) -> Frame:
    return judged(raw, scope.dataset.columns, required_columns(scope.dataset), scope)

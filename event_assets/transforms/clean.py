"""raw_events to cleaned_events, quarantine and event_keys."""

from __future__ import annotations

import datetime as dt

import narwhals as nw

from event_assets.declaration import Column, Dataset
from event_assets.transforms.ids import with_event_id
from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope
from event_assets.transforms.row_numbers import among_equals
from event_assets.transforms.validate import judged, quarantine_rows


def clean(inputs: Inputs, scope: Scope) -> Outputs:
    """cleaned_events and quarantine.

    Inputs: raw_events of the dates and, where deduplication looks back, event_keys of the earlier dates
    (`dataset.dedupe_days` of them, or all). Figures: raw, duplicates, quarantined, cleaned
    and, where a block has `where`, excluded.
    """
    dataset = scope.dataset
    raw = scope.ports.read_once(inputs["raw_events"])
    values = [name for column in dataset.columns for name in _compared(column)]
    lineage = ["event_time", "event_time_us", "file_id", "row_number"]
    verdict = ["is valid", "is excluded", *(f"no {column.name}" for column in dataset.columns)]
    records = scope.ports.shared(_judged(raw, scope).select(*scope.by(*verdict, *values, *lineage)))
    refused = records.filter(~nw.col("is valid") & ~nw.col("is excluded"))
    quarantine = _quarantined(raw, refused.drop(*scope.by("event_time")), scope)

    valid = with_event_id(records.filter(nw.col("is valid")).drop(*verdict), scope)
    if dataset.dedupe_days != 0:
        valid = _with_earlier(valid, inputs["event_keys"], scope)
    placed = scope.ports.shared(
        among_equals(valid, ["event_time_us", *values, "file_id", "row_number"], within=scope.by("event_id"))
    )
    stays = nw.col("row place") == 1 if dataset.dedupe_days == 0 else (nw.col("row place") == 1) & ~nw.col("is earlier")
    kept, duplicates = placed.filter(stays), placed.filter(~stays)

    named = [nw.col(f"typed {column.name}").alias(column.name) for column in dataset.columns]
    cleaned = kept.select(*scope.by("event_id", "event_time"), *named, "file_id", "row_number")
    figures = {"raw": raw, "duplicates": duplicates, "quarantined": refused, "cleaned": kept}
    if dataset.leaves_out("events"):
        figures["excluded"] = records.filter(nw.col("is excluded"))
    return scope.outputs(scope.counted(**figures), cleaned_events=cleaned, quarantine=quarantine)


def event_keys(inputs: Inputs, scope: Scope) -> Outputs:
    """event_keys: the distinct ids of a date's valid records, kept or not. Input: raw_events of the dates."""
    valid = _judged(inputs["raw_events"], scope).filter(nw.col("is valid"))
    ids = with_event_id(valid, scope).select(*scope.by("event_id")).unique()
    return scope.outputs(event_keys=ids)


def required_columns(dataset: Dataset) -> set[str]:
    """The event columns that may not be null: those declared so and the declared id."""
    declared = {column.name for column in dataset.columns if column.required}
    return declared | ({dataset.event_id} if dataset.event_id else set())


def _compared(column: Column) -> list[str]:
    """The columns by which a column's values are ordered and kept: JSON by its canonical form, then by its text."""
    return [*([f"canonical {column.name}"] if column.type == "json" else []), f"typed {column.name}"]


def _judged(raw: Frame, scope: Scope) -> Frame:
    timed = scope.ports.microseconds(raw, {"event_time": "event_time_us"})
    return judged(timed, scope.dataset.columns, required_columns(scope.dataset), scope)


def _quarantined(raw: Frame, refused: Frame, scope: Scope) -> Frame:
    """The quarantined records, which are few, with their texts and reasons."""
    # By number first, which leaves few rows to be found by the long text of their file's id.
    likely = raw.join(refused.select("row_number").unique(), on="row_number", how="semi")
    texts = likely.join(refused, on=["file_id", "row_number"], how="inner")
    return quarantine_rows(texts, scope.dataset.columns, required_columns(scope.dataset), scope)


def _with_earlier(valid: Frame, event_keys: Frame, scope: Scope) -> Frame:
    """The records with `is earlier`: whether their key occurs on an earlier date within reach."""
    known = _earlier_keys(event_keys, valid, scope).with_columns(nw.lit(True).alias("is earlier"))
    joined = valid.join(known, on=scope.by("event_id"), how="left")
    return joined.with_columns(nw.col("is earlier").fill_null(False))


def _earlier_keys(event_keys: Frame, events: Frame, scope: Scope) -> Frame:
    """The ids that make an event of the scope's dates a duplicate: those of the dates that its dataset looks back.

    `events` are those of the scope; of several dates only ids that occur in them are given, each with their date.
    """
    days = scope.dataset.dedupe_days
    earlier = event_keys.select("event_id", nw.col("event_date").alias("key date"))
    date = nw.col("event_date") if scope.several else nw.lit(scope.dates[0])
    if scope.several:
        earlier = events.select("event_date", "event_id").unique().join(earlier, on="event_id", how="inner")
    earlier = earlier.filter(nw.col("key date") < date)
    if days != "all":
        reach = (nw.col("key date") + nw.lit(dt.timedelta(days=days))).cast(nw.Date)
        earlier = earlier.filter(reach >= date)
    return earlier.select(*scope.by("event_id")).unique()

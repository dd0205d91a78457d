"""Asset and check specs of a dataset, from its steps and contracts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import dagster as dg

from event_assets.contracts.tables import Table, tables
from event_assets.dataset import Dataset
from event_assets.defs.keys import asset_key, partitions
from event_assets.defs.lineage import column_lineage
from event_assets.graph.steps import LANDED, Input, Step, step_of, steps

_LAYERS = {
    **dict.fromkeys(("source_files", "raw_events", "raw_profiles", "landing_rejects"), "bronze"),
    **dict.fromkeys(
        (
            "profiles",
            "profile_quarantine",
            "event_keys",
            "cleaned_events",
            "quarantine",
            "session_edges",
            "session_parts",
            "sessions",
            "joined_facts",
        ),
        "silver",
    ),
}


@cache
def asset_specs(dataset: Dataset) -> tuple[dg.AssetSpec, ...]:
    """One spec a table, upstream first."""
    return tuple(_asset_spec(dataset, table) for table in tables(dataset).values())


@cache
def check_specs(dataset: Dataset) -> tuple[dg.AssetCheckSpec, ...]:
    """The checks that hold the line (blocking) and those that watch quality (warning)."""
    return tuple(_check_specs(dataset))


def _asset_spec(dataset: Dataset, table: Table) -> dg.AssetSpec:
    step = step_of(dataset).get(table.name)
    layer = _LAYERS.get(table.name, "gold")
    lineage = column_lineage(dataset, table, step)
    metadata: dict[str, object] = {
        "dagster/table_name": f"{dataset.name}.{table.name}",
        "dagster/column_schema": column_schema(table, lineage),
        "dagster/column_lineage": dg.TableColumnLineage(lineage),
        "key": ", ".join(table.key),
    }
    return dg.AssetSpec(
        asset_key(dataset.name, table.name),
        deps=list(_deps(dataset, table.name, step)),
        description=_description(dataset, table, step),
        group_name=dataset.name,
        owners=list(dataset.owners),
        kinds={layer, "parquet"},
        tags={"layer": layer},
        metadata=metadata,
        partitions_def=partitions(dataset) if table.partitioned_by == "event_date" else None,
        code_version=step.rules if step else None,
        skippable=True,
    )


def _description(dataset: Dataset, table: Table, step: Step | None) -> str:
    reads = [text for source in step.inputs if (text := _window(source))] if step and step.by_date else []
    around = f" Reads {'; '.join(reads)}." if reads else ""
    key = ", ".join(table.key)
    return f"{table.description}\n\nOne row per {key}.{around} Part of **{dataset.name}**: {dataset.description}"


def _window(source: Input) -> str:
    """Which dates around its own a step reads of an input, in words; empty where it reads its own only.

    Dagster takes one partition mapping an upstream asset in a multi-asset, and our tables read theirs by different
    windows: so Dagster is told of the same date only, and the graph widens a run by itself (docs/adr/0005).
    """
    parts = []
    if source.before == "all":
        parts.append("all dates before")
    elif source.before:
        parts.append(f"{_dates(source.before)} before")
    if source.after:
        parts.append(f"{_dates(source.after)} after")
    return f"{source.table} of {' and '.join(parts)}" if parts else ""


def _dates(number: int) -> str:
    return "1 date" if number == 1 else f"{number} dates"


def _deps(dataset: Dataset, table: str, step: Step | None) -> Iterator[dg.AssetDep]:
    if step is None:
        if table != "source_files":
            yield dg.AssetDep(asset_key(dataset.name, "source_files"))
        return
    for source in step.inputs:
        if source.table == "profile_snapshots":  # which names the profile files have: a view of the ledger
            yield dg.AssetDep(asset_key(dataset.name, "source_files"))
        else:
            yield dg.AssetDep(asset_key(dataset.name, source.table))


def column_schema(table: Table, lineage: Mapping[str, Sequence[dg.TableColumnDep]]) -> dg.TableSchema:
    """A table's columns as the UI shows them; it shows no column lineage by itself, so the description names it."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                f"{column.description}{_from(lineage.get(column.name, ()))}",
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=table.key == (column.name,), other=_bounds(column.min, column.max)
                ),
            )
            for column in table.columns
        ]
    )


def _from(deps: Sequence[dg.TableColumnDep]) -> str:
    named = ", ".join(f"{dep.asset_key.path[-1]}.{dep.column_name}" for dep in deps[:3])
    return f" From {named}{' and others' if len(deps) > 3 else ''}." if named else ""


def _bounds(low: str | None, high: str | None) -> list[str]:
    return [text for text in (low and f">= {low}", high and f"<= {high}") if text]


def _check_specs(dataset: Dataset) -> Iterator[dg.AssetCheckSpec]:
    made = tables(dataset)

    def spec(table: str, name: str, description: str, *, blocking: bool) -> dg.AssetCheckSpec:
        by_date = made[table].partitioned_by == "event_date"
        return dg.AssetCheckSpec(
            name,
            asset=asset_key(dataset.name, table),
            description=description,
            blocking=blocking,
            partitions_def=partitions(dataset) if by_date else None,
        )

    for table in made.values():
        if table.name not in LANDED:
            says = f"Every row keeps the contract: columns, types, nulls, bounds, unique key ({', '.join(table.key)})."
            yield spec(table.name, "contract", f"{says} A partition that breaks it is not published.", blocking=True)
    for step in steps(dataset):
        if step.equation:
            says = f"No record is lost: {step.equation}. A partition that breaks it is not published."
            yield spec(step.name, "accounting", says, blocking=True)
    says = "No record is lost: for every file, records = landed + rejected + erased."
    yield spec("source_files", "accounting", says, blocking=True)
    quality = dataset.quality
    share = f"{quality.max_rejected_share:.0%}"
    yield spec("source_files", "rejects", f"At most {share} of the records of each file are rejected.", blocking=False)
    yield spec("source_files", "drift", "Files have the declared columns and no others.", blocking=False)
    yield spec("quarantine", "rejects", f"At most {share} of a date's records are quarantined.", blocking=False)
    yield spec(
        "cleaned_events",
        "volume",
        f"At most {quality.volume_factor:g} times more or fewer events than the median of the 7 dates before.",
        blocking=False,
    )
    if dataset.profiles:
        says = f"At most {quality.max_orphan_share:.0%} of a date's facts have no profile."
        yield spec("joined_facts", "orphans", says, blocking=False)

"""Asset and check specs of a dataset, from its steps and contracts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.orchestration.asset_keys import asset_key
from event_assets.orchestration.column_lineage import column_lineage
from event_assets.pipeline.checks import checks
from event_assets.pipeline.step import Input, Step
from event_assets.pipeline.steps import LATENESS, RECONCILIATION, step_of, unread
from event_assets.tables.catalog import tables
from event_assets.tables.landed_tables import RAW_EVENTS, SOURCE_FILES
from event_assets.tables.table import Table

_ALL = float("inf")


def asset_specs(dataset: Dataset, dates: dg.PartitionsDefinition) -> tuple[dg.AssetSpec, ...]:
    """One spec per table, upstream first; `dates` are the partitions of tables by date."""
    return tuple(
        _asset_spec(dataset, table, dates if table.by_date else None)
        for table in tables(dataset).values()
        if not table.internal
    )


def check_specs(dataset: Dataset, dates: dg.PartitionsDefinition) -> tuple[dg.AssetCheckSpec, ...]:
    """The checks that guard what is published (blocking) and those of quality (warnings)."""
    made = tables(dataset)
    return tuple(
        dg.AssetCheckSpec(
            check.name,
            asset=asset_key(dataset.name, check.table),
            description=f"{check.description} If it fails: {check.remedy}.",
            blocking=check.blocking,
            partitions_def=dates if made[check.table].by_date else None,
        )
        for check in checks(dataset).values()
    )


def _asset_spec(dataset: Dataset, table: Table, dates: dg.PartitionsDefinition | None) -> dg.AssetSpec:
    step = step_of(dataset).get(table.name)
    lineage = column_lineage(dataset, table)
    metadata: dict[str, object] = {
        "dagster/table_name": f"{dataset.name}.{table.name}",
        "dagster/column_schema": column_schema(table, lineage),
        "dagster/column_lineage": dg.TableColumnLineage(lineage),
        "key": ", ".join(table.key),
        "query": dg.MetadataValue.md(_query(dataset, table)),
    }
    return dg.AssetSpec(
        asset_key(dataset.name, table.name),
        deps=list(_deps(dataset, table.name, step)),
        description=_description(dataset, table, step),
        group_name=dataset.name,
        owners=list(dataset.owners),
        kinds={table.layer, "parquet"},
        tags={"layer": table.layer},
        metadata=metadata,
        partitions_def=dates,
        code_version=step.rules if step else None,
        freshness_policy=_freshness(dataset) if table.name == RAW_EVENTS or table.layer == "gold" else None,
        skippable=True,
    )


def _description(dataset: Dataset, table: Table, step: Step | None) -> str:
    inputs = shown_inputs(dataset, step) if step and step.by_date else ()
    reads = [text for source in inputs if (text := _window(source))]
    around = f" Beside its own date it reads {'; '.join(reads)}." if reads else ""
    key = ", ".join(table.key)
    return f"{table.description}\n\nOne row per {key}.{around} Part of **{dataset.name}**: {dataset.description}"


def _query(dataset: Dataset, table: Table) -> str:
    """How to see its rows, to be copied into a terminal."""
    return f'`event-assets query "SELECT * FROM {dataset.name}.{table.name} LIMIT 10"`'


def _freshness(dataset: Dataset) -> dg.FreshnessPolicy:
    """Raw events and gold tables are materialized when new data changes them: so old ones tell that none came."""
    return dg.FreshnessPolicy.time_window(fail_window=dataset.quality.stale_after)


def _window(source: Input) -> str:
    """Which dates around its own a step reads of an input, in words; empty where it reads its own only.

    Dagster takes one partition mapping an upstream asset in a multi-asset, and our tables read theirs by different
    windows: so Dagster knows the same date only, and the graph widens a run by itself (docs/adr/0005).
    """
    parts = []
    if source.before == "all":
        parts.append("all dates before")
    elif source.before:
        parts.append(_dates(source.before, "before"))
    if source.after:
        parts.append(_dates(source.after, "after"))
    return f"{source.table} of {' and '.join(parts)}" if parts else ""


def _dates(number: int, where: str) -> str:
    return f"the date {where}" if number == 1 else f"the {number} dates {where}"


def _deps(dataset: Dataset, table: str, step: Step | None) -> Iterator[dg.AssetDep]:
    if table == RECONCILIATION:  # published last: after the tables that no other reads
        yield from (dg.AssetDep(asset_key(dataset.name, name)) for name in unread(dataset))
        return
    if table == LATENESS:
        yield dg.AssetDep(asset_key(dataset.name, "sessions"))
    if step is None:
        if table != SOURCE_FILES:
            yield dg.AssetDep(asset_key(dataset.name, SOURCE_FILES))
        return
    # Which names the profile files have is a view of the ledger, as source_files is.
    read = (source.table for source in shown_inputs(dataset, step))
    shown = dict.fromkeys(SOURCE_FILES if name == "profile_snapshots" else name for name in read)
    yield from (dg.AssetDep(asset_key(dataset.name, name)) for name in shown)


def shown_inputs(dataset: Dataset, step: Step) -> Sequence[Input]:
    """What a step reads, each table once. An internal table is replaced by what it is computed from, on all dates that
    the step then depends on."""
    made, found = tables(dataset), dict[str, Input]()
    for source in step.inputs:
        inner: Sequence[Input] = [Input(source.table)]
        if source.table in made and made[source.table].internal:
            inner = shown_inputs(dataset, step_of(dataset)[source.table])
        for one in inner:
            known = found.get(one.table, one)
            before = _before(source) + _before(one)
            after = max(source.after + one.after, known.after)
            widest = max(before, _before(known))
            found[one.table] = Input(one.table, before="all" if widest >= _ALL else int(widest), after=after)
    return list(found.values())


def _before(source: Input) -> float:
    return _ALL if source.before == "all" else source.before


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

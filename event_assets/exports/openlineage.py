"""What a run did as events of OpenLineage (openlineage.io): runs, datasets with their columns, and column lineage.

Jobs are named as OpenLineage's adapter for Dagster names them: the dataset's job `shop`, and `shop.sessions` for a
step of it, each step with its run as parent.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from event_assets.declaration import Dataset
from event_assets.path_or_url import ObjectUrl, Place
from event_assets.pipeline.column_lineage import column_sources
from event_assets.pipeline.step import Step
from event_assets.pipeline.steps import steps
from event_assets.tables.catalog import tables
from event_assets.tables.column_types import sql_type
from event_assets.tables.table import Table

NAMESPACE = "event_assets"
_PRODUCER = "https://pypi.org/project/event-assets"
_SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"

Rows = Mapping[str, int]
"""Rows that a run published, by table."""


def run_events(
    dataset: Dataset, lake: Place, run_id: str, began: str, ended: str, rows: Rows, failed: str | None = None
) -> Iterator[dict[str, Any]]:
    """The start and the end of a run, and of each step that published a table; times in ISO 8601.

    `failed` is why the run failed, None where it didn't.
    """
    end = "FAIL" if failed else "COMPLETE"
    yield _event("START", began, dataset.name, run_id)
    for step in steps(dataset):
        if made := [name for name in step.tables if name in rows]:
            step_run = str(uuid.uuid5(uuid.UUID(run_id), step.name))
            parent = {"run": {"runId": run_id}, "job": {"namespace": NAMESPACE, "name": dataset.name}}
            facets = {"parent": _facet("1-2-0/ParentRunFacet.json", parent)}
            inputs, outputs = _inputs(dataset, lake, step), [_output(dataset, lake, name, rows) for name in made]
            for kind, time in (("START", began), ("COMPLETE", ended)):
                yield _event(kind, time, f"{dataset.name}.{step.name}", step_run, facets, inputs, outputs)
    error = {"message": failed, "programmingLanguage": "Python"}
    facets = {"errorMessage": _facet("1-0-1/ErrorMessageRunFacet.json", error)} if failed else {}
    yield _event(end, ended, dataset.name, run_id, facets)


def _event(
    kind: str,
    time: str,
    job: str,
    run_id: str,
    facets: Mapping[str, Any] | None = None,
    inputs: list[dict[str, Any]] | None = None,
    outputs: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    return {
        "eventType": kind,
        "eventTime": time,
        "producer": _PRODUCER,
        "schemaURL": _SPEC,
        "run": {"runId": run_id, "facets": dict(facets or {})},
        "job": {"namespace": NAMESPACE, "name": job, "facets": {}},
        "inputs": inputs or [],
        "outputs": outputs or [],
    }


def _inputs(dataset: Dataset, lake: Place, step: Step) -> list[dict[str, Any]]:
    known = tables(dataset)
    found = dict.fromkeys(source.table for source in step.inputs if source.table in known)
    return [{**_name(dataset, lake, known[name]), "facets": {"schema": _schema(known[name])}} for name in found]


def _output(dataset: Dataset, lake: Place, name: str, rows: Rows) -> dict[str, Any]:
    table = tables(dataset)[name]
    facets = {"schema": _schema(table), "columnLineage": _column_lineage(dataset, lake, table)}
    statistics = _facet("1-0-2/OutputStatisticsOutputDatasetFacet.json", {"rowCount": rows[name]})
    return {**_name(dataset, lake, table), "facets": facets, "outputFacets": {"outputStatistics": statistics}}


def _name(dataset: Dataset, lake: Place, table: Table) -> dict[str, str]:
    """OpenLineage's name of a folder of files."""
    if isinstance(lake, ObjectUrl):
        return {"namespace": f"s3://{lake.bucket}", "name": f"{lake.key}/{dataset.name}/{table.name}".strip("/")}
    return {"namespace": "file", "name": (lake / dataset.name / table.name).as_posix()}


def _schema(table: Table) -> dict[str, Any]:
    fields = [{"name": c.name, "type": sql_type(c.type), "description": c.description} for c in table.columns]
    return _facet("1-2-0/SchemaDatasetFacet.json", {"fields": fields})


def _column_lineage(dataset: Dataset, lake: Place, table: Table) -> dict[str, Any]:
    known = tables(dataset)
    fields = {
        column: {"inputFields": [{**_name(dataset, lake, known[name]), "field": field} for name, field in sources]}
        for column, sources in column_sources(dataset, table).items()
        if sources
    }
    return _facet("1-2-0/ColumnLineageDatasetFacet.json", {"fields": fields})


def _facet(schema: str, content: Mapping[str, Any]) -> dict[str, Any]:
    name = schema.partition("/")[2].removesuffix(".json")
    return {"_producer": _PRODUCER, "_schemaURL": f"{_FACETS}/{schema}#/$defs/{name}", **content}

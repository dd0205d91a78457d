"""OpenLineage's events, read by its own client, whose classes are generated from the official schemas."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openlineage.client import facet_v2
from openlineage.client.event_v2 import RunEvent
from openlineage.client.serde import Serde

from event_assets.declaration import Dataset, load_datasets
from event_assets.exports.openlineage import NAMESPACE, run_events
from event_assets.path_or_url import ObjectUrl, Place
from event_assets.tables.catalog import tables
from event_assets_tests.world import clicks

RUN = str(uuid.UUID(int=7))
BEGAN, ENDED = (dt.datetime(2025, 1, 1, 0, minute, tzinfo=dt.UTC).isoformat() for minute in (0, 1))


def events(
    dataset: Dataset, lake: Place = Path("/lake"), rows: dict[str, int] | None = None, failed: str | None = None
) -> list[dict[str, Any]]:
    """The events as they are sent."""
    made = dict.fromkeys(tables(dataset), 1) if rows is None else rows
    return [json.loads(json.dumps(one)) for one in run_events(dataset, lake, RUN, BEGAN, ENDED, made, failed)]


def facets(value: object) -> Iterator[dict[str, Any]]:
    """All facets of an event."""
    if isinstance(value, dict):
        if "_schemaURL" in value:
            yield value
        for part in value.values():
            yield from facets(part)
    elif isinstance(value, list):
        for part in value:
            yield from facets(part)


def facet_class(name: str) -> type:
    """The client's class of a facet, which is in a module of the facet's name."""
    module = re.sub(r"(?<!^)(?=[A-Z])", "_", name.removesuffix("Facet")).lower()
    return getattr(importlib.import_module(f"openlineage.client.generated.{module}"), name)  # type: ignore[no-any-return]


def without_empty(value: Any) -> Any:
    """The value without the optional parts that are empty, which the client leaves out or adds."""
    if isinstance(value, dict):
        found = {key: without_empty(part) for key, part in value.items()}
        return {key: part for key, part in found.items() if part not in (None, {}, [])}
    return [without_empty(part) for part in value] if isinstance(value, list) else value


def without_facets(value: Any) -> Any:
    """The value without facets, of which the client's class of an event knows no content."""
    if isinstance(value, dict):
        return {key: without_facets(part) for key, part in value.items() if not key.lower().endswith("facets")}
    return [without_facets(part) for part in value] if isinstance(value, list) else value


def as_read(value: dict[str, Any], kind: type) -> dict[str, Any]:
    """What OpenLineage's client reads of a JSON object, as it would send it itself; fails where a value is wrong."""
    return without_empty(json.loads(Serde.to_json(msgspec.convert(value, kind))))  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["clicks", *load_datasets()])
@pytest.mark.parametrize("lake", [Path("/lake"), ObjectUrl("bucket", "some/lake")], ids=str)
def test_every_event_and_facet_is_one_that_openlineages_client_would_send(name: str, lake: Place) -> None:
    sent = events({**load_datasets(), "clicks": clicks()}[name], lake)
    assert len(sent) > 10
    for event in [*sent, *events(clicks(), rows={}, failed="it broke")]:
        assert without_facets(as_read(event, RunEvent)) == without_empty(without_facets(event))
        for facet in facets(event):
            kind = facet_class(facet["_schemaURL"].rpartition("/")[2])
            assert as_read(facet, kind) == without_empty(facet)


def test_events_have_the_form_of_openlineages_adapter_for_dagster() -> None:
    """Its run of a job, and its runs of steps `JOB.STEP` with the job's run as their parent."""
    sent = events(clicks(), rows={"cleaned_events": 3, "quarantine": 0, "daily_summary": 2})
    assert [(e["eventType"], e["job"]["name"]) for e in sent] == [
        ("START", "clicks"),
        ("START", "clicks.cleaned_events"),
        ("COMPLETE", "clicks.cleaned_events"),
        ("START", "clicks.daily_summary"),
        ("COMPLETE", "clicks.daily_summary"),
        ("COMPLETE", "clicks"),
    ]
    assert {event["job"]["namespace"] for event in sent} == {NAMESPACE}
    parent = facet_v2.parent_run.ParentRunFacet(
        run=facet_v2.parent_run.Run(runId=RUN), job=facet_v2.parent_run.Job(namespace=NAMESPACE, name="clicks")
    )
    theirs = without_empty(json.loads(Serde.to_json(parent)))
    for event in sent[1:-1]:
        assert {**event["run"]["facets"]["parent"], "_producer": theirs["_producer"]} == theirs
    assert len({event["run"]["runId"] for event in sent}) == 3


def test_a_step_names_its_inputs_its_rows_and_where_columns_come_from() -> None:
    done = events(clicks(), rows={"daily_summary": 2})[2]
    assert [one["name"] for one in done["inputs"]] == ["/lake/clicks/joined_facts"]
    [output] = done["outputs"]
    assert (output["namespace"], output["name"]) == ("file", "/lake/clicks/daily_summary")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 2
    lineage = output["facets"]["columnLineage"]["fields"]["user_id"]["inputFields"]
    assert lineage == [{"namespace": "file", "name": "/lake/clicks/joined_facts", "field": "user_id"}]


def test_a_run_that_failed_says_why() -> None:
    failed = events(clicks(), rows={}, failed="broken")[-1]
    assert (failed["eventType"], failed["run"]["facets"]["errorMessage"]["message"]) == ("FAIL", "broken")

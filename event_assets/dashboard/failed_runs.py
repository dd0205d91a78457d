"""Asks the Dagster web server for the failed runs of a dataset, except those after which the same job or selection
succeeded.
"""

from __future__ import annotations

import datetime as dt
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

#: A page must not wait long for a small part of it.
_TIMEOUT_SECONDS = 2
#: The number of the newest runs of all datasets that are examined.
_RUNS = 100
#: At most this number of failed runs is listed.
_MOST = 5
QUERY = """
query FailedRuns($limit: Int!) {
  runsOrError(filter: {statuses: [SUCCESS, FAILURE]}, limit: $limit) {
    ... on Runs { results { runId jobName status endTime assetSelection { path } } }
  }
}
"""


@dataclass(frozen=True)
class FailedRun:
    """A failed run: its page in Dagster, and when it ended (UTC)."""

    url: str
    name: str
    ended_at: dt.datetime | None


def failed_runs(dagster_url: str, dataset: str) -> list[FailedRun]:
    """The newest failed runs of a dataset, the newest first; none where no Dagster answers at the address.

    A later success of the dataset's job, or of the same selection of assets, makes up for a failure.
    """
    body = json.dumps({"query": QUERY, "variables": {"limit": _RUNS}}).encode()
    request = urllib.request.Request(f"{dagster_url}/graphql", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as reply:
            runs = json.load(reply)["data"]["runsOrError"]["results"]
        return list(_failed(runs, dagster_url, dataset))[:_MOST]
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return []  # no server, one that wants a password, or another program


def _failed(runs: list[dict[str, Any]], dagster_url: str, dataset: str) -> Iterator[FailedRun]:
    succeeded = set[tuple[str, frozenset[tuple[str, ...]]]]()
    for run in runs:  # the newest first
        assets = frozenset(tuple(asset["path"]) for asset in run["assetSelection"] or ())
        if run["jobName"] != dataset and all(path[0] != dataset for path in assets):
            continue
        selected = run["jobName"], assets
        if run["status"] == "SUCCESS":
            if selected[0] == dataset:
                return
            succeeded.add(selected)
        elif selected not in succeeded:
            ended = run["endTime"]
            at = None if ended is None else dt.datetime.fromtimestamp(ended, dt.UTC)
            yield FailedRun(f"{dagster_url}/runs/{run['runId']}", run["runId"][:8], at)

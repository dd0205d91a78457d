"""Sends a run's OpenLineage events to the URL or file that EVENT_ASSETS_OPENLINEAGE names. If sending fails, the run
doesn't fail.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from event_assets.errors import without_secrets
from event_assets.exports.openlineage import run_events
from event_assets.pipeline.workspace import Workspace

_TIMEOUT_SECONDS = 5


def send_lineage(
    context: dg.OpExecutionContext, workspace: Workspace, rows: Mapping[str, int], failed: str | None
) -> None:
    """The events of the run that ends now; `rows` are those that it published, by table."""
    target = workspace.settings.openlineage
    if target is None:
        return
    record = context.instance.get_run_record_by_id(context.run_id)
    ended = dt.datetime.now(dt.UTC)
    began = dt.datetime.fromtimestamp(record.start_time, dt.UTC) if record and record.start_time else ended
    times = began.isoformat(), ended.isoformat()
    events = run_events(workspace.dataset, workspace.settings.lake, context.run_id, *times, rows, failed)
    lines = [json.dumps(event) for event in events]
    try:
        if isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("a", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in lines))
        else:
            for line in lines:
                _post(f"{target}/api/v1/lineage", line)
    except (OSError, ValueError) as error:
        context.log.warning(without_secrets(f"OpenLineage: events could not be sent to {target} ({error})"))


def _post(url: str, line: str) -> None:
    import urllib.request

    request = urllib.request.Request(url, line.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):
        pass

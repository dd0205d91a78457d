"""Runs of Dagster inside a command's own process: the same jobs, assets and checks as in the UI."""

from __future__ import annotations

import datetime as dt
import gc
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.errors import EventAssetsError
from event_assets.orchestration.asset_keys import DATES_TAG, ONLY_STALE_TAG, WHY_TAG
from event_assets.orchestration.code_location import shared_definitions
from event_assets.orchestration.dataset_definitions import dataset_definitions
from event_assets.orchestration.partition_dates import partitions
from event_assets.orchestration.private.instance_without_compute_logs import (
    instance_without_compute_logs,
    storage_errors,
)
from event_assets.orchestration.private.run_in_process import run_in_process
from event_assets.pipeline.progress_listener import NullProgress
from event_assets.settings import Settings, load_settings, use_dagster_home

_RANGE_START, _RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


class RunFailedError(EventAssetsError):
    """A run of Dagster that failed. What it published is kept."""


def run_job(
    dataset: Dataset,
    settings: Settings,
    dates: tuple[dt.date, dt.date] | None,
    progress: NullProgress,
    why: str | None = None,
    *,
    log: bool = False,
) -> str:
    """Run the dataset's job and return the run's id; without dates it lands new files and materializes stale
    partitions.

    `why` is shown with the run in the UI: no personal data. With `log` the run's log goes to standard error.

    RunFailedError with the message of the asset that failed; KeyboardInterrupt if the user stopped the run.
    """
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(Path(__file__).parent.parent / "orchestration" / "dagster.yaml", home / "dagster.yaml")
    use_dagster_home(home)
    own = None if settings == load_settings() else settings  # jobs read the environment's settings themselves
    definitions = dg.Definitions.merge(dataset_definitions(dataset, own, progress), shared_definitions())
    tags = _tags(partitions(dataset, settings), dates) | ({WHY_TAG: why} if why else {})
    with _loaded_is_no_garbage(), instance_without_compute_logs(home) as instance:
        job = definitions.resolve_job_def(dataset.name)
        loggers = {"loggers": {"lines": {"config": log}}}
        run, events = run_in_process(job, instance, tags, loggers, "event_assets.definitions", "event_assets")
    if not run.is_success:
        raise _failure(dataset, run, events)
    return run.run_id


@contextmanager
def _loaded_is_no_garbage() -> Iterator[None]:
    """What was loaded stays, so that the search for garbage need not look at it; at the end of the process it must:
    else DuckDB reports all of it as leaked."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _tags(calendar: dg.PartitionsDefinition, dates: tuple[dt.date, dt.date] | None) -> dict[str, str]:
    """The tags that give a run its dates: Dagster's own tags if both ends of the range are in its calendar."""
    if dates is None:
        return {ONLY_STALE_TAG: "true"}
    first, last = (date.isoformat() for date in dates)
    if calendar.has_partition_key(first) and calendar.has_partition_key(last):
        return {_RANGE_START: first, _RANGE_END: last}
    return {DATES_TAG: f"{first}/{last}"}


def _failure(dataset: Dataset, run: dg.DagsterRun, events: Sequence[dg.DagsterEvent]) -> EventAssetsError:
    remedy = f"see run {run.run_id} in the UI"
    for event in events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return _Said(data.user_failure_data.description)
            error = data.error
            while error is not None and error.cause is not None:
                error = error.cause
            if error is not None and _is_interruption(error.cls_name, error.message):
                raise KeyboardInterrupt
            message = " ".join(error.message.split()) if error else "it gave no reason"
            return RunFailedError(dataset.name, message, remedy)
    return RunFailedError(dataset.name, "the run failed before its first step", remedy)


def _is_interruption(name: str | None, message: str) -> bool:
    """Whether the user stopped the step, which DuckDB reports by an error of its own."""
    return name == "DagsterExecutionInterruptedError" or (name == "RuntimeError" and "Query interrupted" in message)


class _Said(RunFailedError):
    """A failure that already is one whole line."""

    def __init__(self, line: str) -> None:
        Exception.__init__(self, " ".join(line.split()))


@dataclass(frozen=True)
class LastRun:
    """The newest run of a dataset's job."""

    run_id: str
    state: str
    """Dagster's word in lower case: success, failure, canceled, started, queued, ..."""
    ended: dt.datetime
    """When it ended (of a run that still goes on: when it began), in this machine's time zone."""


def last_runs(names: list[str], settings: Settings) -> dict[str, LastRun]:
    """The newest run of each dataset by its name. Dagster's home must exist."""
    use_dagster_home(settings.dagster_home)
    found = {}
    with storage_errors(settings.dagster_home), dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        for name in names:
            for record in instance.get_run_records(dg.RunsFilter(job_name=name), limit=1):
                run, since = record.dagster_run, record.end_time or record.start_time
                ended = dt.datetime.fromtimestamp(since, dt.UTC) if since else record.create_timestamp
                found[name] = LastRun(run.run_id, run.status.value.lower(), ended.astimezone())
    return found

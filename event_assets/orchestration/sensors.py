"""The sensor of a dataset: starts runs for new files in the inbox and for stale partitions.

The sensor only requests runs; a run can be retried and is logged. A run is identified by the digest of its cause (the
files with their signatures, or the stale partitions with the digests of their inputs). So a name with new content is a
new cause. After a few failed runs for the same cause, a person must materialize by hand.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.digest import digest
from event_assets.landing.inbox import is_settled
from event_assets.orchestration.asset_keys import CAUSE_TAG, ONLY_STALE_TAG, REPORT_TAG, WHY_TAG
from event_assets.orchestration.published_but_unreported import lake_state, unreported
from event_assets.pipeline.pending_files import pending
from event_assets.pipeline.record_count_manifests import pending_manifests
from event_assets.pipeline.staleness.input_digest import input_digest
from event_assets.pipeline.staleness.stale_partitions import stale_units
from event_assets.pipeline.sync_raw_tables import raw_tables_match_ledger
from event_assets.pipeline.workspace import Workspace
from event_assets.settings import Settings, load_settings

#: A file that changed within this number of seconds may still be written.
QUIET_SECONDS = 1.0
#: Tables are looked at less often than the inbox: that reads every table's log.
STALE_SECONDS = 30.0
ATTEMPTS = 3
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def dataset_sensor(dataset: Dataset, job: str, settings: Callable[[], Settings] = load_settings) -> dg.SensorDefinition:
    """The dataset's one sensor: its runs land new files, update all tables and recompute stale partitions."""

    @dg.sensor(
        name=f"{dataset.name}_new_files",
        job_name=job,
        minimum_interval_seconds=1,
        description=f"Files dropped into the inbox of {dataset.name} are landed, and every table that they affect is "
        "updated. Tables whose inputs or rules changed, as after a crash, are recomputed.",
    )
    def watch(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        workspace, memory = Workspace(dataset, settings()), _Memory.of(context.cursor)
        found = _for_new_files(context, workspace, memory)
        if isinstance(found, dg.SkipReason) and time.time() - memory.looked >= STALE_SECONDS:
            stale = _for_stale_tables(context, workspace, memory)
            memory.looked = round(time.time())
            reason = f"{found.skip_message}; {getattr(stale, 'skip_message', '')}"
            found = stale if isinstance(stale, dg.RunRequest) else dg.SkipReason(reason)
        context.update_cursor(json.dumps(dataclasses.asdict(memory)))
        yield found

    return watch


@dataclass
class _Memory:
    """What the sensor knows of its earlier ticks: its cursor."""

    looked: float = 0
    """When stale tables were last looked for."""
    reported: str = ""
    """The last state of the lake whose partitions were all reported."""
    tried: dict[str, int] = field(default_factory=dict)
    """The number of runs that were requested for each file that is not landed yet."""

    @classmethod
    def of(cls, cursor: str | None) -> _Memory:
        try:
            return cls(**json.loads(cursor or "{}"))
        except (TypeError, ValueError):  # of another version
            return cls()


def _for_new_files(
    context: dg.SensorEvaluationContext, workspace: Workspace, memory: _Memory
) -> dg.RunRequest | dg.SkipReason:
    """A run for the new files, unless each of them failed in several runs. One file that fails doesn't stop others."""
    workspace.ledger.reload()
    files, warnings = pending(workspace)
    files = [*files, *pending_manifests(workspace)]
    for warning in warnings:
        context.log.warning(warning)
    now = time.time()
    settled = [file for file in files if is_settled(file, now, QUIET_SECONDS)]
    marks = [digest(file.kind, file.name, str(file.signature)) for file in settled]
    memory.tried = {mark: memory.tried.get(mark, 0) for mark in marks}
    if not settled:
        state = f"{len(files)} still being written" if files else "nothing new"
        return dg.SkipReason(f"{workspace.inbox}: {state}")
    what = _count(len(settled), "new file")
    if all(tried >= ATTEMPTS for tried in memory.tried.values()):
        return dg.SkipReason(f"{what}: failed {ATTEMPTS} times; fix the cause and materialize by hand")
    found = _request(context, workspace.dataset, digest("files", sorted(memory.tried.items())), what)
    if isinstance(found, dg.RunRequest):
        memory.tried = {mark: tried + 1 for mark, tried in memory.tried.items()}
    return found


def _for_stale_tables(
    context: dg.SensorEvaluationContext, workspace: Workspace, memory: _Memory
) -> dg.RunRequest | dg.SkipReason:
    """A run for stale partitions, else for published partitions that no run reported."""
    dataset = workspace.dataset
    workspace.refresh()
    stale = [unit for unit in stale_units(workspace) if unit.date is not None or workspace.known_dates()]
    if stale:
        units = [(unit.step.name, str(unit.date), input_digest(workspace, unit.step, unit.date)) for unit in stale]
        return _request(
            context, dataset, digest("stale", units, _damage(workspace)), _count(len(stale), "stale partition")
        )
    if not raw_tables_match_ledger(workspace):
        contents = [(name, sorted(store.entries().items())) for name, store in workspace.stores.items()]
        return _request(
            context, dataset, digest("aligned", str(contents), lake_state(workspace)), "landed tables behind the ledger"
        )
    if since := workspace.lake.unfinished_since(dataset.name):
        # Files that a killed run replaced may still be there: plain readers of the folders see both.
        return _request(context, dataset, digest("unfinished", since), "what a killed run left")
    state = lake_state(workspace)
    lost = list(unreported(context.instance, workspace)) if state != memory.reported else []
    if lost:
        units = [(table, str(date), workspace.content(table, date)) for table, date in lost]
        what = _count(len(lost), "partition") + " that no run reported"
        return _request(context, dataset, digest("unreported", units), what, {REPORT_TAG: "true"})
    memory.reported = state
    return dg.SkipReason(f"every table of {dataset.name} is what its inputs say")


def _damage(workspace: Workspace) -> list[str]:
    """The damaged files and the notices of the workspace. A loss after a repair is a new cause: files get new names."""
    entries = (entry for store in workspace.stores.values() for entry in store.entries().values())
    return [*(path for entry in entries for path in entry.damaged), *workspace.notices]


def _request(
    context: dg.SensorEvaluationContext, dataset: Dataset, cause: str, what: str, tags: Mapping[str, str] | None = None
) -> dg.RunRequest | dg.SkipReason:
    """A run for a cause; none while a run of the dataset is under way, none after `ATTEMPTS` failed runs."""
    instance = context.instance
    running = instance.get_run_records(dg.RunsFilter(job_name=dataset.name, statuses=_UNFINISHED), limit=1)
    if running:
        return dg.SkipReason(f"{what}: run {running[0].dagster_run.run_id} is under way")
    failed = instance.get_runs_count(
        dg.RunsFilter(tags={CAUSE_TAG: cause}, statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
    )
    if failed >= ATTEMPTS:
        return dg.SkipReason(f"{what}: failed {failed} times; fix the cause and materialize by hand")
    return dg.RunRequest(
        run_key=f"{dataset.name}-{cause}-{failed}",
        tags={ONLY_STALE_TAG: "true", CAUSE_TAG: cause, WHY_TAG: what, **(tags or {})},
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

"""What starts runs by itself: new files in the inbox, and tables that are stale.

The sensor only looks; everything else happens in a logged run that can be tried again. A run is known by what caused
it (which files with which stamps, which units made from what), never by a name: the same name with new content
is a new cause, the same cause that failed is tried a few times and then left to a person.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.digest import digest
from event_assets.landing.inbox import is_settled
from event_assets.orchestration.keys import CAUSE_TAG, ONLY_STALE_TAG, REPORT_TAG, WHY_TAG
from event_assets.orchestration.unreported_partitions import lake_state, unreported
from event_assets.pipeline.land_files import pending
from event_assets.pipeline.manifests import pending_manifests
from event_assets.pipeline.staleness import made_from, stale_units
from event_assets.pipeline.sync_raw_tables import raw_tables_match_ledger
from event_assets.pipeline.workspace import Workspace
from event_assets.settings import Settings, load_settings

#: A file that was touched within so many seconds may still be being written.
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
    """The dataset's one sensor: lands new files and carries them to every table, and repairs what is stale."""

    @dg.sensor(
        name=f"{dataset.name}_new_files",
        job_name=job,
        minimum_interval_seconds=1,
        description=f"Files dropped into the inbox of {dataset.name} are landed and carried to every table. Tables "
        "whose inputs or rules changed since they were made, as after a crash, are made again.",
    )
    def watch(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        workspace = Workspace(dataset, settings())
        found = _for_new_files(context, workspace)
        looked, state = _cursor(context.cursor)
        if isinstance(found, dg.SkipReason) and time.time() - looked >= STALE_SECONDS:
            stale, state = _for_stale_tables(context, workspace, state)
            context.update_cursor(f"{time.time():.0f} {state}")
            reason = f"{found.skip_message}; {getattr(stale, 'skip_message', '')}"
            found = stale if isinstance(stale, dg.RunRequest) else dg.SkipReason(reason)
        yield found

    return watch


def _for_new_files(context: dg.SensorEvaluationContext, workspace: Workspace) -> dg.RunRequest | dg.SkipReason:
    workspace.ledger.reload()
    files, warnings = pending(workspace)
    files = [*files, *pending_manifests(workspace)]
    for warning in warnings:
        context.log.warning(warning)
    now = time.time()
    settled = [file for file in files if is_settled(file, now, QUIET_SECONDS)]
    if not settled:
        state = f"{len(files)} still being written" if files else "nothing new"
        return dg.SkipReason(f"{workspace.inbox}: {state}")
    cause = digest("files", [(file.kind, file.name, file.signature) for file in settled])
    return _request(context, workspace.dataset, cause, _count(len(settled), "new file"))


def _for_stale_tables(
    context: dg.SensorEvaluationContext, workspace: Workspace, reported: str
) -> tuple[dg.RunRequest | dg.SkipReason, str]:
    """A run for what is stale, and the last state of the lake whose partitions were all `reported`."""
    dataset = workspace.dataset
    workspace.refresh()
    stale = [unit for unit in stale_units(workspace) if unit.date is not None or workspace.known_dates()]
    if stale:
        units = [(unit.step.name, str(unit.date), made_from(workspace, unit.step, unit.date)) for unit in stale]
        return _request(
            context, dataset, digest("stale", units, _damage(workspace)), _count(len(stale), "stale partition")
        ), reported
    if not raw_tables_match_ledger(workspace):
        contents = [(name, sorted(store.entries().items())) for name, store in workspace.stores.items()]
        return _request(
            context, dataset, digest("aligned", str(contents), lake_state(workspace)), "landed tables behind the ledger"
        ), reported
    if since := workspace.lake.unfinished_since(dataset.name):
        # Files that a killed run replaced may still be there: plain readers of the folders see both.
        return _request(context, dataset, digest("unfinished", since), "what a killed run left"), reported
    state = lake_state(workspace)
    lost = list(unreported(context.instance, workspace)) if state != reported else []
    if lost:
        units = [(table, str(date), workspace.content(table, date)) for table, date in lost]
        what = _count(len(lost), "partition") + " that no run reported"
        return _request(context, dataset, digest("unreported", units), what, {REPORT_TAG: "true"}), reported
    return dg.SkipReason(f"every table of {dataset.name} is what its inputs say"), state


def _damage(workspace: Workspace) -> list[str]:
    """The damaged files and what else is wrong: what is lost again is another cause, since files' names are new."""
    entries = (entry for store in workspace.stores.values() for entry in store.entries().values())
    return [*(path for entry in entries for path in entry.damaged), *workspace.notices]


def _cursor(text: str | None) -> tuple[float, str]:
    """When stale tables were last looked for, and the last state of the lake that was reported in full."""
    seconds, _, state = (text or "0 ").partition(" ")
    return (float(seconds), state) if seconds.isdecimal() else (0.0, "")


def _request(
    context: dg.SensorEvaluationContext,
    dataset: Dataset,
    cause: str,
    what: str,
    tags: Mapping[str, str] | None = None,
) -> dg.RunRequest | dg.SkipReason:
    """A run for a cause; none while one is under way, none after it failed too often."""
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

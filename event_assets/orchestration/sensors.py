"""What starts runs by itself: new files in the inbox, and tables that are stale.

Both only look; everything else happens in a logged run that can be tried again. A run is known by what caused
it (which files with which stamps, which units made from what), never by a name: the same name with new content
is a new cause, the same cause that failed is tried a few times and then left to a person.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.digest import digest
from event_assets.landing.inbox import is_settled
from event_assets.orchestration.keys import CAUSE_TAG, ONLY_STALE_TAG, REPORT_TAG, WHY_TAG
from event_assets.orchestration.late_reports import lake_state, unreported
from event_assets.pipeline.land_files import pending
from event_assets.pipeline.staleness import made_from, stale_units
from event_assets.pipeline.sync_raw_tables import raw_tables_match_ledger
from event_assets.pipeline.workspace import Unit, Workspace
from event_assets.settings import load_settings

#: A file that was touched within so many seconds may still be being written.
QUIET_SECONDS = 1.0
ATTEMPTS = 3
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def new_files_sensor(dataset: Dataset, job: str) -> dg.SensorDefinition:
    """Watches the dataset's inbox; a run lands what is new and carries it to every table that it touches."""

    @dg.sensor(
        name=f"{dataset.name}_new_files",
        job_name=job,
        minimum_interval_seconds=1,
        description=f"Files dropped into the inbox of {dataset.name} are landed and carried to every table.",
    )
    def watch(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        workspace = Workspace(dataset, load_settings())
        workspace.ledger.reload()
        files, warnings = pending(workspace)
        for warning in warnings:
            context.log.warning(warning)
        now = time.time()
        settled = [file for file in files if is_settled(file, now, QUIET_SECONDS)]
        if not settled:
            state = f"{len(files)} still being written" if files else "nothing new"
            yield dg.SkipReason(f"{workspace.inbox}: {state}")
            return
        cause = digest("files", [(file.kind, file.name, file.signature) for file in settled])
        yield _request(context, dataset, cause, _count(len(settled), "new file"))

    return watch


def stale_sensor(dataset: Dataset, job: str) -> dg.SensorDefinition:
    """Watches the lake: what a crash, a lost event or a changed rule left stale is made again."""

    @dg.sensor(
        name=f"{dataset.name}_stale",
        job_name=job,
        minimum_interval_seconds=30,
        description=f"Makes tables of {dataset.name} again whose inputs or rules changed since they were made.",
    )
    def watch(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        workspace = Workspace(dataset, load_settings())
        workspace.refresh()
        stale = [unit for unit in stale_units(workspace) if unit.date is not None or workspace.known_dates()]
        if stale:
            units = [(unit.step.name, str(unit.date), made_from(workspace, unit.step, unit.date)) for unit in stale]
            yield _request(
                context, dataset, digest("stale", units, _damage(workspace)), _count(len(stale), "stale partition")
            )
        elif not raw_tables_match_ledger(workspace):
            contents = [(name, sorted(store.entries().items())) for name, store in workspace.stores.items()]
            yield _request(
                context,
                dataset,
                digest("aligned", str(contents), lake_state(workspace)),
                "landed tables behind the ledger",
            )
        elif since := workspace.lake.unfinished_since(dataset.name):
            # Files that a killed run replaced may still lie there: plain readers of the folders see both.
            yield _request(context, dataset, digest("unfinished", since), "what a killed run left")
        elif lost := _unreported_units(context, workspace):
            lost_contents = [(table, str(date), workspace.content(table, date)) for table, date in lost]
            what = _count(len(lost), "partition") + " that no run reported"
            yield _request(context, dataset, digest("unreported", lost_contents), what, {REPORT_TAG: "true"})
        else:
            yield dg.SkipReason(f"every table of {dataset.name} is what its inputs say")

    return watch


def _damage(workspace: Workspace) -> list[str]:
    """The damaged files and what else is wrong: what is lost again is another cause, since files' names are new."""
    entries = (entry for store in workspace.stores.values() for entry in store.entries().values())
    return [*(path for entry in entries for path in entry.damaged), *workspace.notices]


def _unreported_units(context: dg.SensorEvaluationContext, workspace: Workspace) -> list[Unit]:
    """What Dagster doesn't know of the lake. It is asked once for each state that the lake comes to: the cursor
    names the last one whose partitions were all reported."""
    state = lake_state(workspace)
    if context.cursor == state:
        return []
    lost = list(unreported(context.instance, workspace))
    if not lost:
        context.update_cursor(state)
    return lost


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

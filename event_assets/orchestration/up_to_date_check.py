"""A check that reports, without doing anything, what a run would do: which files and partitions, and why."""

from collections.abc import Iterator

import dagster as dg

from event_assets.declaration import Dataset
from event_assets.errors import EventAssetsError
from event_assets.orchestration.asset_keys import asset_key
from event_assets.orchestration.private.log_events import last_evaluation
from event_assets.orchestration.private.one_line_failure import OneLineFailure
from event_assets.pipeline.plan import preview
from event_assets.pipeline.workspace import Workspace
from event_assets.settings import Settings, load_settings
from event_assets.tables.landed_tables import SOURCE_FILES
from event_assets.wording import counted

#: At most this number of lines is shown in the UI; the log has all.
_SHOWN = 50
_NAME = "up_to_date"
_NOTHING = "nothing to do"


def up_to_date_check(dataset: Dataset, settings: Settings | None = None) -> dg.AssetChecksDefinition:
    """`up_to_date` on the dataset's source files: run it by itself, as a preview of the next run."""

    @dg.asset_check(
        asset=asset_key(dataset.name, SOURCE_FILES),
        name=_NAME,
        description=(
            "Every file of the inbox is landed and no table is stale. Execute it by itself to preview the next run: "
            "it changes nothing. Where it failed, the next run that leaves nothing to do evaluates it again."
        ),
    )
    def up_to_date(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        workspace = Workspace(dataset, settings or load_settings())
        try:
            workspace.refresh()
            found = preview(workspace)
        except EventAssetsError as error:
            raise OneLineFailure(str(error)) from None
        lines = [*(f"warning: {warning}" for warning in found.warnings), *found.lines()]
        for line in lines:
            context.log.info(line)
        more = [f"and {len(lines) - _SHOWN} more, in the log"] if len(lines) > _SHOWN else []
        return dg.AssetCheckResult(
            passed=found.is_empty,
            severity=dg.AssetCheckSeverity.WARN,
            description=_NOTHING
            if found.is_empty
            else f"{counted(len(found.files), 'file')} to land, {counted(len(found.stale), 'stale partition')}",
            metadata={
                "changed keys": len(found.changes),
                "files": len(found.files),
                "stale partitions": len(found.stale),
                "touched at most": sum(len(dates) for dates in found.at_most.values()),
                "preview": dg.MetadataValue.md(
                    "\n".join(["```", *lines[:_SHOWN], *more, "```"])
                ),  # text loses its lines
            },
        )

    return up_to_date


def passed_again(instance: dg.DagsterInstance, workspace: Workspace) -> Iterator[dg.AssetCheckEvaluation]:
    """The check's evaluation after a run that left nothing to do, where the last one failed.

    "Materialize all" evaluates the check as soon as the files are landed, when the tables are still to be made.
    """
    key = dg.AssetCheckKey(asset_key(workspace.dataset.name, SOURCE_FILES), _NAME)
    last = last_evaluation(instance, key)
    if last is not None and not last.passed and preview(workspace).is_empty:
        severity = dg.AssetCheckSeverity.WARN
        yield dg.AssetCheckEvaluation(key.asset_key, _NAME, True, {}, severity=severity, description=_NOTHING)

"""The checks of a dataset's tables: what each check requires, and what to do if it fails.

Blocking checks (contract, accounting, landing) guard what is published: a partition that breaks one is not. Quality
checks warn, and block nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from event_assets.declaration import Dataset
from event_assets.pipeline.completeness import COMPLETENESS
from event_assets.pipeline.funnel_check import FUNNEL_SUMMARY
from event_assets.pipeline.outcome_messages import CHECK_REMEDY
from event_assets.pipeline.run_results import CheckResult
from event_assets.pipeline.steps import RECONCILIATION, steps
from event_assets.tables.catalog import tables
from event_assets.tables.landed_tables import SOURCE_FILES


@dataclass(frozen=True)
class Check:
    """A check: its table, what it requires, and what to do if it fails."""

    table: str
    name: str
    description: str
    remedy: str
    blocking: bool = False
    severe: bool = False
    """Whether a failure shows as an error though it blocks nothing."""

    def explain(self, result: CheckResult) -> str:
        """What it found and, where it failed, what to do."""
        return result.message if result.passed else f"{result.message}. What to do: {self.remedy}"


@cache
def checks(dataset: Dataset) -> dict[tuple[str, str], Check]:
    """The checks of a dataset by table and name; internal tables are checked like others, and show none."""
    found = [*_blocking(dataset), *_quality(dataset)]
    shown = tables(dataset)
    return {(check.table, check.name): check for check in found if not shown[check.table].internal}


def _blocking(dataset: Dataset) -> Iterator[Check]:
    for table in tables(dataset).values():
        if not table.landed:
            key = ", ".join(table.key)
            description = f"Every row keeps the contract: columns, types, nulls, bounds, unique key ({key})."
            yield Check(table.name, "contract", description, CHECK_REMEDY, blocking=True)
    for step in steps(dataset):
        if step.equation:
            yield Check(step.name, "accounting", f"No record is lost: {step.equation}.", CHECK_REMEDY, blocking=True)
    yield Check(
        SOURCE_FILES,
        "accounting",
        "No record is lost: for every file, records = landed + rejected + erased.",
        "keep the file and the run's log and report them: this is an error of the platform, not of the file",
        blocking=True,
    )
    yield Check(
        RECONCILIATION,
        "accounting",
        "No record is lost over all dates, and every partition is fresh.",
        "run again; see the failed checks of the tables of the dates named here",
    )
    yield Check(
        SOURCE_FILES,
        "landing",
        "Every new file of the inbox could be landed.",
        "fix the file or the declaration and run again; nothing of the file is published",
        blocking=True,
    )


def _quality(dataset: Dataset) -> Iterator[Check]:
    name, quality = dataset.name, dataset.quality
    share = f"{quality.max_rejected_share:.0%}"
    yield Check(
        SOURCE_FILES,
        "rejects",
        f"At most {share} of the records of each file are rejected.",
        f"look at landing_rejects (event-assets quarantine {name}), then fix the export or the declaration",
    )
    yield Check(
        SOURCE_FILES,
        "drift",
        "Files have the declared columns, of the declared kinds, and no others.",
        "declare a new field that matters (it is kept in extra until then); ask the source for one that is missing",
    )
    yield Check(
        "quarantine",
        "rejects",
        f"At most {share} of a date's records are quarantined.",
        f"see the reasons in the materialization, fix the rule, then event-assets quarantine {name} --replay",
    )
    yield Check(
        "cleaned_events",
        "volume",
        f"At most {quality.volume_factor:g} times more or fewer events than the median of the same weekday of the last"
        " weeks, or within three spreads of it.",
        "see in source_files whether a file of the date is missing, is cut off or came twice",
    )
    if dataset.expect:
        yield Check(
            COMPLETENESS,
            "complete",
            "Every date has the files that are expected for it.",
            "drop the missing files; ask the source where they are overdue",
            severe=dataset.expect.hold,
        )
    if dataset.profiles:
        yield Check(
            "joined_facts",
            "orphans",
            f"At most {quality.max_orphan_share:.0%} of a date's facts are of users without a profile.",
            "drop a newer file of profiles; the next run recomputes what it changes",
        )
    if dataset.gold.user_funnel:
        yield Check(
            FUNNEL_SUMMARY,
            "steps",
            "Each step of the funnel has events.",
            "correct gold.user_funnel.steps in the declaration, or remove the step",
        )

"""The messages about what became of a partition in a run: not published, or waiting for another one.

The command line, Dagster's log and its checks show them.
"""

from __future__ import annotations

from event_assets.errors import ContractError
from event_assets.pipeline.run_results import Outcome

NOT_PUBLISHED = "was not published (the previous version is kept)"
REMEDY = "fix the rule or the source and materialize it again"
#: What a blocking check shows as its remedy.
CHECK_REMEDY = f"the new version is not published and the previous one is kept; {REMEDY}"


def not_published(outcome: Outcome) -> str:
    """Why a partition was not published, with the messages of the checks that it broke."""
    broken = "; ".join(check.message for check in outcome.checks if not check.passed)
    return f"{NOT_PUBLISHED}: {broken or 'it is computed together with a table that broke a check'}"


def waiting(source: str) -> str:
    """Why a partition waits for `source`, another partition."""
    return f"waits for {source}, whose published version is stale"


def partition_error(
    dataset: str, outcome: Outcome, *, others: int = 0, input_is_damaged: bool = False
) -> ContractError:
    """The error of a partition that broke a check or waits; `others` is the number of further such partitions."""
    culprit = f"{dataset}/{outcome.table} {outcome.date or ''}".strip() + (f" and {others} more" if others else "")
    if outcome.waits_for is None:
        return ContractError(culprit, not_published(outcome), REMEDY)
    table, date = outcome.waits_for
    source = f"{dataset}/{table} {date or ''}".strip()
    if input_is_damaged:
        remedy = f"event-assets run {dataset} lands or computes it again"
        return ContractError(culprit, f"waits for {source}, of which a file is damaged", remedy)
    return ContractError(culprit, waiting(source), "materialize that first")

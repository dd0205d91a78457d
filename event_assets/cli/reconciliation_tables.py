"""The reconciliation of datasets as tables for the terminal: one column for each dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.table import Table

from event_assets.cli.text_table import terminal_width
from event_assets.pipeline.reconcile import Reconciliation

#: The widths of the column of labels and, at least, of a dataset's column.
_LABELS, _FIGURES = 28, 12


def reconciliation_tables(found: list[Reconciliation]) -> Iterator[Table]:
    """One column per dataset, one line per place where records are; as many tables as the terminal's width needs."""
    some, left = list[Reconciliation](), terminal_width() - _LABELS
    for one in found:
        width = max(len(one.dataset), _FIGURES) + 2
        if some and width > left:
            yield _reconciliation_table(some)
            some, left = [], terminal_width() - _LABELS
        some.append(one)
        left -= width
    if some:
        yield _reconciliation_table(some)


def _reconciliation_table(found: list[Reconciliation]) -> Table:
    table = Table(title="Every record accounted for", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for one in found:
        table.add_column(one.dataset, justify="right", no_wrap=True)

    def line(name: str, *values: Any, style: str | None = None) -> None:
        table.add_row(name, *(f"{value:,}" if isinstance(value, int) else str(value) for value in values), style=style)

    line("files", *(one.files for one in found))
    line("records in them", *(one.records for one in found), style="bold")
    line("  landed", *(one.landed for one in found))
    line("  rejected", *(one.rejected for one in found))
    for reason in sorted({reason for one in found for reason in one.rejected_by_reason}):
        line(f"    {reason}", *(one.rejected_by_reason.get(reason, "") for one in found), style="dim")
    if any(one.erased for one in found):
        line("  erased", *(one.erased for one in found))
    if any(one.dropped for one in found):
        line("  landed, but dropped since", *(one.dropped for one in found))
    line("raw events", *(one.raw for one in found), style="bold")
    line("  cleaned", *(one.cleaned for one in found))
    line("  duplicates", *(one.duplicates for one in found))
    line("  quarantined", *(one.quarantined for one in found))
    for reason in sorted({reason for one in found for reason in one.quarantined_by_reason}):
        line(f"    {reason}", *(one.quarantined_by_reason.get(reason, "") for one in found), style="dim")
    if any(one.excluded for one in found):
        line("  excluded", *(one.excluded for one in found))
    line("facts", *(one.facts for one in found), style="bold")
    line("  filtered out", *(one.filtered for one in found))
    line("  without profile", *(one.orphans for one in found), style="dim")
    if any(one.without_user for one in found):
        line("  without user", *(one.without_user for one in found), style="dim")
    line("sessions", *(one.rows["sessions"] for one in found))
    line("first date", *(one.first_date or "" for one in found))
    line("last date", *(one.last_date or "" for one in found))
    line(
        "all equations hold",
        *("yes" if one.holds else "NO" for one in found),
        style="green" if all(o.holds for o in found) else "red",
    )
    if any(one.stale for one in found):
        line("stale partitions", *(one.stale for one in found), style="red")
    return table

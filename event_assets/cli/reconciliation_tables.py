"""The reconciliation of datasets as tables for the terminal: one column for each dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from event_assets.cli.text_table import terminal_width
from event_assets.pipeline.reconcile import Reconciliation

#: The widths of the column of labels and, at least, of a dataset's column.
_LABELS, _FIGURES = 28, 12


def print_reconciliation(found: list[Reconciliation]) -> None:
    """Print one column per dataset, one line per place where records are; as many tables as the width needs."""
    console = Console(highlight=False)
    for some in _side_by_side(found):
        console.print(_table(some))


def _side_by_side(found: list[Reconciliation]) -> Iterator[list[Reconciliation]]:
    some, left = list[Reconciliation](), terminal_width() - _LABELS
    for one in found:
        width = max(len(one.dataset), _FIGURES) + 2
        if some and width > left:
            yield some
            some, left = [], terminal_width() - _LABELS
        some.append(one)
        left -= width
    if some:
        yield some


#: The lines by label: a figure (or the table whose rows it counts), and its style.
_LINES: dict[str, tuple[str, str | None]] = {
    "files": ("files", None),
    "records in them": ("records", "bold"),
    "  landed": ("landed", None),
    "  rejected": ("rejected", None),
    "    rejected for": ("rejected_by_reason", "dim"),
    "  erased": ("erased", None),
    "  landed, but dropped since": ("dropped", None),
    "raw events": ("raw", "bold"),
    "  cleaned": ("cleaned", None),
    "  duplicates": ("duplicates", None),
    "  quarantined": ("quarantined", None),
    "    quarantined for": ("quarantined_by_reason", "dim"),
    "  excluded": ("excluded", None),
    "facts": ("facts", "bold"),
    "  filtered out": ("filtered", None),
    "  without profile": ("orphans", "dim"),
    "  without user": ("without_user", "dim"),
    "sessions": ("sessions", None),
    "first date": ("first_date", None),
    "last date": ("last_date", None),
}
#: Figures that are left out where no dataset has some.
_IF_ANY = {"erased", "dropped", "excluded", "without_user"}


def _table(found: list[Reconciliation]) -> Table:
    table = Table(title="Every record accounted for", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for one in found:
        table.add_column(one.dataset, justify="right", no_wrap=True)

    def line(label: str, values: Iterable[object], style: str | None) -> None:
        table.add_row(label, *(f"{value:,}" if isinstance(value, int) else str(value) for value in values), style=style)

    for label, (figure, style) in _LINES.items():
        values: list[Any] = [getattr(one, figure, one.rows.get(figure)) for one in found]
        if figure.endswith("_by_reason"):
            for reason in sorted({reason for value in values for reason in value}):
                line(f"    {reason}", (value.get(reason, "") for value in values), style)
        elif figure not in _IF_ANY or any(values):
            line(label, ("" if value is None else value for value in values), style)
    line(
        "all equations hold",
        ("yes" if one.holds else "NO" for one in found),
        "green" if all(one.holds for one in found) else "red",
    )
    if any(one.stale for one in found):
        line("stale partitions", (one.stale for one in found), "red")
    return table

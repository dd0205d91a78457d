"""Shows the progress, speed and remaining time of long work: on standard error, and only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Rate(ProgressColumn):
    """The number of units per second."""

    def __init__(self, unit: str = "") -> None:
        self._unit = f" {unit}" if unit else ""
        super().__init__()

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.1f}{self._unit}/s" if task.speed else "", style="progress.data.speed")


@contextmanager
def progressing(title: str, total: float | None, unit: str) -> Iterator[Callable[[float], None]]:
    """Shows a bar while the block runs; the block calls the function with the number of newly finished units.

    Without a total the bar shows the finished units and the rate. Lines that the block prints appear above the bar.
    """
    console = Console(stderr=True)
    shown = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%" if total else f"{{task.completed:,.0f}} {unit}"),
        TimeElapsedColumn(),
        Rate(unit),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),
    )
    task = shown.add_task(title, total=total)
    with shown:
        yield lambda done: shown.advance(task, done)


def working(title: str) -> AbstractContextManager[object]:
    """Shows a title, a spinner and the elapsed time while the block runs: on standard error, only on a terminal."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    shown.add_task(title, total=None)
    return shown


class RunBar(Progress):
    """A bar of a run: its title, the finished partitions, and what is computed now."""

    def __init__(self, title: str) -> None:
        columns = (
            TextColumn("[bold]{task.fields[title]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        super().__init__(*columns, console=Console(stderr=True), transient=True)
        self._task = self.add_task("", title=title, total=None)

    def show(self, what: str, done: int, total: int) -> None:
        self.update(self._task, description=what, completed=done, total=total)

"""How far long work has come, how fast it goes and how long it still takes: on standard error, on a terminal alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text


class Rate(ProgressColumn):
    """How many units are done a second."""

    def __init__(self, unit: str = "") -> None:
        self._unit = f" {unit}" if unit else ""
        super().__init__()

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.1f}{self._unit}/s" if task.speed else "", style="progress.data.speed")


@contextmanager
def progressing(title: str, total: float | None, unit: str) -> Iterator[Callable[[float], None]]:
    """A bar as long as the block runs; it receives how many units more are done.

    Without a total it shows what is done and at which rate. What the block prints on the same terminal is shown above.
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

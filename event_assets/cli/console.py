"""Prints lines for people. It loads no library that draws, which most commands never need."""

from __future__ import annotations

import re

import typer

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """A text without what a terminal would obey."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def say(text: str, style: str | None = None) -> None:
    """Print a line on standard output; in rich's `style` where that is a terminal."""
    if style is None:
        typer.echo(plain(text))
    else:
        from rich.console import Console

        Console(highlight=False).print(plain(text), markup=False, soft_wrap=True, style=style)


def note(text: str) -> None:
    """Print a line on standard error, so that standard output contains only data."""
    typer.echo(plain(text), err=True)

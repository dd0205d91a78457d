"""The console on which commands print for people. Apart from what else they print, since rich takes long to load."""

from __future__ import annotations

from rich.console import Console

console = Console(highlight=False)

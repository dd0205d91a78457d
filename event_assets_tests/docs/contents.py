"""A hook of mkdocs: in `nav` a folder (`how-to/`) stands for its pages, `.` for those on top that nothing names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Put pages in the places that stand for them, in the order of their names."""
    config["nav"] = contents(config["nav"], Path(config["docs_dir"]))
    return config


def contents(nav: Any, docs: Path) -> Any:
    """The contents with every page by its path below `docs`."""
    named = set(_paths(nav))

    def filled(entry: Any) -> Any:
        if isinstance(entry, list):
            return [filled(part) for part in entry]
        if isinstance(entry, dict):
            return {title: filled(part) for title, part in entry.items()}
        if entry == "." or entry.endswith("/"):
            found = sorted(str(page.relative_to(docs)) for page in (docs / entry).glob("*.md"))
            return [path for path in found if path not in named]
        return entry

    return filled(nav)


def _paths(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from _paths(part)

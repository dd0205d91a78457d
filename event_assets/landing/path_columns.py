"""Columns that the path of a file tells: `source: file_path`, with or without a pattern."""

from __future__ import annotations

import re

from event_assets.declaration import Column, Source
from event_assets.text.paths import FILE_PATH


def path_value(column: Column, path: str) -> str | None:
    """What a column with `source: file_path` takes from a path: the first group of its pattern, or all of it."""
    if column.pattern is None:
        return path
    match = re.search(column.pattern, path)
    return match[1] if match else None


def path_values(block: Source, path: str) -> list[str | None]:
    """All that the columns of a block take from a path, in declared order."""
    return [path_value(column, path) for column in block.columns if column.source == FILE_PATH]

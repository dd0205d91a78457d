"""Reads the first rows of a published table to be shown, all from one version of a partition even while a run
replaces it.
"""

from __future__ import annotations

import polars as pl

from event_assets.pipeline.workspace import Workspace
from event_assets.storage.parquet import read_parquet
from event_assets.storage.retry_missing_files import retry_missing_files


def first_rows(workspace: Workspace, table: str, count: int = 5) -> pl.DataFrame:
    """The first rows of a table (of its last date with rows), its Hive column in front."""
    store = workspace.stores[table]

    def read() -> pl.DataFrame:
        units = [unit for unit, entry in sorted(store.entries().items()) if entry.rows]
        paths = store.paths(units[-1]) if units else []
        if not paths:
            return workspace.tables[table].polars_schema().to_frame()
        frames = []
        for path in paths:
            frame = read_parquet(path, rows=count)
            if store.partitioned_by:
                value = path.parent.name.split("=", 1)[1]
                frame = frame.select(pl.lit(value).alias(store.partitioned_by), pl.all())
            frames.append(frame)
        return pl.concat(frames).head(count)

    return retry_missing_files(read, lambda: store.entries(again=True))

"""Brings a lake of the version before up to the layout of this one, at the first run.

That version kept internal tables beside the others, and in raw events the time once more as a number. Nothing is read
again from the inbox and no partition is stale for it.
"""

from __future__ import annotations

from event_assets.pipeline.published_tables import DatasetTables
from event_assets.storage.rewrite_landed_file import copy_without_columns
from event_assets.storage.written_file import WrittenFile

#: Columns that raw tables no longer have.
DROPPED = ("event_time_us",)


def bring_over(workspace: DatasetTables) -> None:
    """Move internal tables below `_state`, and take out of raw files the columns that their tables no longer have.

    The caller holds `workspace.writing()`. A lake of this version is not changed. If a run is killed meanwhile, the
    next one starts again, since internal tables are moved last.
    """
    dataset = workspace.dataset.name
    internal = [table for table in workspace.tables.values() if table.internal]
    old = [table.name for table in internal if workspace.lake.has_table(dataset, table.name)]
    if not old:
        return
    for table in workspace.tables.values():
        if table.landed and table.has_records:
            _drop_columns(workspace, table.name)
    for name in old:
        workspace.lake.make_internal(dataset, name)


def _drop_columns(workspace: DatasetTables, table: str) -> None:
    store = workspace.stores[table]
    changed = False
    with workspace.lake.staging(workspace.dataset.name) as staging:
        for number, file in enumerate(store.listed()):
            staged = staging / f"{number}.parquet"
            if copy_without_columns(store.file(file.path), DROPPED, staged):
                store.place(WrittenFile(staged, file.rows, file.hive), file.path.rsplit("/", 1)[-1])
                changed = True
    if changed:  # a new log, since the old one can't forget a column
        files = store.listed()
        store.rebuild()
        store.replace_files(file._replace(bytes=0) for file in files)

"""Publishes staged partitions: queues their files, which replace the previous version's at the next commit of the
table log.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl

from event_assets.pipeline.published_tables import DatasetTables, unit_of
from event_assets.storage.parquet import write_parquet
from event_assets.storage.published_partitions import content_digest
from event_assets.storage.table_store import TableStore
from event_assets.storage.written_file import WrittenFile


def publish(
    store: TableStore, date: dt.date | None, staged: Sequence[WrittenFile], made_from: str | None = None
) -> tuple[str, bool]:
    """Queue staged files for the store's next flush; the digest of their rows, and whether it differs from before.

    Files that hold the published rows, made from the same inputs, are discarded, unless the bytes of the published
    ones differ: they are damaged then, and perhaps no reader met that yet. `made_from` is the digest of what the
    partition was computed from; of rows that no step computed it is that of the rows.
    """
    before = store.entries().get(unit_of(date))
    content = content_digest(staged)
    changed = before is None or before.content != content
    same = before is not None and not changed and before.made_from == (made_from or content)
    if same and store.holds(unit_of(date), staged):
        for piece in staged:
            piece.discard()
    else:
        store.publish(unit_of(date), staged, made_from or content, content)
    return content, changed


def publish_whole(tables: DatasetTables, name: str, frame: pl.DataFrame, made_from: str | None = None) -> bool:
    """Publish a table without dates that no step computes, at once; whether its rows differ from the published ones."""
    store = tables.stores[name]
    with tables.lake.staging(tables.dataset.name) as staging:
        staged = WrittenFile(staging / f"{name}.parquet", frame.height)
        write_parquet(frame, staged.path)
        _, changed = publish(store, None, [staged], made_from)
        store.flush()
    return changed

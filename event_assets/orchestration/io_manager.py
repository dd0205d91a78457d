"""Lets any asset read tables of the lake, and write tables of its own beside them.

Dagster's `UPathIOManager` refuses outputs of several partitions and writes in place; this one takes one or
many, checks the contract where the table has one, and publishes atomically (docs/adr/0004).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_origin

import dagster as dg
import polars as pl

from event_assets.errors import ContractError, LakeError
from event_assets.settings import load_settings
from event_assets.storage.lake import Lake, TableStore
from event_assets.storage.parquet import read_parquet, write_parquet
from event_assets.storage.partitions import WHOLE, content_digest
from event_assets.storage.read_again import read_again
from event_assets.storage.written_file import WrittenFile


class LakeIOManager(dg.IOManager):
    """An asset key `[dataset, table]` is the table `LAKE/<dataset>/<table>`.

    Loads: a `pl.DataFrame` (or `pl.LazyFrame`, where the input is annotated so), of one partition or of many
    (then with a column `event_date`); annotated as `dict[str, pl.DataFrame]`, one frame a partition. A missing
    partition has no rows.

    Stores: a frame for one partition or a table without any; for many partitions a mapping of partition key to
    frame, or one frame with a column `event_date`. Rows are kept in the order given.
    """

    def load_input(self, context: dg.InputContext) -> pl.DataFrame | pl.LazyFrame | dict[str, pl.DataFrame]:
        store = _store(context.asset_key)
        keys = list(context.asset_partition_keys) if context.has_asset_partitions else [WHOLE]
        frames = read_again(lambda: {key: _read(store, key) for key in keys}, lambda: store.entries(again=True))
        wanted = context.dagster_type.typing_type
        if get_origin(wanted) is dict:
            return {key: frame for key, frame in frames.items() if frame is not None}
        found = [
            frame if key == WHOLE or len(keys) == 1 else frame.with_columns(event_date=pl.lit(key).str.to_date())
            for key, frame in frames.items()
            if frame is not None
        ]
        if not found:
            raise LakeError(
                context.asset_key.to_user_string(), f"has no partition {', '.join(keys[:3])}", "materialize it first"
            )
        frame = pl.concat(found, how="diagonal")
        return frame.lazy() if wanted is pl.LazyFrame else frame

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame | pl.LazyFrame | Mapping[str, Any]) -> None:
        frames = {key: _eager(frame) for key, frame in _by_unit(context, obj).items()}
        first = next(iter(frames.values()))
        hive = None if WHOLE in frames else "event_date"
        lake = _lake()
        dataset, table = context.asset_key.path[-2:]
        schema = first.to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        if hive:
            import pyarrow as pa

            schema = schema.append(pa.field("event_date", pa.date32()))
        store = lake.store(dataset, table, lambda: schema, hive)
        with lake.writing(dataset), lake.staging(dataset) as staging:
            for number, (unit, frame) in enumerate(sorted(frames.items())):
                path = staging / f"{number}.parquet"
                write_parquet(frame, path)
                staged = [WrittenFile(path, frame.height, unit or None)]
                content = content_digest(staged)
                store.publish(unit, staged, content, content)
            store.flush()
        rows = sum(frame.height for frame in frames.values())
        context.add_output_metadata({"rows": rows, "folder": dg.MetadataValue.path(str(store.folder))})


def _by_unit(context: dg.OutputContext, obj: Any) -> dict[str, Any]:
    keys = list(context.asset_partition_keys) if context.has_asset_partitions else [WHOLE]
    if isinstance(obj, Mapping):
        strange = sorted(set(obj) - set(keys))
        if strange:
            raise _refused(context, f"holds partitions that the run was not asked for: {', '.join(strange[:3])}")
        obj = dict(obj)
        first = next(iter(obj.values()), None)
        if first is None:
            raise _refused(context, "is an empty mapping, so its columns are unknown")
        return {key: obj[key] if key in obj else _eager(first).clear() for key in keys}
    if len(keys) == 1:
        return {keys[0]: obj}
    frame = _eager(obj)
    if "event_date" not in frame.columns:
        raise _refused(context, "is one frame for several partitions without a column event_date")
    dates = frame["event_date"].cast(pl.String)
    return {key: frame.filter(dates == key).drop("event_date") for key in keys}


def _refused(context: dg.OutputContext, state: str) -> ContractError:
    remedy = "return one frame a partition, or one frame with event_date"
    return ContractError(context.asset_key.to_user_string(), f"the output {state}", remedy)


def _eager(frame: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    collected = frame.lazy().collect()
    assert isinstance(collected, pl.DataFrame)
    return collected


def _store(key: dg.AssetKey) -> TableStore:
    dataset, table = key.path[-2:]
    return _lake().store(dataset, table, None, "event_date")  # a table without dates is then its one WHOLE


def _lake() -> Lake:
    settings = load_settings()
    return Lake(settings.lake, settings.cache)


def _read(store: TableStore, unit: str) -> pl.DataFrame | None:
    paths = store.paths(unit)
    return pl.concat([read_parquet(path) for path in paths]) if paths else None

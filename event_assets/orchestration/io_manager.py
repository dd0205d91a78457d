"""Dagster's IO manager of the lake: loads tables as frames; stages, checks and publishes what ops return.

Dagster's `UPathIOManager` refuses outputs of several partitions and writes in place; this one takes one partition or
many, one after another, and publishes atomically (docs/adr/0004).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

import dagster as dg
import polars as pl
from pydantic import Field

from event_assets.errors import ContractError, EventAssetsError, LakeError
from event_assets.orchestration.private.log_events import events_together, log_events
from event_assets.orchestration.private.one_line_failure import in_one_line
from event_assets.orchestration.reporting import outcome_events
from event_assets.orchestration.run_log import log_outcomes
from event_assets.path_or_url import parse_place
from event_assets.pipeline.outcome_messages import NOT_PUBLISHED
from event_assets.pipeline.publish import publish
from event_assets.pipeline.run_results import Outcome
from event_assets.pipeline.run_steps import Run
from event_assets.pipeline.step import Step
from event_assets.settings import load_settings
from event_assets.storage.lake import Lake
from event_assets.storage.parquet import read_parquet, write_parquet
from event_assets.storage.published_partitions import WHOLE
from event_assets.storage.retry_missing_files import retry_missing_files
from event_assets.storage.table_store import TableStore
from event_assets.storage.written_file import WrittenFile
from event_assets.tables.contract import model_violations

#: The metadata of an asset of a user's that names its Pandera model, as `module:Model`.
CONTRACT = "contract"


class StepOutput:
    """What an op hands to the IO manager: the partitions of its steps, which are staged as they are stored."""

    def __init__(
        self,
        context: dg.OpExecutionContext,
        run: Run,
        steps: Iterable[tuple[Step, bool]],
        note: Callable[[list[Outcome]], None],
    ) -> None:
        self._context, self._run, self._steps, self._note = context, run, steps, note
        self.waiting: set[str] = set()
        """The tables with a partition that was not published, or waits."""
        self.rows = self.partitions = 0

    def store(self) -> None:
        """Stage, publish and record all partitions, each as it comes."""
        workspace = self._run.workspace
        for step, only_stale in self._steps:
            for outcomes in self._run.outcomes(step, only_stale=only_stale):
                with events_together(self._context.instance):
                    log_outcomes(self._context, workspace, outcomes)
                    log_events(self._context, (e for outcome in outcomes for e in outcome_events(workspace, outcome)))
                self._note(outcomes)
                self.rows += sum(outcome.rows for outcome in outcomes)
                self.partitions += sum(outcome.state == "materialized" for outcome in outcomes)
                self.waiting.update(outcome.table for outcome in outcomes if outcome.state != "materialized")


class LakeIOManager(dg.ConfigurableIOManager):
    """Reads and writes the tables of a lake: an asset key `[dataset, table]` is the table `LAKE/<dataset>/<table>`.

    Loads: a `pl.DataFrame` (or `pl.LazyFrame`, where the input is annotated so), of one partition or of many
    (then with a column `event_date`); annotated as `dict[str, pl.DataFrame]`, one frame per partition. A missing
    partition has no rows.

    Stores: a frame for one partition or a table without any; for many partitions a mapping of partition key to
    frame, an iterator of (partition key, frame), of which one frame is in memory at a time, or one frame with a column
    `event_date`. With metadata `{"contract": "module:Model"}` each partition is validated by that Pandera
    model first. Rows are kept in the order given. A partition is published whole or not at all.
    """

    lake: str = Field(default="", description="The lake: a folder or s3://bucket/key. EVENT_ASSETS_LAKE where empty.")
    cache: str = Field(
        default="", description="Where copies of a lake in an object store are kept. EVENT_ASSETS_CACHE where empty."
    )

    @in_one_line()
    def load_input(self, context: dg.InputContext) -> pl.DataFrame | pl.LazyFrame | dict[str, pl.DataFrame]:
        store = self._store(context.asset_key)
        keys = list(context.asset_partition_keys) if context.has_asset_partitions else [WHOLE]
        frames = retry_missing_files(
            lambda: {key: _read(store, key) for key in keys}, lambda: store.entries(again=True)
        )
        wanted = context.dagster_type.typing_type
        known = [frame for frame in frames.values() if frame is not None]
        empty = known[0].clear() if known else _columns(store)
        if empty is None:
            raise LakeError(
                context.asset_key.to_user_string(), f"has no partition {', '.join(keys[:3])}", "materialize it first"
            )
        filled = {key: empty if frame is None else frame for key, frame in frames.items()}
        if get_origin(wanted) is dict:
            return filled
        found = [
            frame if key == WHOLE or len(keys) == 1 else frame.with_columns(event_date=pl.lit(key).str.to_date())
            for key, frame in filled.items()
        ]
        frame = pl.concat(found, how="diagonal")
        return frame.lazy() if wanted is pl.LazyFrame else frame

    @in_one_line()
    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        if isinstance(obj, StepOutput):
            obj.store()
            context.add_output_metadata({"rows": obj.rows, "partitions": obj.partitions})
            return
        dataset = context.asset_key.path[-2]
        lake = self._lake()
        rows = 0
        with lake.writing(dataset), lake.staging(dataset) as staging:
            store: TableStore | None = None
            for number, (unit, frame) in enumerate(_by_unit(context, obj)):
                store = store or self._store(context.asset_key, frame, by_date=unit != WHOLE)
                _keep_model(context, unit, frame)
                _publish(store, unit, frame, staging / f"{number}.parquet")
                rows += frame.height
            if store is not None:
                store.flush()
                context.add_output_metadata({"rows": rows, "folder": dg.MetadataValue.path(str(store.folder))})

    def _store(self, key: dg.AssetKey, like: pl.DataFrame | None = None, *, by_date: bool = True) -> TableStore:
        """The table of an asset; who writes it gives its columns by `like`."""
        dataset, table = key.path[-2:]

        def schema() -> Any:
            import pyarrow as pa

            assert like is not None
            arrow = like.to_arrow(compat_level=pl.CompatLevel.oldest()).schema
            return arrow.append(pa.field("event_date", pa.date32())) if by_date else arrow

        return self._lake().store(dataset, table, schema, "event_date" if by_date else None)

    def _lake(self) -> Lake:
        settings = load_settings()
        place = parse_place(self.lake) if self.lake else settings.lake
        return Lake(place, Path(self.cache) if self.cache else settings.cache)


def _publish(store: TableStore, unit: str, frame: pl.DataFrame, path: Path) -> None:
    write_parquet(frame, path)
    date = None if unit == WHOLE else dt.date.fromisoformat(unit)
    publish(store, date, [WrittenFile(path, frame.height, unit or None)])


def _keep_model(context: dg.OutputContext, unit: str, frame: pl.DataFrame) -> None:
    """ContractError where rows break the Pandera model that the asset names; nothing of the partition is published."""
    model = (context.definition_metadata or {}).get(CONTRACT)
    broken = model_violations(getattr(model, "value", model), frame) if model is not None else []
    if broken:
        culprit = f"{context.asset_key.to_user_string()} {unit}".strip()
        state = f"{NOT_PUBLISHED}: {'; '.join(map(str, broken))}"
        raise ContractError(culprit, state, "fix the asset and materialize it again")


def _by_unit(context: dg.OutputContext, obj: Any) -> Iterator[tuple[str, pl.DataFrame]]:
    """The partitions of an output, in order; each that the run is for, with no rows where the output has none."""
    keys = list(context.asset_partition_keys) if context.has_asset_partitions else [WHOLE]
    if isinstance(obj, (pl.DataFrame, pl.LazyFrame)):
        yield from _by_date(context, _eager(obj), keys) if len(keys) > 1 else [(keys[0], _eager(obj))]
        return
    pairs = obj.items() if isinstance(obj, Mapping) else obj
    if not isinstance(pairs, Iterable):
        raise _refused(context, f"is a {type(obj).__name__}, not a frame")
    missing, first = dict.fromkeys(keys), None
    for key, frame in pairs:
        if key not in missing:
            state = "was returned before" if key in keys else "was not requested of the run"
            raise _refused(context, f"has the partition {key}, which {state}")
        del missing[key]
        eager = _eager(frame)
        first = eager.clear() if first is None else first
        yield key, eager
    if first is None:
        raise _refused(context, "has no partition, so its columns are unknown")
    yield from ((key, first) for key in missing)


def _by_date(context: dg.OutputContext, frame: pl.DataFrame, keys: list[str]) -> Iterator[tuple[str, pl.DataFrame]]:
    if "event_date" not in frame.columns:
        raise _refused(context, "is one frame for several partitions without a column event_date")
    dates = frame["event_date"].cast(pl.String)
    yield from ((key, frame.filter(dates == key).drop("event_date")) for key in keys)


def _refused(context: dg.OutputContext, state: str) -> EventAssetsError:
    remedy = "return one frame per partition, or one frame with event_date"
    return ContractError(context.asset_key.to_user_string(), f"the output {state}", remedy)


def _eager(frame: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    collected = frame.lazy().collect()
    assert isinstance(collected, pl.DataFrame)
    return collected


def _read(store: TableStore, unit: str) -> pl.DataFrame | None:
    paths = store.paths(unit)
    return pl.concat([read_parquet(path) for path in paths]) if paths else None


def _columns(store: TableStore) -> pl.DataFrame | None:
    """No rows, with the columns of the table's last partition; None where it has no partition at all."""
    units = sorted(store.entries())
    frame = _read(store, units[-1]) if units else None
    return None if frame is None else frame.clear()

"""Assets of a user's own that read tables of the lake, and store theirs beside them."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator

import dagster as dg
import pandera.polars as pa
import polars as pl
import pytest

from event_assets.orchestration.asset_keys import asset_key
from event_assets.orchestration.io_manager import LakeIOManager
from event_assets_tests.orchestration.platform import RANGE_END, RANGE_START, Platform
from event_assets_tests.world import lines

DAILY = dg.DailyPartitionsDefinition("2024-01-01")
FACTS = dg.AssetIn(asset_key("clicks", "joined_facts"))
SINGLE_RUN = dg.BackfillPolicy.single_run()


@pytest.fixture
def facts(platform: Platform) -> Platform:
    """One fact on the 5th, two on the 6th, none on the 7th."""
    times = ("2025-01-05T10", "2025-01-06T10", "2025-01-06T11")
    platform.drop("clicks_1.csv", lines(*(f"ann,view,{time}:00:00,/a,1.00" for time in times)))
    platform.land()
    platform.make(
        ["2025-01-05", "2025-01-06", "2025-01-07"], ["cleaned_events", "session_edges", "session_parts", "joined_facts"]
    )
    return platform


def store(platform: Platform, asset: dg.AssetsDefinition, *dates: str) -> dg.ExecuteInProcessResult:
    """Materialize a user's asset for no date, one date or a range."""
    tags = {RANGE_START: dates[0], RANGE_END: dates[-1]} if len(dates) > 1 else {}
    tables = [dg.AssetSpec(asset_key("clicks", "joined_facts"), partitions_def=DAILY)]
    return dg.materialize(
        [asset, *tables],
        selection=[asset],
        partition_key=dates[0] if len(dates) == 1 else None,
        tags=tags,
        instance=platform.instance,
        resources={"io_manager": LakeIOManager()},
        raise_on_error=False,
    )


def stored(platform: Platform, table: str) -> pl.DataFrame:
    """What any tool reads from the table's folders."""
    folder = platform.settings.lake / "clicks" / table
    files = [path for path in folder.rglob("*.parquet") if "_delta_log" not in path.parts]
    return pl.read_parquet(files, hive_partitioning=True).sort(pl.all())


def error(result: dg.ExecuteInProcessResult) -> str:
    """What a failed asset shows: one line, without the stack of Dagster's own calls or of the IO manager's."""
    [event] = [event for event in result.all_events if event.is_step_failure]
    found = event.step_failure_data.error
    assert found is not None
    assert found.cause is None
    assert len(found.stack) <= 1
    return str(found.message).strip()


def test_one_partition_is_read_and_one_is_stored(facts: Platform) -> None:
    @dg.asset(key_prefix="clicks", partitions_def=DAILY, ins={"facts": FACTS})
    def events_by_user(facts: pl.DataFrame) -> pl.DataFrame:
        return facts.group_by("user_id").agg(events=pl.len())

    assert store(facts, events_by_user, "2025-01-06").success
    assert stored(facts, "events_by_user").rows(named=True) == [
        {"user_id": "ann", "events": 2, "event_date": dt.date(2025, 1, 6)}
    ]


def test_many_partitions_are_read_as_one_frame_and_stored_by_event_date(facts: Platform) -> None:
    @dg.asset(key_prefix="clicks", partitions_def=DAILY, ins={"facts": FACTS}, backfill_policy=SINGLE_RUN)
    def events_by_user(facts: pl.DataFrame) -> pl.DataFrame:
        return facts.group_by("event_date", "user_id").agg(events=pl.len())

    assert store(facts, events_by_user, "2025-01-05", "2025-01-07").success
    assert stored(facts, "events_by_user").rows(named=True) == [
        {"user_id": "ann", "events": 1, "event_date": dt.date(2025, 1, 5)},
        {"user_id": "ann", "events": 2, "event_date": dt.date(2025, 1, 6)},
    ]


def test_a_lazy_frame_is_read_and_stored_as_a_table_without_dates(facts: Platform) -> None:
    @dg.asset(
        key_prefix="clicks",
        ins={"facts": dg.AssetIn(FACTS.key, partition_mapping=dg.TimeWindowPartitionMapping())},
        partitions_def=DAILY,
    )
    def kinds(facts: pl.LazyFrame) -> pl.LazyFrame:
        assert isinstance(facts, pl.LazyFrame)
        return facts.select("event_type").unique()

    assert store(facts, kinds, "2025-01-05").success
    assert stored(facts, "kinds")["event_type"].to_list() == ["view"]


def test_a_mapping_gives_and_takes_one_frame_a_partition(facts: Platform) -> None:
    @dg.asset(key_prefix="clicks", partitions_def=DAILY, ins={"facts": FACTS}, backfill_policy=SINGLE_RUN)
    def event_counts(facts: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        return {date: pl.DataFrame({"events": [frame.height]}) for date, frame in facts.items()}

    assert store(facts, event_counts, "2025-01-05", "2025-01-07").success
    assert stored(facts, "event_counts").rows() == [
        (0, dt.date(2025, 1, 7)),
        (1, dt.date(2025, 1, 5)),
        (2, dt.date(2025, 1, 6)),
    ]


def test_a_partition_is_replaced_and_its_neighbours_stay(facts: Platform) -> None:
    value = iter([1, 2, 3])

    @dg.asset(key_prefix="clicks", partitions_def=DAILY)
    def drawn() -> pl.DataFrame:
        return pl.DataFrame({"value": [next(value)]})

    for date in ("2025-01-05", "2025-01-06", "2025-01-05"):
        assert store(facts, drawn, date).success
    assert stored(facts, "drawn").rows() == [(2, dt.date(2025, 1, 6)), (3, dt.date(2025, 1, 5))]


def test_a_table_without_dates_is_replaced_as_a_whole(facts: Platform) -> None:
    frames: Iterator[pl.DataFrame] = iter([pl.DataFrame({"n": [1, 2]}), pl.DataFrame({"n": [3]})])

    @dg.asset(key_prefix="clicks")
    def numbers() -> pl.DataFrame:
        return next(frames)

    assert store(facts, numbers).success
    assert store(facts, numbers).success
    assert stored(facts, "numbers").rows() == [(3,)]


def test_a_table_without_any_partition_is_named(facts: Platform) -> None:
    shutil.rmtree(facts.settings.lake / "clicks" / "joined_facts")
    result = store(facts, copy_of_facts(), "2025-03-01")
    assert not result.success
    assert "clicks/joined_facts: has no partition 2025-03-01; materialize it first" in error(result)


def test_a_missing_partition_has_no_rows(facts: Platform) -> None:
    assert store(facts, copy_of_facts(), "2025-03-01").success
    assert store(facts, copy_of_facts(), "2025-01-05").success
    assert stored(facts, "copy")["event_date"].to_list() == [dt.date(2025, 1, 5)]


def copy_of_facts() -> dg.AssetsDefinition:
    @dg.asset(key_prefix="clicks", partitions_def=DAILY, ins={"facts": FACTS})
    def copy(facts: pl.DataFrame) -> pl.DataFrame:
        return facts

    return copy


def test_one_frame_for_many_partitions_needs_event_date(facts: Platform) -> None:
    @dg.asset(key_prefix="clicks", partitions_def=DAILY, backfill_policy=SINGLE_RUN)
    def undated() -> pl.DataFrame:
        return pl.DataFrame({"n": [1]})

    result = store(facts, undated, "2025-01-05", "2025-01-06")
    assert not result.success
    assert (
        "clicks/undated: the output is one frame for several partitions without a column event_date; "
        "return one frame per partition, or one frame with event_date"
    ) in error(result)


def test_a_mapping_may_hold_no_partition_that_was_not_asked_for(facts: Platform) -> None:
    @dg.asset(key_prefix="clicks", partitions_def=DAILY, backfill_policy=SINGLE_RUN)
    def strange() -> dict[str, pl.DataFrame]:
        return {"2025-01-05": pl.DataFrame({"n": [1]}), "2031-01-01": pl.DataFrame({"n": [2]})}

    result = store(facts, strange, "2025-01-05", "2025-01-06")
    assert not result.success
    assert "clicks/strange: the output has the partition 2031-01-01, which was not requested of the run" in error(
        result
    )


class Positive(pa.DataFrameModel):
    """A contract of a user's."""

    n: int = pa.Field(gt=0)


def test_a_partition_that_breaks_the_users_model_is_not_published(facts: Platform) -> None:
    value = iter([1, -1])

    @dg.asset(key_prefix="clicks", partitions_def=DAILY, metadata={"contract": f"{__name__}:Positive"})
    def numbers() -> pl.DataFrame:
        return pl.DataFrame({"n": [next(value)]})

    assert store(facts, numbers, "2025-01-05").success
    assert (
        "clicks/numbers 2025-01-05: was not published (the previous version is kept): n greater than(0): 1 rows"
    ) in error(store(facts, numbers, "2025-01-05"))
    [path] = (facts.settings.lake / "clicks" / "numbers" / "event_date=2025-01-05").glob("*.parquet")
    assert pl.read_parquet(path, hive_partitioning=False)["n"].to_list() == [1]


def test_a_range_is_written_date_by_date_from_an_iterator(facts: Platform) -> None:
    @dg.asset(key_prefix="clicks", partitions_def=DAILY, backfill_policy=SINGLE_RUN)
    def numbers():  # type: ignore[no-untyped-def]
        return dg.Output((f"2025-01-0{day}", pl.DataFrame({"n": [day]})) for day in (5, 6))

    assert store(facts, numbers, "2025-01-05", "2025-01-06").success
    folder = facts.settings.lake / "clicks" / "numbers"
    frames = [pl.read_parquet(path, hive_partitioning=False) for path in sorted(folder.glob("event_date=*/*.parquet"))]
    assert pl.concat(frames)["n"].to_list() == [5, 6]

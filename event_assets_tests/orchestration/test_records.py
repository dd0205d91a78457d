"""What a run records is what it made: each unit once, with the results of its checks, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import dagster as dg
import narwhals as nw
import pytest
import time_machine

from event_assets.orchestration.asset_keys import asset_key
from event_assets.orchestration.dataset_definitions import dataset_definitions
from event_assets.pipeline.checks import checks
from event_assets.pipeline.progress_listener import NullProgress
from event_assets.pipeline.run_results import Outcome
from event_assets_tests.orchestration.platform import Platform, break_table
from event_assets_tests.orchestration.test_starting import execute, retry_last_step
from event_assets_tests.world import lines

END = [("reconciliation", "")]
Units = list[tuple[str, str]]


class Published(NullProgress):
    """Notes what the pipeline publishes, whatever is recorded of it."""

    def __init__(self) -> None:
        self.units: Counter[tuple[str, str]] = Counter()

    def made(self, outcome: Outcome) -> None:
        if outcome.state == "materialized":
            self.units[outcome.table, str(outcome.date or "")] += 1


class Counted(Platform):
    """Runs whose records are compared with what was published."""

    published: Published

    @property
    def definitions(self) -> dg.Definitions:
        self.published = Published()
        own = dataset_definitions(self.dataset, progress=self.published)
        return dg.Definitions.merge(own, dg.Definitions(executor=dg.in_process_executor))

    def check_records(self, run_id: str, *besides: Iterable[tuple[str, str]]) -> None:
        """Compare the run's records with what steps published and the units `besides`: landed, empty, counted."""
        expected = self.published.units + sum((Counter(units) for units in besides), Counter())
        assert self.recorded(run_id, dg.DagsterEventType.ASSET_MATERIALIZATION) == expected
        judged = self.recorded(run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        blocking = Counter(
            (f"{check.table}.{check.name}", partition)
            for table, partition in expected
            for check in checks(self.dataset).values()
            if check.table == table and check.blocking
        )
        assert not blocking - judged
        assert set(judged.values()) <= {1}
        assert {(name.partition(".")[0], partition) for name, partition in judged} <= {*expected, *END}

    def recorded(self, run_id: str, kind: dg.DagsterEventType) -> Counter[tuple[str, str]]:
        """The records of a run by (table or table.check, partition), as they are stored."""
        found: Counter[tuple[str, str]] = Counter()
        for entry in self.instance.all_logs(run_id, of_type=kind):
            event = entry.get_dagster_event()
            if kind == dg.DagsterEventType.ASSET_MATERIALIZATION:
                assert event.asset_key
                found[event.asset_key.path[-1], event.partition or ""] += 1
            else:
                result = event.asset_check_evaluation_data
                found[f"{result.asset_key.path[-1]}.{result.check_name}", result.partition or ""] += 1
        return found - Counter({("warehouse", ""): 1})


def by_date(platform: Platform, date: str) -> Units:
    """A date of every table that has dates."""
    return [(t.name, date) for t in platform.workspace.tables.values() if t.by_date and not t.internal]


def landed(platform: Platform) -> tuple[Units, Units]:
    """The tables of files, and the dates of raw events."""
    files = [t.name for t in platform.workspace.tables.values() if t.landed and not t.by_date]
    return whole(*files), [("raw_events", f"2025-01-0{day}") for day in (5, 6, 8)]


def whole(*tables: str) -> Units:
    return [(table, "") for table in tables]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Counted]:
    """Three dates in the inbox; the 7th has no records."""
    platform = Counted(tmp_path)
    platform.drop("clicks_1.csv", lines(*(f"ann,view,2025-01-0{day}T10:00:00,/a,1.00" for day in (5, 6, 8))))
    with platform.instance:
        yield platform


def test_each_kind_of_run_records_what_it_made_and_nothing_else(platform: Counted) -> None:
    files, raw = landed(platform)
    empty = by_date(platform, "2025-01-07")

    first = platform.run()
    platform.check_records(first.run_id, files, raw, empty, END)

    platform.check_records(platform.run().run_id, files, END)  # nothing was new

    ranged = platform.run(dates=("2025-01-06", "2025-01-08"))
    platform.check_records(ranged.run_id, files, raw[1:], empty, END)

    one = execute(platform, "daily_summary", "events_by_type", partition="2025-01-06")
    assert sum(platform.published.units.values()) == 2
    platform.check_records(one.run_id)

    platform.drop("clicks_2.csv", lines("bob,buy,2025-01-06T12:00:00,/b,2.00"))
    platform.check_records(platform.run().run_id, files, raw[1:2], END)

    platform.drop("clicks_3.csv", lines("bob,buy,2025-01-05T12:00:00,/b,2.00"))
    backfill = platform.run("source_files", "landing_rejects", tags={"dagster/backfill": "some"})
    platform.check_records(backfill.run_id, whole("source_files", "landing_rejects"))  # the rest outside of the run

    with time_machine.travel("2025-01-20T12:00:00Z", tick=True):
        outside = execute(platform, "cleaned_events", "quarantine", partition="2025-01-21")
    platform.check_records(outside.run_id)

    alone = execute(platform, checks={dg.AssetCheckKey(asset_key("clicks", "daily_summary"), "contract")})
    assert platform.recorded(alone.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION) == Counter()
    assert set(platform.recorded(alone.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION).values()) == {1}


def test_a_run_with_a_refused_date_records_the_others_and_its_retry_the_rest(
    platform: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, raw = landed(platform)
    with monkeypatch.context() as broken:
        break_table(broken, "cleaned_events", "2025-01-06", lambda frame: nw.concat([frame, frame]))
        failed = platform.run()
        assert not failed.success
        made = platform.recorded(failed.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)
        assert made == platform.published.units + Counter([*files, *raw, *by_date(platform, "2025-01-07"), *END])
        assert not {unit for unit in made if unit[1] == "2025-01-06" and unit[0] != "raw_events"}
    again = retry_last_step(platform, failed)
    assert again.is_success
    platform.check_records(again.run_id, END)
    dated = {unit for day in (5, 6, 8) for unit in by_date(platform, f"2025-01-0{day}")}
    assert {unit for unit in platform.published.units if unit[1]} == dated - made.keys()

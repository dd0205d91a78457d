"""Any way of starting works: a job without dates, a table by itself, checks alone, a retry, tables of one's own."""

from __future__ import annotations

import datetime as dt

import dagster as dg
import narwhals as nw
import polars as pl
import pytest
import time_machine
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import create_execution_plan, execute_run
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from event_assets.orchestration.asset_keys import asset_key
from event_assets.orchestration.dataset_definitions import dataset_definitions
from event_assets.orchestration.io_manager import LakeIOManager
from event_assets.orchestration.partition_dates import partitions
from event_assets.orchestration.private.remove_backfill_partitions import BACKFILL_TAG
from event_assets.pipeline.staleness.schedule import between
from event_assets.storage.ledger_entries import SourceFile
from event_assets_tests.orchestration.platform import RANGE_END, RANGE_START, Platform, break_table, dates_of, failure
from event_assets_tests.orchestration.test_checks import stored_evaluations
from event_assets_tests.world import clicks, lines

THREE_DAYS = lines(*(f"ann,{kind},2025-01-0{day}T10:00:00,/a,1.00" for day in (5, 6, 8) for kind in ("view", "buy")))
DAILY = dg.DailyPartitionsDefinition("2025-01-01")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def landed(platform: Platform) -> Platform:
    """Three dates in the inbox; the 7th has no records."""
    platform.drop("clicks_1.csv", THREE_DAYS)
    return platform


def execute(
    platform: Platform, *tables: str, partition: str | None = None, checks: set[dg.AssetCheckKey] | None = None
) -> dg.ExecuteInProcessResult:
    """What "Materialize" and "Execute" in the UI start: assets with all their checks, or checks alone."""
    job = platform.definitions.get_repository_def().get_implicit_global_asset_job_def()
    keys = {asset_key("clicks", table) for table in tables}
    wanted = (
        checks
        if checks is not None
        else {k for k in job.asset_layer.asset_graph.asset_check_keys if k.asset_key in keys}
    )
    return job.get_subset(asset_selection=keys, asset_check_selection=wanted).execute_in_process(
        instance=platform.instance, partition_key=partition, run_config=QUIET, raise_on_error=False
    )


def messages(platform: Platform, result: dg.ExecuteInProcessResult) -> list[str]:
    return [entry.user_message for entry in platform.instance.all_logs(result.run_id)]


def test_a_job_without_dates_lands_and_makes_all_that_is_stale(landed: Platform) -> None:
    job = landed.definitions.resolve_job_def("clicks")
    result = job.execute_in_process(instance=landed.instance, run_config=QUIET)
    assert {date for table, date in landed.materialized(result) if table == "sessions"} >= {"2025-01-05", "2025-01-08"}
    assert landed.table("funnel_summary")["users"].to_list() == [1, 1]


def test_a_table_over_all_dates_waits_while_a_date_that_it_reads_is_stale(landed: Platform) -> None:
    assert landed.run(dates=("2025-01-05", "2025-01-06")).success
    assert landed.table("funnel_summary").is_empty()
    alone = landed.run("funnel_summary", tags={"event_assets/only_stale": ""})
    assert failure(alone) == (
        "clicks/funnel_summary: waits for clicks/cleaned_events 2025-01-08, whose published version is stale; "
        "materialize that first"
    )
    assert landed.run(dates=("2025-01-08", "2025-01-08")).success
    assert landed.table("funnel_summary")["users"].to_list() == [1, 1]


def test_a_table_waits_for_one_that_is_not_selected_and_stale(landed: Platform) -> None:
    landed.run()
    landed.drop("clicks_2.csv", lines("bob,view,2025-01-06T11:00:00,/a,1.00"))
    assert landed.run("raw_events", "source_files").success
    result = landed.run("daily_summary", dates=("2025-01-05", "2025-01-06"))
    assert "clicks/daily_summary 2025-01-06: waits for clicks/cleaned_events 2025-01-06" in failure(result)
    assert landed.materialized(result) - {("reconciliation", "")} == {("daily_summary", "2025-01-05")}


def test_internal_tables_between_selected_ones_are_made(landed: Platform) -> None:
    landed.land()
    result = landed.run("cleaned_events", "quarantine", "sessions", dates=("2025-01-05", "2025-01-08"))
    assert result.success
    made = landed.materialized(result)
    assert {date for table, date in made if table == "sessions"} == {f"2025-01-0{day}" for day in (5, 6, 7, 8)}
    assert {table for table, _ in made} == {"cleaned_events", "quarantine", "sessions", "reconciliation"}
    assert landed.table("sessions").height == 3


def test_a_date_outside_the_history_writes_and_records_nothing(landed: Platform) -> None:
    landed.run()
    with time_machine.travel("2025-01-20T12:00:00Z", tick=True):
        result = execute(landed, "raw_events", "cleaned_events", "quarantine", partition="2025-01-21")
    assert result.success
    assert landed.materialized(result) == set()
    assert "clicks has no records of 2025-01-21: nothing was materialized" in messages(landed, result)


def test_a_range_goes_beyond_a_calendar_that_another_run_of_its_backfill_cut(landed: Platform) -> None:
    with time_machine.travel("2025-05-01T12:00:00Z", tick=True):
        landed.land()
        result = landed.run("raw_events", "cleaned_events", "quarantine", dates=("2024-12-01", "2025-05-03"))
    assert result.success
    made = landed.materialized(result)
    assert dates_of(made, "cleaned_events") == [f"2025-01-0{day}" for day in (5, 6, 7, 8)]


class TestBackfills:
    """Dates that a dataset doesn't have: with them, Dagster ends a backfill as failed, without totals of all dates."""

    KEYS = tuple(asset_key("clicks", table) for table in ("source_files", "cleaned_events", "funnel_summary"))

    @pytest.fixture(autouse=True)
    def _at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("time.sleep", lambda _: None)

    def launch(self, platform: Platform, first: str, last: str, name: str = "b") -> None:
        days = [day.isoformat() for day in between(dt.date.fromisoformat(first), dt.date.fromisoformat(last))]
        dates = partitions(platform.dataset, platform.settings).subset_with_partition_keys(days)
        target = AssetGraphSubset({self.KEYS[1]: dates}, {self.KEYS[0], self.KEYS[2]})
        now = dt.datetime.now(dt.UTC).timestamp()
        platform.instance.add_backfill(
            PartitionBackfill.from_asset_graph_subset(
                name, now, {}, platform.instance, target, title=None, description=None, run_config=None
            )
        )

    def requested(self, platform: Platform, name: str = "b") -> tuple[list[str], set[dg.AssetKey]]:
        """The dates that a backfill requests, and its assets."""
        backfill = platform.instance.get_backfill(name)
        assert backfill is not None
        assert backfill.asset_backfill_data is not None
        target = backfill.asset_backfill_data.target_subset
        dates = target.partitions_subsets_by_asset_key.get(self.KEYS[1])
        return sorted(dates.get_partition_keys()) if dates else [], set(target.asset_keys)

    @pytest.mark.parametrize("mine", [True, False])
    def test_dates_that_left_the_calendar_are_taken_out(self, landed: Platform, mine: bool) -> None:
        with time_machine.travel("2025-03-15T12:00:00Z", tick=True):
            self.launch(landed, "2025-01-01", "2025-01-31")
            assert landed.run("source_files", "landing_rejects", tags={BACKFILL_TAG: "b"} if mine else {}).success
        assert self.requested(landed) == ([f"2025-01-0{day}" for day in (5, 6, 7, 8)], set(self.KEYS))

    def test_a_run_takes_out_its_own_dates_alone(self, landed: Platform) -> None:
        # A file of the 9th, or of another backfill's dates, may arrive before the run that is for them.
        with time_machine.travel("2025-01-10T12:00:00Z", tick=True):
            self.launch(landed, "2025-01-07", "2025-01-12")
            self.launch(landed, "2025-01-08", "2025-01-12", "other")
            dates = ("2025-01-07", "2025-01-11")
            assert landed.run("raw_events", "cleaned_events", dates=dates, tags={BACKFILL_TAG: "b"}).success
        assert self.requested(landed)[0] == ["2025-01-07", "2025-01-08", "2025-01-12"]
        assert self.requested(landed, "other")[0] == [f"2025-01-{day:02}" for day in range(8, 13)]

    def test_an_asset_without_any_such_date_leaves_the_backfill(self, landed: Platform) -> None:
        # Dagster takes an empty selection for an asset without partitions, and fails.
        with time_machine.travel("2025-01-10T12:00:00Z", tick=True):
            self.launch(landed, "2025-01-09", "2025-01-10")
            dates = ("2025-01-09", "2025-01-10")
            assert landed.run("raw_events", "cleaned_events", dates=dates, tags={BACKFILL_TAG: "b"}).success
        assert self.requested(landed) == ([], {self.KEYS[0], self.KEYS[2]})

    def test_one_that_is_canceled_meanwhile_stays_canceled(
        self, landed: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with time_machine.travel("2025-03-15T12:00:00Z", tick=True):
            self.launch(landed, "2025-01-01", "2025-01-31")
            read = type(landed.instance).get_backfills

            def then_canceled(instance: dg.DagsterInstance, *filters: object) -> list[PartitionBackfill]:
                found = list(read(instance, *filters))
                for backfill in found:
                    instance.update_backfill(backfill.with_status(BulkActionStatus.CANCELING))
                return found

            monkeypatch.setattr(type(landed.instance), "get_backfills", then_canceled)
            assert landed.run("source_files", "landing_rejects").success
        backfill = landed.instance.get_backfill("b")
        assert backfill is not None
        assert backfill.status == BulkActionStatus.CANCELING
        assert len(self.requested(landed)[0]) == 31


def test_checks_alone_judge_what_is_published(landed: Platform) -> None:
    landed.run()
    graph = landed.definitions.resolve_asset_graph()
    keys = {key for key in graph.asset_check_keys if key.asset_key.path[-1] in ("cleaned_events", "source_files")}
    result = execute(landed, checks=keys - {dg.AssetCheckKey(asset_key("clicks", "source_files"), "up_to_date")})
    assert result.success
    found = {
        (e.check_name, e.partition): e
        for e in stored_evaluations(landed, result)
        if e.asset_key.path[-1] == "cleaned_events"
    }
    days = ["2025-01-05", "2025-01-06", "2025-01-08"]
    assert set(found) == {(name, day) for name in ("contract", "accounting", "volume") for day in [*days, None]}
    assert all(e.passed for e in found.values())
    assert found["accounting", "2025-01-05"].metadata["raw_events"].value == 2
    assert set(landed.checked("cleaned_events", "contract").values()) == {"SUCCEEDED"}
    assert landed.materialized(result) == set()
    assert [text for text in messages(landed, result) if "did not yield" in text] == []


@pytest.mark.parametrize(("time", "shown"), [("2025-01-05T10:00:00", "SUCCEEDED"), ("soon", "FAILED")])
def test_checks_alone_keep_the_result_of_the_last_landing(platform: Platform, time: str, shown: str) -> None:
    check = dg.AssetCheckKey(asset_key("clicks", "source_files"), "landing")
    platform.use(clicks(mode="fail_fast"))
    assert stored_evaluations(platform, execute(platform, checks={check})) == []
    platform.drop("clicks_1.csv", lines(f"ann,view,{time},/a,1.00"))
    first = [e.description for e in stored_evaluations(platform, platform.run()) if e.check_name == "landing"]
    again = execute(platform, checks={check})
    assert [e.description for e in stored_evaluations(platform, again)] == first
    assert platform.checked("source_files", "landing") == {None: shown}


def test_checks_alone_find_a_file_that_was_damaged(landed: Platform) -> None:
    landed.run()
    [path] = landed.workspace.stores["daily_summary"].paths("2025-01-06")
    frame = pl.read_parquet(path, hive_partitioning=False)
    pl.concat([frame, frame]).write_parquet(path)
    result = execute(landed, checks={dg.AssetCheckKey(asset_key("clicks", "daily_summary"), "contract")})
    wrong = [(e.partition, e.description) for e in stored_evaluations(landed, result) if not e.passed]
    assert [(day, str(text).split(".")[0]) for day, text in wrong] == [
        ("2025-01-06", "user_id is unique: 1 rows"),
        (None, "1 of 3 dates fail, first 2025-01-06: user_id is unique: 1 rows"),
    ]


@pytest.mark.parametrize("content", [None, b"PAR1 of another kind"])
def test_checks_alone_name_a_date_whose_file_is_missing_or_damaged(landed: Platform, content: bytes | None) -> None:
    landed.run()
    [path] = landed.workspace.stores["daily_summary"].paths("2025-01-06")
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content.ljust(path.stat().st_size, b"."))
    result = execute(landed, checks={dg.AssetCheckKey(asset_key("clicks", "daily_summary"), "contract")})
    assert result.success
    found = {e.partition: (e.passed, e.description) for e in stored_evaluations(landed, result)}
    passed, text = found.pop("2025-01-06")
    assert (passed, str(text).startswith("a file of it is missing or damaged; event-assets run clicks")) == (
        False,
        True,
    )
    assert {day: passed for day, (passed, _) in found.items()} == {"2025-01-05": True, "2025-01-08": True, None: False}


def test_a_run_with_its_checks_says_of_no_output_that_it_was_not_yielded(landed: Platform) -> None:
    result = execute(landed, "source_files", "raw_events", "cleaned_events", "quarantine", partition="2025-01-05")
    assert result.success
    assert [text for text in messages(landed, result) if "did not yield" in text] == []


def test_a_landing_that_fails_is_red_on_its_asset_with_the_file_and_the_record(platform: Platform) -> None:
    platform.use(clicks(mode="fail_fast"))
    platform.drop("clicks_1.csv", lines("ann,view,soon,/a,1.00"))
    result = platform.run()
    assert not result.success
    assert "clicks_1.csv" in failure(result)
    assert platform.checked("source_files", "landing") == {None: "FAILED"}
    [check] = [e for e in stored_evaluations(platform, result) if e.check_name == "landing"]
    assert "clicks_1.csv" in str(check.description)
    assert ("source_files", "") not in platform.materialized(result)


def test_each_step_is_an_op_and_the_last_one_fails_the_run(landed: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    break_table(monkeypatch, "joined_facts", "2025-01-06", lambda frame: nw.concat([frame, frame]))
    result = landed.run()
    steps = {
        e.step_key: e.event_type_value
        for e in result.all_events
        if e.event_type_value in ("STEP_SUCCESS", "STEP_FAILURE")
    }
    failed = [step for step, state in steps.items() if state == "STEP_FAILURE"]
    assert failed == ["clicks_tables.reconciliation"]
    assert {f"clicks_tables.{name}" for name in ("landing", "cleaned_events", "joined_facts", "sessions")} < set(steps)
    assert ("events_by_type", "2025-01-05") in landed.materialized(result)


def test_a_retry_makes_what_waited_though_it_repeats_the_last_step_alone(
    landed: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        break_table(broken, "cleaned_events", "2025-01-06", lambda frame: nw.concat([frame, frame]))
        failed = landed.run()
    assert retry_last_step(landed, failed).is_success
    assert landed.table("daily_summary")["event_date"].to_list() == ["2025-01-05", "2025-01-06", "2025-01-08"]
    assert landed.table("funnel_summary")["users"].to_list() == [1, 1]
    assert landed.reconciled().stale == 0


def retry_last_step(platform: Platform, failed: dg.ExecuteInProcessResult) -> dg.DagsterRun:
    """The retry from failure of a run whose last step failed, as it ended."""
    job, run = platform.definitions.resolve_job_def("clicks"), platform.instance.get_run_by_id(failed.run_id)
    assert run is not None
    again = platform.instance.create_run_for_job(
        job_def=job,
        tags=dict(run.tags),
        parent_run_id=failed.run_id,
        root_run_id=failed.run_id,
        execution_plan=create_execution_plan(job, step_keys_to_execute=["clicks_tables.reconciliation"]),
    )
    execute_run(InMemoryJob(job), again, platform.instance)
    ended = platform.instance.get_run_by_id(again.run_id)
    assert ended is not None
    return ended


def test_a_retry_lands_again_where_the_landing_failed(platform: Platform) -> None:
    platform.use(clicks(mode="fail_fast"))
    platform.drop("clicks_1.csv", lines("ann,view,soon,/a,1.00"))
    failed = platform.run()
    assert not failed.success
    assert retry_last_step(platform, failed).is_failure
    platform.drop("clicks_1.csv", lines("ann,view,2025-01-05T10:00:00,/a,1.00"))
    assert retry_last_step(platform, failed).is_success
    assert platform.table("daily_summary")["user_id"].to_list() == ["ann"]
    assert platform.checked("source_files", "landing") == {None: "SUCCEEDED"}


class TestTablesOfUsers:
    """A user's asset downstream of ours, in the same run."""

    def definitions(self, platform: Platform) -> dg.Definitions:
        @dg.asset(
            key=["clicks", "busy_users"],
            partitions_def=partitions(platform.dataset, platform.settings),
            ins={"summary": dg.AssetIn(asset_key("clicks", "daily_summary"))},
            backfill_policy=dg.BackfillPolicy.single_run(),
            io_manager_key="io_manager",
        )
        def busy_users(summary: pl.DataFrame) -> pl.DataFrame:
            return summary.filter(pl.col("event_count") > 1)

        return dg.Definitions.merge(
            dataset_definitions(platform.dataset),
            dg.Definitions(
                assets=[busy_users], resources={"io_manager": LakeIOManager()}, executor=dg.in_process_executor
            ),
        )

    def run(self, platform: Platform) -> dg.ExecuteInProcessResult:
        job = self.definitions(platform).get_repository_def().get_implicit_global_asset_job_def()
        keys = {
            key
            for key in job.asset_layer.asset_graph.executable_asset_keys
            if job.asset_layer.asset_graph.get(key).partitions_def
        }
        return job.get_subset(asset_selection=keys).execute_in_process(
            instance=platform.instance,
            tags={RANGE_START: "2025-01-05", RANGE_END: "2025-01-08"},
            run_config=QUIET,
            raise_on_error=False,
        )

    def test_it_runs_after_what_it_reads(self, landed: Platform) -> None:
        landed.land()
        assert self.run(landed).success
        files = landed.settings.lake / "clicks" / "busy_users" / "event_date=*" / "*.parquet"
        stored = pl.read_parquet(files, hive_partitioning=True).sort("event_date")
        assert stored["event_date"].to_list() == [dt.date(2025, 1, day) for day in (5, 6, 8)]

    def test_one_in_the_group_of_a_dataset_is_no_part_of_its_job(self, platform: Platform) -> None:
        # Its dates differ from those of the dataset: a job of both would not load.
        @dg.asset(key=["clicks", "busy_users"], partitions_def=DAILY, group_name="clicks")
        def busy_users() -> None: ...

        both = dg.Definitions.merge(platform.definitions, dg.Definitions(assets=[busy_users]))
        job = both.resolve_job_def("clicks")
        tables = set(platform.definitions.resolve_asset_graph().get_all_asset_keys())
        assert job.asset_layer.selected_asset_keys == tables

    def test_it_does_not_run_after_a_table_with_a_refused_date(
        self, landed: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        landed.land()
        break_table(monkeypatch, "daily_summary", "2025-01-06", lambda frame: nw.concat([frame, frame]))
        result = self.run(landed)
        assert not result.success
        assert not (landed.settings.lake / "clicks" / "busy_users").exists()


class TestCalendar:
    """The partitions that Dagster shows, by the ledger, on 2025-01-20 unless another day is given."""

    def days(self, platform: Platform, today: str = "2025-01-20", **changes: object) -> tuple[str, str]:
        with time_machine.travel(f"{today}T12:00:00Z", tick=False):
            keys = partitions(clicks(**changes), platform.settings).get_partition_keys()
        return keys[0], keys[-1]

    def test_without_records_it_goes_from_the_start_date_to_two_days_ahead(self, platform: Platform) -> None:
        assert self.days(platform) == ("2024-01-01", "2025-01-22")

    def test_with_records_it_begins_with_the_first(self, landed: Platform) -> None:
        landed.land()
        assert self.days(landed) == ("2025-01-05", "2025-01-22")

    def test_it_ends_with_the_last_date_where_that_is_old(self, landed: Platform) -> None:
        landed.land()
        assert self.days(landed, "2025-03-09") == ("2025-01-05", "2025-03-11")
        assert self.days(landed, "2025-03-10") == ("2025-01-05", "2025-01-08")

    def test_it_ends_with_a_declared_end(self, landed: Platform) -> None:
        landed.land()
        assert self.days(landed, "2025-03-10", end_date="2025-01-10") == ("2025-01-05", "2025-01-10")

    def test_every_date_of_it_is_materialized_by_a_complete_run(self, landed: Platform) -> None:
        landed.run()
        [calendar] = {
            spec.partitions_def for spec in landed.definitions.resolve_all_asset_specs() if spec.partitions_def
        }
        keys = set(calendar.get_partition_keys())
        assert keys == {f"2025-01-0{day}" for day in (5, 6, 7, 8)}
        for spec in landed.definitions.resolve_all_asset_specs():
            if spec.partitions_def:
                assert landed.instance.get_materialized_partitions(spec.key) == keys, spec.key

    def test_a_run_that_changes_it_reports_so(self, landed: Platform) -> None:
        def told() -> list[str]:
            return [text for text in messages(landed, landed.run()) if text.startswith("The history of")]

        line = (
            "The history of clicks is now 2025-01-05 to 2025-01-08: reload the definitions in the UI to see its dates"
        )
        assert [told(), told()] == [[line], []]

    def test_a_second_run_records_no_empty_date_again(self, landed: Platform) -> None:
        landed.run()
        assert {date for _, date in landed.materialized(landed.run())} == {""}


def test_events_after_the_end_date_are_refused(platform: Platform) -> None:
    platform.use(clicks(end_date="2025-01-06"))
    platform.drop("clicks_1.csv", THREE_DAYS)
    [file] = platform.land().landed
    assert isinstance(file, SourceFile)
    assert (file.landed, dict(file.reasons)) == (4, {"out_of_range": 2})

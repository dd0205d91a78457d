"""The sensor: files that were dropped, and tables that are stale. Each cause starts one run at a time."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import dagster as dg
import narwhals as nw
import pytest

from event_assets.orchestration.asset_keys import CAUSE_TAG
from event_assets.orchestration.published_but_unreported import unreported
from event_assets_tests.orchestration.platform import Platform, break_table
from event_assets_tests.world import clicks, lines

ONE_DAY = lines("ann,view,2025-01-05T10:00:00,/a,1.00")


def settle(path: Path, *, seconds_ago: float = 60) -> Path:
    """Let a file have been written a while ago."""
    then = time.time() - seconds_ago
    os.utime(path, (then, then))
    return path


def asked(platform: Platform, sensor: str) -> dg.RunRequest:
    [request] = platform.tick(sensor)
    assert isinstance(request, dg.RunRequest)
    return request


def test_a_dropped_file_is_carried_to_every_table_by_one_run(platform: Platform) -> None:
    settle(platform.drop("clicks_1.csv", ONE_DAY))
    result = platform.obey(asked(platform, "clicks_new_files"))
    assert result.success
    assert platform.table("top_users_overall").height == 1
    assert "nothing new" in platform.tick("clicks_new_files")


def test_a_file_that_is_still_being_written_is_left_alone(platform: Platform) -> None:
    settle(platform.drop("clicks_1.csv", ONE_DAY), seconds_ago=0)
    assert "1 still being written" in platform.tick("clicks_new_files")


def test_new_content_under_an_old_name_is_a_new_cause(platform: Platform) -> None:
    settle(platform.drop("clicks_1.csv", ONE_DAY))
    first = asked(platform, "clicks_new_files")
    platform.obey(first)
    settle(platform.drop("clicks_1.csv", ONE_DAY.replace("ann", "bob")))
    second = asked(platform, "clicks_new_files")
    assert first.run_key != second.run_key
    platform.obey(second)
    assert platform.table("daily_summary")["user_id"].to_list() == ["bob"]


def test_a_manifest_that_comes_after_its_files_starts_a_run(platform: Platform) -> None:
    platform.use(clicks(expect={"manifest": "*.manifest.csv"}))
    settle(platform.drop("clicks_1.csv", ONE_DAY))
    platform.obey(asked(platform, "clicks_new_files"))
    settle(platform.drop("day.manifest.csv", "file,records\nclicks_1.csv,9\n"))
    assert platform.obey(asked(platform, "clicks_new_files")).success
    assert platform.table("source_files")["reason"].to_list() == ["manifest_mismatch"]
    assert "nothing new" in platform.tick("clicks_new_files")


def test_what_is_no_file_of_the_dataset_starts_no_run(platform: Platform) -> None:
    settle(platform.drop("notes.txt", "hello"))
    assert "nothing new" in platform.tick("clicks_new_files")


def test_a_table_that_was_deleted_is_made_again(platform: Platform) -> None:
    platform.drop("clicks_1.csv", ONE_DAY)
    platform.run()
    assert "every table of clicks is what its inputs say" in platform.tick("clicks_new_files")
    whole = platform.tables()
    shutil.rmtree(platform.settings.lake / "clicks" / "daily_summary")
    result = platform.obey(asked(platform, "clicks_new_files"))
    assert platform.materialized(result) >= {("daily_summary", "2025-01-05")}
    assert {name: frame.to_dicts() for name, frame in platform.tables().items()} == {
        name: frame.to_dicts() for name, frame in whole.items()
    }
    assert "every table of clicks is what its inputs say" in platform.tick("clicks_new_files")


def test_a_changed_rule_is_carried_to_what_it_touches(platform: Platform) -> None:
    platform.drop("clicks_1.csv", lines(*(f"u{n},view,2025-01-05T10:00:00,/a,1.00" for n in range(5))))
    platform.run()
    platform.use(clicks(gold={"daily_summary": {}, "top_users": {"by": None, "n": 2}}))
    result = platform.obey(asked(platform, "clicks_new_files"))
    assert platform.table("top_users").height == 2
    assert platform.materialized(result) >= {("top_users", "2025-01-05"), ("top_users_overall", "")}
    assert ("daily_summary", "2025-01-05") not in platform.materialized(result)


def test_no_second_run_starts_while_one_is_under_way(platform: Platform) -> None:
    settle(platform.drop("clicks_1.csv", ONE_DAY))
    request = asked(platform, "clicks_new_files")
    run = platform.instance.create_run_for_job(
        platform.definitions.resolve_job_def("clicks"), status=dg.DagsterRunStatus.STARTED, tags=dict(request.tags)
    )
    assert f"run {run.run_id} is under way" in platform.tick("clicks_new_files")
    platform.instance.report_run_failed(run)
    assert asked(platform, "clicks_new_files").run_key != request.run_key


def test_a_cause_that_failed_is_tried_three_times_and_then_left_to_a_person(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.drop("clicks_1.csv", ONE_DAY)
    break_table(monkeypatch, "daily_summary", "2025-01-05", lambda frame: nw.concat([frame, frame]))
    platform.run()
    requests = []
    for _ in range(3):
        requests.append(asked(platform, "clicks_new_files"))
        assert not platform.obey(requests[-1]).success
    assert len({request.run_key for request in requests}) == 3
    assert len({request.tags[CAUSE_TAG] for request in requests}) == 1
    assert "failed 3 times; fix the cause and materialize by hand" in platform.tick("clicks_new_files")


def test_a_file_that_fails_starts_three_runs_whatever_lands_beside_it(platform: Platform) -> None:
    platform.use(clicks(mode="fail_fast"))
    cursor: str | None = None

    def runs() -> list[bool]:
        """What the sensor starts until it starts nothing more."""
        nonlocal cursor
        ended = []
        while True:
            sensor = platform.definitions.get_repository_def().get_sensor_def("clicks_new_files")
            context = dg.build_sensor_context(
                instance=platform.instance, definitions=platform.definitions, cursor=cursor
            )
            with context:
                found = sensor.evaluate_tick(context)
            cursor = found.cursor
            if not found.run_requests:
                return ended
            ended.append(platform.obey(found.run_requests[0]).success)

    settle(platform.drop("clicks_1.csv", lines("ann,view,soon,/a,1.00")))
    settle(platform.drop("clicks_2.csv", ONE_DAY))
    assert runs() == [False] * 3
    assert platform.table("daily_summary")["user_id"].to_list() == ["ann"]
    settle(platform.drop("clicks_3.csv", ONE_DAY.replace("ann", "bob")))
    assert runs() == [False]
    assert platform.table("daily_summary")["user_id"].to_list() == ["ann", "bob"]
    settle(platform.drop("clicks_1.csv", ONE_DAY.replace("ann", "eve")))
    assert runs() == [True]


def test_the_sensor_is_off_until_somebody_turns_it_on(platform: Platform) -> None:
    repository = platform.definitions.get_repository_def()
    assert {sensor.name: sensor.default_status for sensor in repository.sensor_defs} == {
        "clicks_new_files": dg.DefaultSensorStatus.STOPPED
    }


def test_a_landing_that_fails_reports_what_it_changed(platform: Platform) -> None:
    platform.use(clicks(mode="fail_fast"))
    platform.drop("clicks_1.csv", ONE_DAY)
    platform.run()
    platform.drop("clicks_2.csv", ONE_DAY)  # known content under another name
    platform.drop("clicks_3.csv", lines("ann,view,soon,/a,1.00"))
    result = platform.run()
    assert not result.success
    assert {table for table, _ in platform.materialized(result)} == {"source_files", "reconciliation"}
    assert list(unreported(platform.instance, platform.workspace)) == []  # else the sensor starts runs that fail, too

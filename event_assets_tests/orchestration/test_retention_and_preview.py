"""In Dagster: the schedule that drops old dates, and the check that previews a run."""

from __future__ import annotations

import dagster as dg

from event_assets.orchestration.asset_keys import asset_key
from event_assets_tests.orchestration.platform import Platform
from event_assets_tests.world import clicks, lines

FILE = lines(*(f"ann,view,2025-01-{day:02d}T12:00:00,/a,1" for day in range(1, 6)))


def test_a_dataset_that_declares_retention_has_a_schedule_that_drops_old_dates(platform: Platform) -> None:
    platform.use(clicks(retention={"raw": 2}))
    platform.drop("clicks_1.csv", FILE)
    platform.run()
    repository = platform.definitions.get_repository_def()
    schedule = repository.get_schedule_def("clicks_retention")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    result = repository.get_job(schedule.job_name).execute_in_process(instance=platform.instance)
    assert result.success
    assert platform.table("raw_events")["event_date"].to_list() == ["2025-01-03", "2025-01-04", "2025-01-05"]
    [seen] = platform.instance.fetch_observations(asset_key("clicks", "raw_events"), limit=5).records
    observation = seen.asset_observation
    assert observation is not None
    assert observation.metadata["dates deleted"].value == 2
    assert "every table of clicks is what its inputs say" in platform.tick("clicks_new_files")


def test_a_dataset_that_keeps_everything_has_none(platform: Platform) -> None:
    repository = platform.definitions.get_repository_def()
    assert [schedule.name for schedule in repository.schedule_defs] == []


def preview(platform: Platform) -> dg.AssetCheckEvaluation:
    check = dg.AssetCheckKey(asset_key("clicks", "source_files"), "up_to_date")
    repository = platform.definitions.get_repository_def()
    job = repository.get_implicit_global_asset_job_def().get_subset(
        asset_check_selection={check}, asset_selection=set()
    )
    result = job.execute_in_process(instance=platform.instance)
    [found] = result.get_asset_check_evaluations()
    return found


def test_the_check_says_which_files_and_partitions_a_run_would_touch_and_why(platform: Platform) -> None:
    platform.drop("clicks_1.csv", FILE)
    platform.run()
    assert preview(platform).passed
    platform.drop("clicks_2.csv", lines("bob,view,2025-01-03T13:00:00,/a,1"))
    platform.land()
    platform.drop("clicks_3.csv", FILE.replace("ann", "cat"))
    found = preview(platform)
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    said = str(found.metadata["preview"].value).splitlines()
    assert said[:3] == [
        "```",
        "would land clicks_3.csv: new",
        "would materialize cleaned_events 2025-01-03: its inputs changed",
    ]
    assert found.metadata["stale partitions"].value == 1
    assert platform.table("cleaned_events").height == 5


def test_the_run_that_leaves_nothing_to_do_lets_a_failed_preview_pass(platform: Platform) -> None:
    platform.drop("clicks_1.csv", FILE)
    platform.land()
    assert not preview(platform).passed
    assert platform.run("cleaned_events", "quarantine").success
    assert platform.checked("source_files", "up_to_date") == {None: "FAILED"}
    assert platform.run().success
    assert platform.checked("source_files", "up_to_date") == {None: "SUCCEEDED"}

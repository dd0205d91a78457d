"""A partition that breaks its contract is never published, however its run came about; its siblings go on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import dagster as dg
import narwhals as nw
import pytest

from event_assets_tests.faults.test_sensor import opened
from event_assets_tests.orchestration.platform import Platform, break_table, failure
from event_assets_tests.world import lines

BROKEN = "2025-01-06"
DATES = ["2025-01-05", "2025-01-06", "2025-01-07", "2025-01-08"]
Run = Callable[[Platform], dg.ExecuteInProcessResult]


def single(platform: Platform) -> dg.ExecuteInProcessResult:
    """Each date by a run of its own, as the UI launches a partition; the run of the broken one is the last."""
    for date in DATES:
        if date != BROKEN:
            platform.run(dates=(date, date))
    return platform.run(dates=(BROKEN, BROKEN))


def in_a_range(platform: Platform) -> dg.ExecuteInProcessResult:
    return platform.run(dates=(DATES[0], DATES[-1]))


def in_a_backfill(platform: Platform) -> dg.ExecuteInProcessResult:
    """A backfill is one run for the range, tagged with its id."""
    return platform.run(dates=(DATES[0], DATES[-1]), tags={"dagster/backfill": "abcdefgh"})


def automated(platform: Platform) -> dg.ExecuteInProcessResult:
    [request] = platform.tick("clicks_new_files")
    assert isinstance(request, dg.RunRequest)
    return platform.obey(request)


@pytest.mark.parametrize("run", [single, in_a_range, in_a_backfill, automated])
def test_a_broken_partition_is_not_published(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    folder = tmp_path_factory.mktemp("broken")
    monkeypatch.setenv("EVENT_ASSETS_INBOX", str(folder / "inbox"))
    monkeypatch.setenv("EVENT_ASSETS_LAKE", str(folder / "lake"))
    with opened(folder) as platform:
        path = platform.drop("clicks_1.csv", lines(*(f"ann,view,{date}T10:00:00,/a,1.00" for date in DATES)))
        os.utime(path, (time.time() - 60, time.time() - 60))
        break_table(monkeypatch, "cleaned_events", BROKEN, lambda frame: nw.concat([frame, frame]))
        result = run(platform)
        assert not result.success
        assert f"clicks/cleaned_events {BROKEN}" in failure(result)
        published = {
            table: sorted(platform.workspace.stores[table].entries(again=True))
            for table in ("raw_events", "cleaned_events", "joined_facts", "daily_summary")
        }
        assert published["raw_events"] == DATES
        assert published["cleaned_events"] == ["2025-01-05", "2025-01-07", "2025-01-08"], "siblings go on"
        assert BROKEN not in published["joined_facts"], "what is downstream waits"
        assert BROKEN not in published["daily_summary"]
        assert "2025-01-05" in published["daily_summary"]
        assert platform.checked("cleaned_events", "contract")[BROKEN] == "FAILED"
        assert platform.checked("cleaned_events", "contract")["2025-01-05"] == "SUCCEEDED"
        assert not list((platform.settings.lake / "clicks" / "cleaned_events").glob(f"event_date={BROKEN}/*"))

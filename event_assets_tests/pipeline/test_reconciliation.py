"""The table `reconciliation`: every record by date and for the whole, and whether all is as it should be."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from event_assets_tests.world import World, clicks, lines

FILE = lines(
    "ann,view,2025-01-06T10:00:00,/a,1.00",
    "ann,view,2025-01-06T10:00:00,/a,1.00",
    ",view,2025-01-06T11:00:00,/a,1.00",
    "bob,view,2025-01-08T10:00:00,/a,",
    "bob,view,soon,/a,",
)
BY_DATE = ["raw", "cleaned", "duplicates", "quarantined", "excluded", "facts", "filtered", "without_user"]
OF_FILES = ["records", "landed", "rejected", "erased"]


def test_a_row_for_the_whole_and_a_row_for_each_date_with_records(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", FILE)
    world.refresh()
    table = world.publish_reconciliation()
    assert table.columns == ["event_date", *BY_DATE, *OF_FILES, "holds"]
    assert table.rows() == [
        (None, 4, 2, 1, 1, 0, 2, 0, 0, 5, 4, 1, 0, True),
        (dt.date(2025, 1, 6), 3, 1, 1, 1, 0, 1, 0, 0, None, None, None, None, True),
        (dt.date(2025, 1, 8), 1, 1, 0, 0, 0, 1, 0, 0, None, None, None, None, True),
    ]


def test_a_date_of_which_a_table_is_stale_does_not_hold_and_no_more_does_the_whole(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", FILE)
    world.refresh()
    world.drop("clicks_2.csv", lines("ann,view,2025-01-08T12:00:00,/a,"))
    world.land()
    assert world.publish_reconciliation().select("event_date", "raw", "cleaned", "holds").rows() == [
        (None, 5, 2, False),
        (dt.date(2025, 1, 6), 3, 1, True),
        (dt.date(2025, 1, 8), 2, 1, False),
    ]
    world.make()
    assert world.publish_reconciliation()["holds"].all()


def test_a_changed_option_of_a_table_over_all_dates_leaves_the_dates_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", FILE)
    world.refresh()
    stale = World(tmp_path, clicks(gold={**world.dataset.gold.model_dump(), "top_users": {"by": None, "n": 1}}))
    stale.make(["2025-01-06", "2025-01-08"], ["top_users"])
    assert stale.publish_reconciliation()["holds"].to_list() == [False, True, True]


def test_what_is_remembered_of_files_is_what_these_files_hold(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", FILE)
    world.refresh()
    found = world.reconciled()
    assert found.quarantined_by_reason == {"missing_user_id": 1}
    remembered = world.workspace.lake.state("clicks") / "history" / "figures.json"
    remembered.unlink()
    assert World(tmp_path).reconciled() == found
    world.drop("clicks_1.csv", FILE.replace(",view,2025-01-06T11:00:00,/a,1.00", "cid,view,2025-01-06T10:00:00,/a,-1"))
    world.refresh()
    corrected = World(tmp_path).reconciled()
    assert (corrected.quarantined_by_reason, corrected.duplicates) == ({"invalid_price": 1}, 1)
    remembered.write_text("not JSON")
    assert World(tmp_path).reconciled() == corrected


def test_a_lake_without_records_has_the_row_for_the_whole(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.refresh()
    assert world.publish_reconciliation().select("event_date", "raw", "records").rows() == [(None, 0, 0)]


def test_the_same_figures_are_not_published_twice(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.drop("clicks_1.csv", FILE)
    world.refresh()
    world.publish_reconciliation()
    files = world.files_on_disk("reconciliation")
    assert len(files) == 1
    world.publish_reconciliation()
    assert world.files_on_disk("reconciliation") == files

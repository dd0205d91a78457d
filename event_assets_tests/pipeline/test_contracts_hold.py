"""A partition that breaks its contract or loses a record is not published; its downstream waits, others go on."""

from __future__ import annotations

from pathlib import Path

import narwhals as nw
import pytest

from event_assets.pipeline.run_results import Outcome
from event_assets_tests.world import Break, World, lines, made

BROKEN_DATE = "2025-01-07"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.drop("clicks_1.csv", lines(*(f"ann,view,2025-01-0{day}T10:00:00,/a,{day}.00" for day in (5, 6, 7, 8, 9))))
    world.land()
    return world


def negative_price(frame: nw.LazyFrame) -> nw.LazyFrame:
    return frame.with_columns(price=(nw.col("price") * -1).cast(nw.Decimal(10, 2)))


def repeated(frame: nw.LazyFrame) -> nw.LazyFrame:
    return nw.concat([frame, frame])


def lost(frame: nw.LazyFrame) -> nw.LazyFrame:
    return frame.filter(nw.col("user_id") == "nobody")


def refused(outcomes: list[Outcome]) -> list[tuple[str, str, str]]:
    return [
        (o.table, str(o.date), check.message)
        for o in outcomes
        for check in o.checks
        if o.state == "not_published" and not check.passed
    ]


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        (negative_price, "price greater than or equal to(0): 1 rows"),
        (repeated, "event_id is unique: 1 rows"),
        (lost, "raw_events 1 = cleaned_events 0 + duplicates 0 + quarantine 0 leaves 1 unaccounted"),
    ],
)
def test_a_broken_partition_is_not_published_and_its_check_says_why(world: World, how: Break, sentence: str) -> None:
    world.break_table("cleaned_events", BROKEN_DATE, how)
    outcomes = world.make()
    says = " ".join(text for table, date, text in refused(outcomes) if (table, date) == ("cleaned_events", BROKEN_DATE))
    assert sentence in says
    assert BROKEN_DATE not in world.workspace.stores["cleaned_events"].entries(again=True)


def test_what_reads_a_broken_partition_waits_and_its_siblings_go_on(world: World) -> None:
    world.break_table("cleaned_events", BROKEN_DATE, negative_price)
    outcomes = world.make()
    waiting = {(o.table, str(o.date)) for o in outcomes if o.state == "waiting" and o.date}
    assert {date for table, date in waiting if table == "sessions"} == {
        "2025-01-06",
        "2025-01-07",
        "2025-01-08",
        "2025-01-09",
    }
    assert {date for table, date in waiting if table == "daily_summary"} == {"2025-01-07", "2025-01-08", "2025-01-09"}
    assert ("daily_summary", "2025-01-06") in made(outcomes)
    assert ("cleaned_events", "2025-01-09") in made(outcomes)
    assert {o.table for o in outcomes if o.state == "waiting" and o.date is None} == {
        "top_users_overall",
        "funnel_summary",
    }


def test_what_was_published_before_stays_and_is_made_once_the_cause_is_mended(world: World) -> None:
    world.make()
    world.drop("clicks_2.csv", lines("ann,view,2025-01-07T11:00:00,/a,1.00"))
    world.land()
    intact = world.workspace.steps
    world.break_table("cleaned_events", BROKEN_DATE, negative_price)
    world.make()
    assert world.table("cleaned_events").filter(event_date=BROKEN_DATE).height == 1
    world.workspace.steps = intact
    outcomes = world.make()
    assert world.table("cleaned_events").filter(event_date=BROKEN_DATE).height == 2
    assert ("daily_summary", BROKEN_DATE) in made(outcomes)
    assert world.reconciled().holds


def test_a_gold_table_that_breaks_holds_up_only_itself(world: World) -> None:
    world.break_table("daily_summary", BROKEN_DATE, repeated)
    outcomes = world.make()
    assert {(table, date) for table, date, _ in refused(outcomes)} == {("daily_summary", BROKEN_DATE)}
    assert not [o for o in outcomes if o.state == "waiting"]
    assert ("events_by_type", BROKEN_DATE) in made(outcomes)


def test_an_error_in_a_transform_publishes_what_was_done_before_it(world: World) -> None:
    def explode(frame: nw.LazyFrame) -> nw.LazyFrame:
        raise ZeroDivisionError("in the transform")

    world.break_table("cleaned_events", BROKEN_DATE, explode)
    with pytest.raises(ZeroDivisionError):
        world.make()
    again = World(world.folder)
    assert sorted(again.workspace.stores["cleaned_events"].entries()) == ["2025-01-05", "2025-01-06"]
    again.refresh()
    assert again.reconciled().facts == 5

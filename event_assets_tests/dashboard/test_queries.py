"""Each figure of the page, against what stands in the tables themselves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from event_assets.dashboard import quality_frames, queries
from event_assets.dashboard.page_contents import known_rows, panel_rows
from event_assets.dashboard.panels import PANELS, REFUSED
from event_assets.dashboard.queries import Selection
from event_assets.dashboard.query_cache import Answers, NotMadeError
from event_assets.dashboard.row_browser import rows, views_by_name
from event_assets.errors import QueryError
from event_assets.pipeline.workspace import Workspace
from event_assets_tests.world import World, clicks, lines

FIRST, LAST = dt.date(2024, 3, 1), dt.date(2024, 3, 2)
RANGES = {"both days": (FIRST, LAST), "the first": (FIRST, FIRST), "the second": (LAST, LAST)}


def shown(world: World, name: str, days: str = "both days") -> list[tuple[object, ...]]:
    """The rows of a panel."""
    answers = Answers(world.dataset, world.settings)
    answers.refresh()
    panel = next(panel for panel in (*PANELS, REFUSED) if panel.name == name)
    found = panel_rows(panel, answers.to(panel.questions, selection(world, days)))
    assert found is not None
    return found.rows()


def selection(world: World, days: str) -> Selection:
    return Selection(world.dataset, *RANGES[days], whole=days == "both days")


def test_ids_and_persons_are_counted_and_traffic_is_told_apart(tmp_path: Path) -> None:
    keys = {"identity": {"links": [["page", "user_id"]]}, "traffic": {"user_agent": "page", "internal_users": ["qa"]}}
    world = World(tmp_path, clicks(**keys))
    rows = [("ann", "phone"), ("bob", "phone"), ("ann", "laptop"), ("qa", "desk"), ("cat", "googlebot")]
    world.drop(
        "clicks_1.csv", lines(*(f"{user},view,2024-03-01T10:0{n}:00,{page}," for n, (user, page) in enumerate(rows)))
    )
    world.refresh()
    assert shown(world, "persons") == [("all", 8, 5), ("page", 4, 4), ("user_id", 4, 4)]
    assert shown(world, "traffic") == [("human", 3, 0.6), ("bot", 1, 0.2), ("internal", 1, 0.2)]
    summaries = {panel.name: panel.summary for panel in PANELS}
    assert summaries["traffic"](pl.DataFrame({"traffic": ["human"], "share": [1.0]})) == (
        "0.0 % of the events are of bots, 0.0 % internal."
    )


def test_events_are_counted_by_day_and_type(world: World) -> None:
    assert shown(world, "events") == [(FIRST, "buy", 1), (FIRST, "view", 2), (LAST, "view", 2)]


def test_types_are_summed_over_the_days_and_their_users_are_not(world: World) -> None:
    assert shown(world, "types") == [("view", 4, 0.8, 1.5), ("buy", 1, 0.2, 1.0)]


def test_users_are_counted_by_day_of_any_type_first(world: World) -> None:
    any_type = [(FIRST, None, 2), (LAST, None, 1)]
    assert shown(world, "users") == [*any_type, (FIRST, "buy", 1), (FIRST, "view", 2), (LAST, "view", 1)]


def test_users_of_several_days_are_counted_once(world: World) -> None:
    answers = Answers(world.dataset, world.settings)
    found = answers.to([queries.users], selection(world, "both days"))[queries.users]
    assert isinstance(found, pl.DataFrame)
    assert found.rows() == [(None, 2, 5), (FIRST, 2, 3), (LAST, 1, 2)]


def test_the_heat_map_is_of_hours_by_day_and_of_minutes_of_one_day(world: World) -> None:
    assert shown(world, "heat-map") == [(FIRST, 10, 2), (FIRST, 12, 1), (LAST, 8, 1), (LAST, 9, 1)]
    assert shown(world, "heat-map", "the first") == [(10, 0, 1), (10, 2, 1), (12, 0, 1)]


def test_sessions_are_counted_by_channel_and_by_campaign(tmp_path: Path) -> None:
    declared = {"landing_page": "page", "conversions": ["buy"], "revenue": "price"}
    found = World(tmp_path, clicks(channels=declared))
    mail, ad = "/?utm_source=mail&utm_medium=email&utm_campaign=May", "/?gclid=1"
    records = [
        f"ann,view,2024-03-01T10:00:00Z,{mail},",
        "ann,buy,2024-03-01T10:05:00Z,/,9.50",
        "ann,buy,2024-03-02T10:00:00Z,/,1.25",
        f"bob,view,2024-03-02T10:00:00Z,{ad},",
        f"cat,view,2024-03-02T10:00:00Z,{ad},",
    ]
    found.drop("clicks_1.csv", lines(*records))
    found.refresh()
    assert shown(found, "channels") == [
        ("Paid Search", 2, 0.5, 2, 0, 0.0),
        ("Email", 1, 0.25, 2, 1, 9.5),
        ("Direct", 1, 0.25, 0, 1, 1.25),
    ]
    assert shown(found, "campaigns", "the first") == [("mail", "email", "May", 1, 1, 9.5)]
    assert shown(found, "campaigns", "the second") == [
        ("google", "cpc", None, 2, 0, 0.0),
        ("(direct)", "(none)", None, 1, 1, 1.25),
    ]


def test_sessions_are_counted_by_the_day_of_their_start(world: World) -> None:
    assert shown(world, "sessions") == [(FIRST, 2, 1.5), (LAST, 2, 1.0)]


def test_sessions_of_one_event_have_no_length(world: World) -> None:
    lengths = [(name, count) for name, count, _ in shown(world, "session-lengths") if count]  # type: ignore[misc]
    assert lengths == [("one event", 3), ("1-5 min", 1)]


def test_the_median_length_is_of_sessions_with_several_events(world: World) -> None:
    answers = Answers(world.dataset, world.settings)
    found = answers.to([queries.sessions], selection(world, "both days"))[queries.sessions]
    assert isinstance(found, pl.DataFrame)
    assert found.row(0) == (None, None, 4, 5, 150.0)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("both days", [(1, "view", 2, None, 1.0), (2, "buy", 1, 0.5, 0.5)]),
        ("the first", [(1, "view", 2, None, 1.0), (2, "buy", 1, 0.5, 0.5)]),
        ("the second", [(1, "view", 1, None, 1.0), (2, "buy", 0, 0.0, 0.0)]),
    ],
)
def test_the_funnel_counts_users_of_the_days(world: World, days: str, expected: Sequence[object]) -> None:
    assert shown(world, "funnel", days) == expected


def test_a_range_of_all_days_gives_the_funnel_and_the_ranks_of_the_tables_over_all_dates(world: World) -> None:
    for question in (queries.funnel, queries.top_users):
        answers = Answers(world.dataset, world.settings)
        whole, counted = (Selection(world.dataset, FIRST, LAST, whole=whole) for whole in (True, False))
        from_table, from_rows = (answers.to([question], at)[question] for at in (whole, counted))
        assert isinstance(from_table, pl.DataFrame)
        assert isinstance(from_rows, pl.DataFrame)
        assert from_table.rows() == from_rows.rows()


def test_users_are_ranked_by_distinct_sessions_of_the_days(world: World) -> None:
    assert shown(world, "top-users") == [(1, "ann", 3), (2, "bob", 1)]
    assert shown(world, "top-users", "the second") == [(1, "ann", 2)]


def test_refused_records_are_those_of_the_days_and_those_without_one(world: World) -> None:
    assert shown(world, "refused") == [("invalid_price", 1, 0), ("invalid_timestamp", 1, 1)]
    assert shown(world, "refused", "the first") == [("invalid_timestamp", 1, 1)]


def test_every_record_stands_in_one_stage(world: World) -> None:
    answers = Answers(world.dataset, world.settings)
    answers.refresh()
    stages = dict(known_rows("accounted", answers).select("stage", "records").iter_rows())
    assert stages == {
        "in files": 7,
        "landed": 6,
        "rejected at landing": 1,
        "raw events": 6,
        "cleaned": 5,
        "duplicates": 0,
        "quarantined": 1,
        "facts": 5,
        "filtered out": 0,
    }


def test_drift_names_the_fields_that_nobody_declared(world: World) -> None:
    world.workspace.refresh()
    assert quality_frames.drift(world.workspace).rows() == [("(found in one file only)", "events", "undeclared", 7, 1)]


def test_what_came_days_after_younger_data_is_late(tmp_path_factory: pytest.TempPathFactory) -> None:
    world = World(tmp_path_factory.mktemp("late"))
    now = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
    batches = [
        ("ann,view,2024-03-09T10:00:00Z,,",),
        ("ann,view,2024-03-08T10:00:00Z,,", "ann,view,2024-03-10T10:00:00Z,,"),
    ]
    for hours, batch in enumerate(batches):
        world.drop(f"clicks_{hours}.csv", lines(*batch))
        world.land(lambda hours=hours: now + dt.timedelta(hours=2 * hours))  # type: ignore[misc]
    late = {name: records for name, records, _ in quality_frames.late(world.workspace).iter_rows() if records}
    assert late == {"on time": 2, "1 day": 1}


def test_files_that_come_together_are_on_time_together(world: World) -> None:
    world.workspace.refresh()
    assert quality_frames.late(world.workspace).row(0) == ("on time", 6, 1.0)


def test_a_table_that_nobody_made_names_the_command(tmp_path_factory: pytest.TempPathFactory) -> None:
    world = World(tmp_path_factory.mktemp("landed"))
    world.drop("clicks_1.csv", lines("ann,view,2024-03-01T10:00:00Z,,"))
    world.land()
    answer = Answers(world.dataset, world.settings).to([queries.sessions], selection(world, "the first"))
    error = answer[queries.sessions]
    assert isinstance(error, NotMadeError)
    assert str(error) == "clicks.sessions: has not been made yet; event-assets run clicks"


def test_a_question_about_a_table_that_is_not_declared_has_no_answer(world: World) -> None:
    dataset = clicks(gold={"daily_summary": {}})
    answers = Answers(dataset, world.settings)
    at = Selection(dataset, FIRST, LAST)
    asked = [queries.funnel, queries.top_users, queries.heat_map, queries.events_by_type, queries.watch_time]
    assert answers.to(asked, at) == dict.fromkeys(asked)


def test_an_answer_is_found_anew_once_its_table_has_changed(tmp_path_factory: pytest.TempPathFactory) -> None:
    world = World(tmp_path_factory.mktemp("growing"))
    world.drop("clicks_1.csv", lines("ann,view,2024-03-01T10:00:00Z,,"))
    world.refresh()
    answers = Answers(world.dataset, world.settings)
    before = answers.to([queries.users], selection(world, "the first"))[queries.users]
    world.drop("clicks_2.csv", lines("bob,view,2024-03-01T10:00:00Z,,"))
    world.refresh()
    answers.refresh()
    after = answers.to([queries.users], selection(world, "the first"))[queries.users]
    assert isinstance(before, pl.DataFrame)
    assert isinstance(after, pl.DataFrame)
    assert (before["users"][0], after["users"][0]) == (1, 2)
    assert answers.to([queries.users], selection(world, "the first"))[queries.users] is after


def test_no_question_reads_facts_or_raw_events(world: World) -> None:
    questions = {question for panel in (*PANELS, REFUSED) for question in panel.questions}
    asked = [question(selection(world, days)) for question in questions for days in RANGES]
    tables = {query.table for query in asked if query}
    assert len(tables) > 6
    assert not tables & {"joined_facts", "cleaned_events", "raw_events"}


def test_rows_are_filtered_by_dates_and_by_values_as_they_read(world: World) -> None:
    view = views_by_name(world.dataset)["joined_facts"]
    answers = Answers(world.dataset, world.settings)
    found = answers.ask(rows(view, FIRST, FIRST, {"price": "9.99", "event_type": "buy"}, limit=10))
    assert found.select("event_date", "user_id", "page").rows() == [(FIRST, "ann", "cart")]
    assert answers.ask(rows(view, FIRST, LAST, {"price": "no' OR 1=1 --"}, limit=10)).is_empty()


def test_rows_stop_one_beyond_the_limit(world: World) -> None:
    view = views_by_name(world.dataset)["joined_facts"]
    assert Answers(world.dataset, world.settings).ask(rows(view, None, None, {}, limit=2)).height == 3


def test_rows_of_a_column_that_is_not_there_are_refused(world: World) -> None:
    with pytest.raises(QueryError, match="colour: is not a column of clicks"):
        rows(views_by_name(world.dataset)["sessions"], None, None, {"colour": "red"}, limit=2)


def test_the_workspace_of_a_reader_takes_no_lease(world: World) -> None:
    with Workspace(world.dataset, world.settings).writing():
        assert shown(world, "sessions")


def test_active_users_and_cohorts_are_shown_where_they_are_declared(tmp_path: Path) -> None:
    world = World(tmp_path, clicks(gold={"retention": {}}))
    rows = ["ann,view,2024-03-01T10:00:00,/,", "bob,view,2024-03-01T10:00:00,/,", "ann,view,2024-03-02T10:00:00,/,"]
    world.drop("clicks_1.csv", lines(*rows, "ann,view,2024-03-05T10:00:00,/,"))
    world.refresh()
    assert shown(world, "active-users") == [(FIRST, 2, 2, 2), (LAST, 1, 2, 2)]
    monday = dt.date(2024, 2, 26)
    assert shown(world, "cohorts") == [(monday, 0, 2, 1.0), (monday, 1, 1, 0.5)]
    summaries = {}
    for panel in PANELS:
        if panel.name in ("active-users", "cohorts"):
            answers = Answers(world.dataset, world.settings)
            answers.refresh()
            found = panel_rows(panel, answers.to(panel.questions, selection(world, "both days")))
            assert isinstance(found, pl.DataFrame)
            summaries[panel.name] = panel.summary(found)
    assert summaries["active-users"] == "Users up to 2024-03-02: 1 on the day, 2 in the week, 2 in four weeks."
    assert summaries["cohorts"].startswith("50.0")

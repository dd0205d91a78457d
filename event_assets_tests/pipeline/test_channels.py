"""Channels: what a late file recomputes, ties, what counts, erasure (test_visitor_laws.py has the laws)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from event_assets.declaration import Dataset
from event_assets.errors import DeclarationError
from event_assets.pipeline.compute_lateness import publish_lateness
from event_assets.pipeline.erase import erase, rows_by_table
from event_assets.pipeline.retention import expire
from event_assets_tests.engines.available import OTHERS
from event_assets_tests.engines.test_parity import assert_alike
from event_assets_tests.engines.test_parity import on as on_engine
from event_assets_tests.pipeline.test_erasure import files_with
from event_assets_tests.pipeline.visitors import ARRIVALS
from event_assets_tests.world import Break, World, clicks, days_made, made

HEADER = "user,kind,at,url,from,visit,price"
LOOKBACK = 5

Event = tuple[str, str, str, str, str, str]
"""user, time, page, referrer, visit, price"""
Arrival = tuple[str | None, str | None]
"""page, referrer"""


def dataset(*, by_source: bool = False, lookback: int = LOOKBACK, channels: bool = True, **changes: Any) -> Dataset:
    """Clicks with a page, a referrer and, where sessions are the source's, the id of the visit."""
    columns = [
        {"name": "user_id", "source": "user", "description": "Who."},
        {"name": "event_type", "source": "kind", "description": "What."},
        {"name": "url", "description": "The page."},
        {"name": "from", "description": "The page before."},
        {"name": "source_session_id", "source": "visit", "description": "The visit."},
        {"name": "price", "type": "decimal(10,2)", "description": "For how much."},
    ]
    declared = {
        "landing_page": "url",
        "referrer": "from",
        "lookback": lookback,
        "internal_hosts": ["pay.example"],
        "conversions": ["buy"],
        "revenue": "price",
    }
    return clicks(
        events={
            "files": ["f*.csv", "other.csv", "day_*.csv", "late.csv", "direct.csv", "new.csv"],
            "format": "csv",
            "time": {"source": "at"},
            "columns": columns,
        },
        sessions={"by": "source_session_id"} if by_source else {},
        gold={"daily_summary": {}},
        **({"channels": declared} if channels else {}),
        **changes,
    )


def text(events: Iterable[Event]) -> str:
    rows = [
        f"{user},{'buy' if price else 'view'},{at},{url},{sender},{visit},{price}"
        for user, at, url, sender, visit, price in events
    ]
    return "\n".join([HEADER, *rows]) + "\n"


PLAIN, _, _, _, GOOGLE, _, SOCIAL, MAIL, _, BLOG, _ = ARRIVALS


def on(user: str, day: int, arrival: Arrival, *, minute: int = 600, price: str = "", visit: str = "1") -> Event:
    at = dt.datetime(2025, 1, 1) + dt.timedelta(days=day - 1, minutes=minute)
    url, sender = arrival
    return (user, at.isoformat(), url or "", sender or "", visit, price)


def days(first: int, last: int, table: str) -> set[tuple[str, str]]:
    return {(table, f"2025-01-{day:02d}") for day in range(first, last + 1)}


@pytest.mark.parametrize("by_source", [False, True])
def test_a_late_touch_computes_sessions_of_the_lookback_dates_again_and_no_others(
    tmp_path: Path, by_source: bool
) -> None:
    world = World(tmp_path, dataset(by_source=by_source, lookback=4))
    world.drop("first.csv", text(on(user, day, PLAIN, visit=f"{day}") for user in "ab" for day in range(1, 16)))
    world.refresh()
    tables = (
        "cleaned_events",
        "quarantine",
        *([] if by_source else ["session_edges"]),
        "joined_facts",
        "daily_summary",
    )
    sources, index = ("session_sources", "session_touches"), {"session_index": []} if by_source else {}
    near = 0 if by_source else 1  # the date before, whose session could go on past midnight
    world.drop("direct.csv", text([on("c", 8, PLAIN, visit="direct")]))
    assert days_made(world.refresh()) == {
        **{name: [8] for name in (*tables, *sources, "channel_summary")},
        "session_parts": [8, *([9, 10] if near else [])],
        "sessions": [*range(8 - near, 9)],
        **index,
    }
    world.drop("new.csv", text([on("d", 6, GOOGLE, visit="new")]))
    outcomes = world.refresh()
    assert days_made(outcomes) == {
        **{name: [6] for name in (*tables, *sources, "channel_summary")},
        "session_parts": [6, *([7, 8] if near else [])],
        "sessions": [*range(6 - near, 10)],
        **index,
    }
    assert {one.date.day for one in outcomes if one.changed and one.date} == {6}, "who came once touches one date"
    world.drop("late.csv", text([on("a", 7, MAIL, minute=900, visit="late")]))
    outcomes = world.refresh()
    assert days_made(outcomes) == {
        **{name: [7] for name in (*tables, *sources)},
        "session_parts": [7, *([8, 9] if near else [])],
        "sessions": [*range(7 - near, 11)],
        "channel_summary": [7, 8, 9, 10],
        **index,
    }
    changed = days_made(one for one in outcomes if one.changed)
    assert changed["sessions"] == changed["channel_summary"] == [7, 8, 9, 10]
    rows = world.table("sessions").filter(pl.col("user_id") == "a")
    rows = rows.select("event_date", "channel", "last_touch_channel", "first_touch_campaign")
    assert rows.rows()[5:12] == [
        ("2025-01-06", "Direct", "Direct", None),
        ("2025-01-07", "Direct", "Direct", None),
        ("2025-01-07", "Email", "Email", "May"),
        *((f"2025-01-{day:02d}", "Direct", "Email", "May") for day in (8, 9, 10)),
        ("2025-01-11", "Direct", "Direct", None),
    ]


@pytest.mark.long
def test_a_late_date_in_a_year_computes_three_percent_of_the_partitions_at_most(tmp_path: Path) -> None:
    world = World(tmp_path, dataset(lookback=30))
    world.drop("first.csv", text(on("a", day, PLAIN) for day in range(-220, 145)))
    everything = len(made(world.refresh()))
    world.drop("late.csv", text([on("a", -100, MAIL, minute=900)]))
    late = made(world.refresh())
    assert len({date for table, date in late if table == "sessions"}) == 31
    assert len(late) <= 0.03 * everything


def test_a_changed_rule_computes_sources_and_sessions_again_and_no_facts(tmp_path: Path) -> None:
    world = World(tmp_path, dataset())
    world.drop("first.csv", text(on("a", day, MAIL, price="1.00") for day in range(1, 4)))
    world.refresh()
    channels = world.dataset.channels
    assert channels is not None
    rules = {**channels.model_dump(by_alias=True), "rules": [{"channel": "Letters", "medium": "email"}]}
    world.use(dataset().model_copy(update={"channels": type(channels)(**rules)}))
    outcomes = world.refresh()
    assert {one.table for one in outcomes} == {"session_sources", "session_touches", "sessions", "channel_summary"}
    assert set(world.table("sessions")["last_touch_channel"]) == {"Letters"}


def test_a_dataset_without_channels_makes_nothing_of_them_and_stays_fresh(tmp_path: Path) -> None:
    world = World(tmp_path, dataset(channels=False))
    assert not {"session_sources", "session_touches", "channel_summary"} & world.workspace.tables.keys()
    assert "channel" not in world.workspace.tables["sessions"].names
    assert "conversions" not in world.workspace.tables["session_parts"].names
    world.drop("first.csv", text([on("a", 1, MAIL, price="1.00")]))
    world.refresh()
    world.use(dataset())
    made_again = {one.table for one in world.refresh() if one.changed}
    assert made_again == {"session_parts", "session_sources", "session_touches", "sessions", "channel_summary"}


def test_of_events_at_the_start_of_a_session_the_first_by_its_id_tells_its_source(tmp_path: Path) -> None:
    world = World(tmp_path, dataset())
    world.drop("first.csv", text([on("a", 1, GOOGLE), on("a", 1, MAIL), on("b", 1, MAIL), on("b", 1, GOOGLE)]))
    world.refresh()
    first = world.table("joined_facts").sort("user_id", "event_id").group_by("user_id", maintain_order=True).first()
    expected = {user: ARRIVALS[url, sender][3] for user, url, sender in first.select("user_id", "url", "from").rows()}
    assert dict(world.table("sessions").select("user_id", "channel").rows()) == expected


def test_of_sessions_of_the_source_that_start_at_once_the_one_of_the_lesser_id_comes_first(tmp_path: Path) -> None:
    world = World(tmp_path, dataset(by_source=True))
    arrivals = [GOOGLE, MAIL, PLAIN, SOCIAL, BLOG]
    world.drop("first.csv", text([on("a", 1, one, visit=f"{visit}") for visit, one in enumerate(arrivals)]))
    world.refresh()
    rows = world.table("sessions").sort("session_id")
    touches: list[str] = []
    for channel, first, last in rows.select("channel", "first_touch_channel", "last_touch_channel").rows():
        touches += [] if channel == "Direct" else [channel]
        assert (first, last) == ((touches[0], touches[-1]) if touches else ("Direct", "Direct"))


def test_a_session_counts_in_gold_where_a_fact_at_its_start_counts(tmp_path: Path) -> None:
    users = {
        "files": ["users.csv"],
        "format": "csv",
        "columns": [
            {"name": "user_id", "source": "user", "required": True, "description": "Who."},
            {"name": "country", "description": "Where."},
        ],
        "filter": {"country": ["US"]},
    }
    traffic = {"internal_users": ["qa"]}
    world = World(tmp_path, dataset(profiles=users, traffic=traffic))
    world.drop("users.csv", "user,country\nann,US\nbob,DE\nqa,US\n")
    events = [on(user, 1, GOOGLE, price="2.50") for user in ("ann", "bob", "qa")] + [on("ann", 1, PLAIN, minute=900)]
    world.drop("first.csv", text(events))
    outcomes = world.refresh()
    [result] = [one for one in outcomes if one.table == "channel_summary"]
    assert [check.message for check in result.checks if check.name == "accounting"] == [
        "sessions 4 = channel_summary.sessions 2 + left_out 2"
    ]
    rows = world.table("channel_summary").drop("event_date", "first_touch_revenue", "last_touch_revenue")
    assert rows.cast({"revenue": pl.Float64}).to_dicts() == [
        {
            "channel": "Direct",
            "sessions": 1,
            "users": 1,
            "conversions": 0,
            "revenue": 0.0,
            "first_touch_sessions": 0,
            "first_touch_conversions": 0,
            "last_touch_sessions": 0,
            "last_touch_conversions": 0,
        },
        {
            "channel": "Organic Search",
            "sessions": 1,
            "users": 1,
            "conversions": 1,
            "revenue": 2.5,
            "first_touch_sessions": 2,
            "first_touch_conversions": 1,
            "last_touch_sessions": 2,
            "last_touch_conversions": 1,
        },
    ]
    assert world.reconciled().holds


@pytest.mark.parametrize(
    ("how", "counted"),
    [
        (lambda rows: rows.filter(nw.col("channel") != "Email"), 1),
        (lambda rows: rows.with_columns((nw.col("sessions") * 2).cast(nw.Int64).alias("sessions")), 4),
    ],
)
def test_channels_that_lose_or_repeat_a_session_are_not_published(tmp_path: Path, how: Break, counted: int) -> None:
    world = World(tmp_path, dataset())
    world.drop("first.csv", text([on("a", 1, GOOGLE), on("b", 2, MAIL)]))
    world.refresh()
    world.drop("late.csv", text([on("c", 2, GOOGLE)]))
    world.break_table("channel_summary", "2025-01-02", how)
    [refused] = [one for one in world.refresh() if one.state != "materialized"]
    assert (refused.table, str(refused.date), refused.state) == ("channel_summary", "2025-01-02", "not_published")
    assert [check.message for check in refused.checks if not check.passed] == [
        f"sessions 2 = channel_summary.sessions {counted} leaves {2 - counted} unaccounted"
    ]
    assert world.table("channel_summary").select("event_date", "channel").rows() == [
        ("2025-01-01", "Organic Search"),
        ("2025-01-02", "Email"),
    ]
    world.use(dataset())
    assert made(world.refresh()) == {("channel_summary", "2025-01-02")}


def test_a_date_that_waits_for_files_has_no_channels_and_accounts_for_none(tmp_path: Path) -> None:
    expect = {"files_per": "date", "count": 1, "pattern": "day_*.csv", "hold": True}
    world = World(tmp_path, dataset(expect=expect))
    world.drop("other.csv", text(on("a", day, MAIL) for day in (1, 2)))
    world.drop("day_20250101.csv", text([on("b", 1, GOOGLE)]))
    assert {one.state for one in world.refresh()} == {"materialized"}
    assert world.table("channel_summary").select("event_date", "channel").rows() == [
        ("2025-01-01", "Email"),
        ("2025-01-01", "Organic Search"),
    ]
    world.drop("day_20250102.csv", text([on("b", 2, GOOGLE)]))
    world.refresh()
    assert world.table("channel_summary")["sessions"].sum() == 4


@pytest.mark.parametrize("by_source", [False, True])
def test_erasing_a_user_takes_the_touches_along(tmp_path: Path, by_source: bool) -> None:
    world = World(tmp_path, dataset(by_source=by_source))
    mine = ("https://shop.example/?utm_source=letter77131&utm_medium=email", "")
    world.drop("first.csv", text([on("ann77132", 1, mine), on("ann77132", 3, PLAIN), on("bob", 2, GOOGLE)]))
    world.refresh()
    assert files_with(world, "letter77131") != []
    with world.workspace.writing():
        world.workspace.refresh()
        erase(world.workspace, "ann77132")
    world.make()
    assert rows_by_table(world.workspace, "ann77132") == {}
    assert files_with(world, "letter77131") == []
    assert set(world.table("sessions")["user_id"]) == {"bob"}


def test_retention_keeps_touches_for_the_lookback_of_the_sessions_that_stay(tmp_path: Path) -> None:
    world = World(tmp_path, dataset(lookback=5, retention={"cleaned": 10}))
    world.drop("first.csv", text([*(on("a", day, PLAIN) for day in range(1, 31)), on("a", 17, MAIL, minute=900)]))
    world.refresh()
    with world.workspace.writing():
        world.workspace.refresh()
        expire(world.workspace)
    assert world.make() == []
    first = {name: str(world.workspace.dates(name)[0]) for name in ("sessions", "session_touches", "joined_facts")}
    assert first == {"sessions": "2025-01-20", "session_touches": "2025-01-16", "joined_facts": "2025-01-20"}
    world.drop("f2.csv", text([on("a", 20, GOOGLE, minute=900)]))
    assert made(world.refresh(), "sessions") == days(20, 24, "sessions")
    kept = world.table("sessions")["last_touch_channel"].to_list()
    assert kept[:7] == ["Email", *["Organic Search"] * 5, "Direct"]


def test_lateness_counts_sessions_whose_touch_a_late_file_changed(tmp_path: Path) -> None:
    gold = {"daily_summary": {}, "lateness": {}}
    world = World(tmp_path, dataset().model_copy(update={"gold": type(dataset().gold)(**gold)}))
    landings = {20: [on("a", day, PLAIN) for day in (1, 3, 9)], 21: [on("a", 2, MAIL)]}
    for day, events in landings.items():
        world.drop(f"f{day}.csv", text(events))
        world.land(lambda day=day: dt.datetime(2025, 1, day, 12, tzinfo=dt.UTC))
        world.make()
        with world.workspace.writing():
            world.workspace.refresh()
            publish_lateness(world.workspace)
    rows = world.table("lateness").select("event_date", "landed_date", "records", "sessions_changed").rows()
    assert [(str(date), landed.day, *counts) for date, landed, *counts in rows] == [
        ("2025-01-01", 20, 1, 1),
        ("2025-01-02", 21, 1, 1),
        ("2025-01-03", 20, 1, 1),
        ("2025-01-03", 21, 0, 1),
        ("2025-01-09", 20, 1, 1),
    ]


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ({"landing_page": "site"}, "channels.landing_page names no declared column: 'site'"),
        ({"landing_page": "price"}, r"channels.landing_page: price is a decimal\(10,2\); it must be a string"),
        ({"landing_page": "page", "conversions": ["buy"], "revenue": "page"}, "channels.revenue: money is a decimal"),
        (
            {"landing_page": "page", "rules": [{"channel": "X", "mediums": "a"}]},
            r"rules.0.mediums: .*did you mean medium",
        ),
    ],
)
def test_a_wrong_declaration_of_channels_is_refused(channels: dict[str, object], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        clicks(channels=channels)


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("by_source", [False, pytest.param(True, marks=pytest.mark.long)])
def test_each_engine_makes_the_same_tables(engine: str, by_source: bool, tmp_path: Path) -> None:
    events = [
        on(user, day, [*ARRIVALS][(day * place) % len(ARRIVALS)], price="0.10" if day % 3 else "", visit=f"{day // 2}")
        for place, user in enumerate(("ann", "zoë", "Bob"), 1)
        for day in range(1, 13, place)
    ]
    worlds = [on_engine(name, tmp_path, dataset(by_source=by_source, lookback=4)) for name in ("polars", engine)]
    for world in worlds:
        world.drop("first.csv", text([*events, on("ann", 6, GOOGLE, minute=1430), on("ann", 6, MAIL, minute=1445)]))
        assert {outcome.state for outcome in world.refresh()} == {"materialized"}
    assert_alike(worlds[1], worlds[0])

"""Channels: equal to an ordered walk of all sessions, whatever the order and the cut of files."""

from __future__ import annotations

import datetime as dt
import random
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.declaration import Dataset
from event_assets.errors import DeclarationError
from event_assets.pipeline.compute_lateness import publish_lateness
from event_assets.pipeline.erase import erase, rows_by_table
from event_assets.pipeline.retention import expire
from event_assets_tests.engines.available import OTHERS
from event_assets_tests.engines.test_parity import assert_alike
from event_assets_tests.engines.test_parity import on as on_engine
from event_assets_tests.pipeline.test_erasure import files_with
from event_assets_tests.world import World, clicks, made

HEADER = "user,kind,at,url,from,visit,price"
FEW = 4 if settings.default.max_examples < 1000 else 200  # type: ignore[union-attr]
LOOKBACK = 5
OWN = ("source", "medium", "campaign", "channel")
TOUCHES = ("first_touch_", "last_touch_")

Event = tuple[str, str, str, str, str, str]
"""user, time, page, referrer, visit, price"""


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
            "files": ["f*.csv", "other.csv", "day_*.csv", "late.csv", "direct.csv", "wrong.csv"],
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


#: Landing page and referrer, with the source, medium, campaign and channel that they mean, written out by hand.
ARRIVALS = {
    ("https://shop.example/", ""): ("(direct)", "(none)", None, "Direct"),
    ("https://shop.example/cart", "https://www.shop.example/"): ("(direct)", "(none)", None, "Direct"),
    ("https://shop.example/paid", "https://pay.example/ok"): ("(direct)", "(none)", None, "Direct"),
    ("https://shop.example/", "https://www.google.de/"): ("google", "organic", None, "Organic Search"),
    ("https://shop.example/?gclid=1", "https://www.google.de/"): ("google", "cpc", None, "Paid Search"),
    ("https://shop.example/", "https://l.facebook.com/"): ("facebook", "referral", None, "Organic Social"),
    ("https://shop.example/?utm_source=News&utm_medium=email&utm_campaign=May", ""): ("news", "email", "May", "Email"),
    ("https://shop.example/", "https://blog.example/post"): ("blog.example", "referral", None, "Referral"),
}
PAGES = list(ARRIVALS)


def sessions_of(events: list[Event], by_source: bool) -> list[list[Event]]:
    """The events of each session, by docs/explanation/sessions.md (no events here go on for more than a day)."""
    found: list[list[Event]] = []
    if by_source:
        ids = sorted({(event[0], event[4]) for event in events if event[4]})
        return [sorted((e for e in events if (e[0], e[4]) == one), key=lambda e: e[1]) for one in ids]
    for user in sorted({event[0] for event in events}):
        before = None
        for event in sorted((e for e in events if e[0] == user), key=lambda e: e[1]):
            now = dt.datetime.fromisoformat(event[1])
            if before is None or now - before > dt.timedelta(minutes=30):
                found.append([])
            found[-1].append(event)
            before = now
    return found


def expected(events: list[Event], ids: dict[tuple[str, str, str], str], by_source: bool) -> dict[str, tuple[Any, ...]]:
    """By session id: what the session tells of itself and of its first and last touch, by a walk over all of them."""
    walked = []
    for session in sessions_of(events, by_source):
        user, at, url, sender, visit, _ = session[0]
        walked.append(
            (
                user,
                dt.datetime.fromisoformat(at),
                ids[user, at, visit if by_source else ""],
                session,
                ARRIVALS[url, sender],
            )
        )
    walked.sort(key=lambda one: one[:3])
    found = {}
    for place, (user, start, session_id, session, own) in enumerate(walked):
        oldest = start.date() - dt.timedelta(days=LOOKBACK - 1)
        touches = [
            told
            for other, began, _, _, told in walked[: place + 1]
            if other == user and began.date() >= oldest and told[3] != "Direct"
        ] or [own]
        buys = [event[5] for event in session if event[5]]
        found[session_id] = (str(start.date()), len(buys), sum(map(float, buys)), *own, *touches[0], *touches[-1])
    return found


def found(world: World) -> dict[str, tuple[Any, ...]]:
    names = [f"{touch}{name}" for touch in ("", *TOUCHES) for name in OWN]
    rows = world.table("sessions").select(
        "session_id", "event_date", "conversions", pl.col("revenue").cast(float), *names
    )
    return {row[0]: row[1:] for row in rows.rows()}


def session_ids(world: World, by_source: bool) -> dict[tuple[str, str, str], str]:
    """By user, start and (of the source's sessions) visit."""
    facts = world.table("joined_facts").join(
        world.table("sessions").select("session_id", "session_start"), on="session_id"
    )
    facts = facts.filter(pl.col("event_time") == pl.col("session_start"))
    rows = facts.select(
        "user_id", pl.col("event_time").dt.strftime("%Y-%m-%dT%H:%M:%S"), "source_session_id", "session_id"
    )
    return {(user, at, visit if by_source else ""): id_ for user, at, visit, id_ in rows.rows()}


def summary(events: dict[str, tuple[Any, ...]]) -> dict[tuple[str, str], tuple[int, float, int, int]]:
    """(date, channel) to sessions, revenue, sessions by first and by last touch."""
    sessions, revenue = Counter(), Counter()
    touches: tuple[Counter[Any], Counter[Any]] = (Counter(), Counter())
    for date, _, money, *told in events.values():
        sessions[date, told[3]] += 1
        revenue[date, told[3]] += money
        for place, counts in enumerate(touches):
            counts[date, told[4 * (place + 1) + 3]] += 1
    keys = {*sessions, *touches[0], *touches[1]}
    return {key: (sessions[key], round(revenue[key], 2), touches[0][key], touches[1][key]) for key in keys}


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events of few users on some days: no two of a user at one time, so that their order is plain."""
    count = draw(st.integers(1, 14))
    moments = draw(
        st.lists(
            st.tuples(st.sampled_from("abc"), st.integers(0, 12), st.sampled_from([0, 20, 45, 700, 1425])),
            min_size=count,
            max_size=count,
            unique=True,
        )
    )
    events = []
    for user, day, minute in moments:
        at = dt.datetime(2025, 1, 1) + dt.timedelta(days=day, minutes=minute)
        url, sender = draw(st.sampled_from(PAGES))
        events.append(
            (user, at.isoformat(), url, sender, draw(st.sampled_from("123")), draw(st.sampled_from(["", "2.50"])))
        )
    return events


@settings(max_examples=FEW)
@given(histories(), st.booleans(), st.randoms(use_true_random=False))
def test_sessions_are_those_of_a_walk_whatever_the_order_and_the_cut_of_files(
    events: list[Event], by_source: bool, chance: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), dataset(by_source=by_source))
        left, number = chance.sample(events, len(events)), 0
        while left:
            size = chance.randint(1, len(left))
            world.drop(f"f{(number := number + 1)}.csv", text(left[:size]))
            left = left[size:]
            world.land()
            if chance.random() < 0.6:
                world.make()
            elif chance.random() < 0.5:
                world.make([f"2025-01-{chance.randint(1, 13):02d}"])
        wrong: Event = ("a", "2025-01-04T15:00:00", PAGES[3][0], PAGES[3][1], "1", "9.99")
        world.drop("wrong.csv", text([wrong]))
        world.refresh()
        world.retract("wrong.csv")
        world.make()
        walked = expected(events, session_ids(world, by_source), by_source)
        assert found(world) == walked
        names = ["event_date", "channel", "sessions", pl.col("revenue").cast(float)]
        rows = world.table("channel_summary").select(*names, *(f"{touch}sessions" for touch in TOUCHES)).rows()
        assert {row[:2]: row[2:] for row in rows} == summary(walked)
        assert world.make() == []


PLAIN, GOOGLE, MAIL = PAGES[0], PAGES[3], PAGES[6]


def on(user: str, day: int, arrival: tuple[str, str], *, minute: int = 600, price: str = "", visit: str = "1") -> Event:
    at = dt.datetime(2025, 1, 1) + dt.timedelta(days=day - 1, minutes=minute)
    return (user, at.isoformat(), *arrival, visit, price)


def days(first: int, last: int, table: str) -> set[tuple[str, str]]:
    return {(table, f"2025-01-{day:02d}") for day in range(first, last + 1)}


@pytest.mark.parametrize("by_source", [False, True])
def test_a_late_touch_computes_sessions_of_the_lookback_dates_again_and_no_others(
    tmp_path: Path, by_source: bool
) -> None:
    world = World(tmp_path, dataset(by_source=by_source, lookback=4))
    world.drop("first.csv", text(on(user, day, PLAIN, visit=f"{day}") for user in "ab" for day in range(1, 16)))
    world.refresh()
    world.drop("direct.csv", text([on("c", 8, PLAIN)]))
    outcomes = world.refresh()
    near = set() if by_source else {"2025-01-07"}  # whose session could go on past midnight
    assert {date for _, date in made(outcomes, "sessions")} == {"2025-01-08", *near}
    assert made(outcomes, "session_touches") == {("session_touches", "2025-01-08")} or not by_source
    world.drop("late.csv", text([on("a", 7, MAIL, minute=900, visit="late")]))
    outcomes = world.refresh()
    near = set() if by_source else {"2025-01-06"}
    assert made(outcomes, "sessions") == days(7, 10, "sessions") | {("sessions", date) for date in near}
    changed = {(one.table, str(one.date)) for one in outcomes if one.state == "materialized" and one.changed}
    assert {unit for unit in changed if unit[0] == "sessions"} == days(7, 10, "sessions")
    assert made(outcomes, "joined_facts") <= days(7, 9, "joined_facts")
    assert {unit for unit in changed if unit[0] == "channel_summary"} == days(7, 10, "channel_summary")
    assert made(outcomes, "channel_summary") == days(7, 10, "channel_summary")
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
    expected = {
        user: ARRIVALS[url, sender or ""][3] for user, url, sender in first.select("user_id", "url", "from").rows()
    }
    assert dict(world.table("sessions").select("user_id", "channel").rows()) == expected


def test_of_sessions_of_the_source_that_start_at_once_the_one_of_the_lesser_id_comes_first(tmp_path: Path) -> None:
    world = World(tmp_path, dataset(by_source=True))
    arrivals = [GOOGLE, MAIL, PLAIN, PAGES[5], PAGES[7]]
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
        "sessions 4 = sessions_by_channel 2 + left_out 2"
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
        on(user, day, PAGES[(day * place) % 8], price="0.10" if day % 3 else "", visit=f"{day // 2}")
        for place, user in enumerate(("ann", "zoë", "Bob"), 1)
        for day in range(1, 13, place)
    ]
    worlds = [on_engine(name, tmp_path, dataset(by_source=by_source, lookback=4)) for name in ("polars", engine)]
    for world in worlds:
        world.drop("first.csv", text([*events, on("ann", 6, GOOGLE, minute=1430), on("ann", 6, MAIL, minute=1445)]))
        assert {outcome.state for outcome in world.refresh()} == {"materialized"}
    assert_alike(worlds[1], worlds[0])

"""`ask`: every figure is that of a scan of facts, and the answer names the table that it was read from."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import defaultdict
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from event_assets.cli.main import application
from event_assets.errors import DeclarationError
from event_assets.warehouse.metrics import METRICS, Metric, answer
from event_assets.warehouse.query import read_rows
from event_assets_tests.pipeline.scan_visitors import OWN, TOUCHES
from event_assets_tests.pipeline.visitors import START, Rules, some_crowds, text
from event_assets_tests.world import World, clicks, lines

#: What `channels` adds to sessions.
CHANNEL_COLUMNS = (*OWN, *(f"{touch}{name}" for touch in TOUCHES for name in OWN))
FIRST = dt.date(2025, 1, 5)
GOLD = {
    "daily_summary": {},
    "events_by_type": {},
    "top_users": {"by": None},
    "users_by": ["page", "event_type"],
}
#: One user is internal, and no figure counts it; a page makes persons of the few who see it.
KEYS = {"traffic": {"internal_users": ["u3"]}, "identity": {"links": [["page", "user_id"]], "max_ids": 11}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("ask"), clicks(gold=GOLD, **KEYS))
    rows = []
    for n in range(160):
        at = dt.datetime(2025, 1, 5, 22) + dt.timedelta(minutes=37 * n)
        page = ["/a", "/b", ""][n * n % 3]
        rows.append(f"u{n * 7 % 11},{['view', 'buy', 'cart'][n % 3]},{at.isoformat()},{page},{n % 4}.50")
    world.drop("clicks_1.csv", lines(*rows))
    world.refresh()
    return world


def asked(world: World, metric: Metric, by: str | None, first: dt.date, last: dt.date) -> list[tuple[Any, ...]]:
    found = answer(world.dataset, metric, by, first, last)
    datasets = {world.dataset.name: world.dataset}
    return read_rows(found.sql, datasets, world.settings, lambda rows: [tuple(row) for row in rows.rows])


#: Of facts the column whose distinct values count, of sessions that which is counted or added up.
OF_FACTS = {"users": "user_id", "persons": "person_id", "sessions": "session_id", "events": "event_id"}
OF_SESSIONS = {"users": "user_id", "sessions": "session_id", "conversions": "conversions", "revenue": "revenue"}


@cache
def rows_of(world: World, table: str) -> list[dict[str, Any]]:
    return world.table(table).to_dicts()


@cache
def counted_rows(world: World, of_sessions: bool) -> list[dict[str, Any]]:
    """The facts, or the sessions, that figures count."""
    facts = [row for row in rows_of(world, "joined_facts") if row["traffic"] == "human"]
    begun = {(row["session_id"], row["event_time"]) for row in facts}
    sessions = rows_of(world, "sessions") if of_sessions else []
    return [row for row in sessions if (row["session_id"], row["session_start"]) in begun] if of_sessions else facts


def scanned(world: World, metric: str, by: str | None, first: dt.date, last: dt.date) -> dict[Any, Any]:
    of_sessions = metric in ("conversions", "revenue") or by in CHANNEL_COLUMNS
    found: defaultdict[Any, list[Any]] = defaultdict(list)
    rows = rows_of(world, "joined_facts") if by == "traffic" else counted_rows(world, of_sessions)
    for row in rows:
        value, date = row[(OF_SESSIONS if of_sessions else OF_FACTS)[metric]], dt.date.fromisoformat(row["event_date"])
        periods = {None: None, "week": date - dt.timedelta(days=date.weekday()), "month": row["event_date"][:7]}
        key = periods[by] if by in periods else row[by]
        if value is not None and first <= date <= last:
            found[None if key is None else str(key)].append(value)
    figures = {
        key: sum(values) if metric in ("conversions", "revenue") else len({*values}) for key, values in found.items()
    }
    return {key: figure for key, figure in figures.items() if figure}


@pytest.fixture(scope="module", params=["clicks", "visitors", "visits of the source"])
def any_world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    if request.param == "clicks":
        found: World = request.getfixturevalue("world")
        return found
    rules = Rules(by_source=request.param != "visitors", max_ids=2)
    world = World(tmp_path_factory.mktemp("visitors"), rules.dataset(start_date=str(START)))
    world.drop("visitors.csv", text(some_crowds(random.Random(7), 30)))
    world.refresh()
    return world


@pytest.mark.timeout(36000)
@settings(
    max_examples=1000 if settings.default.max_examples >= 1000 else 25,  # type: ignore[union-attr]
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.randoms(use_true_random=True))
def test_every_answer_is_that_of_a_scan(any_world: World, chance: random.Random) -> None:
    of_facts = ["url", "page", "event_type", "price", "user_id", "device", "traffic", "person_id"]
    of_facts = [name for name in of_facts if name in any_world.workspace.tables["joined_facts"].names]
    of_sessions = CHANNEL_COLUMNS if any_world.dataset.channels else ()
    metric = chance.choice([*OF_FACTS, *(("conversions", "revenue") if of_sessions else ())])
    by = chance.choice(
        [
            None,
            chance.choice(["event_date", "week", "month"]),
            chance.choice(of_facts),
            chance.choice([None, *of_sessions]),
        ]
    )
    dates = sorted({dt.date.fromisoformat(row["event_date"]) for row in rows_of(any_world, "joined_facts")})
    first, last = (chance.choice(dates) + dt.timedelta(days=chance.choice([-1, 0, 0, 1])) for _ in range(2))
    if (metric in ("persons", "events") and by in of_sessions) or (metric not in OF_FACTS and by in of_facts):
        with pytest.raises(DeclarationError, match=f"--metric {metric}: is not kept by {by}"):
            answer(any_world.dataset, metric, by, first, last)
        return
    rows, expected = asked(any_world, metric, by, first, last), scanned(any_world, metric, by, first, last)
    assert (rows if by is None else dict(rows)) == ([(expected.get(None, 0),)] if by is None else expected)


@pytest.mark.parametrize(
    ("metric", "by", "table"),
    [
        ("users", None, "daily_summary"),
        ("users", "event_date", "daily_summary"),
        ("users", "page", "users_by"),
        ("users", "price", "joined_facts"),
        ("events", "event_type", "events_by_type"),
        ("sessions", None, "platform_sessions"),
        ("sessions", "page", "joined_facts"),
    ],
)
def test_the_smallest_table_that_holds_the_figure_answers(world: World, metric: Metric, by: str, table: str) -> None:
    found = answer(world.dataset, metric, by, FIRST, FIRST)
    assert (found.tables, found.scanned) == ((table,), table == "joined_facts")


def test_an_unknown_column_is_named_with_those_that_there_are(world: World) -> None:
    with pytest.raises(DeclarationError, match="--by colour: is not a column of the facts of clicks"):
        answer(world.dataset, "users", "colour", FIRST, FIRST)
    with pytest.raises(DeclarationError, match="--metric minutes: needs"):
        answer(world.dataset, "minutes", None, FIRST, FIRST)
    with pytest.raises(DeclarationError, match="--metric persons: needs identity"):
        answer(clicks(), "persons", None, FIRST, FIRST)


def test_the_command_prints_the_answer_and_where_it_was_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("event_assets.cli.ask.named_dataset", lambda name: world.dataset)
    monkeypatch.setattr("event_assets.cli.ask.load_settings", lambda: world.settings)
    args = ["ask", "clicks", "--metric", "users", "--by", "page", "--from", "2025-01-06", "--to", "2025-01-07"]
    told = json.loads(CliRunner().invoke(application(), [*args, "--json"]).stdout)
    assert {row["page"]: row["users"] for row in told["rows"]} == dict(
        scanned(world, "users", "page", dt.date(2025, 1, 6), dt.date(2025, 1, 7))
    )
    assert (told["tables"], told["scanned"]) == (["clicks.users_by"], False)
    printed = CliRunner().invoke(application(), args).stdout
    assert "│ /a" in printed
    assert printed.endswith("\nonly human traffic is counted; --by traffic shows all\nread from clicks.users_by\n")
    assert told["traffic"] == ["human"]
    args[args.index("page")] = "traffic"
    printed = CliRunner().invoke(application(), args).stdout
    assert "│ internal │" in printed
    assert "is counted" not in printed
    first, last = (f([row["event_date"] for row in rows_of(world, "joined_facts")]) for f in (min, max))
    printed = CliRunner().invoke(application(), ["ask", "clicks", "--from", "1990-01-01", "--to", "1990-02-01"]).stdout
    assert printed.endswith(f"\nclicks has facts from {first} to {last}\nread from clicks.daily_summary\n")
    wrong = CliRunner().invoke(application(), ["ask", "clicks", "--metric", "people"])
    assert wrong.exit_code == 2
    assert set(METRICS) == {"users", "persons", "sessions", "events", "minutes", "conversions", "revenue"}


LETTER, AD = "/?utm_source=mail&utm_medium=email&utm_campaign=May", "/?gclid=1"
CHANNELS = {"landing_page": "page", "conversions": ["buy"], "revenue": "price"}


@pytest.fixture(scope="module", params=[{}, {"traffic": {"internal_users": ["u1"]}}], ids=["all", "humans"])
def attributed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("channels"), clicks(channels=CHANNELS, **request.param))
    rows = []
    for n in range(60):
        at = dt.datetime(2025, 1, 5, 22) + dt.timedelta(minutes=97 * n)
        kind, page = ["view", "buy", "cart"][n % 3], [LETTER, AD, "/", "/"][n % 4]
        rows.append(f"u{n * 7 % 5},{kind},{at.isoformat()},{page},{n % 4}.50")
    world.drop("clicks_1.csv", lines(*rows))
    world.refresh()
    return world


@pytest.mark.parametrize("metric", ["users", "sessions", "conversions", "revenue"])
@pytest.mark.parametrize("by", ["channel", "first_touch_channel", "last_touch_channel", "last_touch_campaign", None])
def test_figures_by_channel_are_those_of_the_sessions_that_begin_on_the_dates(
    attributed: World, metric: Metric, by: str | None
) -> None:
    if metric in ("users", "sessions") and by is None:
        return
    first, last = FIRST, FIRST + dt.timedelta(days=2)
    expected: defaultdict[Any, list[Any]] = defaultdict(list)
    for row in attributed.table("sessions").iter_rows(named=True):
        if row["event_date"] <= str(last) and not (attributed.dataset.traffic and row["user_id"] == "u1"):
            value = {"users": "user_id", "sessions": "session_id"}.get(metric, metric)
            expected[row[by] if by else None].append(row[value])
    told = {key: len(set(some)) if metric in ("users", "sessions") else sum(some) for key, some in expected.items()}
    rows = asked(attributed, metric, by, first, last)
    assert {row[0] if by else None: row[-1] for row in rows} == {key: value for key, value in told.items() if value}
    named = answer(attributed.dataset, metric, by, first, last).tables
    sessions = ("sessions", "joined_facts") if attributed.dataset.traffic else ("sessions",)
    assert named == (sessions if metric == "users" or by == "last_touch_campaign" else ("channel_summary",))


@pytest.mark.parametrize(
    ("metric", "by", "keys", "message"),
    [
        ("revenue", None, {}, "--metric revenue: needs channels.revenue in clicks"),
        ("events", "channel", {"channels": CHANNELS}, "--metric events: is not kept by channel in clicks"),
        ("revenue", "page", {"channels": CHANNELS}, "--metric revenue: is not kept by page in clicks"),
    ],
)
def test_a_figure_that_no_table_of_sessions_holds_is_refused(
    metric: Metric, by: str | None, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(DeclarationError, match=message):
        answer(clicks(**keys), metric, by, FIRST, FIRST)


@pytest.mark.parametrize("metric", ["users", "persons", "sessions", "events"])
@pytest.mark.parametrize("by", [None, "event_type", "event_date", "price"])
def test_no_table_counts_a_date_that_waits_for_its_files(held: World, metric: Metric, by: str | None) -> None:
    rows = asked(held, metric, by, FIRST, dt.date.max)
    assert rows == ([(1,)] if by is None else [({"event_type": "view", "price": "1.00"}.get(by, "2025-01-06"), 1)])


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Of two dates the second has one of its two files."""
    world = World(tmp_path_factory.mktemp("held"), clicks(gold=GOLD, expect={"count": 2, "hold": True}, **KEYS))
    world.drop("clicks_2025-01-06_a.csv", lines("ann,view,2025-01-06T10:00:00,/a,1.00"))
    world.drop("clicks_2025-01-06_b.csv", lines())
    world.drop("clicks_2025-01-07_a.csv", lines("bob,view,2025-01-07T10:00:00,/a,1.00"))
    world.refresh()
    return world


def test_a_range_that_ends_before_it_begins_is_wrong_usage(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("event_assets.cli.ask.named_dataset", lambda name: world.dataset)
    result = CliRunner().invoke(application(), ["ask", "clicks", "--from", "2025-01-07", "--to", "2025-01-06"])
    assert result.exit_code == 2
    assert "is after --to" in result.stderr

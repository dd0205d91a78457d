"""Sessions: the rule at its edges, and dates computed one by one against the rule read off in plain Python."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.declaration import Dataset
from event_assets.transforms.joined_facts import joined_facts
from event_assets.transforms.sessions import SESSIONS, edge_days, session_edges, session_parts, sessions
from event_assets_tests.transforms.bench import DAY, Bench, Rows, at, declared, micros, only

DATASET = declared([{"name": "page"}], sessions={"gap": "30m", "column": "page"})
NEXT, BEFORE = DAY + dt.timedelta(days=1), DAY - dt.timedelta(days=1)
MINUTE = dt.timedelta(minutes=1)


def event(time: dt.datetime | str, event_id: str = "", user: str = "u", **columns: Any) -> dict[str, Any]:
    time = at(time) if isinstance(time, str) else time
    lineage = {"file_id": "f", "row_number": 1, "event_date": time.date()}
    known = {"event_id": event_id or f"{time} {user}", "user_id": user, "event_time": time, "event_type": "view"}
    return {**known, **lineage, **columns}


def by_date(bench: Bench, events: Iterable[dict[str, Any]], dataset: Dataset = DATASET) -> tuple[Rows, Rows]:
    """sessions and joined_facts of all dates, each date computed by itself as the graph does."""
    dates: dict[dt.date, Rows] = defaultdict(list)
    for row in events:
        dates[row["event_date"]].append(row)
    edges: dict[dt.date, Rows] = {}
    parts: dict[dt.date, Rows] = {}
    for date in sorted(dates):
        edges[date] = bench.table(session_edges, dataset, {"cleaned_events": dates[date]}, date)
        before = range(-edge_days(dataset), 0)
        inputs = {"cleaned_events": dates[date], "session_edges": around(edges, date, *before)}
        parts[date] = bench.table(session_parts, dataset, inputs, date)
    made: Rows = []
    facts: Rows = []
    for date in sorted(dates):
        made += bench.table(sessions, dataset, {"session_parts": around(parts, date, 0, 1)}, date)
        inputs = {"cleaned_events": dates[date], "session_parts": around(parts, date, 0)}
        facts += bench.table(joined_facts, dataset, inputs, date)
    return made, facts


def around(tables: dict[dt.date, Rows], date: dt.date, *days: int) -> Rows:
    """The rows of a table by date on some dates around one."""
    window = [date + dt.timedelta(days=n) for n in days]
    return [{**row, "event_date": day} for day in window for row in tables.get(day, [])]


def spans(rows: Rows) -> list[tuple[Any, ...]]:
    """Sessions as (start, end, events), in order."""
    return sorted(only(rows, "session_start", "session_end", "event_count"))


def test_exactly_the_gap_stays_together_and_a_microsecond_more_splits(bench: Bench) -> None:
    together = [event("10:00:00"), event("10:30:00")]
    assert spans(by_date(bench, together)[0]) == [(at("10:00:00"), at("10:30:00"), 2)]
    apart = [event("10:00:00"), event("10:30:00.000001")]
    assert spans(by_date(bench, apart)[0]) == [
        (at("10:00:00"), at("10:00:00"), 1),
        (at("10:30:00.000001"), at("10:30:00.000001"), 1),
    ]


def test_a_session_tells_its_length_types_and_first_and_last_page(bench: Bench) -> None:
    events = [
        event("10:00:00", "c", event_type="view"),
        event("10:00:10", "b", event_type="cart", page="second"),
        event("10:00:10", "a", event_type="view", page="first"),
        event("10:00:11.500001", "z", event_type=None),
    ]
    start = at("10:00:00")
    key = f"4:tiny:1:u:16:{micros(start)}"
    assert by_date(bench, events)[0] == [
        {
            "session_id": str(uuid.uuid5(uuid.UUID(SESSIONS), key)),
            "user_id": "u",
            "session_start": start,
            "session_end": at("10:00:11.500001"),
            "duration_seconds": Decimal("11.500001"),
            "event_count": 4,
            "event_types": "cart,view",
            "first_page": "first",
            "last_page": "second",
        }
    ]


def test_a_session_goes_on_past_midnight_and_belongs_to_its_start(bench: Bench) -> None:
    late, early, later = at("23:50:00"), at("00:10:00", NEXT), at("00:40:00", NEXT)
    made, facts = by_date(bench, [event(late), event(early), event(later), event(at("02:00:00", NEXT))])
    assert spans(made) == [(late, later, 3), (at("02:00:00", NEXT), at("02:00:00", NEXT), 1)]
    ids = {row["event_time"]: row["session_id"] for row in facts}
    assert ids[late] == ids[early] == ids[later] != ids[at("02:00:00", NEXT)]
    assert {row["session_id"] for row in made} == set(ids.values())


def test_only_the_own_users_events_go_on(bench: Bench) -> None:
    events = [event("23:50:00", user="a"), event(at("00:00:00", NEXT), user="b"), event(at("00:19:00", NEXT), user="b")]
    assert spans(by_date(bench, events)[0]) == [
        (at("23:50:00"), at("23:50:00"), 1),
        (at("00:00:00", NEXT), at("00:19:00", NEXT), 2),
    ]


def test_an_automated_user_gets_sessions_of_at_most_two_dates(bench: Bench) -> None:
    start = at("12:00:00", BEFORE)
    events = [event(start + 20 * MINUTE * n) for n in range(36 + 2 * 72)]
    made, facts = by_date(bench, events)
    # The second date goes on from the first's gap start; the third has none before it and starts one of its own.
    firsts = [start, at("00:00:00", NEXT)]
    assert [start for start, _, _ in spans(made)] == firsts
    assert len({row["session_id"] for row in facts}) == len(firsts)
    assert sum(row["event_count"] for row in made) == len(events)


def test_edges_are_first_last_and_last_gap_start(bench: Bench) -> None:
    events = [event("10:00:00"), event("10:20:00"), event("11:00:00"), event("11:01:00"), event("09:00:00", user="v")]
    assert bench.table(session_edges, DATASET, {"cleaned_events": events}) == [
        {
            "user_id": "u",
            "first_time": at("10:00:00"),
            "last_time": at("11:01:00"),
            "last_gap_start": at("11:00:00"),
        },
        {"user_id": "v", "first_time": at("09:00:00"), "last_time": at("09:00:00"), "last_gap_start": None},
    ]


def reference(events: Rows, gap: dt.timedelta) -> dict[str, dt.datetime]:
    """The rule of sessions over one batch of all dates: the start of the session of each event_id."""
    users: dict[str, Rows] = defaultdict(list)
    for row in sorted(events, key=lambda row: (row["event_time"], row["event_id"])):
        users[row["user_id"]].append(row)
    starts: dict[str, dt.datetime] = {}
    for rows in users.values():
        gap_starts = {
            row["event_time"].date()
            for place, row in enumerate(rows)
            if place == 0 or row["event_time"] - rows[place - 1]["event_time"] > gap
        }
        current = None
        for place, row in enumerate(rows):
            day = row["event_time"].date()
            first = place == 0 or rows[place - 1]["event_time"].date() != day
            after_gap = place == 0 or row["event_time"] - rows[place - 1]["event_time"] > gap
            if after_gap or (first and day - dt.timedelta(days=1) not in gap_starts):
                current = row["event_time"]
            assert current is not None
            starts[row["event_id"]] = current
    return starts


#: Steps between events that lie around the gap, around midnight and around whole dates.
STEPS = st.sampled_from([0, 1, 29 * 60, 1800, 1801, 1800 * 2, 6 * 3600, 12 * 3600, 24 * 3600, 49 * 3600])


@st.composite
def histories(draw: st.DrawFn) -> Rows:
    """Events of a few users over several dates, in any order."""
    rows: Rows = []
    for user in draw(st.lists(st.sampled_from("uvw"), min_size=1, max_size=3, unique=True)):
        time = at("00:00:00") + draw(st.integers(0, 86_399)) * dt.timedelta(seconds=1)
        for place, (step, times) in enumerate(draw(st.lists(st.tuples(STEPS, st.integers(1, 40)), max_size=5))):
            for again in range(times if step and step <= 1800 else 1):
                time += step * dt.timedelta(seconds=1)
                page = draw(st.sampled_from(["a", "b", None])) if again < 3 else "c"
                rows.append(event(time, f"{user}{place}.{again}", user, page=page))
    return draw(st.permutations(rows))


def one_batch(events: Rows) -> list[tuple[Any, ...]]:
    groups: dict[tuple[str, dt.datetime], Rows] = defaultdict(list)
    for event_id, start in reference(events, 30 * MINUTE).items():
        row = next(row for row in events if row["event_id"] == event_id)
        groups[row["user_id"], start].append(row)
    expected = []
    for (user, start), rows in groups.items():
        ordered = sorted(rows, key=lambda row: (row["event_time"], row["event_id"]))
        pages = [row["page"] for row in ordered if row["page"] is not None] or [None]
        expected.append((user, start, ordered[-1]["event_time"], len(rows), pages[0], pages[-1]))
    return sorted(expected, key=str)


def check_against_one_batch(engine: str, events: Rows) -> None:
    found, facts = by_date(Bench(engine), events)
    columns = ("user_id", "session_start", "session_end", "event_count", "first_page", "last_page")
    assert sorted(only(found, *columns), key=str) == one_batch(events)
    ids = {(row["user_id"], row["session_start"]): row["session_id"] for row in found}
    users = {row["event_id"]: row["user_id"] for row in events}
    expected = {event_id: ids[users[event_id], start] for event_id, start in reference(events, 30 * MINUTE).items()}
    assert {row["event_id"]: row["session_id"] for row in facts} == expected


@given(events=histories())
def test_dates_computed_one_by_one_equal_one_batch(events: Rows) -> None:
    check_against_one_batch("polars", events)


@settings(max_examples=5)
@given(events=histories())
def test_dates_computed_one_by_one_equal_one_batch_on_duckdb(events: Rows) -> None:
    check_against_one_batch("duckdb", events)


def local(*texts: str, zone: str) -> Rows:
    """Events of user u at local times of a zone, each on its calendar date there."""
    rows = []
    for text in texts:
        time = dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
        rows.append({**event(time.astimezone(dt.UTC), text), "event_date": time.date()})
    return rows


def test_a_date_of_23_hours_lies_within_a_gap_of_24(bench: Bench) -> None:
    berlin = declared(timezone="Europe/Berlin", sessions={"gap": "24h"})
    assert edge_days(berlin) == 3
    made, _ = by_date(
        bench, local("2025-03-29T23:59:59", "2025-03-31T00:00", "2025-04-01T00:00", zone="Europe/Berlin"), berlin
    )
    assert len(made) == 3


def test_a_date_that_a_zone_skips_cuts_sessions_and_its_neighbours_are_counted_right(bench: Bench) -> None:
    apia = declared(timezone="Pacific/Apia", sessions={"gap": "24h"})
    times = ["2011-12-29T20:00", "2011-12-31T01:00", "2012-01-01T00:30", "2012-01-01T02:00"]
    made, _ = by_date(bench, local(*times, zone="Pacific/Apia"), apia)
    # 12-31 has no gap start, since 12-29 is within the gap: so the first event of 01-01 starts a session.
    assert sorted(only(made, "event_count")) == [(1,), (1,), (2,)]


@pytest.mark.parametrize(
    ("zone", "gap", "days"),
    [("UTC", "24h", 2), ("Europe/Berlin", "23h", 2), ("Europe/Berlin", "1381m", 3), ("Pacific/Apia", "30m", 3)],
)
def test_a_third_date_is_read_only_where_a_date_is_shorter_than_the_gap(zone: str, gap: str, days: int) -> None:
    assert edge_days(declared(timezone=zone, start_date="2010-01-01", sessions={"gap": gap})) == days


@st.composite
def around_a_change(draw: st.DrawFn) -> tuple[str, dt.timedelta, Rows]:
    """Events of one user on the dates around a clock change or a skipped date, with pauses near a day."""
    zone, first = draw(
        st.sampled_from(
            [
                ("Europe/Berlin", "2025-03-28T12:00"),
                ("Europe/Berlin", "2025-10-24T12:00"),
                ("Pacific/Apia", "2011-12-28T12:00"),
            ]
        )
    )
    gap = draw(st.sampled_from([dt.timedelta(hours=24), dt.timedelta(hours=23, minutes=30), dt.timedelta(hours=2)]))
    steps = st.sampled_from([gap - dt.timedelta(seconds=1), gap, gap + dt.timedelta(seconds=1), gap / 2, gap / 5])
    time = dt.datetime.fromisoformat(first).replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)
    rows = []
    for step in draw(st.lists(steps, min_size=1, max_size=8)):
        time += step + dt.timedelta(minutes=draw(st.integers(-90, 90)) if step < gap else 0)
        local_date = time.astimezone(ZoneInfo(zone)).date()
        rows.append({**event(time, f"{time.isoformat()}"), "event_date": local_date})
    return zone, gap, rows


@given(around_a_change())
def test_sessions_around_a_clock_change_are_those_of_one_batch(history: tuple[str, dt.timedelta, Rows]) -> None:
    zone, gap, rows = history
    dataset = declared(timezone=zone, start_date="2010-01-01", sessions={"gap": f"{gap // MINUTE}m"})
    found, _ = by_date(Bench("polars"), rows, dataset)
    starts: list[dt.datetime] = []
    gap_starts: set[dt.date] = set()
    before: dict[str, Any] | None = None
    for row in sorted(rows, key=lambda row: (row["event_time"], row["event_id"])):
        pause = before is None or row["event_time"] - before["event_time"] > gap
        if pause:
            gap_starts.add(row["event_date"])
        new_date = before is None or row["event_date"] != before["event_date"]
        if pause or (new_date and row["event_date"] - dt.timedelta(days=1) not in gap_starts):
            starts.append(row["event_time"])
        before = row
    assert sorted(row["session_start"] for row in found) == starts

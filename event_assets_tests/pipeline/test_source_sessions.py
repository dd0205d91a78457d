"""Sessions by the source's own ids: whole over all history, whatever the pauses and the order of files."""

from __future__ import annotations

import datetime as dt
import random
import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_assets.declaration import Dataset
from event_assets.errors import DeclarationError
from event_assets.transforms.ids import SESSIONS, name
from event_assets_tests.world import World, clicks, made

Row = tuple[str, str, str, str, str]
"""user, source session id, time, type, page"""


def dataset(**sessions: object) -> Dataset:
    columns = [
        {"name": "user_id", "source": "user", "required": True, "description": "Who."},
        {"name": "source_session_id", "source": "session", "description": "The source's session."},
        {"name": "event_type", "source": "kind", "description": "What."},
        {"name": "page", "description": "Where."},
    ]
    events = {"files": ["*.csv"], "format": "csv", "time": {"source": "at"}, "columns": columns}
    return clicks(
        events=events,
        sessions={"by": "source_session_id", "column": "page", **sessions},
        gold={"daily_summary": {}},
    )


def text(rows: list[Row]) -> str:
    return "\n".join(["user,session,at,kind,page", *(",".join(row) for row in rows)]) + "\n"


def expected(rows: list[Row]) -> list[tuple[object, ...]]:
    """event_date, user, start, end, events, types, first and last page of each session."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(set(rows), key=lambda row: row[2]):
        if row[1]:
            found.setdefault(row[:2], []).append(row)
    sessions = []
    for (user, _), events in found.items():
        pages = [row[4] for row in events if row[4]] or [None]
        types = ",".join(sorted({row[3] for row in events}))
        times = [dt.datetime.fromisoformat(row[2]).replace(tzinfo=dt.UTC) for row in events]
        sessions.append((events[0][2][:10], user, times[0], times[-1], len(events), types, pages[0], pages[-1]))
    return sorted(sessions, key=lambda row: str(row))


COLUMNS = ("event_date", "user_id", "session_start", "session_end", "event_count", "event_types")
PAGES = ("first_page", "last_page")
#: Times that differ, so that first and last page are told by them alone.
TIMES = [f"2025-01-{day:02d}T{hour:02d}:00:00" for day in (5, 6, 7, 20) for hour in (0, 1, 13, 23)]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        st.sampled_from(["s1", "s2", "s3", ""]),
        st.sampled_from(TIMES),
        st.sampled_from(["view", "buy"]),
        st.sampled_from(["/a", "/b", ""]),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: (row[0], row[2]),
)


@settings(max_examples=8 if settings.default.max_examples < 1000 else 300)  # type: ignore[union-attr]
@given(ROWS, st.randoms(use_true_random=False))
def test_sessions_are_those_of_one_batch(rows: list[Row], chance: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), dataset())
        left = list(rows)
        chance.shuffle(left)
        number = 0
        while left:
            size = chance.randint(1, len(left))
            world.drop(f"f{(number := number + 1)}.csv", text(left[:size]))
            left = left[size:]
            world.refresh() if chance.random() < 0.6 else world.land()
        world.refresh()
        found = world.table("sessions").select(*COLUMNS, *PAGES).rows()
        assert sorted(found, key=str) == expected(rows)
        facts = world.table("joined_facts")
        assert facts["session_id"].null_count() == sum(not row[1] for row in rows)
        assert set(facts["session_id"].drop_nulls()) == set(world.table("sessions")["session_id"])
        assert world.make() == []


def test_a_late_earlier_event_moves_the_session_to_its_date_and_leaves_the_others(tmp_path: Path) -> None:
    world = World(tmp_path, dataset())
    rows: list[Row] = [("ann", "s1", f"2025-01-{day:02d}T10:00:00", "view", "/a") for day in (10, 12)]
    rows += [("bob", f"t{day}", f"2025-01-{day:02d}T11:00:00", "view", "/a") for day in range(8, 14)]
    world.drop("first.csv", text(rows))
    world.refresh()
    world.drop("late.csv", text([("ann", "s1", "2025-01-08T09:00:00", "view", "/z")]))
    outcomes = world.refresh()
    assert made(outcomes, "sessions") == {("sessions", f"2025-01-{day:02d}") for day in (8, 10, 12)}
    mine = world.table("sessions").filter(world.table("sessions")["user_id"] == "ann")
    assert mine.select("event_date", "event_count", "first_page").rows() == [("2025-01-08", 3, "/z")]


def test_the_id_is_that_of_dataset_user_and_source_id(tmp_path: Path) -> None:
    world = World(tmp_path, dataset())
    world.drop("first.csv", text([("ann", "s1", "2025-01-10T10:00:00", "view", "/a")]))
    world.refresh()
    expected_id = str(uuid.uuid5(uuid.UUID(SESSIONS), name("clicks", "ann", "s1")))
    assert world.table("sessions")["session_id"].to_list() == [expected_id]


def test_a_gap_beside_the_sources_sessions_is_refused() -> None:
    with pytest.raises(DeclarationError, match="leave out gap"):
        dataset(gap="1h")

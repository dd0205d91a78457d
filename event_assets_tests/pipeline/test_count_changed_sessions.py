"""What late records did to sessions, beside the definition followed pair by pair."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_assets.pipeline.count_changed_sessions import count_changed_sessions

MIDNIGHT = dt.datetime(2025, 1, 7, tzinfo=dt.UTC)
SCHEMA = {
    "event_date": pl.Date(),
    "session_id": pl.String(),
    "user_id": pl.String(),
    "session_start": pl.Datetime("us", "UTC"),
    "session_end": pl.Datetime("us", "UTC"),
    "event_count": pl.Int64(),
    "first_page": pl.String(),
}


class Session(NamedTuple):
    """Start and end in hours from the midnight between two dates."""

    user: str
    start: int
    end: int
    events: int = 1
    page: str | None = None
    source: str = ""

    @property
    def id(self) -> str:
        return f"{self.user}/{self.source or self.start}"

    @property
    def date(self) -> dt.date:
        return (MIDNIGHT + dt.timedelta(hours=self.start)).date()

    @property
    def key(self) -> tuple[dt.date, str]:
        return self.date, self.id


def frame(sessions: Iterable[Session]) -> pl.LazyFrame:
    at = [MIDNIGHT + dt.timedelta(hours=hour) for hour in range(-24, 25)]
    rows = [(s.date, s.id, s.user, at[s.start + 24], at[s.end + 24], s.events, s.page) for s in sessions]
    return pl.LazyFrame(rows, SCHEMA, orient="row")


def found(before: Iterable[Session], after: Iterable[Session], *, by_source: bool = False) -> dict[str, int]:
    """`day kind` to sessions."""
    rows = count_changed_sessions(frame(before), frame(after), by_source=by_source).rows()
    return {f"{date.day} {kind}": sessions for date, kind, sessions in rows}


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ([(1, 2)], [(1, 2)], {}),
        ([], [(1, 2)], {"7 added": 1}),
        ([(1, 2)], [], {"7 removed": 1}),
        ([(1, 2)], [(3, 4)], {"7 added": 1, "7 removed": 1}),
        ([(1, 2)], [(1, 3)], {"7 extended": 1}),
        ([(1, 3)], [(1, 2)], {"7 extended": 1}),
        ([(2, 3)], [(1, 3)], {"7 moved": 2}),
        ([(1, 3)], [(-1, 3)], {"6 moved": 1, "7 moved": 1}),
        ([(1, 2), (4, 5)], [(1, 5)], {"7 merged": 2}),
        ([(1, 2), (4, 5)], [(0, 5)], {"7 merged": 3}),
        ([(-2, -1), (1, 2)], [(-2, 2)], {"6 merged": 1, "7 merged": 1}),
        ([(1, 5)], [(1, 2), (4, 5)], {"7 split": 2}),
        ([(-2, -1), (1, 5)], [(-2, 2), (4, 5)], {"6 moved": 1, "7 moved": 2}),
    ],
)
def test_each_session_that_differs_is_of_one_kind(
    before: list[tuple[int, int]], after: list[tuple[int, int]], changes: dict[str, int]
) -> None:
    assert found([Session("ann", *s) for s in before], [Session("ann", *s) for s in after]) == changes
    others = [Session("bob", 0, 8, page="/b"), Session("cat", -3, 3)]  # touches all of ann's, and nothing of hers
    assert found([*others, *(Session("ann", *s) for s in before)], [*others, *(Session("ann", *s) for s in after)]) == (
        changes
    )


def test_another_value_extends_a_session_though_its_end_is_the_same() -> None:
    one = Session("ann", 1, 2)
    assert found([one], [one._replace(page="/a")]) == {"7 extended": 1}
    assert found([one], [one._replace(events=2)]) == {"7 extended": 1}


def test_sessions_of_the_source_are_related_by_their_id_alone() -> None:
    one, other = Session("ann", 1, 5, source="s1"), Session("ann", 2, 3, source="s2")
    longer, earlier = one._replace(end=9), other._replace(start=-1)
    assert found([one, other], [longer, earlier], by_source=True) == {"6 moved": 1, "7 extended": 1, "7 moved": 1}
    assert found([one], [one, other], by_source=True) == {"7 added": 1}


def versions(user: str) -> st.SearchStrategy[list[Session]]:
    """Sessions of a user that share no instant: of some hours in order, every other pair is one."""

    def sessions(drawn: tuple[list[int], list[int]]) -> list[Session]:
        hours, events = sorted(drawn[0]), drawn[1]
        return [Session(user, *session) for session in zip(hours[::2], hours[1::2], events, strict=False)]

    hours = st.lists(st.integers(-24, 24), unique=True, max_size=10)
    return st.tuples(hours, st.lists(st.integers(1, 2), min_size=5, max_size=5)).map(sessions)


VERSIONS = st.tuples(versions("ann"), versions("bob")).map(lambda users: [s for user in users for s in user])


def by_definition(before: list[Session], after: list[Session]) -> dict[tuple[dt.date, str], str]:
    """The kind of each session that differs, by (event_date, session_id): groups grow pair by pair."""
    olds, news = set(before) - set(after), set(after) - set(before)
    groups = [({one}, {*()}) for one in olds] + [({*()}, {one}) for one in news]
    for old in olds:
        for new in news:
            if old.user == new.user and old.start <= new.end and new.start <= old.end:
                mine = [group for group in groups if old in group[0] or new in group[1]]
                groups = [group for group in groups if group not in mine]
                groups.append((set().union(*(g[0] for g in mine)), set().union(*(g[1] for g in mine))))
    kinds = {}
    for was, now in groups:
        if not was or not now:
            kind = "removed" if was else "added"
        elif len(was) == len(now) == 1:
            kind = "extended" if {s.start for s in was} == {s.start for s in now} else "moved"
        else:
            kind = "merged" if len(now) == 1 else "split" if len(was) == 1 else "moved"
        kinds.update({session.key: kind for session in (*was, *now)})
    return kinds


@given(VERSIONS, VERSIONS)
def test_any_two_versions_differ_as_the_definition_says_and_every_difference_counts_once(
    before: list[Session], after: list[Session]
) -> None:
    changes = found(before, after)
    kinds = by_definition(before, after)
    assert changes == Counter(f"{date.day} {kind}" for (date, _), kind in kinds.items())
    old, new = ({session.key: session for session in version} for version in (before, after))
    assert sum(changes.values()) == sum(old.get(key) != new.get(key) for key in old.keys() | new.keys())
    back = found(after, before)
    opposite = {"added": "removed", "removed": "added", "merged": "split", "split": "merged"}
    assert {f"{key.split()[0]} {opposite.get(key.split()[1], key.split()[1])}": n for key, n in changes.items()} == back

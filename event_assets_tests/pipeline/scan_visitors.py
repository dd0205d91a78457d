"""The tables of visitors by a scan of all their events, read off SPEC.md and the how-tos: no code of the platform."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl

from event_assets_tests.pipeline.visitors import ARRIVALS, GOOGLEBOT, IDS, INTERNAL_USER, LINKS, Event, Rules

Node = tuple[str, str]
"""column, id"""
Rows = Counter[tuple[Any, ...]]
DAY = dt.timedelta(days=1)
OWN = ("source", "medium", "campaign", "channel")
TOUCHES = ("first_touch_", "last_touch_")
AMOUNTS = ("sessions", "conversions", "revenue")

#: The columns of each table that are compared: all but ids that the platform makes.
COLUMNS = {
    "identities": ("column", "id", "person_id", "since"),
    "joined_facts": ("event_id", "session_id", "person_id", "traffic"),
    "sessions": (
        *("event_date", "session_id", "user_id", "session_start", "session_end", "event_count", "conversions"),
        *("revenue", *OWN, *(f"{touch}{name}" for touch in TOUCHES for name in OWN)),
    ),
    "channel_summary": (
        *("event_date", "channel", "users", *AMOUNTS, *(f"{touch}{name}" for touch in TOUCHES for name in AMOUNTS)),
    ),
    "daily_summary": ("event_date", "user_id", "event_count", "session_count"),
    "users_by": ("event_date", "dimension", "value", "user_id"),
    "active_users": ("event_date", "day", "week", "month"),
    "first_seen": ("who", "date"),
    "retention": ("cohort_date", "offset_days", "users"),
    "retention_by_week": ("cohort_week", "offset_weeks", "users"),
}


def people(events: Iterable[Event], max_ids: int = 1) -> dict[Node, str]:
    """The person of each id, by union-find."""
    parent: dict[Node, Node] = {}

    def root(node: Node) -> Node:
        parent.setdefault(node, node)
        while parent[node] != node:
            node = parent[node]
        return node

    linked: dict[Node, set[Node]] = defaultdict(set)
    for event in events:
        for node in event.ids.items():
            root(node)
        for column, other in LINKS:
            if column in event.ids and other in event.ids:
                linked[column, event.ids[column]].add((other, event.ids[other]))
    for node, others in linked.items():
        for other in others if max(Counter(column for column, _ in others).values()) <= max_ids else ():
            parent[root(node)] = root(other)
    members: dict[Node, list[tuple[bool, str]]] = defaultdict(list)
    for node in parent:
        members[root(node)].append((node[0] != "user_id", node[1]))
    return {node: min(members[root(node)])[1] for node in parent}


def left_of(events: Iterable[Event], erased: set[Node]) -> list[Event]:
    """The events that stay when ids are erased: those of other users, and those without a user under other ids."""

    def stays(event: Event) -> bool:
        return ("user_id", event.user) not in erased if event.user else erased.isdisjoint(event.ids.items())

    return [event for event in events if stays(event)]


def traffic(event: Event) -> str:
    if event.user == INTERNAL_USER or (event.ip or "").startswith("10."):
        return "internal"
    return "bot" if event.agent == GOOGLEBOT else "human"


def sessions_of(events: Iterable[Event], rules: Rules, ids: Mapping[Event, str]) -> list[list[Event]]:
    """The events of each session, in their order (SPEC.md, Sessions)."""
    by_user: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda event: (event.at, ids[event])):
        if event.user and (event.visit or not rules.by_source):
            by_user[event.user, (event.visit or "") if rules.by_source else ""].append(event)
    if rules.by_source:
        return [*by_user.values()]
    found: list[list[Event]] = []
    for theirs in by_user.values():
        paused = [theirs[0], *(event for before, event in pairwise(theirs) if event.at - before.at > rules.gap)]
        dates = {event.date for event in paused}
        begin = [
            event in paused or (event.date > before.date and event.date - DAY not in dates)
            for before, event in zip([theirs[0], *theirs], theirs, strict=False)
        ]
        for begins, event in zip(begin, theirs, strict=True):
            if begins:
                found.append([])
            found[-1].append(event)
    return found


def scan(events: Iterable[Event], rules: Rules, facts: pl.DataFrame) -> dict[str, Rows]:
    """All tables. Of the computed facts only the ids of events and sessions are taken, as names: equal times are in
    the order of the one, equal starts in that of the other."""
    known = {_record(row): (row["event_id"], row["session_id"]) for row in facts.iter_rows(named=True)}
    distinct = sorted(set(events), key=lambda event: known[_key(event)][0])
    ids = {event: known[_key(event)][0] for event in distinct}
    persons = people(distinct, rules.max_ids)
    who = {event: _person(event, persons) if rules.identity else event.user for event in distinct}
    counted = [event for event in distinct if traffic(event) in rules.counts]
    sessions = {known[_key(session[0])][1]: session for session in sessions_of(distinct, rules, ids)}
    of_session = {event: id_ for id_, session in sessions.items() for event in session}
    rows = dict(_sessions(sessions, rules))
    tables = {
        "joined_facts": [
            (ids[event], of_session.get(event), *([who[event]] if rules.identity else []), traffic(event))
            for event in distinct
        ],
        "sessions": [*rows.values()],
        "channel_summary": _channels(
            rows, [id_ for id_, some in sessions.items() if any(e.at == some[0].at and e in counted for e in some)]
        ),
        "daily_summary": _daily_summary(counted, of_session),
        "users_by": {(e.date, *v, e.user) for e in counted if e.user for v in (("url", e.url), ("event_type", e.kind))},
        **_returning({(name, event.date) for event in counted if (name := who[event])}),
    }
    if rules.identity:
        since: dict[Node, dt.date] = {}
        for event in sorted(distinct, key=lambda event: event.at, reverse=True):
            since.update(dict.fromkeys(event.ids.items(), event.date))
        tables["identities"] = [(*node, name, since[node]) for node, name in persons.items()]
    return {name: Counter(found) for name, found in tables.items()}


def found(tables: Mapping[str, pl.DataFrame], rules: Rules) -> dict[str, Rows]:
    """The platform's tables, in the same columns."""
    who, rows = "person_id" if rules.identity else "user_id", {}
    for name, columns in COLUMNS.items():
        if name in tables:
            wanted = [column for column in columns if column != "person_id" or rules.identity]
            frame = tables[name].select(who if column == "who" else column for column in wanted)
            times = [column for column, dtype in frame.schema.items() if dtype == pl.Datetime]
            frame = frame.with_columns(pl.col(times).dt.replace_time_zone(None))
            if frame.schema.get("event_date") == pl.String:
                frame = frame.with_columns(pl.col("event_date").str.to_date())
            rows[name] = Counter(frame.rows())
    return rows


def assert_scanned(tables: dict[str, pl.DataFrame], events: Iterable[Event], rules: Rules) -> None:
    expected, computed = scan(events, rules, tables["joined_facts"]), found(tables, rules)
    assert computed.keys() == expected.keys()
    for name, rows in expected.items():
        assert computed[name] == rows, f"{name}: {computed[name] - rows} are wrong, {rows - computed[name]} are missing"


def _key(event: Event) -> tuple[Any, ...]:
    return tuple(event)


def _record(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """A fact as the record that it was."""
    names = ("device", "cookie", "url", "from", "source_session_id", "price", "agent", "ip")
    return (row["user_id"], row["event_type"], row["event_time"].replace(tzinfo=None), *(row[name] for name in names))


def _person(event: Event, persons: Mapping[Node, str]) -> str | None:
    return next((persons[column, event.ids[column]] for column in ("user_id", *IDS) if column in event.ids), None)


def _sessions(sessions: Mapping[str, Sequence[Event]], rules: Rules) -> Iterable[tuple[str, tuple[Any, ...]]]:
    """Rows of `sessions` by id, with their touches by a walk over the user's sessions in order."""
    for id_, session in sessions.items():
        first, buys = session[0], [event for event in session if event.kind == "buy"]
        own = ARRIVALS[first.url, first.sender]
        earlier = sorted(
            (other[0].at, other_id, ARRIVALS[other[0].url, other[0].sender])
            for other_id, other in sessions.items()
            if other[0].user == first.user
            and (other[0].at, other_id) <= (first.at, id_)
            and other[0].date > first.date - rules.lookback * DAY
        )
        touches = [touch for *_, touch in earlier if touch[3] != "Direct"] or [own]
        earned = len(buys), sum((event.price or Decimal(0) for event in buys), Decimal(0))
        times = first.at, max(event.at for event in session)
        yield id_, (first.date, id_, first.user, *times, len(session), *earned, *own, *touches[0], *touches[-1])


def _channels(rows: Mapping[str, tuple[Any, ...]], counted: Iterable[str]) -> Iterable[tuple[Any, ...]]:
    amounts: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0, 0, Decimal(0)] * 3)
    users: dict[tuple[Any, ...], set[Any]] = defaultdict(set)
    for id_ in counted:
        row = dict(zip(COLUMNS["sessions"], rows[id_], strict=True))
        users[row["event_date"], row["channel"]].add(row["user_id"])
        for place, prefix in enumerate(("", *TOUCHES)):
            of_channel = amounts[row["event_date"], row[f"{prefix}channel"]]
            for n, amount in enumerate((1, row["conversions"], row["revenue"])):
                of_channel[3 * place + n] += amount
    return [(*key, len(users[key]), *found) for key, found in amounts.items()]


def _daily_summary(counted: Iterable[Event], of_session: Mapping[Event, str]) -> Iterable[tuple[Any, ...]]:
    events: Counter[tuple[dt.date, str]] = Counter()
    sessions: dict[tuple[dt.date, str], set[str]] = defaultdict(set)
    for event in counted:
        if event.user:
            events[event.date, event.user] += 1
            sessions[event.date, event.user] |= {of_session[event]} if event in of_session else set()
    return [(*key, count, len(sessions[key])) for key, count in events.items()]


def _returning(seen: set[tuple[str, dt.date]]) -> dict[str, Iterable[tuple[Any, ...]]]:
    """active_users, first_seen, retention and retention_by_week of who was seen on which date."""
    first = {name: min(date for other, date in seen if other == name) for name, _ in seen}

    def active(date: dt.date, days: int) -> int:
        return len({name for name, day in seen if date - days * DAY < day <= date})

    def monday(date: dt.date) -> dt.date:
        return date - date.weekday() * DAY

    by_date = Counter((first[name], (date - first[name]).days) for name, date in seen)
    weeks = {(name, monday(date)) for name, date in seen}
    by_week = Counter((monday(first[name]), (week - monday(first[name])).days // 7) for name, week in weeks)
    return {
        "active_users": [(date, *(active(date, days) for days in (1, 7, 28))) for date in {date for _, date in seen}],
        "first_seen": [*first.items()],
        "retention": [(*key, users) for key, users in by_date.items()],
        "retention_by_week": [(*key, users) for key, users in by_week.items()],
    }

"""The laws are worth as much as their examples: that these lie on the edges of the rules, and often."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings

from event_assets_tests.pipeline.histories import DAY, GAP, MICROSECOND, RULES, History, histories

DRAWN = 150


@pytest.mark.parametrize("rules", list(RULES))
def test_one_history_in_thirty_or_more_lies_on_each_edge(rules: str) -> None:
    found: Counter[str] = Counter()

    @settings(max_examples=DRAWN, phases=[Phase.generate])
    @given(histories(RULES[rules]))
    def draw(history: History) -> None:
        found.update(edges(history))

    draw()
    rare = {edge: found[edge] for edge in expected(rules) if found[edge] < DRAWN / 30}
    assert not rare, f"of {DRAWN}: {dict(found)}"


def expected(rules: str) -> set[str]:
    zone = {"an hour that comes twice or never"} if RULES[rules].naive else set()
    changing = {"profiles change", "a late snapshot"} if rules == "profiles that change" else set()
    copies = (
        {"copies disagree", "copies disagree across dates", "copies in two files"} if "duplicates" in rules else set()
    )
    return {
        *("exactly the gap", "the gap and a microsecond", "equal times", "over midnight", "round the clock"),
        *("several files", "made before all came", "dates by hand", "many dates by hand", "repeated"),
        *("late extends", "late merges two", "late moves a start to the day before", "a reject", "quarantine"),
        *(zone | changing | copies),
    }


def edges(history: History) -> set[str]:
    """Which edges a history lies on."""
    found: set[str] = set()
    moments: dict[str, list[dt.datetime]] = {}
    for user, at, _, price in parsed(history.records):
        if at is None:
            found.add("a reject")
        else:
            moments.setdefault(user, []).append(at)
            if not user or price == "-1":
                found.add("quarantine")
    for times in moments.values():
        times.sort()
        for one, next_one in pairwise(times):
            distance = next_one - one
            if distance == GAP:
                found.add("exactly the gap")
            if distance == GAP + MICROSECOND:
                found.add("the gap and a microsecond")
            if not distance:
                found.add("equal times")
            if distance <= GAP and one.date() != next_one.date():
                found.add("over midnight")
        if times[-1] - times[0] > 2 * DAY and max(b - a for a, b in pairwise(times)) <= GAP:
            found.add("round the clock")
    return found | _of_files(history) | _of_copies(history) | _of_zones(history)


def _of_files(history: History) -> set[str]:
    found = set()
    doings = [doing for some in history.doings for doing in some]
    found |= {"several files"} if len(history.files) > 1 else set()
    found |= {"made before all came"} if "stale" in doings else set()
    found |= {"repeated"} if "again" in doings else set()
    by_hand = [doing for doing in doings if doing not in ("stale", "again")]
    found |= {"dates by hand"} if by_hand else set()
    found |= {"many dates by hand"} if any(" " in dates for dates in by_hand) else set()
    contents = [content for _, content in history.profiles]
    found |= {"profiles change"} if len(contents) > 1 else set()
    names = [name for name, _ in history.files]
    users = [n for n, name in enumerate(names) if name.startswith("users")]
    found |= {"a late snapshot"} if users and users[-1] > 0 and history.doings[users[-1] - 1] else set()
    return found | _of_late_events(history)


def _of_late_events(history: History) -> set[str]:
    found = set()
    came: dict[str, list[dt.datetime]] = {}
    for _, content in history.files:
        new = [(user, at) for user, at, _, _ in parsed(content.splitlines()[1:]) if at is not None]
        for user, at in new:
            before = [at - one for one in came.get(user, []) if at - one >= dt.timedelta()]
            after = [one - at for one in came.get(user, []) if one > at]
            joins = min(before, default=2 * GAP) <= GAP, min(after, default=2 * GAP) <= GAP
            found |= {"late extends"} if any(joins) else set()
            found |= {"late merges two"} if all(joins) and min(before) + min(after) > GAP else set()
            if joins == (False, True) and (at + min(after)).date() > at.date():
                found.add("late moves a start to the day before")
        for user, at in new:
            came.setdefault(user, []).append(at)
    return found


def _of_copies(history: History) -> set[str]:
    found = set()
    seen: dict[str, set[tuple[str, dt.datetime]]] = {}
    for user, at, page, _ in parsed(history.records):
        if at is not None:
            seen.setdefault(page, set()).add((user, at))
    if any(len(copies) > 1 for copies in seen.values()):
        found.add("copies disagree")
    if any(len({at.date() for _, at in copies}) > 1 for copies in seen.values()):
        found.add("copies disagree across dates")
    pages = [{page for _, _, page, _ in parsed(content.splitlines()[1:])} for _, content in history.files]
    if any(one & other for n, one in enumerate(pages) for other in pages[n + 1 :]):
        found.add("copies in two files")
    return found


def _of_zones(history: History) -> set[str]:
    zone = ZoneInfo("Europe/Berlin")
    for _, at, _, _ in parsed(history.records):
        if at is not None and at.replace(tzinfo=zone).utcoffset() != at.replace(tzinfo=zone, fold=1).utcoffset():
            return {"an hour that comes twice or never"}
    return set()


def parsed(records: tuple[str, ...] | list[str]) -> list[tuple[str, dt.datetime | None, str, str]]:
    """(user, time where there is one, page, price) of each record of clicks."""
    found = []
    for fields in csv.reader(record for record in records if record and not record.startswith("user,")):
        if len(fields) == 5:
            at = None if fields[2] == "soon" else dt.datetime.fromisoformat(fields[2]).replace(tzinfo=None)
            found.append((fields[0], at, fields[3], fields[4]))
        elif len(fields) == 3:
            found.append((fields[0], None, "", ""))
    return found

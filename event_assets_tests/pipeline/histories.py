"""Histories: records on the edges of the rules, cut into files, which come and are made in any order."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import strategies as st

from event_assets.declaration import Dataset
from event_assets_tests.world import World, clicks, lines

SECOND = dt.timedelta(seconds=1)
MICROSECOND = dt.timedelta(microseconds=1)
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND
GAP = 30 * MINUTE

#: From one event of a user to the next: at once, well within the gap, on both sides of its end, beyond it.
STRIDES = [dt.timedelta(), 10 * MINUTE, GAP - MICROSECOND, GAP, GAP, GAP + MICROSECOND, GAP + MICROSECOND, 5 * HOUR]
#: When a user's first event is, from the midnight in the middle: mostly near to it.
FIRSTS = [-MICROSECOND, -10 * MINUTE, -GAP, dt.timedelta(), 10 * MINUTE, -DAY - 10 * MINUTE, -12 * HOUR, 12 * HOUR]
#: Where clocks change, at two in the morning, as well.
AT_NIGHT = [*FIRSTS[:5], 2 * HOUR - 10 * MINUTE, 2 * HOUR, 2 * HOUR + 20 * MINUTE, 3 * HOUR - MICROSECOND, 3 * HOUR]

PROFILES = {
    "files": ["users*.csv"],
    "format": "csv",
    "columns": [
        {"name": "user_id", "source": "user", "description": "Whose profile."},
        {"name": "country", "description": "Where from."},
    ],
    "filter": {"country": ["US", "DE"]},
}
SNAPSHOTS = ["users.csv", "users_20250106.csv", "users_20250107.csv", "users_20250108.csv"]


@dataclass(frozen=True)
class Rules:
    """A declaration of `clicks` and the midnight around which its records lie, in UTC."""

    dataset: Dataset
    midnight: dt.datetime = dt.datetime(2025, 1, 7)
    naive: bool = False
    """Whether times are written without a zone, as a clock on the wall shows them."""

    def written(self, moment: dt.datetime) -> str:
        return f"{moment.isoformat(timespec='microseconds')}{'' if self.naive else 'Z'}"


#: What only counts a date's facts in another way is made by the first rules alone: a thousand examples take their time.
FEW = {"daily_summary": {}, "top_users": {"by": None, "n": 2}}


def _berlin(midnight: dt.datetime) -> Rules:
    return Rules(clicks(timezone="Europe/Berlin", source_timezone="Europe/Berlin", gold=FEW), midnight, naive=True)


def _same_page(days: int | str) -> Rules:
    """What was seen once is not seen again: copies that disagree in all but the page."""
    return Rules(clicks(deduplicate={"keys": ["page"], "days": days}, gold=FEW))


#: From each date by itself to all together.
BATCH_ROWS = (1, 3, 6, 100_000)

RULES = {
    "all columns as the key": Rules(clicks()),
    "duplicates within two days": _same_page(2),
    "duplicates for ever": _same_page("all"),
    "a clock put forward": _berlin(dt.datetime(2025, 3, 30)),
    "a clock put back": _berlin(dt.datetime(2024, 10, 27)),
    "profiles that change": Rules(clicks(profiles=PROFILES, gold=FEW)),
}


@dataclass(frozen=True)
class History:
    """Files in the order in which they come, and what is done after each of them."""

    rules: Rules
    records: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    """(name, content)"""
    doings: tuple[tuple[str, ...], ...]
    """By file: `stale`, `again`, or the dates of a run by hand, in its order."""
    profiles: tuple[tuple[str, str], ...] = ()
    batch_rows: int = 1
    """How many rows of small dates are computed together as they come; in one batch, all are."""

    def in_one_batch(self, world: World) -> None:
        world.drop("clicks_all.csv", lines(*self.records))
        for name, content in self.profiles:
            world.drop(name, content)
        world.refresh()

    def as_it_came(self, world: World) -> None:
        world.workspace.engine.batch_rows = self.batch_rows
        for (name, content), doings in zip(self.files, self.doings, strict=True):
            world.drop(name, content)
            world.land()
            for doing in doings:
                if doing == "stale":
                    world.make()
                elif doing == "again":
                    world.drop(f"clicks_again_{name}", content)
                    world.land()
                else:
                    world.make(doing.split())
        world.refresh()


def histories(rules: Rules) -> st.SearchStrategy[History]:
    """Any history under the rules. Evenly spread, which Hypothesis by itself is not: it likes the simplest."""
    return st.randoms(use_true_random=True).map(lambda chance: _history(rules, chance))


def _history(rules: Rules, chance: random.Random) -> History:
    profiles = tuple(_profiles(chance)) if rules.dataset.profiles else ()
    records = _records(rules, chance)
    pieces: list[list[str]] = [[] for _ in range(chance.choice([1, 2, 2, 3]))]
    for record in chance.sample(records, len(records)):
        chance.choice(pieces).append(record)
    # Blank lines are no records: no two files then have one content.
    files = [(f"clicks_{n}.csv", lines(*piece) + "\n" * n) for n, piece in enumerate(pieces)]
    files = chance.sample([*files, *profiles], len(files) + len(profiles))
    doings = [tuple(_doings(rules, chance)) if n < len(files) - 1 else () for n in range(len(files))]
    return History(rules, tuple(records), tuple(files), tuple(doings), profiles, chance.choice(BATCH_ROWS))


def _records(rules: Rules, chance: random.Random) -> list[str]:
    found = chance.choice([[], [], ["ann,view,soon,/a,1.00"], ["ann,view,2025-01-07T00:00:00Z"]])
    for user in chance.sample(["ann", "bob", "cat", ""], chance.randint(1, 3)):
        moment = rules.midnight + chance.choice(AT_NIGHT if rules.naive else FIRSTS)
        for _ in range(chance.randint(1, 6)):
            kind, page = chance.choice(["view", "view", "buy", "VIEW", ""]), chance.choice(["/a", "/b", "/c", "/d", ""])
            found.append(f"{user},{kind},{rules.written(moment)},{page},{chance.choice(['1.00', '2.50', '', '-1'])}")
            moment += chance.choice(STRIDES)
    if chance.random() < 1 / 8:
        found.extend(_round_the_clock(rules, chance.choice([dt.timedelta(), 7 * MINUTE])))
    return found


def _round_the_clock(rules: Rules, late: dt.timedelta) -> Iterator[str]:
    """A user who never pauses for longer than the gap, for more than two days."""
    for n in range(100):
        yield f"robot,view,{rules.written(rules.midnight - DAY - HOUR + late + n * GAP)},/{n},1.00"


def _profiles(chance: random.Random) -> Iterator[tuple[str, str]]:
    for n, name in enumerate(sorted(chance.sample(SNAPSHOTS, chance.choice([0, 1, 2, 2, 3])))):
        rows = [f"{user},{chance.choice(['US', 'DE', 'FR'])}" for user in chance.choices(["ann", "bob", "robot"], k=3)]
        yield name, "\n".join(["user,country", *rows]) + "\n" * (n + 1)


def _doings(rules: Rules, chance: random.Random) -> Iterator[str]:
    dates = [(rules.midnight + n * DAY).date().isoformat() for n in (-2, -1, 0, 1)]
    for _ in range(chance.choice([0, 1, 1, 2])):
        by_hand = chance.sample(dates, chance.choice([1, 1, 2, 3, 4]))
        yield chance.choice(["stale", "again", " ".join(by_hand)])

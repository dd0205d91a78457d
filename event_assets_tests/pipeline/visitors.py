"""Random visitors of a shop, with and without a login, of whom some are programs and colleagues; cut into files."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from event_assets.declaration import Dataset
from event_assets_tests.world import clicks

IDS = ("device", "cookie")
LINKS = (("device", "user_id"), ("cookie", "user_id"), ("cookie", "device"))
INTERNAL_USER = "qa"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
#: Landing page and referrer, with the source, medium, campaign and channel that they mean, written out by hand.
ARRIVALS: dict[tuple[str | None, str | None], tuple[str, str, str | None, str]] = {
    ("https://shop.example/", None): ("(direct)", "(none)", None, "Direct"),
    (None, None): ("(direct)", "(none)", None, "Direct"),
    ("https://shop.example/cart", "https://m.shop.example/"): ("(direct)", "(none)", None, "Direct"),
    ("https://shop.example/paid", "https://pay.example/ok"): ("(direct)", "(none)", None, "Direct"),
    ("https://shop.example/", "https://www.google.de/"): ("google", "organic", None, "Organic Search"),
    ("https://shop.example/?gclid=1", "https://www.google.de/"): ("google", "cpc", None, "Paid Search"),
    ("https://shop.example/", "https://l.facebook.com/"): ("facebook", "referral", None, "Organic Social"),
    ("https://shop.example/?utm_source=News&utm_medium=email&utm_campaign=May", None): (
        *("news", "email", "May", "Email"),
    ),
    ("https://shop.example/?utm_source=News&utm_medium=email", "https://www.shop.example/"): (
        *("news", "email", None, "Email"),
    ),
    ("https://shop.example/?utm_campaign=June", "https://blog.example/post"): (
        *("blog.example", "referral", "June", "Referral"),
    ),
    ("https://shop.example/?utm_campaign=June", None): ("(not set)", "(not set)", "June", "Unassigned"),
}
START = dt.date(2025, 1, 1)
#: Within and beyond the look-back of touches, a week and four weeks; over the ends of ISO weeks.
DAYS = (0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 27, 28, 34)
#: Minutes of a day: both gaps of `Rules` on both sides of their ends, near midnight and at once.
MINUTES = (0, 20, 50, 700, 730, 1425, 1439)


class Event(NamedTuple):
    """A record as it was sent."""

    user: str | None
    kind: str
    at: dt.datetime
    device: str | None
    cookie: str | None
    url: str | None
    sender: str | None
    visit: str | None
    price: Decimal | None
    agent: str | None
    ip: str | None

    @property
    def date(self) -> dt.date:
        return self.at.date()

    @property
    def ids(self) -> dict[str, str]:
        """Column to id, of the ids that it has."""
        found = {"user_id": self.user, "device": self.device, "cookie": self.cookie}
        return {column: id_ for column, id_ in found.items() if id_}


@dataclass(frozen=True)
class Rules:
    """What of the declaration differs between examples."""

    by_source: bool = False
    """Whether sessions are the source's."""
    gap: dt.timedelta = dt.timedelta(minutes=30)
    max_ids: int = 1
    counts: tuple[str, ...] = ("human",)
    lookback: int = 5
    identity: bool = True

    def dataset(self, **changes: Any) -> Dataset:
        texts = {"device": "device", "cookie": "cookie", "url": "url", "from": "from", "source_session_id": "visit"}
        texts |= {"agent": "agent", "ip": "ip"}
        columns = [
            {"name": "user_id", "source": "user", "required": False, "description": "Who."},
            {"name": "event_type", "source": "kind", "description": "What."},
            *({"name": name, "source": source, "description": "It."} for name, source in texts.items()),
            {"name": "price", "type": "decimal(10,2)", "description": "For how much."},
        ]
        return clicks(
            events={"files": ["*.csv"], "format": "csv", "time": {"source": "at"}, "columns": columns},
            sessions={"by": "source_session_id"} if self.by_source else {"gap": f"{self.gap.total_seconds():.0f}s"},
            gold={"daily_summary": {}, "events_by_type": {}, "retention": {}, "users_by": ["url", "event_type"]},
            traffic={
                "user_agent": "agent",
                "address": "ip",
                "internal_addresses": ["10.0.0.0/8"],
                "internal_users": [INTERNAL_USER],
                "count": [*self.counts],
            },
            channels={
                "landing_page": "url",
                "referrer": "from",
                "lookback": self.lookback,
                "internal_hosts": ["pay.example"],
                "conversions": ["buy"],
                "revenue": "price",
            },
            **({"identity": {"links": [*map(list, LINKS)], "max_ids": self.max_ids}} if self.identity else {}),
            **changes,
        )


def some_rules(chance: random.Random) -> Rules:
    return Rules(
        by_source=chance.random() < 0.4,
        gap=dt.timedelta(minutes=chance.choice([30, 30, 720])),
        max_ids=chance.choice([1, 1, 2]),
        counts=chance.choice([("human",), ("human",), ("human", "internal"), ("human", "bot", "internal")]),
        lookback=chance.choice([1, 2, 5, 30]),
        identity=chance.random() < 0.8,
    )


def some_events(chance: random.Random, most: int) -> list[Event]:
    """Events of few visitors: some at one instant, some twice, some in one long visit over midnights."""
    days, users = chance.sample(DAYS, chance.randint(1, 7)), chance.sample(["a", "b", "c", INTERNAL_USER, "é"], 3)
    found = [_event(chance, users, chance.choice(days), chance.choice(MINUTES)) for _ in range(chance.randint(1, most))]
    if chance.random() < 0.4:  # who is here at midnight, or never pauses for twelve hours until a midnight ends it
        first, user, minutes = chance.choice(DAYS[:6]), chance.choice(users), chance.choice([(0, 1439), (700, 1425)])
        walk = [_event(chance, [user], first + n // 2, minutes[n % 2]) for n in range(chance.randint(3, 8))]
        found += [event._replace(user=user) for event in walk]
    return found + chance.sample(found, min(len(found), chance.choice([0, 0, 1])))


def some_crowds(chance: random.Random, most: int) -> list[Event]:
    """One to sixteen such histories with ids of their own, which meet in colleagues and in figures of dates alone."""
    found = []
    for crowd in range(chance.randint(1, 16)):
        for event in some_events(chance, most):
            own = {name: id_ and f"{id_}{crowd}" for name, id_ in (("device", event.device), ("cookie", event.cookie))}
            user = event.user if event.user in (None, INTERNAL_USER) else f"{event.user}{crowd}"
            found.append(event._replace(user=user, **own))
    return found


def _event(chance: random.Random, users: list[str], day: int, minute: int) -> Event:
    url, sender = chance.choice([*ARRIVALS])
    return Event(
        user=chance.choice([None, *users, *users]),
        kind=chance.choice(["view", "view", "buy"]),
        at=dt.datetime.combine(START, dt.time()) + dt.timedelta(days=day, minutes=minute),
        device=chance.choice([None, None, *"abxy"]),  # an id of the same text as a user's is another id
        cookie=chance.choice([None, None, *"acxz"]),
        url=url,
        sender=sender,
        visit=chance.choice([None, *"1234"]),
        price=chance.choice([None, Decimal("2.50"), Decimal("0.10")]),
        agent=chance.choice([None, CHROME, CHROME, GOOGLEBOT]),
        ip=chance.choice([None, "8.8.8.8", "8.8.8.8", "10.1.2.3"]),
    )


def text(events: Iterable[Event], blank_lines: int = 0) -> str:
    """A file of events. With other blank lines it is another file, though it has the same records."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["user", "kind", "at", "device", "cookie", "url", "from", "visit", "price", "agent", "ip"])
    writer.writerows(event._replace(at=event.at.isoformat()) for event in events)
    return file.getvalue() + "\n" * blank_lines


def pieces(events: list[Event], chance: random.Random) -> list[list[Event]]:
    """The events in any order, cut into one to four files."""
    found: list[list[Event]] = [[] for _ in range(chance.randint(1, 4))]
    for event in chance.sample(events, len(events)):
        chance.choice(found).append(event)
    return [piece for piece in found if piece]

"""Chooses the details of each synthetic app event by its type, and the user, bot or employee that caused it.

The details of an event are up to four members out of the tables below (a null is none), each type from its own part:
what it was about and what goes with that, how it came about, a number. No two places of a table are the same details of
a type, since equal events are counted by their places.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from event_assets.synthetic.json_records import json_object, member
from event_assets.synthetic.seeded_random import Ints
from event_assets.synthetic.text_columns import hundredths, one_of, replaced
from event_assets.synthetic.time_texts import lookup

#: Shares of users that are programs, and colleagues with an address in 10.0.0.0/8; the others use browsers.
BOT, INTERNAL = 0.03, 0.01
#: The device of user n has this and n as its anonymous id: as text it comes after all ids of users.
DEVICES = 999_999_000_000
TYPES = ("page_view", "button_click", "purchase", "app_open", "app_close")
TYPE_SHARES = (0.6, 0.2, 0.05, 0.08, 0.07)
PURCHASE, APP_OPEN = 2, 3
#: The origin of a session in its first event, and the channel that results from it (`channels`).
TAGGED = {
    "/category/books?utm_source=Spring&utm_medium=email&utm_campaign=May+sale#top": "Email",
    "/home?gclid=EAIaIQ&utm_campaign=brand": "Paid Search",
    "/product/7?utm_source=fb&utm_medium=paid_social": "Paid Social",
}
SENDERS = {
    "google": "Organic Search",
    "https://www.google.de/": "Organic Search",
    "https://l.facebook.com/l.php?u=x": "Organic Social",
    "android-app://com.google.android.gm/": "Referral",
    "newsletter": "Email",
    "/home": "Direct",
}
PAGES = (
    *("/home", "/about_us", "/category/electronics", "/category/books", *TAGGED),
    *(f"/product/{n}" for n in range(93)),
)
PROGRAMS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "python-requests/2.32.3",
    "curl/8.5.0",
)
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
)
CURRENCIES = ("IRR", "EUR", "usd")

NONE = (None, None)
CART = [(member("page_url", "/cart"), member("item_count", count)) for count in (1, 2, 3)]
VIEWED = [*((member("page_url", page), None) for page in PAGES), *CART]
CLICKED = [(member("button_id", f"{button}_button"), None) for button in ("buy_now", "filter", "search")]
BOUGHT = [(member("item_id", f"item_{item}"), member("currency", CURRENCIES[item % 3])) for item in range(500)]
REFERRED = [*(member("referrer", referrer) for referrer in (None, *SENDERS)), None]
FILTERED = [
    *(member("filter_param", order) for order in ("price_low_to_high", "newest")),
    *(page for page, _ in VIEWED),
]
MANY = [member("quantity", quantity) for quantity in (1, 2, 3, 4)]
WHATS = [*VIEWED, *CLICKED, *BOUGHT, NONE]
HOWS = [*REFERRED, *FILTERED, *MANY, None]
NUMBERS = ('"duration_ms": ', None, '"price": ', None, '"duration_session_ms": ')
CHANNELS = {
    **{member("page_url", page): channel for page, channel in TAGGED.items()},
    **{member("referrer", sender): channel for sender, channel in SENDERS.items()},
}
AGENTS = [member("user_agent", agent) for agent in (*PROGRAMS, *BROWSERS)]
OFFICE = member("ip", "10.20.30.40")
TYPE_MEMBERS = [member("event_type", name) for name in TYPES]
WRONG_PRICES = ['"12,50"', "-1", '"free"']
WRONG_USERS = [member("user_id", "guest"), member("user_id", 12.5)]


def _parts(*sizes: int) -> tuple[Ints, Ints]:
    """First place and length of each type's part of a table; a type without a part has the null at its end."""
    total = sum(sizes)
    first = [sum(sizes[:number]) if size else total for number, size in enumerate(sizes)]
    return np.array(first), np.array([max(size, 1) for size in sizes])


WHAT_FIRST, WHAT_SIZE = _parts(len(VIEWED), len(CLICKED), len(BOUGHT), 0, 0)
HOW_FIRST, HOW_SIZE = _parts(len(REFERRED), len(FILTERED), len(MANY), 0, 0)
NUMBER_SIZE = np.array([60_000, 1, 1_200, 1, 3_600])


def person_of(user: pl.Expr) -> pl.Expr:
    """The user of a plan, also where it is known by the device alone."""
    return pl.when(user >= DEVICES).then(user - DEVICES).otherwise(user)


def traffic_of() -> pl.Expr:
    """bot, internal or human, by the user."""
    trait = (person_of(pl.col("user")) * 7_919 + 13) % 1_000
    bot, internal = trait < 1_000 * BOT, trait >= 1_000 * (1 - INTERNAL)
    return pl.when(bot).then(pl.lit("bot")).when(internal).then(pl.lit("internal")).otherwise(pl.lit("human"))


def details_of(chunk: pl.DataFrame) -> pl.Expr:
    price, number = hundredths("number"), pl.col("number").cast(pl.String)
    value = pl.when(pl.col("type") == PURCHASE).then(price).otherwise(number)
    return json_object(
        [
            lookup([what for what, _ in WHATS], pl.col("what")),
            lookup(HOWS, pl.col("how")),
            pl.concat_str(
                lookup(NUMBERS, pl.col("type")), replaced(chunk, value, {"invalid_price": one_of(WRONG_PRICES)})
            ),
            lookup([coda for _, coda in WHATS], pl.col("what")),
            pl.when("new_key").then(pl.lit(member("campaign", "spring"))),
            pl.when(pl.col("device") > 0).then(pl.format('"anonymous_id": {}', "device")),
            _agent(),
            pl.when(traffic_of() == "internal").then(pl.lit(OFFICE)),
        ]
    )


def _agent() -> pl.Expr:
    """Programs tell theirs on every event, browsers when the app is opened."""
    person = person_of(pl.col("user"))
    program, browser = lookup(AGENTS, person % len(PROGRAMS)), lookup(AGENTS, len(PROGRAMS) + person % len(BROWSERS))
    return pl.when(traffic_of() == "bot").then(program).when(pl.col("type") == APP_OPEN).then(browser)

"""The recipe of the synthetic dataset `app_events`: events of an app's users in `user_events_YYYYMMDD.json` with
nested details, and `user_profiles.csv`.

| mess | share | what it looks like |
|---|---|---|
| missing_timestamp, invalid_timestamp | 0.1 %, 0.2 % | null, empty or left out; `2025-13-01T00:00:00Z` |
| malformed_record, not_utf8 | 0.1 %, 0.05 % | an unquoted word, a lost colon, a lost value; a Latin-1 é in the type |
| missing_user_id, invalid_user_id | 0.2 %, 0.1 % | null, empty or left out; `"guest"`, `12.5` |
| missing_event_type | 0.05 % | null, empty or left out |
| invalid_price | 0.02 % | of a purchase: `"12,50"`, `-1`, `"free"` |
| copies | 0.5 % | the same event again, half of them in a later file |
| late | 2 % | in the file of one to three days later |
| new key | 0.5 % of records | a key `campaign` in details |
| user as text | 1 % | `"12"` in place of `12` |
| times | 6 % | see time_texts.VARIANTS |
| visitors | 15 % | no user but the `anonymous_id` of the user's device in details; 3 % of the records have both |
| shared devices | 0.5 % | the `anonymous_id` of another user's device |
| agents | 3 %, 1 % of users | programs; colleagues with an address in 10.0.0.0/8; the other agents are browsers |
| referrers | of page views | a name, a URL, an app, a page of one's own; some pages have UTM parameters or a click id |
| profiles | 2 %, 1 %, 0.5 %, 0.5 % | no profile, a second row, no user, a date that is none |

Details vary by type as in the real sample: keys that are there, null or left out. Until 18:00 prices are whole
numbers, in the evening they have a fraction. Every third file has no purchase at all.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from event_assets.synthetic.json_records import json_lines, json_object, member, missing, text_member
from event_assets.synthetic.recipe import ProfileFile, Recipe
from event_assets.synthetic.seeded_random import Draw, Ints, mixed
from event_assets.synthetic.text_columns import PLACEHOLDER, hundredths, one_of, replaced
from event_assets.synthetic.time_texts import DAY, invalid_time, lookup, stamp

REJECTS = {
    "missing_timestamp": 0.001,
    "invalid_timestamp": 0.002,
    "malformed_record": 0.001,
    "not_utf8": 0.0005,
    "missing_user_id": 0.002,
    "invalid_user_id": 0.001,
    "missing_event_type": 0.0005,
    "invalid_price": 0.0002,
}
COPIES, LATE = 0.005, 0.02
NEW_KEY, USER_AS_TEXT = 0.005, 0.01
NO_PROFILE, SECOND_ROW, NO_USER, NO_DATE = 0.02, 0.01, 0.005, 0.005
VISITOR, LOGIN, SHARED = 0.15, 0.03, 0.005
BOT, INTERNAL = 0.03, 0.01
#: The device of user n has this and n as its anonymous id: as text it comes after all ids of users.
DEVICES = 999_999_000_000
#: Every so manieth file, from the first, has no purchases.
WITHOUT_PURCHASES_EVERY = 3
EVENING = 18 * 3_600

TYPES = ("page_view", "button_click", "purchase", "app_open", "app_close")
TYPE_SHARES = (0.6, 0.2, 0.05, 0.08, 0.07)
PURCHASE, APP_OPEN = 2, 3
#: What a session's first event tells of where the session came from, and the channel that this means (`channels`).
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

# The details of an event are up to four members out of these tables (a null is none), each type from its own
# part: what it was about and what goes with that, how it came about, a number. No two places of a table stand
# for the same details of a type, since equal events are counted by their places.
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
_CHANNELS = {
    **{member("page_url", page): channel for page, channel in TAGGED.items()},
    **{member("referrer", sender): channel for sender, channel in SENDERS.items()},
}
AGENTS = [member("user_agent", agent) for agent in (*PROGRAMS, *BROWSERS)]
OFFICE = member("ip", "10.20.30.40")
TYPE_MEMBERS = [member("event_type", name) for name in TYPES]
WRONG_PRICES = ['"12,50"', "-1", '"free"']
WRONG_USERS = [member("user_id", "guest"), member("user_id", 12.5)]

FIRST_NAMES = ("Ali", "Sara", "Reza", "Mina", "Hamid", "Zahra", "Omid", "Leila", "Åsa", "José", "نیما")
LAST_NAMES = ("Ahmadi", "Mohammadi", "Karimi", "Soltani", "Rezaei", "O'Brien", "Müller")
CITIES = ("Tehran", "Isfahan", "Shiraz", "Tabriz", "Mashhad", "Karaj", "Qom")


def _parts(*sizes: int) -> tuple[Ints, Ints]:
    """First place and length of each type's part of a table; a type without a part has the null at its end."""
    total = sum(sizes)
    first = [sum(sizes[:number]) if size else total for number, size in enumerate(sizes)]
    return np.array(first), np.array([max(size, 1) for size in sizes])


WHAT_FIRST, WHAT_SIZE = _parts(len(VIEWED), len(CLICKED), len(BOUGHT), 0, 0)
HOW_FIRST, HOW_SIZE = _parts(len(REFERRED), len(FILTERED), len(MANY), 0, 0)
NUMBER_SIZE = np.array([60_000, 1, 1_200, 1, 3_600])


def _columns(draw: Draw, plan: pl.DataFrame, mess: float) -> pl.DataFrame:
    """type, what, how (places in WHATS and HOWS), number (0 where a type has none), two odd flags; and device, the
    anonymous id of the event (0 without), which is also the user of an event without a user."""
    rows = plan.height
    event = np.where((plan["kind"] == "invalid_price").to_numpy(), PURCHASE, draw.choice(rows, TYPE_SHARES))
    trait = draw.below(rows, 2**45)
    number = (trait >> 20) % NUMBER_SIZE[event]
    evening = (plan["time"].to_numpy() % DAY >= EVENING) & (event == PURCHASE)
    cents = 100 * (1 + number) + evening * np.array([50, 99, 5])[number % 3]
    new_key, user_as_text = (draw.chance(rows, share * mess) for share in (NEW_KEY, USER_AS_TEXT))
    user, device = _devices(draw, plan)
    return plan.with_columns(
        user=pl.Series(user),
        device=pl.Series(device),
        type=pl.Series(event.astype(np.int8)),
        what=pl.Series((WHAT_FIRST[event] + trait % WHAT_SIZE[event]).astype(np.int16)),
        how=pl.Series((HOW_FIRST[event] + (trait >> 10) % HOW_SIZE[event]).astype(np.int16)),
        number=pl.Series(np.where(event == PURCHASE, cents, number).astype(np.int32)),
        new_key=pl.Series(new_key),
        user_as_text=pl.Series(user_as_text),
    )


def _devices(draw: Draw, plan: pl.DataFrame) -> tuple[Ints, Ints]:
    """Each event's user (a visitor by the device), and the device that the event has."""
    user = plan["user"].to_numpy().astype(np.int64)
    own = DEVICES + user + 1
    known = ~plan["kind"].cast(pl.String).is_in(["missing_user_id", "invalid_user_id"]).to_numpy()
    way = draw.uniform(plan.height)
    visitor = (way < VISITOR) & known
    login = (way >= VISITOR) & (way < VISITOR + LOGIN) & known
    shared = (way >= 1 - SHARED) & known
    device = np.where(visitor | login, own, np.where(shared, DEVICES + 1 + user // 2, 0))
    return np.where(visitor, own - 1, user), device


def _person(user: pl.Expr) -> pl.Expr:
    """The user of a plan, also where it is known by the device alone."""
    return pl.when(user >= DEVICES).then(user - DEVICES).otherwise(user)


def _traffic() -> pl.Expr:
    """bot, internal or human, by the user."""
    trait = (_person(pl.col("user")) * 7_919 + 13) % 1_000
    bot, internal = trait < 1_000 * BOT, trait >= 1_000 * (1 - INTERNAL)
    return pl.when(bot).then(pl.lit("bot")).when(internal).then(pl.lit("internal")).otherwise(pl.lit("human"))


def _settle(plan: pl.DataFrame, files: int) -> pl.DataFrame:
    """In a file without purchases those who would have bought have just opened the app."""
    if files == 1:
        return plan
    no_sale = (
        (pl.col("type") == PURCHASE)
        & (pl.col("file") % WITHOUT_PURCHASES_EVERY == 0)
        & (pl.col("kind") != "invalid_price")
    )
    opened = {"type": APP_OPEN, "what": len(WHATS) - 1, "how": len(HOWS) - 1, "number": 0}
    return plan.with_columns(
        pl.when(no_sale).then(pl.lit(value, plan.schema[name])).otherwise(name).alias(name)
        for name, value in opened.items()
    )


def _details(chunk: pl.DataFrame) -> pl.Expr:
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
            pl.when(_traffic() == "internal").then(pl.lit(OFFICE)),
        ]
    )


def _agent() -> pl.Expr:
    """Programs tell theirs on every event, browsers when the app is opened."""
    person = _person(pl.col("user"))
    program, browser = lookup(AGENTS, person % len(PROGRAMS)), lookup(AGENTS, len(PROGRAMS) + person % len(BROWSERS))
    return pl.when(_traffic() == "bot").then(program).when(pl.col("type") == APP_OPEN).then(browser)


def _lines(chunk: pl.DataFrame, draw: Draw, mess: float, _: bool) -> pl.Series:
    number = (pl.col("user") + 1).cast(pl.String)
    user = pl.concat_str(
        pl.lit('"user_id": '), pl.when("user_as_text").then(pl.lit('"') + number + '"').otherwise(number)
    )
    user = pl.when(pl.col("user") < DEVICES).then(user)
    users = {"missing_user_id": missing("user_id"), "invalid_user_id": one_of(WRONG_USERS)}
    types = {"missing_event_type": missing("event_type"), "not_utf8": pl.lit(f'"event_type": "caf{PLACEHOLDER}"')}
    times = {
        "missing_timestamp": missing("timestamp"),
        "invalid_timestamp": text_member("timestamp", invalid_time()),
    }
    members = [
        replaced(chunk, user, users),
        replaced(chunk, lookup(TYPE_MEMBERS, pl.col("type")), types),
        replaced(chunk, text_member("timestamp", pl.col("stamp")), times),
        pl.concat_str(pl.lit('"details": '), _details(chunk)),
    ]
    return json_lines(chunk.with_columns(stamp=stamp(chunk)), members)


def _profiles(draw: Draw, users: int, mess: float) -> ProfileFile:
    """Users in order; then second rows with another city, of which the last is valid; then rows that are malformed."""
    number = pl.Series("user", range(1, users + 1), dtype=pl.Int64)
    trait = mixed(number.to_numpy(), key=3)
    known = pl.DataFrame({"user": number, "salt": trait // 1_000, "kind": ["clean"] * users}).filter(
        pl.Series(trait % 1_000 >= NO_PROFILE * mess * 1_000)
    )
    pieces = [known]
    for kind, share in (("clean", SECOND_ROW), ("missing_user_id", NO_USER), ("invalid_registration_date", NO_DATE)):
        size = int(share * mess * users + 0.5) if known.height else 0
        chosen = known[draw.below(size, known.height)]
        pieces.append(chosen.with_columns(salt=pl.col("salt") + 1, kind=pl.lit(kind)))
    rows = pl.concat(pieces)
    salt, day = pl.col("salt"), pl.lit(dt.date(2020, 1, 1))
    date = (day + pl.duration(days=salt // 128 % 1_700)).cast(pl.Date).cast(pl.String)
    line = pl.concat_str(
        replaced(rows, pl.col("user").cast(pl.String), {"missing_user_id": pl.lit("")}),
        pl.concat_str(
            lookup(FIRST_NAMES, salt // 7 % len(FIRST_NAMES)),
            lookup(LAST_NAMES, salt // 77 % len(LAST_NAMES)),
            separator=" ",
        ),
        replaced(rows, date, {"invalid_registration_date": pl.lit("2022-13-45")}),
        lookup(CITIES, salt % len(CITIES)),
        separator=",",
    )
    lines = rows.select(line.alias("line"))["line"].to_list()
    wrapped = "".join(f'"{text}"\r\n' for text in ["user_id,name,registration_date,location", *lines])
    count = dict(rows["kind"].value_counts().iter_rows())
    truth = {
        "profile_records": rows.height,
        "profiles": known.height,
        "profile_missing_user_id": count.get("missing_user_id", 0),
        "profile_invalid_registration_date": count.get("invalid_registration_date", 0),
    }
    return ProfileFile("user_profiles.csv", b"\xef\xbb\xbf" + wrapped.encode(), truth)


def _figures(valid: pl.DataFrame, kept: pl.DataFrame, _mess: float) -> dict[str, int]:
    """Valid records, copies among them, with the new key; purchases; distinct records by traffic; persons, and those of
    humans; sessions, and how many have each channel; sessions of humans."""
    return {
        "new_key_records": int(valid["new_key"].sum()),
        "purchases": int((valid["type"] == PURCHASE).sum()),
        **{f"{kind}_facts": kept.filter(_traffic() == kind).height for kind in ("human", "bot", "internal")},
        "persons": _persons(kept, kept["user"]),
        "human_persons": _persons(kept, kept.filter(_traffic() == "human")["user"]),
        **_sessions_by_channel(kept),
        "human_sessions": _sessions(kept.filter(_traffic() == "human")).height,
    }


def _persons(kept: pl.DataFrame, users: pl.Series) -> int:
    """Of how many persons some users are: a device with two users at most (itself as a visitor is one) is one's."""
    known: dict[int, int] = {}

    def first(user: int) -> int:
        while known.get(user, user) != user:
            user = known[user]
        return user

    by_device = kept.filter(pl.col("device") > 0).group_by("device").agg(pl.col("user").unique())
    for (linked,) in by_device.filter(pl.col("user").list.len() == 2).select("user").iter_rows():
        one, other = sorted(map(first, linked))
        known[other] = one
    return len({first(user) for user in users.unique()})


def _sessions(kept: pl.DataFrame) -> pl.DataFrame:
    """The user and the first instant of each session: pauses of 30 minutes at most."""
    pause = pl.col("instant").diff().over("user", order_by="instant")
    begins = pause.is_null() | (pause > 30 * 60 * 1_000_000)
    return kept.with_columns(begins=begins).filter("begins").select("user", "instant")


def _sessions_by_channel(kept: pl.DataFrame) -> dict[str, int]:
    """`sessions`, by the channel of their first event; where several events of other channels are the first at once,
    `ambiguous_sessions`."""
    listed = {"what": [what for what, _ in WHATS], "how": HOWS}
    tagged, sent = (
        pl.col(column).replace_strict(
            {place: _CHANNELS.get(text or "") for place, text in enumerate(texts)}, return_dtype=pl.String
        )
        for column, texts in listed.items()
    )
    rows = kept.with_columns(channel=pl.coalesce(tagged, sent, pl.lit("Direct")))
    first = (
        rows.join(_sessions(kept), on=["user", "instant"]).group_by("user", "instant").agg(pl.col("channel").unique())
    )
    names = first.select(pl.when(pl.col("channel").list.len() == 1).then(pl.col("channel").list.first()))["channel"]
    counts = dict(names.fill_null("ambiguous").value_counts().iter_rows())
    kinds = [*dict.fromkeys([*TAGGED.values(), *SENDERS.values()]), "ambiguous"]
    by_channel = {f"{kind.lower().replace(' ', '_')}_sessions": counts.get(kind, 0) for kind in kinds}
    return {"sessions": first.height, **by_channel}


RECIPE = Recipe(
    stem="user_events",
    suffix="json",
    start=dt.date(2025, 1, 1),
    usual_form="zulu",
    rejects=REJECTS,
    copies=COPIES,
    late=LATE,
    key=tuple(pl.col(name) for name in ("instant", "user", "device", "type", "what", "how", "number", "new_key")),
    columns=_columns,
    lines=_lines,
    terminator="\r\n",
    array=True,
    settle=_settle,
    figures=_figures,
    profiles=_profiles,
)

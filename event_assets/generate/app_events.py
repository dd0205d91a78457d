"""What users of an app do: `user_events_YYYYMMDD.json` with nested details, and `user_profiles.csv`.

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
| times | 6 % | see stamps.VARIANTS |
| profiles | 2 %, 1 %, 0.5 %, 0.5 % | no profile, a second row, no user, a date that is none |

Details vary by type as in the real sample: keys that are there, null or left out. Until 18:00 prices are whole
numbers, in the evening they have a fraction. Every third file has no purchase at all.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from event_assets.generate.draw import Draw, mixed
from event_assets.generate.json_text import broken_json, json_object, member, missing_value, quoted, strings
from event_assets.generate.recipe import ProfileFile, Recipe
from event_assets.generate.stamps import DAY, invalid_time, lookup, stamp
from event_assets.generate.text import PLACEHOLDER, hundredths, is_kind, one_of, replaced

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
#: Every so manieth file, from the first, has no purchases.
WITHOUT_PURCHASES_EVERY = 3
EVENING = 18 * 3_600

TYPES = ("page_view", "button_click", "purchase", "app_open", "app_close")
TYPE_SHARES = (0.6, 0.2, 0.05, 0.08, 0.07)
PAGE_VIEW, BUTTON_CLICK, PURCHASE, APP_OPEN, APP_CLOSE = range(5)
PAGES = ("/home", "/cart", "/about_us", "/category/electronics", "/category/books", *(f"/product/{n}" for n in range(95)))
CART = 1
REFERRERS = (None, "google", "newsletter", "/home")
BUTTONS = ("buy_now_button", "filter_button", "search_button", "menu_button")
FILTER = 1
FILTERS = ("price_low_to_high", "price_high_to_low", "newest")
CURRENCIES = ("IRR", "EUR", "usd")
ITEMS = 500

FIRST_NAMES = ("Ali", "Sara", "Reza", "Mina", "Hamid", "Zahra", "Omid", "Leila", "Åsa", "José", "نیما")
LAST_NAMES = ("Ahmadi", "Mohammadi", "Karimi", "Soltani", "Rezaei", "O'Brien", "Müller")
CITIES = ("Tehran", "Isfahan", "Shiraz", "Tabriz", "Mashhad", "Karaj", "Qom")


def _columns(draw: Draw, plan: pl.DataFrame, mess: float) -> pl.DataFrame:
    """what, how, number: the details of a type, 0 where the type has no such; -1 of a number is no key."""
    rows, kind = plan.height, pl.col("kind")
    event = pl.when(kind == "invalid_price").then(PURCHASE).otherwise(pl.Series(draw.choice(rows, TYPE_SHARES)))
    trait = pl.Series(draw.below(rows, 2**40))
    plan = plan.with_columns(
        type=event.cast(pl.Int8),
        new_key=pl.Series(draw.chance(rows, NEW_KEY * mess)),
        user_as_text=pl.Series(draw.chance(rows, USER_AS_TEXT * mess)),
    )
    return plan.with_columns(
        what=_by_type(trait % len(PAGES), trait % len(BUTTONS), trait % ITEMS, 0).cast(pl.Int16),
        how=_by_type(trait // 2**10 % 5, trait // 2**10 % 3, 1 + trait // 2**10 % 4, 0).cast(pl.Int8),
        number=_by_type(trait // 2**13 % 60_000 - 1, 0, _price(trait // 2**13), 1_000 * (1 + trait // 2**13 % 3_600)).cast(pl.Int32),
    )


def _by_type(view: pl.Series | int, click: pl.Series | int, buy: pl.Series | pl.Expr, close: pl.Series | int) -> pl.Expr:
    event = pl.col("type")
    return (
        pl.when(event == PAGE_VIEW)
        .then(view)
        .when(event == BUTTON_CLICK)
        .then(click)
        .when(event == PURCHASE)
        .then(buy)
        .when(event == APP_CLOSE)
        .then(close)
        .otherwise(0)
    )


def _price(trait: pl.Series) -> pl.Expr:
    """In hundredths: whole until the evening, then with one digit or two after the point."""
    whole = (1 + trait % 1_200) * 100
    return pl.when(pl.col("time") % DAY < EVENING).then(whole).otherwise(whole + pl.Series([50, 99, 5]).gather(trait % 3))


def _settle(plan: pl.DataFrame, files: int) -> pl.DataFrame:
    """In a file without purchases those who would have bought have just opened the app."""
    if files == 1:
        return plan
    no_sale = (pl.col("type") == PURCHASE) & (pl.col("file") % WITHOUT_PURCHASES_EVERY == 0) & (pl.col("kind") != "invalid_price")
    return plan.with_columns(
        type=pl.when(no_sale).then(pl.lit(APP_OPEN, pl.Int8)).otherwise("type"),
        **{name: pl.when(no_sale).then(0).otherwise(name).cast(plan.schema[name]) for name in ("what", "how", "number")},
    )


def _details() -> pl.Expr:
    what, how, number = (pl.col(name) for name in ("what", "how", "number"))
    event = pl.col("type")
    referrer = pl.when(how < len(REFERRERS)).then(member("referrer", strings(REFERRERS, how % len(REFERRERS))))
    duration = pl.when(number >= 0).then(member("duration_ms", number))
    item_count = pl.when(what == CART).then(member("item_count", how))
    page = member("page_url", strings(PAGES, what % len(PAGES)))
    clicked = pl.when(what == FILTER).then(member("filter_param", strings(FILTERS, how % 3))).otherwise(
        member("page_url", strings(PAGES, how))
    )
    price = replaced(hundredths("number"), {"invalid_price": one_of(['"12,50"', "-1", '"free"'])})
    item = member("item_id", quoted(pl.concat_str(pl.lit("item_"), what)))
    currency = member("currency", strings(CURRENCIES, what % len(CURRENCIES)))
    campaign = pl.when("new_key").then(pl.lit('"campaign": "spring"'))
    return (
        pl.when(event == PAGE_VIEW)
        .then(json_object([page, referrer, duration, item_count, campaign]))
        .when(event == BUTTON_CLICK)
        .then(json_object([member("button_id", strings(BUTTONS, what % len(BUTTONS))), clicked, campaign]))
        .when(event == PURCHASE)
        .then(json_object([item, member("price", price), member("quantity", how), currency, campaign]))
        .when(event == APP_CLOSE)
        .then(json_object([member("duration_session_ms", number), campaign]))
        .otherwise(json_object([campaign]))
    )


def _lines(chunk: pl.DataFrame, draw: Draw, mess: float, _: bool) -> pl.Series:
    number = (pl.col("user") + 1).cast(pl.String)
    user = pl.when("user_as_text").then(quoted(number)).otherwise(number)
    users = {"missing_user_id": missing_value(), "invalid_user_id": one_of(['"guest"', "12.5"])}
    types = {"missing_event_type": missing_value(), "not_utf8": pl.lit(f'"caf{PLACEHOLDER}"')}
    times = {"missing_timestamp": missing_value(), "invalid_timestamp": quoted(invalid_time())}
    record = json_object(
        [
            member("user_id", replaced(user, users)),
            member("event_type", replaced(strings(TYPES, pl.col("type")), types)),
            member("timestamp", replaced(quoted(pl.col("stamp")), times)),
            member("details", _details()),
        ]
    )
    lines = chunk.with_columns(stamp=stamp(chunk)).select("kind", "salt", line=record)
    return lines.select(broken_json(pl.col("line")).alias("line"))["line"]


def _profiles(draw: Draw, users: int, mess: float) -> ProfileFile:
    """Users in order; then second rows with another city, of which the last stands; then rows that are no good."""
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
        replaced(pl.col("user").cast(pl.String), {"missing_user_id": pl.lit("")}),
        pl.concat_str(lookup(FIRST_NAMES, salt // 7 % len(FIRST_NAMES)), lookup(LAST_NAMES, salt // 77 % len(LAST_NAMES)), separator=" "),
        replaced(date, {"invalid_registration_date": pl.lit("2022-13-45")}),
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


def _figures(valid: pl.DataFrame, _: float) -> dict[str, int]:
    """Valid records, copies among them, with the new key; and purchases."""
    return {"new_key_records": int(valid["new_key"].sum()), "purchases": int((valid["type"] == PURCHASE).sum())}


RECIPE = Recipe(
    stem="user_events",
    suffix="json",
    start=dt.date(2025, 1, 1),
    usual_form="zulu",
    rejects=REJECTS,
    copies=COPIES,
    late=LATE,
    key=tuple(pl.col(name) for name in ("instant", "user", "type", "what", "how", "number", "new_key")),
    columns=_columns,
    lines=_lines,
    terminator="\r\n",
    array=True,
    settle=_settle,
    figures=_figures,
    profiles=_profiles,
)

"""The recipe of the synthetic dataset `benefits`: how employees use their benefits pages, in `raw_events_YYYYMMDD.json`
and `users.csv`. The shares of rejects and of null values are taken from the real file.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from event_assets.synthetic.json_records import json_lines, member, missing, spelled, text_member
from event_assets.synthetic.recipe import ProfileFile, Recipe
from event_assets.synthetic.seeded_random import Draw, mixed
from event_assets.synthetic.text_columns import PLACEHOLDER, costume, one_of, replaced
from event_assets.synthetic.time_texts import invalid_time, lookup

#: Shares of other spellings of a type or device, of records with the undeclared field `app_version`, of users without a
#: profile, and of values that are null.
SPELLINGS, DRIFT, ORPHANS, NO_VALUE = 0.03, 0.005, 0.02, 0.05

TYPES = (
    ("login", "LOGIN", "Login "),
    ("view_benefits", "View_Benefits", " view_benefits"),
    ("add_to_cart", "ADD_TO_CART", "add_to_cart "),
    ("purchase", "Purchase", "PURCHASE"),
    ("logout", "Logout", "LOGOUT"),
)
DEVICES = (("desktop", "Desktop", "DESKTOP"), ("mobile", " Mobile", "MOBILE"), ("tablet", "Tablet", "tablet "))
PAGES = tuple(f"/page{number}" for number in range(1, 51))
COUNTRIES = tuple((country, country.lower()) for country in ("US", "MX", "CA", "IN", "BR", "AU", "DE", "JP"))
US = 0

TYPE_MEMBERS = spelled("event_type", TYPES)
VALUE_MEMBERS = [*(member("value", value) for value in range(100)), member("value", None)]
WRONG_VALUES = [member("value", "twelve"), member("value", "1,5")]
# The two halves of metadata.
DEVICE_MEMBERS = [[f'"metadata": {{{text}' for text in row] for row in spelled("device", DEVICES)]
PAGE_MEMBERS = [f"{member('page', page)}}}" for page in PAGES]


def _columns(draw: Draw, plan: pl.DataFrame, mess: float) -> pl.DataFrame:
    """type, value, device, page (places in the tables of members), drift."""
    rows = plan.height
    value = np.where(draw.chance(rows, NO_VALUE), 100, draw.below(rows, 100))
    return plan.with_columns(
        type=pl.Series(draw.below(rows, len(TYPES)).astype(np.int8)),
        value=pl.Series(value.astype(np.int8)),
        device=pl.Series(draw.below(rows, len(DEVICES)).astype(np.int8)),
        page=pl.Series(draw.below(rows, len(PAGES)).astype(np.int8)),
        drift=pl.Series(draw.chance(rows, DRIFT * mess)),
    )


def _lines(chunk: pl.DataFrame, draw: Draw, mess: float, _: bool) -> pl.Series:
    times = {
        "missing_timestamp": missing("timestamp"),
        "invalid_timestamp": text_member("timestamp", invalid_time()),
    }
    event_type = costume(draw, chunk, TYPE_MEMBERS, "type", SPELLINGS * mess)
    members = [
        replaced(chunk, text_member("user_id", _user(pl.col("user"))), {"missing_user_id": missing("user_id")}),
        replaced(chunk, event_type, {"missing_event_type": missing("event_type")}),
        replaced(chunk, text_member("timestamp", pl.col("stamp")), times),
        replaced(chunk, lookup(VALUE_MEMBERS, pl.col("value")), {"invalid_value": one_of(WRONG_VALUES)}),
        costume(draw, chunk, DEVICE_MEMBERS, "device", SPELLINGS * mess),
        replaced(chunk, lookup(PAGE_MEMBERS, pl.col("page")), {"not_utf8": pl.lit(f'"page": "/caf{PLACEHOLDER}"}}')}),
        pl.when("drift").then(pl.lit(member("app_version", "7.1"))),
    ]
    return json_lines(chunk, members)


def _user(number: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit("U"), (number + 1).cast(pl.String).str.zfill(5))


def _traits(users: pl.Series, mess: float) -> pl.DataFrame:
    """user, country (an index), orphan: functions of the user's number, so that events and profiles agree."""
    trait = mixed(users.to_numpy().astype(np.int64), key=2)
    return pl.DataFrame(
        {
            "user": users,
            "country": trait // 1_000 % len(COUNTRIES),
            "orphan": trait % 1_000 < ORPHANS * mess * 1_000,
            "trait": trait,
        }
    )


def _figures(valid: pl.DataFrame, kept: pl.DataFrame, mess: float) -> dict[str, int]:
    """Drift; events left by deduplication of users in the US, of users elsewhere, of users without a profile."""
    kept = kept.join(_traits(kept["user"].unique().sort(), mess), on="user")
    facts = kept.filter((pl.col("country") == US) & ~pl.col("orphan")).height
    return {
        "drift_records": int(valid["drift"].sum()),
        "facts": facts,
        "filtered": kept.height - facts,
        "orphan_events": int(kept["orphan"].sum()),
    }


def _profiles(draw: Draw, users: int, mess: float) -> ProfileFile:
    """One row per user; one in fifty countries in lower case."""
    known = _traits(pl.Series(range(users), dtype=pl.Int32), mess).filter(~pl.col("orphan"))
    signup = pl.lit(dt.date(2022, 1, 1)) + pl.duration(days=pl.col("trait") // 10**6 % 1_000)
    table = known.select(
        user_id=_user(pl.col("user")),
        signup_date=signup.cast(pl.Date).cast(pl.String),
        country=costume(draw, known, COUNTRIES, "country", 0.02 * mess),
    )
    content = table.write_csv().encode()
    return ProfileFile("users.csv", content, {"profile_records": known.height, "profiles": known.height})


RECIPE = Recipe(
    stem="raw_events",
    suffix="json",
    usual_form="naive",
    rejects={
        "missing_timestamp": 0.001,
        "invalid_timestamp": 0.009,
        "malformed_record": 0.001,
        "not_utf8": 0.0005,
        "missing_user_id": 0.006,
        "missing_event_type": 0.0005,
        "invalid_value": 0.001,
    },
    copies=0.005,
    # The text of the time is part of the declared key: two ways to write one time are two events.
    key=(pl.col("user"), pl.col("type"), pl.col("instant"), pl.col("form"), pl.col("value")),
    columns=_columns,
    lines=_lines,
    array=True,
    figures=_figures,
    profiles=_profiles,
)

"""How employees use their benefits pages: `raw_events_YYYYMMDD.json` and `users.csv`.

| mess | share | what it looks like |
|---|---|---|
| missing_timestamp, invalid_timestamp | 0.1 %, 0.9 % | null, empty or left out; `invalid-date5T12:33:00` |
| malformed_record, not_utf8 | 0.1 %, 0.05 % | an unquoted word, a lost colon, a lost value; a Latin-1 é in the page |
| missing_user_id, missing_event_type | 0.6 %, 0.05 % | null, empty or left out |
| invalid_value | 0.1 % | `"twelve"`, `"1,5"` |
| copies | 0.5 % | the same event again, half of them in a later file |
| late | 2 % | in the file of one to three days later |
| spellings | 3 % | `LOGIN`, ` Mobile` |
| drift | 0.5 % of records | an undeclared field `app_version` |
| orphans | 2 % of users | no profile |
| times | 6 % | see stamps.VARIANTS |

Shares of rejects, and the twentieth of values that is null, are those of the real file.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from event_assets.generate.draw import Draw, mixed
from event_assets.generate.json_text import broken_json, json_object, member, missing_value, quoted, strings
from event_assets.generate.recipe import ProfileFile, Recipe
from event_assets.generate.stamps import invalid_time, stamp
from event_assets.generate.text import PLACEHOLDER, costume, one_of, replaced

REJECTS = {
    "missing_timestamp": 0.001,
    "invalid_timestamp": 0.009,
    "malformed_record": 0.001,
    "not_utf8": 0.0005,
    "missing_user_id": 0.006,
    "missing_event_type": 0.0005,
    "invalid_value": 0.001,
}
COPIES, LATE = 0.005, 0.02
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
COUNTRIES = (
    ("US", "us"),
    ("MX", "mx"),
    ("CA", "ca"),
    ("IN", "in"),
    ("BR", "br"),
    ("AU", "au"),
    ("DE", "de"),
    ("JP", "jp"),
)
US = 0


def _columns(draw: Draw, plan: pl.DataFrame, mess: float) -> pl.DataFrame:
    rows = plan.height
    value = np.where(draw.chance(rows, NO_VALUE), -1, draw.below(rows, 100))
    return plan.with_columns(
        type=pl.Series(draw.below(rows, len(TYPES)).astype(np.int8)),
        value=pl.Series(value.astype(np.int8)),
        device=pl.Series(draw.below(rows, len(DEVICES)).astype(np.int8)),
        page=pl.Series(draw.below(rows, len(PAGES)).astype(np.int8)),
        drift=pl.Series(draw.chance(rows, DRIFT * mess)),
    )


def _lines(chunk: pl.DataFrame, draw: Draw, mess: float, _: bool) -> pl.Series:
    value = pl.when(pl.col("value") < 0).then(pl.lit("null")).otherwise(pl.col("value").cast(pl.String))
    page = strings(PAGES, pl.col("page"))
    odd_page = pl.lit(f'"/caf{PLACEHOLDER}"')
    metadata = json_object(
        [
            member("device", quoted(costume(draw, chunk, DEVICES, "device", SPELLINGS * mess))),
            member("page", replaced(chunk, page, {"not_utf8": odd_page})),
        ]
    )
    event_type = quoted(costume(draw, chunk, TYPES, "type", SPELLINGS * mess))
    times = {"missing_timestamp": missing_value(), "invalid_timestamp": quoted(invalid_time())}
    record = json_object(
        [
            member("user_id", replaced(chunk, quoted(_user(pl.col("user"))), {"missing_user_id": missing_value()})),
            member("event_type", replaced(chunk, event_type, {"missing_event_type": missing_value()})),
            member("timestamp", replaced(chunk, quoted(pl.col("stamp")), times)),
            member("value", replaced(chunk, value, {"invalid_value": one_of(['"twelve"', '"1,5"'])})),
            member("metadata", metadata),
            member("app_version", pl.when("drift").then(pl.lit('"7.1"'))),
        ]
    )
    lines = chunk.with_columns(stamp=stamp(chunk)).select("kind", "salt", line=record)
    return lines.select(broken_json(lines, pl.col("line")).alias("line"))["line"]


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


def _figures(valid: pl.DataFrame, mess: float) -> dict[str, int]:
    """Drift; events left by deduplication of users in the US, of users elsewhere, of users without a profile."""
    traits = _traits(valid["user"].unique().sort(), mess)
    kept = valid.select(*RECIPE.key).unique().join(traits, on="user")
    facts = kept.filter((pl.col("country") == US) & ~pl.col("orphan")).height
    return {
        "drift_records": int(valid["drift"].sum()),
        "facts": facts,
        "filtered": kept.height - facts,
        "orphan_events": int(kept["orphan"].sum()),
    }


def _profiles(draw: Draw, users: int, mess: float) -> ProfileFile:
    """One row a user; one in fifty countries in lower case."""
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
    start=dt.date(2025, 1, 1),
    usual_form="naive",
    rejects=REJECTS,
    copies=COPIES,
    late=LATE,
    # The text of the time is part of the declared key: two ways to write one time are two events.
    key=(pl.col("user"), pl.col("type"), pl.col("instant"), pl.col("form"), pl.col("value")),
    columns=_columns,
    lines=_lines,
    array=True,
    figures=_figures,
    profiles=_profiles,
)

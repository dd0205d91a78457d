"""The recipe of the synthetic dataset `activity`: activity of an app's users by platform, in `Dataset_YYYYMMDD.csv`."""

from __future__ import annotations

import numpy as np
import polars as pl

from event_assets.synthetic.recipe import Recipe
from event_assets.synthetic.seeded_random import Draw, mixed
from event_assets.synthetic.text_columns import PLACEHOLDER, costume, csv_lines, one_of, replaced
from event_assets.synthetic.time_texts import invalid_time

#: Shares of records without a time (they count on the date in their file's name), without a session (`invalid_session`
#: or empty), without a platform (`Unknown` or empty), and with another spelling of the platform.
NO_TIME, NO_SESSION, NO_PLATFORM, SPELLINGS = 0.1, 0.05, 0.05, 0.2

#: Platform 0 is no platform; its spellings are drawn like the others.
PLATFORMS = (
    ("Unknown", "", " Unknown", ""),
    ("iOS", "ios", " iOS ", "IOS"),
    ("Android", "android", "ANDROID", "Android "),
    ("Web", "web", " web", "WEB"),
)
PLATFORM_SHARES = (0.35, 0.45, 0.2)
TYPES = ("login", "view", "click", "scroll", "like", "share", "search", "purchase", "logout")


def _columns(draw: Draw, plan: pl.DataFrame, mess: float) -> pl.DataFrame:
    rows = plan.height
    session = plan["session"].to_numpy().astype(np.int64)
    # A session has one platform, drawn from its number by weight; a single event may lose it.
    steps = np.cumsum(PLATFORM_SHARES) * 1_000
    platform = 1 + np.searchsorted(steps[:-1], mixed(session, key=1) % 1_000, side="right")
    platform[draw.chance(rows, NO_PLATFORM * mess)] = 0
    unique = int(draw.below(1, 2**53)[0])
    source_session = mixed(session, key=unique)
    source_session[draw.chance(rows, NO_SESSION * mess)] = -1
    return plan.with_columns(
        platform=pl.Series(platform.astype(np.int8)),
        source_session=pl.Series(source_session),
        type=pl.Series(draw.below(rows, len(TYPES)).astype(np.int8)),
        timeless=pl.Series(draw.chance(rows, NO_TIME * mess)) & (pl.col("kind") != "invalid_timestamp"),
    )


def _settle(plan: pl.DataFrame, _: int) -> pl.DataFrame:
    """A record without a time takes the date in its file's name."""
    return plan.with_columns(instant=pl.when("timeless").then("file_day").otherwise("instant"))


def _lines(chunk: pl.DataFrame, draw: Draw, mess: float, drift: bool) -> pl.Series:
    nothing = pl.lit("")
    no_session = one_of(["invalid_session", "", "invalid_session "])
    session = pl.concat_str(pl.lit("s"), "source_session")
    fields = [
        replaced(chunk, pl.concat_str(pl.lit("user_"), "user"), {"missing_user_id": nothing}),
        pl.when(pl.col("source_session") < 0).then(no_session).otherwise(session),
        costume(draw, chunk, PLATFORMS, "platform", SPELLINGS * mess),
        replaced(chunk, pl.when("timeless").then(nothing).otherwise("stamp"), {"invalid_timestamp": invalid_time()}),
        replaced(
            chunk,
            costume(draw, chunk, [(name,) for name in TYPES], "type", 0),
            {"missing_event_type": nothing, "not_utf8": pl.lit(f"caf{PLACEHOLDER}")},
        ),
    ]
    if drift:
        fields.append(one_of([None, "7.1", '"8.0, beta"']))
    return csv_lines(chunk, fields)


def _figures(valid: pl.DataFrame, _kept: pl.DataFrame, _mess: float) -> dict[str, int]:
    """Valid records, copies among them, that lack something; and the sessions of users on platforms, as a set."""
    counted = valid.filter((pl.col("platform") > 0) & (pl.col("source_session") >= 0))
    return {
        "time_assumed": int(valid["timeless"].sum()),
        "no_session": int((valid["source_session"] < 0).sum()),
        "no_platform": int((valid["platform"] == 0).sum()),
        "platform_sessions": counted.select(pl.struct("platform", "user", "source_session").n_unique()).item(),
    }


HEADER = "user_id,session_id,platform,activity_time,activity_type"
RECIPE = Recipe(
    stem="Dataset",
    suffix="csv",
    usual_form="blank_naive",
    rejects={
        "invalid_timestamp": 0.002,
        "malformed_record": 0.001,
        "not_utf8": 0.0005,
        "missing_user_id": 0.002,
        "missing_event_type": 0.001,
    },
    copies=0.02,
    key=(pl.col("instant"), pl.col("user"), pl.col("type"), pl.col("source_session"), pl.col("platform")),
    columns=_columns,
    lines=_lines,
    header=HEADER,
    drift_header=f"{HEADER},app_version",
    settle=_settle,
    figures=_figures,
)

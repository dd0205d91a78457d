"""How a time is written: the ISO 8601 variants that exports mix, and texts that are no time at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from event_assets.synthetic.seeded_random import Draw

DAY = 86_400


@dataclass(frozen=True)
class Form:
    """One way to write a time: date, separator, clock, fraction, tail; the clock runs `offset` seconds ahead of UTC."""

    separator: str = "T"
    tail: str = "Z"
    offset: int = 0
    fraction: str = ""


FORMS = {
    "zulu": Form(),
    "naive": Form(tail=""),
    "blank_naive": Form(" ", ""),
    "blank_offset": Form(" ", "+00:00"),
    "blank_utc": Form(" ", " UTC"),
    "east": Form(tail="+03:30", offset=12_600),
    "west": Form(tail="-05:00", offset=-18_000),
    "millis": Form(fraction="millis"),
    "nanos": Form(tail="+00:00", fraction="nanos"),
    "minute": Form(),
    "date": Form(),
}
NAMES = list(FORMS)
#: Share of records whose time is written in each way that is not the dataset's own.
VARIANTS = {
    "zulu": 0.01,
    "naive": 0.01,
    "blank_naive": 0.01,
    "blank_utc": 0.005,
    "east": 0.01,
    "west": 0.01,
    "millis": 0.01,
    "nanos": 0.002,
    "minute": 0.002,
    "date": 0.001,
}
#: Texts that no rule can read as a time.
INVALID_TIMES = (
    "invalid-date5T12:33:00",
    "2025-02-30T10:00:00",
    "2025-13-01T00:00:00Z",
    "2025-01-01T24:00:00",
    "2025-01-01 10:61:00",
    "2025-01-01T10:00:60Z",
    "01/31/2025 10:15",
    "yesterday",
)
NANOS_TAIL = "456789"


def draw_forms(draw: Draw, size: int, *, usual: str, mess: float) -> pl.DataFrame:
    """form (index into FORMS) and millis (0 .. 999) for each record."""
    weights = [VARIANTS.get(name, 0.0) * mess for name in NAMES]
    weights[NAMES.index(usual)] += 1 - sum(weights)
    return pl.DataFrame(
        {
            "form": draw.choice(size, weights).astype(np.int8),
            "millis": draw.below(size, 1_000).astype(np.int16),
        }
    )


def instant() -> pl.Expr:
    """Microseconds since 1970 that a text means: what is not written is lost, digits beyond six are cut off."""
    time, form, millis = pl.col("time"), pl.col("form"), pl.col("millis").cast(pl.Int64) * 1_000
    return (
        pl.when(form == NAMES.index("date"))
        .then((time - time % DAY) * 1_000_000)
        .when(form == NAMES.index("minute"))
        .then((time - time % 60) * 1_000_000)
        .when(form == NAMES.index("millis"))
        .then(time * 1_000_000 + millis)
        .when(form == NAMES.index("nanos"))
        .then(time * 1_000_000 + millis + int(NANOS_TAIL[:3]))
        .otherwise(time * 1_000_000)
    )


def stamp(chunk: pl.DataFrame) -> pl.Series:
    """The text of each record's time, from its time, form and millis."""
    forms = [FORMS[name] for name in NAMES]
    local = chunk["time"] + pl.Series([form.offset for form in forms]).gather(chunk["form"])
    days = local // DAY
    first, last = int(days.min() or 0), int(days.max() or 0)  # type: ignore[arg-type]
    dates = pl.Series([str(dt.date(1970, 1, 1) + dt.timedelta(days=day)) for day in range(first, last + 1)])
    form = pl.col("form")
    date, clock, millis = pl.col("date"), pl.col("clock"), lookup(_fractions(), pl.col("millis"))
    nanos = pl.concat_str(millis, pl.lit(NANOS_TAIL))
    fraction = (
        pl.when(form == NAMES.index("millis"))
        .then(millis)
        .when(form == NAMES.index("nanos"))
        .then(nanos)
        .otherwise(pl.lit(""))
    )
    written = pl.concat_str(
        date,
        lookup([f.separator for f in forms], form),
        pl.when(form == NAMES.index("minute")).then(clock.str.head(5)).otherwise(clock),
        fraction,
        lookup([f.tail for f in forms], form),
    )
    pieces = chunk.select(
        form, "millis", dates.gather(days - first).alias("date"), _clock().gather(local % DAY).alias("clock")
    )
    return pieces.select(pl.when(form == NAMES.index("date")).then(date).otherwise(written).alias("stamp"))["stamp"]


def lookup(texts: Sequence[str | None] | pl.Series, index: pl.Expr) -> pl.Expr:
    """The text at each index."""
    return pl.lit(texts if isinstance(texts, pl.Series) else pl.Series(texts, dtype=pl.String)).gather(index)


def invalid_time() -> pl.Expr:
    """One of INVALID_TIMES, by the record's salt."""
    return lookup(INVALID_TIMES, pl.col("salt") % len(INVALID_TIMES))


@cache
def _clock() -> pl.Series:
    return pl.Series([f"{h:02}:{m:02}:{s:02}" for h in range(24) for m in range(60) for s in range(60)])


@cache
def _fractions() -> pl.Series:
    return pl.Series([f".{millis:03}" for millis in range(1_000)])

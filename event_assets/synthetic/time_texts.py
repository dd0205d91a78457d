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
    """One way to write a time: date, separator, clock, tail; the clock runs `offset` seconds ahead of UTC."""

    separator: str = "T"
    tail: str = "Z"
    offset: int = 0


FORMS = {
    "zulu": Form(),
    "naive": Form(tail=""),
    "blank_naive": Form(" ", ""),
    "blank_offset": Form(" ", "+00:00"),
    "blank_utc": Form(" ", " UTC"),
    "east": Form(tail="+03:30", offset=12_600),
    "west": Form(tail="-05:00", offset=-18_000),
    "millis": Form(),
    "nanos": Form(tail="+00:00"),
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
    form, millis = draw.choice(size, weights), draw.below(size, 1_000)
    return pl.DataFrame({"form": form.astype(np.int8), "millis": millis.astype(np.int16)})


def instant() -> pl.Expr:
    """Microseconds since 1970 that a text means: what is not written is lost, digits beyond six are cut off."""
    time, form, fraction = pl.col("time"), pl.col("form"), pl.col("millis").cast(pl.Int64) * 1_000
    whole, is_form = time * 1_000_000, {name: form == place for place, name in enumerate(NAMES)}
    return (
        pl.when(is_form["date"])
        .then((time - time % DAY) * 1_000_000)
        .when(is_form["minute"])
        .then((time - time % 60) * 1_000_000)
        .when(is_form["millis"])
        .then(whole + fraction)
        .when(is_form["nanos"])
        .then(whole + fraction + int(NANOS_TAIL[:3]))
        .otherwise(whole)
    )


def stamp(chunk: pl.DataFrame) -> pl.Series:
    """The text of each record's time, from its time, form and millis."""
    forms, form = [*FORMS.values()], pl.col("form")
    is_form = {name: form == place for place, name in enumerate(NAMES)}
    local = chunk["time"] + pl.Series([one.offset for one in forms]).gather(chunk["form"])
    days = local // DAY
    first, last = int(days.min() or 0), int(days.max() or 0)  # type: ignore[arg-type]
    dates = pl.Series([str(dt.date(1970, 1, 1) + dt.timedelta(days=day)) for day in range(first, last + 1)])
    millis, clock = lookup(_fractions(), pl.col("millis")), pl.col("clock")
    nanos = pl.concat_str(millis, pl.lit(NANOS_TAIL))
    written = pl.concat_str(
        "date",
        lookup([one.separator for one in forms], form),
        pl.when(is_form["minute"]).then(clock.str.head(5)).otherwise(clock),
        pl.when(is_form["millis"]).then(millis).when(is_form["nanos"]).then(nanos).otherwise(pl.lit("")),
        lookup([one.tail for one in forms], form),
    )
    pieces = chunk.select("form", "millis", date=dates.gather(days - first), clock=_clock().gather(local % DAY))
    return pieces.select(pl.when(is_form["date"]).then("date").otherwise(written).alias("stamp"))["stamp"]


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

"""The recipe of the synthetic dataset `streaming`: logs of a streaming service in `user_activity_YYYYMMDD.csv`.

The copy of a log id never comes before its original in the order in which the platform keeps the first record. So the
platform keeps the originals' minutes.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from event_assets.synthetic.recipe import Recipe
from event_assets.synthetic.seeded_random import Draw, mixed
from event_assets.synthetic.text_columns import PLACEHOLDER, csv_lines, hundredths, one_of, replaced
from event_assets.synthetic.time_texts import invalid_time, lookup

#: Shares of address kinds beside plain IPv4: of users with IPv6 (no mess), of private, malformed and missing addresses,
#: which are valid records of region Unknown.
IPV6, PRIVATE, MALFORMED, NONE = 0.1, 0.03, 0.01, 0.01
ADDRESSES = ("ipv4", "ipv6", "private", "malformed", "missing")

#: First octets of blocks given to registries of every continent, none of them reserved.
OCTETS = (
    *(2, 5, 8, 14, 24, 31, 41, 49, 58, 63, 77, 81, 88, 99, 102, 103, 105, 110, 133, 139),
    *(150, 177, 181, 186, 196, 200, 202, 210),
)
IPV6_BLOCKS = (
    *("2001:4860:", "2600:1f18:", "2a00:1450:", "2a02:26f0:", "2400:cb00:", "2404:6800:"),
    *("2800:3f0:", "2c0f:fb50:"),
)
PRIVATE_BLOCKS = ("10.0.", "192.168.", "172.16.", "127.0.", "169.254.")
MALFORMED_ADDRESSES = ("999.1.2.3", "10.0.0", "unknown", "::gggg", "1.2.3.4.5", "8.8.8.8:443")
LONGEST = 18_000


def _columns(draw: Draw, plan: pl.DataFrame, mess: float) -> pl.DataFrame:
    rows, user = plan.height, plan["user"].to_numpy().astype(np.int64)
    # Most of a user's logs come from home, whose address is a trait of the user; some from anywhere.
    home = mixed(user)
    address = np.where(draw.chance(rows, 0.9), home, mixed(draw.below(rows, 2**40)))
    mess_weights = [PRIVATE * mess, MALFORMED * mess, NONE * mess]
    kind = draw.choice(rows, [1 - sum(mess_weights), *mess_weights])
    kind = np.where(kind > 0, kind + 1, address % 1_000 < IPV6 * 1_000)
    unique = int(draw.below(1, 2**53)[0])
    return plan.with_columns(
        log=pl.Series(mixed(np.arange(rows, dtype=np.int64), key=unique)),
        address=pl.Series(address // 1_000),
        address_kind=pl.Series(kind.astype(np.int8)),
        watched=pl.Series((1 + draw.skewed(rows, LONGEST)).astype(np.int32)),
    )


def _alter_copies(draw: Draw, copies: pl.DataFrame) -> pl.DataFrame:
    """A third exact, a third longer at the same time, a third longer and later by seconds to two days."""
    way = draw.below(copies.height, 3)
    longer = (way > 0) * (1 + draw.below(copies.height, 500))
    later = (way > 1) * (1 + draw.skewed(copies.height, 172_800))
    return copies.with_columns(
        watched=pl.col("watched") + pl.Series(longer.astype(np.int32)), time=pl.col("time") + pl.Series(later)
    )


def _address() -> pl.Expr:
    number, kind = pl.col("address"), pl.col("address_kind")
    octets = [lookup([*map(str, OCTETS)], number % len(OCTETS))]
    octets += [(number // 2**shift % 255).cast(pl.String) for shift in (8, 16, 24)]
    groups = lookup([f"{group:x}" for group in range(4_096)], number // 2**8 % 4_096)
    host = lookup([f"{group:x}" for group in range(1, 4_096)], number // 2**20 % 4_095)
    return (
        pl.when(kind == 0)
        .then(pl.concat_str(octets, separator="."))
        .when(kind == 1)
        .then(pl.concat_str(lookup(IPV6_BLOCKS, number % len(IPV6_BLOCKS)), groups, pl.lit("::"), host))
        .when(kind == 2)
        .then(
            pl.concat_str(lookup(PRIVATE_BLOCKS, number % len(PRIVATE_BLOCKS)), *octets[1:2], pl.lit("."), *octets[2:3])
        )
        .when(kind == 3)
        .then(lookup(MALFORMED_ADDRESSES, number % len(MALFORMED_ADDRESSES)))
        .otherwise(pl.lit(""))
    )


def _lines(chunk: pl.DataFrame, draw: Draw, mess: float, drift: bool) -> pl.Series:
    nothing = pl.lit("")
    user = pl.concat_str(pl.lit("user_"), "user")
    fields = [
        replaced(chunk, pl.col("log").cast(pl.String), {"missing_log_id": nothing}),
        replaced(
            chunk, user, {"missing_user_id": nothing, "not_utf8": pl.concat_str(pl.lit(f"user_{PLACEHOLDER}"), "user")}
        ),
        replaced(chunk, pl.col("stamp"), {"missing_timestamp": nothing, "invalid_timestamp": invalid_time()}),
        pl.col("address_text"),
        replaced(
            chunk,
            hundredths("watched"),
            {"missing_watch_time_min": nothing, "invalid_watch_time_min": one_of(["-3.5", "NaN", "1e3x", "12.345"])},
        ),
    ]
    if drift:
        fields.append(one_of([None, "TV-7", '"Phone, 6 inch"']))
    return csv_lines(chunk.with_columns(address_text=_address()), fields)


def _figures(valid: pl.DataFrame, _kept: pl.DataFrame, _mess: float) -> dict[str, int]:
    """Of the valid originals: how many have each kind of address, and what they watched, in hundredths of a minute."""
    originals = valid.filter(~pl.col("copy"))
    kinds = dict(originals["address_kind"].value_counts().iter_rows())
    return {
        **{f"{name}_addresses": kinds.get(code, 0) for code, name in enumerate(ADDRESSES)},
        "watched_hundredths": int(originals["watched"].sum()),
    }


HEADER = "log_id,user_id,timestamp,ip_address,watch_time(min)"
RECIPE = Recipe(
    stem="user_activity",
    suffix="csv",
    usual_form="zulu",
    rejects={
        "missing_timestamp": 0.001,
        "invalid_timestamp": 0.002,
        "malformed_record": 0.001,
        "not_utf8": 0.0005,
        "missing_log_id": 0.0005,
        "missing_user_id": 0.002,
        "missing_watch_time_min": 0.001,
        "invalid_watch_time_min": 0.002,
    },
    copies=0.01,
    key=(pl.col("log"),),
    columns=_columns,
    lines=_lines,
    header=HEADER,
    drift_header=f"{HEADER},device_model",
    alter_copies=_alter_copies,
    figures=_figures,
)

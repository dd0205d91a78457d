"""The recipe of the synthetic dataset `shop`: clicks of a web shop in `events_YYYYMMDD.csv`."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from event_assets.synthetic.recipe import Recipe
from event_assets.synthetic.seeded_random import Draw, mixed
from event_assets.synthetic.text_columns import PLACEHOLDER, costume, csv_lines, hundredths, one_of, replaced
from event_assets.synthetic.time_texts import invalid_time, lookup

#: Shares of brands with quotes (see ODD), of other spellings of the type, and of blank lines behind a record.
ODD_BRANDS, ALIASES, BLANK_LINES = 0.01, 0.03, 0.0005

TYPES = (
    ("view", "product_view", "View", " view "),
    ("cart", "add-to-cart", "add_to_cart", "CART"),
    ("purchase", "buy", "Purchase", "\tpurchase"),
)
TYPE_SHARES = (0.907, 0.054, 0.039)
BRANDS = (None, "samsung", "amd", "asus", "zalman", "pantum", "hp", "msi", "canon", "apple", "logitech", "xiaomi")
ODD = ('"black, decker"', '"house\nwares"', '"dr. ""q"""', '15" screen')
CATEGORIES = (
    None,
    "electronics.telephone",
    "computers.components.cooler",
    "computers.peripherals.printer",
    "computers.notebook",
    "electronics.audio.headphone",
    "appliances.kitchen.kettle",
)
PRODUCTS, CATALOGUE = 20_000, 600
FIRST_USER, FIRST_CATEGORY = 1_515_915_625_000_000_000, 2_144_415_921_000_000_000


def _columns(draw: Draw, plan: pl.DataFrame, mess: float) -> pl.DataFrame:
    rows = plan.height
    odd = draw.chance(rows, ODD_BRANDS * mess) * (1 + draw.below(rows, len(ODD)))
    return plan.with_columns(
        type=pl.Series(draw.choice(rows, TYPE_SHARES).astype(np.int8)),
        product=pl.Series(draw.skewed(rows, PRODUCTS).astype(np.int32)),
        odd_brand=pl.Series(odd.astype(np.int8)),
        blank_after=pl.Series(draw.chance(rows, BLANK_LINES * mess)),
    )


def _lines(chunk: pl.DataFrame, draw: Draw, mess: float, drift: bool) -> pl.Series:
    traits = mixed(chunk["product"].to_numpy().astype(np.int64))
    chunk = chunk.with_columns(
        visit=pl.Series(mixed(chunk["session"].to_numpy().astype(np.int64))),
        price=pl.Series(99 + traits % 50_000),
        category=pl.Series(traits // 50_000 % CATALOGUE),
        brand=pl.Series(traits // 30_000_000 % len(BRANDS)),
    )
    brand = (
        pl.when(pl.col("odd_brand") > 0)
        .then(lookup(ODD, pl.col("odd_brand") - 1))
        .otherwise(lookup(BRANDS, pl.col("brand")))
    )
    nothing = pl.lit("")
    fields = [
        replaced(chunk, pl.col("stamp"), {"missing_timestamp": nothing, "invalid_timestamp": invalid_time()}),
        replaced(chunk, costume(draw, chunk, TYPES, "type", ALIASES * mess), {"missing_event_type": nothing}),
        replaced(chunk, (pl.col("product") + 100_000).cast(pl.String), {"invalid_product_id": pl.lit("n/a")}),
        (pl.col("category") * 1_000_003 + FIRST_CATEGORY).cast(pl.String),
        lookup(CATEGORIES, pl.col("category") % len(CATEGORIES)),
        replaced(chunk, brand, {"not_utf8": pl.lit(f"caf{PLACEHOLDER}")}),
        replaced(chunk, hundredths("price"), {"invalid_price": one_of(["free", "-5.00", '"1,299.00"', "12.345"])}),
        replaced(
            chunk,
            (pl.col("user").cast(pl.Int64) * 7 + FIRST_USER).cast(pl.String),
            {"missing_user_id": nothing, "invalid_user_id": one_of(["1.515915625e-18", "anonymous"])},
        ),
        pl.concat_str(pl.lit("v"), pl.col("visit")),
    ]
    if drift:
        fields.append(one_of([None, "autumn", '"sale, 20%"']))
    lines = csv_lines(chunk, fields)
    if mess:
        lines = chunk.select(pl.when("blank_after").then(lines + "\n").otherwise(lines).alias("line"))["line"]
    return lines


HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
RECIPE = Recipe(
    stem="events",
    suffix="csv",
    start=dt.date(2020, 9, 24),
    usual_form="blank_offset",
    rejects={
        "missing_timestamp": 0.001,
        "invalid_timestamp": 0.003,
        "malformed_record": 0.002,
        "not_utf8": 0.0005,
        "missing_user_id": 0.002,
        "invalid_user_id": 0.001,
        "missing_event_type": 0.0005,
        "invalid_product_id": 0.001,
        "invalid_price": 0.002,
    },
    copies=0.005,
    key=(pl.col("instant"), pl.col("user"), pl.col("session"), pl.col("type"), pl.col("product"), pl.col("odd_brand")),
    columns=_columns,
    lines=_lines,
    header=HEADER,
    drift_header=f"{HEADER},campaign",
)

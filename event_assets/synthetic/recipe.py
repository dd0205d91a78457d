"""The class `Recipe`, which each synthetic dataset's module fills in, and the plan of records that is computed from
it.

| mess of all datasets | what it looks like |
|---|---|
| malformed_record | see `csv_lines` and `json_lines` |
| not_utf8 | a Latin-1 é in a text |
| missing_COLUMN | an empty text, in JSON also null or no member |
| copies | a record again, half of them in a later file |
| late | a record in the file of one to three days later |
| drift | each third CSV file has an undeclared column |
| times | 6 % are written in another form, see `time_texts.VARIANTS` |

A plan is a frame of plain numbers, one row per record; only when a file is written does a slice of
it become text. So a generator's memory is that of its numbers, and what it knows (`truth`) is
counted on the numbers, not on the text.

| plan column | meaning |
|---|---|
| user, session, time | who, in which source session, when (epoch seconds) |
| form, millis, instant | how the time is written, and the microseconds that the text means |
| salt | a random number for the choices in a record's text |
| kind | `clean`, or the one kind of mess that makes the record be rejected |
| copy | whether the record was sent again after another one |
| file, file_day | the file that holds it, and midnight of the date in its name (epoch microseconds) |
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from event_assets.errors import EventAssetsError
from event_assets.synthetic.seeded_random import Draw
from event_assets.synthetic.time_texts import DAY, draw_forms, instant
from event_assets.synthetic.timeline import timeline

CLEAN = "clean"
#: How many days late a late record comes, at most.
LATEST_DAYS = 3


@dataclass(frozen=True)
class ProfileFile:
    """The file of profiles that goes with the events, and what is known of it."""

    name: str
    content: bytes
    truth: Mapping[str, int]


@dataclass(frozen=True)
class Recipe:
    """How one dataset's files are made. Shares are of all records, at `mess=1`."""

    stem: str
    suffix: str
    usual_form: str
    rejects: Mapping[str, float]
    """Kind of mess, named as the platform names its reason, to the share of records with it."""
    copies: float
    """Share of records that were sent before."""
    key: tuple[pl.Expr, ...]
    """What makes two valid records the same, over plan columns."""
    columns: Callable[[Draw, pl.DataFrame, float], pl.DataFrame]
    """(draw, plan, mess): the plan with the dataset's own columns."""
    lines: Callable[[pl.DataFrame, Draw, float, bool], pl.Series]
    """(slice of a plan with `stamp`, the text of the time; draw, mess, drift): the text of each record, without the end
    of the line."""
    late: float = 0.02
    """Share of records that are written to the file of a later day."""
    start: dt.date = dt.date(2025, 1, 1)
    header: str = ""
    drift_header: str = ""
    """Header of a file with an undeclared column; where empty, files don't differ."""
    terminator: str = "\n"
    array: bool = False
    """Whether the file is a JSON array, one record per line."""
    alter_copies: Callable[[Draw, pl.DataFrame], pl.DataFrame] = lambda _, copies: copies
    settle: Callable[[pl.DataFrame, int], pl.DataFrame] = lambda plan, _: plan
    """(plan, files): changes that depend on the file that contains the record."""
    figures: Callable[[pl.DataFrame, pl.DataFrame, float], dict[str, int]] = lambda valid, kept, mess: {}
    """(valid records, their distinct keys, mess): what else is known."""
    profiles: Callable[[Draw, int, float], ProfileFile] | None = None
    """(draw, users, mess): the profiles' file."""


@dataclass(frozen=True)
class Extent:
    """How much is made: records, over [begin, begin + span) epoch seconds, by how many users, into how many files."""

    rows: int
    begin: int
    span: int
    users: int
    files: int

    def file_time(self, file: int) -> dt.datetime:
        """When the first record of a file can have arrived; its name shows the date."""
        return dt.datetime.fromtimestamp(self.begin + self.span * file // self.files, dt.UTC)


def make_plan(recipe: Recipe, draw: Draw, extent: Extent, mess: float) -> pl.DataFrame:
    """The plan of all records, in the order of files and arrival."""
    worst = sum(recipe.rejects.values()) + recipe.copies + recipe.late
    if not 0 <= mess * worst <= 0.5:
        raise EventAssetsError("--mess", f"{mess} is out of range", f"take a number from 0 to {int(0.5 / worst)}")
    copies = _count(recipe.copies, mess, extent.rows)
    plan = _originals(recipe, draw, extent, extent.rows - copies, mess)
    if copies:
        clean = plan.filter(pl.col("kind") == CLEAN)
        again = clean[draw.below(copies, clean.height)].with_columns(copy=pl.lit(True))
        late = draw.chance(copies, 0.5) * (1 + draw.below(copies, LATEST_DAYS)) * DAY
        again = recipe.alter_copies(draw, again.with_columns(delay=pl.col("delay") + pl.Series(late)))
        end = extent.begin + extent.span - 1
        plan = pl.concat([plan, again.with_columns(pl.min_horizontal("time", pl.lit(end)))])
    return recipe.settle(_filed(plan, extent), extent.files)


def _originals(recipe: Recipe, draw: Draw, extent: Extent, rows: int, mess: float) -> pl.DataFrame:
    kinds = [CLEAN, *recipe.rejects]
    counts = [_count(share, mess, extent.rows) for share in recipe.rejects.values()]
    plan = timeline(draw, rows, begin=extent.begin, span=extent.span, users=extent.users)
    late = draw.chance(rows, recipe.late * mess) * (1 + draw.below(rows, LATEST_DAYS)) * DAY
    plan = plan.hstack(draw_forms(draw, rows, usual=recipe.usual_form, mess=mess)).with_columns(
        salt=pl.Series(draw.below(rows, 2**31 - 1).astype(np.int32)),
        kind=pl.Series(kinds, dtype=pl.Enum(kinds)).gather(draw.places(rows, counts)),
        copy=pl.lit(False),
        delay=pl.Series(late),
    )
    return recipe.columns(draw, plan, mess)


def _filed(plan: pl.DataFrame, extent: Extent) -> pl.DataFrame:
    """Each record in the file of its arrival: files cut the time into equal parts, what comes later is in the last."""
    arrival = pl.col("time") + pl.col("delay") - extent.begin
    days = pl.Series([int(extent.file_time(file).timestamp()) // DAY for file in range(extent.files)])
    file = (arrival * extent.files // extent.span).clip(0, extent.files - 1).cast(pl.Int32)
    return (
        plan.sort(arrival, maintain_order=True)  # and so by file, which only grows with arrival
        .with_columns(file=file, instant=instant())
        .with_columns(file_day=pl.lit(days * DAY * 1_000_000).gather("file"))
        .drop("delay")
    )


def truth_of(recipe: Recipe, plan: pl.DataFrame, mess: float) -> dict[str, int]:
    """What is known of the records: how many, how many with each kind of mess, and what must remain."""
    valid = plan.filter(pl.col("kind") == CLEAN)
    kept = valid.select(*recipe.key).unique()
    kinds = dict(plan["kind"].cast(pl.String).value_counts().iter_rows())
    late = valid.filter(pl.col("instant") // (DAY * 1_000_000) < pl.col("file_day") // (DAY * 1_000_000)).height
    return {
        "records": plan.height,
        **{kind: kinds.get(kind, 0) for kind in recipe.rejects},
        "duplicates": valid.height - kept.height,
        "cleaned": kept.height,
        "late": late,
        "users": valid["user"].n_unique(),
        **recipe.figures(valid, kept, mess),
    }


def _count(share: float, mess: float, rows: int) -> int:
    return int(share * mess * rows + 0.5)

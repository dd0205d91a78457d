"""Generates the synthetic source files of a dataset, including faulty records, and counts how many records of each
kind were written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from zlib import crc32

import numpy as np
import polars as pl

from event_assets.errors import EventAssetsError
from event_assets.storage.atomic_write import atomic_write
from event_assets.synthetic import activity, app_events, benefits, shop, streaming
from event_assets.synthetic.recipe import Extent, ProfileFile, Recipe, make_plan, truth_of
from event_assets.synthetic.seeded_random import Draw
from event_assets.synthetic.time_texts import DAY
from event_assets.synthetic.write_text_files import drifts, write_file

RECIPES = {
    "app_events": app_events.RECIPE,
    "benefits": benefits.RECIPE,
    "streaming": streaming.RECIPE,
    "activity": activity.RECIPE,
    "shop": shop.RECIPE,
}
#: No dataset that ships takes records from before this day.
EARLIEST = dt.date(2019, 1, 1)
#: Events per user, on average.
EVENTS_PER_USER = 10


@dataclass(frozen=True)
class Generated:
    """The files that were written, and the facts that their generator knows."""

    files: list[Path]
    truth: dict[str, int]
    """`records`; the count of each kind of mess by the platform's reason; `duplicates`; `cleaned`; `late`
    (valid records in the file of a later day); `users`; and what the dataset's module adds."""


def generate(
    dataset_name: str,
    *,
    rows: int,
    days: int,
    seed: int,
    out: Path,
    files: int | None = None,
    start: dt.date | None = None,
    mess: float = 1.0,
    wrote: Callable[[int], None] = lambda records: None,
) -> Generated:
    """Source files of `rows` event records over `days` dates, and the profiles' file where there is one.

    The same arguments give the same bytes on every machine. `files` cuts the span into so many equal
    parts (one a day where left out); `start` is the first date; `mess` scales the shares of the
    dataset's module, 0 gives clean data; `wrote` receives how many records more are written.
    EventAssetsError names an argument that makes no sense.
    """
    recipe = recipe_of(dataset_name)
    first = start or recipe.start
    for option, value, least in (
        ("--rows", rows, 1),
        ("--days", days, 1),
        ("--files", 1 if files is None else files, 1),
        ("--seed", seed, 0),
    ):
        if value < least:
            raise EventAssetsError(option, f"{value} is too small", f"take {least} or more")
    if first < EARLIEST:
        raise EventAssetsError("--start", f"{first} is before {EARLIEST}, when datasets begin", "take a later date")
    extent = Extent(
        rows=rows,
        begin=(first - dt.date(1970, 1, 1)).days * DAY,
        span=days * DAY,
        users=max(1, rows // EVENTS_PER_USER),
        files=files or days,
    )
    draw = Draw(seed, crc32(dataset_name.encode()))
    plan = make_plan(recipe, draw, extent, mess)
    names = file_names(recipe, extent)
    written = []
    for file, records in enumerate(_by_file(plan, extent)):
        written.append(out / names[file])
        write_file(written[-1], recipe, records, draw.child(file), mess, drift=drifts(file, mess), wrote=wrote)
    truth = truth_of(recipe, plan, mess)
    if recipe.profiles:
        profiles = recipe.profiles(draw.child(extent.files), extent.users, mess)
        written.append(write_profiles(profiles, out))
        truth |= profiles.truth
    return Generated(written, truth)


def recipe_of(dataset_name: str) -> Recipe:
    """The recipe of a dataset that ships; EventAssetsError for any other."""
    if dataset_name not in RECIPES:
        raise EventAssetsError(f"dataset {dataset_name}", "has no generator", f"choose one of {', '.join(RECIPES)}")
    return RECIPES[dataset_name]


def write_profiles(profiles: ProfileFile, folder: Path) -> Path:
    with atomic_write(folder / profiles.name) as stream:
        stream.write(profiles.content)
    return folder / profiles.name


def file_names(recipe: Recipe, extent: Extent) -> list[str]:
    """The stem and the date of each file, and a number where several have the same date."""
    dates = (f"{extent.file_time(file):%Y%m%d}" for file in range(extent.files))
    names = []
    for date, parts in groupby(dates):
        numbers = [number for number, _ in enumerate(parts)]
        names += [f"{recipe.stem}_{date}{f'_{n}' if len(numbers) > 1 else ''}.{recipe.suffix}" for n in numbers]
    return names


def _by_file(plan: pl.DataFrame, extent: Extent) -> Iterator[pl.DataFrame]:
    """The records of each file; the plan is in the order of files."""
    ends = np.searchsorted(plan["file"].to_numpy(), np.arange(extent.files), side="right").tolist()
    for start, end in zip([0, *ends], ends, strict=False):
        yield plan[start:end]

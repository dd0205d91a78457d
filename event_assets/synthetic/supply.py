"""`supply`: a live feed, file after file into the inbox."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from event_assets.errors import EventAssetsError
from event_assets.synthetic.generate import recipe_of, write_profiles
from event_assets.synthetic.recipe import Extent, make_plan
from event_assets.synthetic.seeded_random import Draw
from event_assets.synthetic.write_text_files import drifts, write_file

#: How many users are active in a feed.
USERS = 1_000
#: The range of seconds before a file is dropped that contains its events.
SPAN = 3_600


def supply(
    dataset_name: str,
    *,
    inbox: Path,
    rate: int,
    every: float,
    for_seconds: float | None = None,
    seed: int,
    mess: float = 1.0,
    now: Callable[[], dt.datetime],
    sleep: Callable[[float], None] = time.sleep,
    dropped: Callable[[Path], None] = lambda path: None,
) -> int:
    """Drops a new file of `rate` records into `inbox`/`dataset_name` every so many seconds; the number of files.

    The events are those of the hour before; the first file comes at once, and with it the profiles
    where the dataset has some and the folder doesn't. Goes on for `for_seconds`, or until Ctrl-C, which
    leaves no half file. Every file has a name and (by seed, start and number) content of its own, also
    after a restart. `now` gives the time with its zone, as `lambda: datetime.now(UTC)` does; `dropped`
    receives each file. EventAssetsError names an argument that makes no sense.
    """
    recipe = recipe_of(dataset_name)
    for option, value, fine in (
        ("--rate", rate, rate >= 1),
        ("--every", every, every > 0),
        ("--seed", seed, seed >= 0),
    ):
        if not fine:
            raise EventAssetsError(option, f"{value} is too small", "take a greater number")
    started, folder, name, files = now(), inbox / dataset_name, crc32(dataset_name.encode()), 0
    draw = Draw(seed, name, int(started.timestamp() * 1_000_000))
    try:
        if recipe.profiles:
            profiles = recipe.profiles(Draw(seed, name), USERS, mess)
            if not (folder / profiles.name).exists():
                dropped(write_profiles(profiles, folder))
        due = started
        while for_seconds is None or due < started + dt.timedelta(seconds=for_seconds):
            sleep(max(0.0, (due - now()).total_seconds()))
            moment = now().astimezone(dt.UTC)
            extent = Extent(rows=rate, begin=int(moment.timestamp()) - SPAN, span=SPAN, users=USERS, files=1)
            path = folder / f"{recipe.stem}_{moment:%Y%m%d_%H%M%S%f}_{files}.{recipe.suffix}"
            of_file = draw.child(files)
            write_file(path, recipe, make_plan(recipe, of_file, extent, mess), of_file, mess, drift=drifts(files, mess))
            files += 1
            dropped(path)
            # A machine too slow for the rate drops files later, never several at once to catch up.
            due = max(due + dt.timedelta(seconds=every), moment)
    except KeyboardInterrupt:
        pass
    return files

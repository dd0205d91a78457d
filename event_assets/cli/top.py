"""`event-assets top`: the most active users per platform, of a file or of a dataset."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from event_assets.cli.arguments import (
    FirstDate,
    JsonOption,
    LastDate,
    RawOption,
    RecordsOption,
    WideOption,
    date_range,
    named_dataset,
)
from event_assets.cli.console import note
from event_assets.settings import load_settings
from event_assets.wording import counted

if TYPE_CHECKING:
    import polars as pl

    from event_assets.cli.activity_sessions import Names
    from event_assets.declaration import Dataset
    from event_assets.engines.engine import Content

Wanted = Callable[[dt.date], bool]


def top(
    source: Annotated[
        str, typer.Argument(metavar="FILE_OR_DATASET", help="A file, a folder that convert wrote, or a dataset.")
    ],
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="Users per platform.")] = 10,
    platform: Annotated[str | None, typer.Option(help="Only this platform, in any spelling.")] = None,
    first: FirstDate = None,
    last: LastDate = None,
    out: Annotated[
        Path | None, typer.Option(help="The .csv, .parquet or .json file to write; Result_NAME_topN.csv if left out.")
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast/--lenient", help="Stop at the first bad record, or count without it.")
    ] = False,
    user_column: Annotated[str, typer.Option(help="The field with the user.")] = "user_id",
    session_column: Annotated[str, typer.Option(help="The field with the session.")] = "session_id",
    platform_column: Annotated[str, typer.Option(help="The field with the platform.")] = "platform",
    time_column: Annotated[str, typer.Option(help="The field with the time.")] = "activity_time",
    type_column: Annotated[str, typer.Option(help="The field with the kind of activity.")] = "activity_type",
    raw: RawOption = False,
    wide: WideOption = False,
    records: RecordsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Ranks users by their distinct sessions on each platform; ties are ordered by user_id as text.

    Prints the users with their ranks and writes platform, user_id, session_count.

    \b
    event-assets top Dataset_20250101.csv --n 50
    event-assets top data/by_platform --n 5 --platform ios  (by convert)
    event-assets top activity --from 2025-01-01 --to 2025-01-07 --out week.csv
    """
    wanted = _dates(first, last)

    from event_assets.cli.detect_format import stem_of
    from event_assets.cli.machine_output import check_suffix, json_pieces, write_file
    from event_assets.cli.text_table import Shown, print_table
    from event_assets.tables.catalog import load_datasets

    check_suffix(out)
    datasets, path = load_datasets(load_settings().datasets), Path(source)
    if source in datasets or (source in datasets.failures and not path.exists()):
        dataset = named_dataset(source)
        ranked = _of_dataset(dataset, n, wanted)
    elif path.exists():
        from event_assets.cli.activity_sessions import Names

        names = Names(user_column, session_column, platform_column, time_column, type_column)
        dataset, ranked = _of_files(path, names, n, wanted, fail_fast=fail_fast)
    else:
        raise typer.BadParameter(f"{source} is neither a file nor a dataset; there are {', '.join(datasets)}")
    if platform is not None:
        ranked = _only(dataset, ranked, platform)
    target = out or Path(f"Result_{source if source in datasets else stem_of(path)}_top{n}.csv")
    write_file([ranked.drop("rank")], target, raw=raw)
    if as_json:
        print("".join(json_pieces(ranked.iter_rows(named=True))), end="")
    else:
        print_table(ranked, shown=Shown(wide, records))
    note(f"{counted(ranked.height, 'user')} in {target}")


def _dates(first: str | None, last: str | None) -> Wanted | None:
    """A condition on dates; None where all dates are wanted."""
    if first is None and last is None:
        return None
    start, end = date_range(first, last)
    return lambda date: start <= date <= end


def _of_files(
    path: Path, names: Names, n: int, wanted: Wanted | None, *, fail_fast: bool
) -> tuple[Dataset, pl.DataFrame]:
    from event_assets.cli.activity_sessions import read_activity
    from event_assets.cli.progress_bar import working

    with working(f"reading {path}"), tempfile.TemporaryDirectory(prefix="event_assets-top-") as staging:
        read = read_activity(path, names, wanted, load_settings(), Path(staging), fail_fast=fail_fast)
        ranked = _ranked(read.rules, n, {None: read.sessions})
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(read.refused.items()))
    note(f"{counted(read.records, 'record')}; {read.refused.total():,} refused{': ' + reasons if reasons else ''}")
    if read.uncounted:
        uncounted = counted(read.uncounted, "record")
        note(f"not counted: {uncounted} without a platform or a session")
    return read.rules, ranked


def _of_dataset(dataset: Dataset, n: int, wanted: Wanted | None) -> pl.DataFrame:
    """The ranking from the lake's rollup, as the last run published it."""
    from event_assets.errors import QueryError
    from event_assets.storage.lake import Lake
    from event_assets.storage.retry_missing_files import retry_missing_files
    from event_assets.tables.catalog import tables

    rollup, settings = tables(dataset).get("platform_sessions"), load_settings()
    if rollup is None:
        raise QueryError(dataset.name, "ranks no users", "declare gold.top_users, or name another dataset")
    store = Lake(settings.lake, settings.cache).store(dataset.name, rollup.name, None, rollup.partitioned_by)
    if not store.entries():
        raise QueryError(dataset.name, "has no sessions yet", f"event-assets run {dataset.name} computes them")

    def read() -> pl.DataFrame:
        dates = {dt.date.fromisoformat(unit): unit for unit in store.entries()}
        counted = {date: unit for date, unit in dates.items() if wanted is None or wanted(date)}
        return _ranked(dataset, n, {date: store.paths(unit) for date, unit in counted.items()})

    return retry_missing_files(read, lambda: store.entries(again=True))


def _ranked(dataset: Dataset, n: int, sessions: Mapping[dt.date | None, Content]) -> pl.DataFrame:
    """The first n users per platform, from platform_sessions by date. The key None has all dates' sessions."""
    from event_assets.engines.polars.engine import PolarsEngine
    from event_assets.tables.catalog import tables
    from event_assets.transforms.interface import Scope
    from event_assets.transforms.top_users import top_users, top_users_overall

    assert dataset.gold.top_users is not None
    options = dataset.gold.top_users.model_copy(update={"n": n})
    cut = dataset.model_copy(update={"gold": dataset.gold.model_copy(update={"top_users": options})})
    made, engine = tables(cut), PolarsEngine(way="streaming")
    rank, name = (top_users, "top_users") if None in sessions else (top_users_overall, "top_users_overall")
    inputs = {"platform_sessions": engine.scan(made["platform_sessions"], sessions)}
    return engine.collect(rank(inputs, Scope(cut, engine.ports)), {name: made[name]})[0][name]


def _only(dataset: Dataset, ranked: pl.DataFrame, platform: str) -> pl.DataFrame:
    """The users of one platform, in any spelling."""
    import polars as pl

    from event_assets.transforms.normalize import normalised

    assert dataset.gold.top_users is not None
    by = dataset.gold.top_users.by
    if by is None:
        raise typer.BadParameter(f"{dataset.name} ranks its users all together: leave out --platform")
    meant = normalised(platform, dataset.column(by))
    there = ranked[by].unique().sort().to_list()
    if meant not in there:
        note(f"no user is counted for {by} {meant or platform}; there are {', '.join(map(str, there)) or 'none'}")
    return ranked.filter(pl.col(by).cast(pl.String) == meant)

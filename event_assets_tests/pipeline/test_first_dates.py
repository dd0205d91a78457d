"""The distinct rows of all dates with their first dates: those of a scan, whatever changed before."""

from __future__ import annotations

import datetime as dt
import itertools
import tempfile
from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from event_assets.pipeline.publish import publish
from event_assets.pipeline.staleness.first_dates import FirstDates
from event_assets.storage.parquet import write_parquet
from event_assets.storage.written_file import WrittenFile
from event_assets_tests.pipeline.test_persons_and_cohorts import dataset
from event_assets_tests.world import World

TABLE = "identity_links"
DATES = [dt.date(2025, 1, 1) + dt.timedelta(days=n) for n in range(7)]
ROWS = st.frozensets(st.tuples(st.just("device"), st.sampled_from("abc"), st.none() | st.just("cookie"), st.none()))
CHANGES = st.lists(st.dictionaries(st.sampled_from(DATES), ROWS, min_size=1, max_size=3), max_size=5)
Row = tuple[str | None, ...]


@given(st.tuples(*[ROWS] * len(DATES)), CHANGES, st.randoms(use_true_random=False))
def test_rows_and_digest_are_those_of_a_scan_after_any_changes(first, changes, chance) -> None:  # type: ignore[no-untyped-def]
    """Also if a later process goes on, one that only reads looks in between, or the cache was deleted."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = World(Path(folder), dataset()).workspace
        store, table, numbers = workspace.stores[TABLE], workspace.tables[TABLE], itertools.count()
        known, now, digests = FirstDates(workspace, TABLE), dict[dt.date, frozenset[Row]](), dict[object, str]()
        for change in ({**dict(zip(DATES, first, strict=True))}, *changes):
            now |= change
            for date, rows in change.items():
                path = Path(folder) / f"{next(numbers)}.parquet"
                write_parquet(pl.DataFrame(sorted(rows, key=str), table.polars_schema(), orient="row"), path)
                publish(store, date, [WrittenFile(path, len(rows), str(date))], "0" * 16)
            if chance.random() < 0.5:
                known = FirstDates(workspace, TABLE)
            if chance.random() < 0.2:
                known._cache.delete()
            workspace.is_writer = chance.random() < 0.7
            began = {row: date for date in reversed(DATES) for row in now[date]}
            expected = {(*row, date) for row, date in began.items()}
            digest = known.digest()
            found = known.scan().collect().rows()
            assert len(found) == len(expected)
            assert set(found) == expected
            assert digests.setdefault(frozenset(expected), digest) == digest
        assert len(set(digests.values())) == len(digests)

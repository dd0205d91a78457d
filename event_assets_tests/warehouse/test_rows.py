"""Rows as Python's values are those of the frames, and come without the libraries that frames need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl

from event_assets.settings import Settings
from event_assets.warehouse.query import read, read_rows
from event_assets.warehouse.query_result import Rows

EVERY_KIND = """
SELECT * FROM (VALUES
    (true, 1::TINYINT, 2::BIGINT, 3::HUGEINT, 4::UINTEGER, 0.1::FLOAT, 0.5::DOUBLE, 1.50::DECIMAL(9, 2), 'x', 'b'::BLOB,
     DATE '2025-01-02', TIME '10:00:00.5', TIMESTAMP '2025-01-02 10:00:00', TIMESTAMPTZ '2025-01-02 10:00:00.5+02',
     '6f1ef50b-2a06-4d8c-a0c4-5f3e8a5b1f10'::UUID, [1, NULL], {'a': 1}, MAP {'k': 2}, INTERVAL 1 DAY, NULL),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
) AS rows(bool, tiny, big, huge, unsigned, float, double, decimal, text, blob, date, time, timestamp, zoned, uuid, list,
    struct, map, interval, nothing) ORDER BY tiny DESC NULLS FIRST
"""


def test_rows_hold_what_frames_hold(tmp_path: Path) -> None:
    settings = Settings(lake=tmp_path)
    frame = read(EVERY_KIND, {}, settings, lambda frames: pl.concat(frames))

    def taken(found: Rows) -> tuple[dict[str, bool], list[tuple[object, ...]]]:
        return found.numeric, list(found.rows)

    numeric, rows = read_rows(EVERY_KIND, {}, settings, taken)
    assert numeric == {name: dtype.is_numeric() for name, dtype in frame.schema.items()}
    assert rows == frame.rows()
    assert [list(map(str, row)) for row in rows] == [list(map(str, row)) for row in frame.rows()]


def test_a_query_in_the_terminal_loads_no_library_of_frames() -> None:
    program = (
        "import sys; sys.argv = ['event-assets', 'query', 'SELECT * FROM shop.sessions']\n"
        "from event_assets.cli.main import main\n"
        "try: main()\n"
        "finally: print(sorted({'polars', 'pyarrow', 'numpy', 'narwhals', 'pandera', 'dagster'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr

"""Whether a plain script made the tables that ours made, row for row, lineage columns apart."""

from __future__ import annotations

from pathlib import Path

import duckdb

DATED = (
    *("raw_events", "cleaned_events", "joined_facts", "sessions", "daily_summary", "platform_sessions", "top_users"),
    *("events_by_minute", "events_by_type"),
)
TABLES = (*DATED, "top_users_overall")
#: Where a record stood in its file, and what of it no column declares.
LINEAGE = {"file_id", "row_number", "extra", "event_time_us", "time_text", "time_assumed"}


def differences(ours: Path, theirs: Path) -> list[str]:
    """A line for each table that differs: how many rows only one side has. Values are compared in our types."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    found = []
    for table in TABLES:
        left, right = _rows(ours, table), _rows(theirs, table)
        columns = [(name, kind) for name, kind, *_ in con.sql(f"DESCRIBE {left}").fetchall() if name not in LINEAGE]
        typed = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in columns)
        left, right = f"SELECT {typed} FROM ({left})", f"SELECT {typed} FROM ({right})"
        missing, surplus = (
            con.sql(f"SELECT count(*) FROM (({one}) EXCEPT ALL ({other}))").fetchall()[0][0]
            for one, other in ((left, right), (right, left))
        )
        if missing or surplus:
            found.append(f"{table}: {missing} rows are missing, {surplus} are not ours")
    return found


def _rows(lake: Path, table: str) -> str:
    files = lake / table / ("event_date=*/*.parquet" if table in DATED else "*.parquet")
    return f"SELECT * FROM read_parquet('{files}', hive_partitioning = {str(table in DATED).lower()})"

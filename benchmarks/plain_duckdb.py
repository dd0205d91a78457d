"""The same work as `plain_polars.py` in DuckDB's SQL, over all dates at once.

`plain_duckdb.py INBOX OUT`. A line that doesn't parse is dropped by `ignore_errors`.
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import duckdb

SESSIONS = uuid.uuid5(uuid.NAMESPACE_URL, "event_assets:session").hex

RAW = """
CREATE TABLE raw AS SELECT *, CAST(event_time AS DATE) AS event_date FROM (
    SELECT * EXCLUDE (timestamp), coalesce(
        try_strptime(timestamp, '%Y-%m-%dT%H:%M:%SZ')::TIMESTAMPTZ,
        try_strptime(timestamp, '%Y-%m-%d %H:%M:%S')::TIMESTAMPTZ,
        try_strptime(timestamp, '%Y-%m-%dT%H:%M:%S.%g%z')::TIMESTAMPTZ
    ) AS event_time
    FROM read_csv($files, auto_detect = false, header = true, delim = ',', quote = '"', ignore_errors = true,
        columns = {
        'log_id': 'VARCHAR', 'user_id': 'VARCHAR', 'timestamp': 'VARCHAR', 'event_type': 'VARCHAR',
        'platform': 'VARCHAR', 'product': 'VARCHAR', 'watch_time': 'VARCHAR'})
) WHERE event_time IS NOT NULL
"""

PROFILES = """
CREATE TABLE profiles AS
SELECT CAST(user_id AS BIGINT) AS user_id, upper(trim(country)) AS country, lower(plan) AS plan,
    CAST(signup_date AS DATE) AS signup_date, true AS has_profile
FROM (SELECT *, row_number() OVER () AS place FROM read_csv($file, all_varchar = true, parallel = false))
QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY place DESC) = 1
"""

CLEANED = """
CREATE TABLE cleaned AS
SELECT log_id AS event_id, TRY_CAST(user_id AS BIGINT) AS user_id,
    CASE lower(trim(event_type)) WHEN 'start' THEN 'play' WHEN 'purchase' THEN 'buy' ELSE lower(trim(event_type)) END
        AS event_type,
    event_time, log_id,
    CASE lower(trim(platform)) WHEN 'ios' THEN 'iOS' WHEN 'android' THEN 'Android' WHEN 'web' THEN 'Web' END
        AS platform,
    product, TRY_CAST(watch_time AS DECIMAL(9, 2)) AS watch_time, event_date
FROM raw
WHERE TRY_CAST(user_id AS BIGINT) IS NOT NULL AND TRY_CAST(watch_time AS DECIMAL(9, 2)) >= 0
QUALIFY row_number() OVER (PARTITION BY event_date, log_id ORDER BY event_time) = 1
"""

FACTS = f"""
CREATE TABLE facts AS
WITH marked AS (
    SELECT *, coalesce(event_time - lag(event_time) OVER byuser > INTERVAL 30 MINUTE, true) AS begins
    FROM cleaned WINDOW byuser AS (PARTITION BY user_id ORDER BY event_time, event_id)
), placed AS (
    SELECT * EXCLUDE (begins), max(CASE WHEN begins THEN event_time END) OVER byuser AS session_start
    FROM marked WINDOW byuser AS (PARTITION BY user_id ORDER BY event_time, event_id)
), starts AS (
    SELECT *, sha1(unhex('{SESSIONS}') || encode(concat_ws(':', '5:bench',
        length(user_id::VARCHAR), user_id, length(epoch_us(session_start)::VARCHAR), epoch_us(session_start)))) AS h
    FROM (SELECT DISTINCT user_id, session_start FROM placed)
), ids AS (
    SELECT user_id, session_start, concat(h[1:8], '-', h[9:12], '-5', h[14:16], '-',
        substr('89ab', (instr('0123456789abcdef', h[17]) - 1) % 4 + 1, 1), h[18:20], '-', h[21:32]) AS session_id
    FROM starts
)
SELECT placed.*, session_id, country, plan, signup_date, coalesce(has_profile, false) AS has_profile
FROM placed JOIN ids USING (user_id, session_start) LEFT JOIN profiles USING (user_id)
"""

RANKED = """
SELECT platform, user_id, count(DISTINCT session_id) AS session_count{dates},
    row_number() OVER (PARTITION BY {by} ORDER BY session_count DESC, user_id::VARCHAR) AS rank
FROM platform_sessions GROUP BY {by}, user_id QUALIFY rank <= 10
"""

TABLES = {
    "raw_events": "FROM raw ORDER BY event_date",
    "cleaned_events": "FROM cleaned ORDER BY event_date, user_id, event_time, event_id",
    "joined_facts": "SELECT * EXCLUDE (session_start) FROM facts ORDER BY event_date, user_id, event_time, event_id",
    "sessions": """
        SELECT session_id, user_id, session_start, max(event_time) AS session_end,
            epoch_us(max(event_time) - session_start) / 1e6 AS duration_seconds, count(*) AS event_count,
            string_agg(DISTINCT event_type, ',' ORDER BY event_type) AS event_types,
            CAST(session_start AS DATE) AS event_date
        FROM facts GROUP BY session_id, user_id, session_start ORDER BY event_date, user_id, session_start""",
    "daily_summary": """
        SELECT user_id, count(*) AS event_count, count(DISTINCT session_id) AS session_count,
            min(event_time) AS first_event_time, max(event_time) AS last_event_time, event_date
        FROM facts GROUP BY ALL ORDER BY event_date, user_id""",
    "platform_sessions": "FROM platform_sessions ORDER BY ALL",
    "top_users": RANKED.format(by="event_date, platform", dates=", event_date"),
    "events_by_minute": """
        SELECT date_trunc('minute', event_time) AS minute, event_type, count(*) AS event_count, event_date
        FROM facts GROUP BY ALL ORDER BY ALL""",
    "events_by_type": """
        SELECT event_type, count(*) AS event_count, count(DISTINCT user_id) AS user_count, event_date
        FROM facts GROUP BY ALL ORDER BY ALL""",
}


def main(inbox: Path, out: Path) -> None:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET preserve_insertion_order = false")
    con.execute("SET enable_progress_bar = false")
    con.execute(RAW, {"files": str(inbox / "events_*.csv")})
    write(con, out, "raw_events")
    con.execute(PROFILES, {"file": str(inbox / "profiles.csv")})
    con.execute(CLEANED)
    con.execute("DROP TABLE raw")
    write(con, out, "cleaned_events")
    con.execute(FACTS)
    con.execute("DROP TABLE cleaned")
    con.execute("""CREATE TABLE platform_sessions AS
        SELECT DISTINCT platform, user_id, session_id, event_date FROM facts WHERE platform IS NOT NULL""")
    for table in list(TABLES)[2:]:
        write(con, out, table)
    (out / "top_users_overall").mkdir()
    con.execute(
        f"COPY ({RANKED.format(by='platform', dates='')})"
        f" TO '{out}/top_users_overall/part.parquet' (FORMAT parquet, COMPRESSION snappy)"
    )


def write(con: duckdb.DuckDBPyConnection, out: Path, table: str) -> None:
    (out / table).mkdir(parents=True)
    con.execute(
        f"COPY ({TABLES[table]}) TO '{out / table}' (FORMAT parquet, COMPRESSION snappy, PARTITION_BY (event_date))"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

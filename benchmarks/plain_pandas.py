"""The same work as `plain_polars.py` in pandas, over all dates at once.

`plain_pandas.py INBOX OUT`. pandas has no decimals: minutes stand as floats. A line with too many fields is skipped by
`on_bad_lines`, one with too few has no last field.
"""

from __future__ import annotations

import hashlib
import sys
import uuid
from pathlib import Path

import pandas as pd

SESSIONS = uuid.uuid5(uuid.NAMESPACE_URL, "event_assets:session").bytes
TYPES = {"start": "play", "purchase": "buy"}
PLATFORMS = {"ios": "iOS", "android": "Android", "web": "Web"}
GAP = pd.Timedelta(minutes=30)


def main(inbox: Path, out: Path) -> None:
    raw = pd.concat([read(path) for path in sorted(inbox.glob("events_*.csv"))], ignore_index=True)
    write(out, "raw_events", raw)
    events = clean(raw)
    del raw
    write(out, "cleaned_events", events)
    events["session_start"] = session_starts(events)
    sessions = summed(events)
    ids = sessions[["user_id", "session_start", "session_id"]]
    facts = events.merge(ids, on=["user_id", "session_start"], how="left").drop(columns="session_start")
    del events
    facts = facts.merge(read_profiles(inbox / "profiles.csv"), on="user_id", how="left")
    facts["has_profile"] = facts["has_profile"].eq(True)
    write(out, "joined_facts", facts)
    write(out, "sessions", sessions)
    write_gold(facts, out)


def read(path: Path) -> pd.DataFrame:
    # In pieces, its default, pandas takes all too long lines of a piece that begins with one.
    raw = pd.read_csv(
        path, dtype="string[pyarrow]", keep_default_na=False, na_values=[""], on_bad_lines="skip", low_memory=False
    )
    raw = raw.dropna(subset="watch_time")
    text = raw.pop("timestamp")
    time = pd.Series(pd.NaT, index=raw.index, dtype="datetime64[us, UTC]")
    for mask, form in (
        (text.str.endswith("Z"), "%Y-%m-%dT%H:%M:%SZ"),
        (text.str.endswith("+02:00"), "%Y-%m-%dT%H:%M:%S.%f%z"),
        (text.str.len() == 19, "%Y-%m-%d %H:%M:%S"),
    ):
        chosen = mask.fillna(False).astype(bool)
        times = pd.to_datetime(text[chosen].astype(object), format=form, errors="coerce", utc=True)
        time[chosen] = times.astype("datetime64[us, UTC]")
    raw["event_time"] = time
    raw = raw.dropna(subset="event_time")
    raw["event_date"] = raw["event_time"].dt.strftime("%Y-%m-%d")
    return raw


def read_profiles(path: Path) -> pd.DataFrame:
    profiles = pd.read_csv(path, dtype="string[pyarrow]", keep_default_na=False, na_values=[""])
    profiles["user_id"] = profiles["user_id"].astype("int64")
    profiles["country"] = profiles["country"].str.strip().str.upper()
    profiles["plan"] = profiles["plan"].str.lower()
    profiles["signup_date"] = pd.to_datetime(profiles["signup_date"], format="%Y-%m-%d").dt.date
    return profiles.drop_duplicates("user_id", keep="last").assign(has_profile=True)


def clean(raw: pd.DataFrame) -> pd.DataFrame:
    kind = raw["event_type"].str.strip().str.lower()
    events = pd.DataFrame(
        {
            "event_id": raw["log_id"],
            "user_id": pd.to_numeric(raw["user_id"], errors="coerce", dtype_backend="pyarrow"),
            "event_type": kind.replace(TYPES),
            "event_time": raw["event_time"],
            "log_id": raw["log_id"],
            "platform": raw["platform"].str.strip().str.lower().replace(PLATFORMS),
            "product": raw["product"],
            "watch_time": pd.to_numeric(raw["watch_time"].astype(object), errors="coerce").astype("float64"),
            "event_date": raw["event_date"],
        }
    )
    events = events[events["user_id"].notna() & (events["watch_time"] >= 0)]
    events = events.astype({"user_id": "int64"}).sort_values(["user_id", "event_time", "event_id"])
    return events.drop_duplicates(["event_date", "event_id"], ignore_index=True)


def session_starts(events: pd.DataFrame) -> pd.Series:
    """For each event the time at which its session began; the events are in order of user and time."""
    same_user = events["user_id"].eq(events["user_id"].shift())
    begins = ~same_user | (events["event_time"].diff() > GAP)
    return events["event_time"].where(begins).ffill()


def summed(events: pd.DataFrame) -> pd.DataFrame:
    key = ["user_id", "session_start"]
    sessions = events.groupby(key, sort=False).agg(
        session_end=("event_time", "last"), event_count=("event_time", "size")
    )
    types = events[[*key, "event_type"]].drop_duplicates().sort_values([*key, "event_type"])
    sessions["event_types"] = types.groupby(key, sort=False)["event_type"].agg(",".join)
    sessions = sessions.reset_index()
    starts = sessions["session_start"].astype("int64")
    sessions["session_id"] = [session_id(*pair) for pair in zip(sessions["user_id"], starts, strict=True)]
    sessions["duration_seconds"] = (sessions["session_end"].astype("int64") - starts) / 1e6
    sessions["event_date"] = sessions["session_start"].dt.strftime("%Y-%m-%d")
    return sessions


def session_id(user: int, start: int) -> str:
    name = f"5:bench:{len(str(user))}:{user}:{len(str(start))}:{start}"
    return str(uuid.UUID(bytes=hashlib.sha1(SESSIONS + name.encode()).digest()[:16], version=5))


def write_gold(facts: pd.DataFrame, out: Path) -> None:
    by_user = facts.groupby(["event_date", "user_id"], sort=True)
    summary = by_user.agg(
        event_count=("event_id", "size"),
        session_count=("session_id", "nunique"),
        first_event_time=("event_time", "min"),
        last_event_time=("event_time", "max"),
    )
    write(out, "daily_summary", summary.reset_index())
    sessions = facts.dropna(subset="platform")[["platform", "user_id", "session_id", "event_date"]].drop_duplicates()
    write(out, "platform_sessions", sessions.sort_values(["platform", "user_id", "session_id"]))
    write(out, "top_users", ranked(sessions, ["event_date", "platform"]))
    (out / "top_users_overall").mkdir()
    overall = ranked(sessions.drop(columns="event_date"), ["platform"])
    overall.to_parquet(out / "top_users_overall" / "part.parquet", index=False, compression="snappy")
    minutes = facts.assign(minute=facts["event_time"].dt.floor("min"))
    minutes = minutes.groupby(["event_date", "minute", "event_type"], sort=True).size()
    write(out, "events_by_minute", minutes.rename("event_count").reset_index())
    types = facts.groupby(["event_date", "event_type"], sort=True)
    counts = types.agg(event_count=("event_id", "size"), user_count=("user_id", "nunique"))
    write(out, "events_by_type", counts.reset_index())


def ranked(sessions: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    users = sessions.groupby([*by, "user_id"])["session_id"].nunique().rename("session_count").reset_index()
    users["text"] = users["user_id"].astype(str)
    users = users.sort_values([*by, "session_count", "text"], ascending=[*(True for _ in by), False, True])
    users["rank"] = users.groupby(by).cumcount() + 1
    return users[users["rank"] <= 10].drop(columns="text")


def write(out: Path, table: str, frame: pd.DataFrame) -> None:
    for date, rows in frame.groupby("event_date", sort=True):
        folder = out / table / f"event_date={date}"
        folder.mkdir(parents=True)
        rows.drop(columns="event_date").to_parquet(folder / "part.parquet", index=False, compression="snappy")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

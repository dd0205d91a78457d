"""The files of the dataset `bench`: an export of some days, about 100 bytes a row, the same bytes for the same seed.

| mess | share | what it looks like |
|---|---|---|
| times | 100 % | a third each: `2015-01-01T10:20:30Z`, `2015-01-01 10:20:30`, `2015-01-01T12:20:30.123+02:00` |
| no time | 0.3 % | empty, `yesterday`, `2015-02-30T10:00:00Z` |
| no user | 0.3 % | empty, `n/a` |
| no minutes | 0.1 % | `free` |
| ragged | 0.1 % | cut short after the third field, two fields too many |
| copies | 0.5 % | the same record again, half of them some seconds later |
| late | 1 % | in the file of the next date |
| spellings | 5 % | ` ios `, `IOS`, `View`, `start` for play |
| no platform | 2 % | empty |
| quoted | 1 % | `"item, 17"` |

No line has a stray quote or a NUL byte, of which the plain scripts would die, and no user is active for a day
without a pause, so that a session never covers more than two dates.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from event_assets.synthetic.seeded_random import Draw, Ints, mixed

FIRST = dt.date(2015, 1, 1)
HEADER = "log_id,user_id,timestamp,event_type,platform,product,watch_time"
NO_TIME, NO_USER, NO_MINUTES, RAGGED, COPIES, LATE = 0.003, 0.003, 0.001, 0.001, 0.005, 0.01
SPELLINGS, NO_PLATFORM, QUOTED = 0.05, 0.02, 0.01

_TYPES = (
    ("play", "start", "Play"),
    ("pause", " pause ", "PAUSE"),
    ("view", "View", "view "),
    ("buy", "purchase", "Buy"),
)
_PLATFORMS = (("iOS", "ios", " iOS "), ("Android", "android", "ANDROID"), ("Web", "web", " WEB"))
_COUNTRIES = ("US", "us", "DE", "FR", "IN", "BR", "JP", " GB ")
_PLANS = ("free", "basic", "Premium", "")
_DAY = 86_400
_LONGEST_SESSION = 11
_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint8).reshape(256, 2)


def generate(inbox: Path, *, rows: int, days: int, seed: int = 1, first: dt.date = FIRST) -> int:
    """Write `events_YYYYMMDD.csv` for each date and `profiles.csv`, `rows` events in all; gives their bytes."""
    inbox.mkdir(parents=True, exist_ok=True)
    users = users_of(rows, days)
    _write_profiles(inbox / "profiles.csv", Draw(seed, 0), users)
    waiting: pl.DataFrame | None = None
    for number in range(days):
        size = rows * (number + 1) // days - rows * number // days
        last = number == days - 1
        events = date_of_events(Draw(seed, 1, number), first + dt.timedelta(days=number), size, users, last=last)
        is_late = pl.Series(Draw(seed, 2, number).chance(size, 0.0 if last else LATE))
        together = events.filter(~is_late) if waiting is None else pl.concat([events.filter(~is_late), waiting])
        waiting = events.filter(is_late)
        write_events(inbox / f"events_{first + dt.timedelta(days=number):%Y%m%d}.csv", together)
    return sum(path.stat().st_size for path in inbox.iterdir())


def users_of(rows: int, days: int) -> int:
    """As many users as make about one session each on two dates, however many dates there are."""
    return max(20, rows // days // 3)


def generate_late(path: Path, *, rows: int, date: dt.date, users: int, seed: int = 1) -> None:
    """A further file of one date, whose users are those of `generate` with `users` of them."""
    write_events(path, date_of_events(Draw(seed, 3), date, rows, users, first_record=500_000_000))


def date_of_events(
    draw: Draw, date: dt.date, size: int, users: int, *, last: bool = True, first_record: int = 0
) -> pl.DataFrame:
    """`line`: the text of a date's events in order of time. Sessions may go on past midnight but on the last date."""
    copies = int(size * COPIES)
    unique = size - copies
    length = 1 + draw.below(unique, _LONGEST_SESSION)
    session = np.repeat(np.arange(unique), length)[:unique]
    sessions = int(session[-1]) + 1
    first = np.searchsorted(session, np.arange(sessions), side="left")
    pause = np.where(draw.chance(unique, 0.02), 1_799 + draw.below(unique, 3), draw.below(unique, 300))
    elapsed = np.cumsum(pause)
    elapsed -= elapsed[first][session]
    start = draw.below(sessions, _DAY)
    if last:
        total = elapsed[np.append(first[1:], unique) - 1]
        start -= np.maximum(start + total - (_DAY - 1), 0)
    second = np.maximum(start[session] + elapsed, 0)
    # A tenth of the users makes half of the sessions.
    heavy = draw.chance(sessions, 0.5)
    user = np.where(heavy, draw.below(sessions, max(1, users // 10)), draw.below(sessions, users))
    frame = pl.DataFrame(
        {
            "record": first_record + np.arange(unique) + date.toordinal() * 10**9,
            "user": _user_ids(user[session]),
            "second": second,
            "platform": draw.below(sessions, len(_PLATFORMS))[session],
        }
    )
    again = frame[np.sort(draw.below(copies, unique))].with_columns(
        second=pl.min_horizontal(pl.col("second") + pl.Series(draw.below(copies, 2) * 7), pl.lit(_DAY - 1))
        if last
        else pl.col("second") + pl.Series(draw.below(copies, 2) * 7)
    )
    return _lines(pl.concat([frame, again]).sort("second", maintain_order=True), draw, date)


def write_events(path: Path, lines: pl.DataFrame) -> None:
    with path.open("wb") as file:
        file.write(f"{HEADER}\n".encode())
        lines.write_csv(file, include_header=False, quote_style="never")


def _lines(events: pl.DataFrame, draw: Draw, date: dt.date) -> pl.DataFrame:
    # What a record says depends on its number alone: a copy says the same.
    record = events["record"].to_numpy()
    trait, salt = mixed(record, 1), mixed(record, 2)
    midnight = dt.datetime.combine(date, dt.time())
    when = pl.lit(midnight) + pl.duration(seconds="second")
    times = (
        when.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        when.dt.strftime("%Y-%m-%d %H:%M:%S"),
        (when + pl.duration(hours=2, milliseconds="milli")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3f+02:00"),
    )
    size = events.height
    events = events.with_columns(
        milli=pl.Series(trait % 1000),
        way=pl.Series(draw.below(size, 3)),
        wrong_time=pl.Series(draw.chance(size, NO_TIME)),
        wrong_user=pl.Series(draw.chance(size, NO_USER)),
        wrong_minutes=pl.Series(draw.chance(size, NO_MINUTES)),
        ragged=pl.Series(draw.chance(size, RAGGED)),
    )
    time = pl.when(pl.col("way") == 0).then(times[0]).when(pl.col("way") == 1).then(times[1]).otherwise(times[2])
    product = pl.Series(trait // 1000 % 5_000).cast(pl.String)
    item = pl.when(pl.Series(salt % 100 < QUOTED * 100)).then(pl.concat_str(pl.lit('"item, '), product, pl.lit('"')))
    cents = pl.Series(trait // 7 % 100).cast(pl.String).str.zfill(2)
    minutes = pl.concat_str(pl.Series(trait // 700 % 180).cast(pl.String), pl.lit("."), cents)
    spelling = np.where(salt // 100 % 100 < SPELLINGS * 100, salt // 10_000 % 3, 0)
    platform = _texts(_PLATFORMS, events["platform"].to_numpy() * 3 + spelling)
    fields = (
        pl.lit(_uuids(record)),
        pl.when("wrong_user").then(_either("", "n/a")).otherwise(pl.col("user").cast(pl.String)),
        pl.when("wrong_time").then(_either("", "yesterday", "2015-02-30T10:00:00Z")).otherwise(time),
        _texts(_TYPES, trait // 11 % len(_TYPES) * 3 + spelling),
        pl.when(pl.Series(salt // 300 % 100 < NO_PLATFORM * 100)).then(pl.lit("")).otherwise(platform),
        item.otherwise(pl.concat_str(pl.lit("item-"), product)),
        pl.when("wrong_minutes").then(pl.lit("free")).otherwise(minutes),
    )
    whole = pl.concat_str(fields, separator=",")
    short = pl.concat_str(fields[:3], separator=",")
    ragged = pl.when(pl.col("way") == 0).then(short).otherwise(pl.concat_str(whole, pl.lit(",surplus,")))
    return events.select(line=pl.when("ragged").then(ragged).otherwise(whole))


def _write_profiles(path: Path, draw: Draw, users: int) -> None:
    """Four of five users; some stand there twice, and then the last row holds."""
    known = np.flatnonzero(draw.chance(users, 0.8))
    known = np.append(known, known[draw.below(len(known) // 200, len(known))])
    trait = mixed(np.arange(len(known)), 5)
    signup = pl.lit(FIRST) - pl.duration(days=pl.lit(pl.Series(trait % 1000)))
    rows = pl.DataFrame({"user_id": _user_ids(known)}).select(
        "user_id",
        _texts((_COUNTRIES,), trait // 1000 % len(_COUNTRIES)).alias("country"),
        _texts((_PLANS,), trait // 8000 % len(_PLANS)).alias("plan"),
        signup.dt.strftime("%Y-%m-%d").alias("signup_date"),
    )
    rows.write_csv(path, quote_style="never")


def _texts(spellings: tuple[tuple[str, ...], ...], codes: Ints) -> pl.Expr:
    return pl.lit(pl.Series([text for row in spellings for text in row]).gather(codes))


def _either(*texts: str) -> pl.Expr:
    text = pl.lit(texts[0])
    for number, other in enumerate(texts[1:], 1):
        text = pl.when(pl.col("milli") % len(texts) == number).then(pl.lit(other)).otherwise(text)
    return text


def _user_ids(users: Ints) -> Ints:
    return 1_000_000_000 + mixed(users, 3) % 9_000_000_000


def _uuids(numbers: Ints) -> pl.Series:
    """A UUID's text for each number: 36 characters that look random."""
    halves = np.stack([mixed(numbers, 7) << 2, mixed(numbers, 8) << 2], axis=1).astype(">i8")
    digits = _HEX[halves.view(np.uint8)].reshape(len(numbers), 32)
    text = np.full((len(numbers), 36), ord("-"), np.uint8)
    for source, target, width in ((0, 0, 8), (8, 9, 4), (12, 14, 4), (16, 19, 4), (20, 24, 12)):
        text[:, target : target + width] = digits[:, source : source + width]
    offsets = np.arange(0, 36 * len(numbers) + 1, 36, dtype=np.int64)
    array = pa.LargeStringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(text))
    return pl.Series(array)

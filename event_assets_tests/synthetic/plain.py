"""An independent calculation of what generated files hold: the csv, json and datetime modules, record by record."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Record = Mapping[str, str]
UTC = dt.UTC


@dataclass
class Count:
    """What a plain reading finds."""

    records: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    users: set[str] = field(default_factory=set)
    keys: Counter[Any] = field(default_factory=Counter)
    late: int = 0
    valid: list[tuple[Record, dt.datetime]] = field(default_factory=list)

    @property
    def duplicates(self) -> int:
        return self.keys.total() - len(self.keys)


def count(files: list[Path], rules: Rules) -> Count:
    """Every record of the files under the rules of its dataset."""
    found = Count()
    for path in files:
        day = file_date(path)
        for record in csv_records(path) if path.suffix == ".csv" else json_records(path):
            found.records += 1
            outcome = rules.judge(record, day)
            if isinstance(outcome, str):
                found.reasons[outcome] += 1
                continue
            assert isinstance(record, Mapping)
            found.users.add(rules.user(record))
            found.keys[rules.key(record, outcome)] += 1
            found.late += outcome.date() < day
            found.valid.append((record, outcome))
    return found


@dataclass(frozen=True)
class Rules:
    """A dataset's rules in plain words. `checks` are asked in order; the first that fails is the reason."""

    time: str
    checks: Mapping[str, Callable[[Record], bool]]
    key: Callable[[Record, dt.datetime], Hashable]
    missing_time_is_file_date: bool = False
    user: Callable[[Record], str] = lambda record: record.get("user_id", "").strip()

    def judge(self, record: Record | str, day: dt.date) -> str | dt.datetime:
        """The reason for which a record is rejected, or its time."""
        if isinstance(record, str):
            return record
        text = record.get(self.time, "").strip()
        if not text and not self.missing_time_is_file_date:
            return "missing_timestamp"
        moment = parse(text) if text else dt.datetime.combine(day, dt.time(), UTC)
        if moment is None:
            return "invalid_timestamp"
        failed = next((reason for reason, fine in self.checks.items() if not fine(record)), None)
        return failed or moment


def parse(text: str) -> dt.datetime | None:
    if not re.match(r"\d{4}-\d\d-\d\d", text) or "24:00:00" in text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def file_date(path: Path) -> dt.date:
    match = re.search(r"_(\d{8})(?!\d)", path.name)
    assert match is not None
    return dt.datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=UTC).date()


def csv_records(path: Path) -> Iterator[Record | str]:
    """Each row as a mapping, or the reason for which it is none."""
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    rows = csv.reader(io.StringIO(text, newline=""))
    header = next(rows)
    for row in rows:
        if not row:
            continue
        if any("\udc80" <= character <= "\udcff" for character in "".join(row)):
            yield "not_utf8"
        elif len(row) != len(header) or "\0" in "".join(row):
            yield "malformed_record"
        else:
            yield dict(zip(header, row, strict=True))


def json_records(path: Path) -> Iterator[Record | str]:
    """Each element of an array that has one on a line, flattened to texts, or the reason for which it is none."""
    lines = path.read_bytes().splitlines()
    assert (lines[0], lines[-1]) == (b"[", b"]")
    assert all(line.endswith(b",") for line in lines[1:-2])
    for line in lines[1:-1]:
        try:
            yield flat(json.loads(line.removesuffix(b",").decode()))
        except UnicodeDecodeError:
            yield "not_utf8"
        except json.JSONDecodeError:
            yield "malformed_record"


def flat(element: Mapping[str, object]) -> Record:
    """Members by dotted path; null is left out; an object stands as its own JSON too."""
    texts: dict[str, str] = {}
    for name, value in element.items():
        if isinstance(value, dict):
            texts[name] = json.dumps(value)
            texts |= {f"{name}.{inner}": text for inner, text in flat(value).items()}
        elif value is not None:
            texts[name] = str(value)
    return texts


def app_user(record: Record) -> str:
    """The user of an event of the app; of a visitor the device."""
    return record.get("user_id", "").strip() or record.get("details.anonymous_id", "")


def present(column: str) -> Callable[[Record], bool]:
    return lambda record: record.get(column, "").strip() != ""


def matches(column: str, pattern: str) -> Callable[[Record], bool]:
    """Whether a field is empty or matches."""
    return lambda record: (
        re.fullmatch(pattern, record.get(column, "").strip() or "") is not None or not present(column)(record)
    )


MONEY = r"\d+(\.\d{1,2})?"
SHOP_TYPES = {"product_view": "view", "add-to-cart": "cart", "add_to_cart": "cart", "buy": "purchase"}
PLATFORMS = {"ios": "iOS", "android": "Android", "web": "Web", "unknown": ""}


def lower(record: Record, column: str) -> str:
    return record.get(column, "").strip().lower()


def activity_key(record: Record, moment: dt.datetime) -> tuple[str, ...]:
    session = record["session_id"].strip().replace("invalid_session", "")
    platform = PLATFORMS.get(lower(record, "platform"), "")
    return (record["user_id"], session, platform, record["activity_type"], moment.isoformat())


RULES = {
    "shop": Rules(
        time="event_time",
        checks={
            "missing_user_id": present("user_id"),
            "invalid_user_id": matches("user_id", r"-?\d+"),
            "missing_event_type": present("event_type"),
            "invalid_product_id": matches("product_id", r"-?\d+"),
            "invalid_price": matches("price", MONEY),
        },
        key=lambda record, moment: (
            moment,
            SHOP_TYPES.get(lower(record, "event_type"), lower(record, "event_type")),
            *(lower(record, c) for c in ("user_id", "product_id", "category_id", "category_code", "brand", "price")),
            record["user_session"],
        ),
    ),
    "benefits": Rules(
        time="timestamp",
        checks={
            "missing_user_id": present("user_id"),
            "missing_event_type": present("event_type"),
            "invalid_value": matches("value", r"-?\d+"),
        },
        key=lambda record, _: (
            record["user_id"],
            lower(record, "event_type"),
            record["timestamp"],
            record.get("value"),
        ),
    ),
    "app_events": Rules(
        time="timestamp",
        checks={
            "missing_user_id": lambda record: app_user(record) != "",
            "invalid_user_id": lambda record: re.fullmatch(r"-?\d+", app_user(record)) is not None,
            "missing_event_type": present("event_type"),
            "invalid_price": matches("details.price", MONEY),
        },
        user=lambda record: app_user(record),
        key=lambda record, moment: (moment, app_user(record), record["event_type"], record["details"]),
    ),
    "streaming": Rules(
        time="timestamp",
        checks={
            "missing_log_id": present("log_id"),
            "missing_user_id": present("user_id"),
            "missing_watch_time_min": present("watch_time(min)"),
            "invalid_watch_time_min": matches("watch_time(min)", MONEY),
        },
        key=lambda record, _: record["log_id"],
    ),
    "activity": Rules(
        time="activity_time",
        checks={"missing_user_id": present("user_id"), "missing_event_type": present("activity_type")},
        key=activity_key,
        missing_time_is_file_date=True,
    ),
}

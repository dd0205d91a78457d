"""Formats numbers, shares, dates and durations for the page."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

#: Longer texts are cut on the page; a download has them whole.
LONGEST = 300

#: Continents by their codes.
REGIONS = {
    "AF": "Africa",
    "AN": "Antarctica",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
    "Unknown": "Unknown",
}


def count(value: float) -> str:
    """A whole number with its thousands separated."""
    return f"{value:,.0f}"


def percent(share: float) -> str:
    """A share; a small one that isn't nothing never reads 0 %."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{share * 100:.1f} %"


def date(value: dt.date) -> str:
    return value.isoformat()


def duration(seconds: float) -> str:
    """Seconds as 45 s, 3:05 min or 2:48:55 h."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} h" if hours else f"{minutes}:{rest:02d} min"


def cell(name: str, value: Any) -> str:
    """A value of a column as text. The column's name decides how a number is written."""
    match value:
        case None:
            return ""
        case dt.datetime():
            return value.isoformat(sep=" ").removesuffix("+00:00")
        case bool() | dt.date():
            return str(value)
    if name == "share" or name.startswith("conversion_"):
        return percent(value)
    if name.endswith("_seconds") and not isinstance(value, str):
        return duration(float(value))
    match value:
        case float():
            return f"{value:,.1f}"
        case Decimal():
            return f"{value:,f}"
        case int():
            return str(value) if name.endswith("_id") else count(value)
    text = REGIONS.get(value, value) if name == "geo_region" else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


_LABELS = {
    "conversion_from_previous": "From step before",
    "conversion_from_first": "From first step",
    "users_a_day": "Users a day",
    "users_at_most": "At most",
    "of_no_date": "Of them undated",
    "geo_region": "Region",
    "session_count": "Sessions",
    "user_id": "User",
    "event_date": "Date",
    "event_type": "Type",
    "step_number": "Step",
    "step": "Event",
}


def label(name: str) -> str:
    """A column's heading."""
    return _LABELS.get(name) or name.replace("_", " ").capitalize()

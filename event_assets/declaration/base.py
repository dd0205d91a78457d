"""What all parts of a declaration have in common."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer

_DURATION = re.compile(r"(\d+) ?(s|m|h|d)")
_DURATION_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Declared(BaseModel):
    """Base of every part of a declaration: unknown keys are errors, and values never change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    def rules(self, *parts: str) -> dict[str, Any]:
        """The named parts (all parts by default) as plain JSON values, for digests of rules."""
        return self.model_dump(mode="json", include=set(parts) or None)


def _duration(value: object) -> object:
    """`30m`, `24h`, `90s`, `1d` as a timedelta."""
    if isinstance(value, dt.timedelta):
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a duration as a number and s, m, h or d, such as 30m")
    return dt.timedelta(seconds=int(match[1]) * _DURATION_SECONDS[match[2]])


def duration_text(value: dt.timedelta) -> str:
    """A duration as one writes it: `30m`, `24h` as `1d`, `90s`."""
    seconds = int(value.total_seconds())
    unit = next(unit for unit in ("d", "h", "m", "s") if seconds % _DURATION_SECONDS[unit] == 0)
    return f"{seconds // _DURATION_SECONDS[unit]}{unit}"


def listed(value: object) -> object:
    """A single text is written without a list around it."""
    return (value,) if isinstance(value, str) else value


def printable(what: str) -> AfterValidator:
    """Check that a text can be shown; `what` names it in the error."""

    def check(value: str) -> str:
        if not value.strip() or not value.isprintable():
            raise ValueError(f"{value!r} is not a valid {what}; write printable characters")
        return value

    return AfterValidator(check)


def regular_expression(value: str, remedy: str = "") -> str:
    """The text; ValueError with the remedy where it is not a regular expression."""
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression ({error}){remedy}") from None
    return value


def within(longest: dt.timedelta, words: str) -> AfterValidator:
    """Check that a duration is more than 0 and at most `longest`; `words` is `longest` as the user writes it."""

    def kept(value: dt.timedelta) -> dt.timedelta:
        if not dt.timedelta(0) < value <= longest:
            raise ValueError(f"must be more than 0 and at most {words}")
        return value

    return AfterValidator(kept)


def _as_written(value: dt.timedelta) -> str:
    return f"{int(value.total_seconds())}s"


Duration = Annotated[
    dt.timedelta, BeforeValidator(_duration), PlainSerializer(_as_written, return_type=str, when_used="json")
]

"""The forms in which a time may be written: ISO 8601, RFC 2822 and strptime patterns, each as one regular expression.

A form's named groups are the parts of a time: year, year2 (without its century), month, month_name, day, day_of_year,
hour, hour12, half (AM or PM), minute, second, fraction, weekday, and of a zone zone, sign, zone_hour, zone_minute and
zone_name; month_short and weekday_short are names of three letters. Numbers that count from a day (`epoch_*`,
`excel_serial`) are no such form: `parse_event_times.py` reads them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

#: Numbers that count from a fixed day; a declaration may name one of them.
EPOCH_UNITS = ("epoch_seconds", "epoch_millis", "epoch_micros", "epoch_nanos")
NUMBER_FORMATS = (*EPOCH_UNITS, "excel_serial")
NAMED_FORMATS = ("iso", "rfc2822", *NUMBER_FORMATS)

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
#: `%y` from here on is a year of the 1900s, as POSIX has it.
FIRST_OF_1900S = 69
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Group to the names that it reads, in lower case, in order.
NAMES = {
    "month_name": _MONTHS,
    "month_short": tuple(name[:3] for name in _MONTHS),
    "weekday": _WEEKDAYS,
    "weekday_short": tuple(name[:3] for name in _WEEKDAYS),
    "half": ("am", "pm"),
}
#: Zones that RFC 2822 names; a declaration's `time.zones` adds to UTC and GMT only.
_RFC_ZONES = {"UT": "+00:00", "UTC": "+00:00", "GMT": "+00:00", "EDT": "-04:00", "EST": "-05:00", "CDT": "-05:00"}
_RFC_ZONES |= {"CST": "-06:00", "MDT": "-06:00", "MST": "-07:00", "PDT": "-07:00", "PST": "-08:00"}
_OFFSET = re.compile(r"[+-](?:[01]\d|2[0-3]):?[0-5]\d", re.ASCII)
_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_/+-]*", re.ASCII)

_NUMERIC_ZONE = r"(?P<sign>[+-])(?P<zone_hour>[0-9]{2})(?::?(?P<zone_minute>[0-9]{2}))?"
_ISO = (
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    rf"(?P<zone> ?(?:Z|UTC|{_NUMERIC_ZONE}))?)?"
)


def _letters(names: tuple[str, ...]) -> str:
    """A pattern of names in any case, without a flag that would change the rest of the form."""
    return "|".join("".join(f"[{c.upper()}{c}]" for c in name) for name in names)


def _zone_names(zones: Mapping[str, str]) -> str:
    return "|".join(re.escape(name) for name in sorted(zones, key=len, reverse=True))


#: Directive to (its part of the time, its pattern). The second digit of a number is optional.
_DIRECTIVES = {
    "Y": ("year", r"(?P<year>[0-9]{4})"),
    "y": ("year", r"(?P<year2>[0-9]{2})"),
    "m": ("month", r"(?P<month>[0-9]{1,2})"),
    "b": ("month", rf"(?P<month_short>{_letters(NAMES['month_short'])})"),
    "B": ("month", rf"(?P<month_name>{_letters(NAMES['month_name'])})"),
    "d": ("day", r"(?P<day>[0-9]{1,2})"),
    "j": ("day of the year", r"(?P<day_of_year>[0-9]{1,3})"),
    "H": ("hour", r"(?P<hour>[0-9]{1,2})"),
    "I": ("hour", r"(?P<hour12>[0-9]{1,2})"),
    "p": ("half of the day", rf"(?P<half>{_letters(NAMES['half'])})"),
    "M": ("minute", r"(?P<minute>[0-9]{1,2})"),
    "S": ("second", r"(?P<second>[0-9]{1,2})"),
    "f": ("fraction", r"(?P<fraction>[0-9]{1,9})"),
    "a": ("weekday", rf"(?P<weekday_short>{_letters(NAMES['weekday_short'])})"),
    "A": ("weekday", rf"(?P<weekday>{_letters(NAMES['weekday'])})"),
    "z": ("zone", rf"(?P<zone>Z|{_NUMERIC_ZONE})"),
    "Z": ("zone", ""),  # the names that are declared
}
_DIGITS = frozenset("YymdjHIMSf")
_INSTEAD = {"T": "%H:%M:%S", "R": "%H:%M", "F": "%Y-%m-%d", "D": "%m/%d/%y", "e": "%d", "k": "%H", "l": "%I", "h": "%b"}
_INSTEAD |= {"s": "the format epoch_seconds", "c": "%a %b %d %H:%M:%S %Y", "L": "%f", "N": "%f", "P": "%p"}


@dataclass(frozen=True)
class TimeForm:
    """One way of writing a time, with the offsets of the zones that it may name, in seconds east of UTC."""

    pattern: re.Pattern[str]
    zones: Mapping[str, int]

    def __hash__(self) -> int:
        return hash(self.pattern)


@lru_cache(maxsize=256)
def time_form(format: str, zones: tuple[tuple[str, str], ...] = ()) -> TimeForm:
    """The form that `iso`, `rfc2822` or a strptime pattern means; ValueError, with a remedy, where it means none."""
    named = {"UTC": "+00:00", "GMT": "+00:00", **dict(zones)}
    match format:
        case "iso":
            text = _ISO
        case "rfc2822":
            named = _RFC_ZONES
            zone = rf"(?P<zone>{_NUMERIC_ZONE}|(?P<zone_name>{_zone_names(named)}))"
            weekday, month = _DIRECTIVES["a"][1], _DIRECTIVES["b"][1]
            text = (
                rf"(?:{weekday}, ?)?(?P<day>[0-9]{{1,2}}) {month} (?P<year>[0-9]{{4}}) "
                rf"(?P<hour>[0-9]{{2}}):(?P<minute>[0-9]{{2}})(?::(?P<second>[0-9]{{2}}))? {zone}(?: \([^()]*\))?"
            )
        case _:
            text = _of_pattern(format, named)
    return TimeForm(re.compile(text), {name: offset_seconds(offset) for name, offset in named.items()})


def offset_seconds(text: str) -> int:
    """`+01:00` or `-0800` as seconds east of UTC; ValueError where it is no offset."""
    if not _OFFSET.fullmatch(text):
        raise ValueError(f'{text!r} is not an offset from UTC; write one such as "-08:00"')
    seconds = int(text[1:3]) * 3600 + int(text[-2:]) * 60
    return -seconds if text[0] == "-" else seconds


def check_zone_name(name: str) -> None:
    """ValueError where `%Z` could not read such a name."""
    if not _ZONE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a zone; write letters, such as PST")


def _meant(format: str) -> str:
    """What to write in place of a format of other programs: dd.MM.yyyy, epoch_ms."""
    pattern = re.sub("|".join(_OTHERS), lambda match: _OTHERS[match[0]], format)
    if "%" in pattern:
        return f'write the pattern "{pattern}"'
    if re.match("epoch|unix|ms|millis|seconds", format):
        return f"write {'epoch_millis' if 'm' in format else 'epoch_seconds or epoch_millis'}"
    return 'write a pattern such as "%d.%m.%Y %H:%M"'


#: The letters of Java and Excel.
_OTHERS = {"yyyy": "%Y", "YYYY": "%Y", "MM": "%m", "dd": "%d", "DD": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


def _of_pattern(format: str, zones: Mapping[str, str]) -> str:
    """The regular expression of a strptime pattern."""
    tokens = re.findall(r"%.|%$|[^%]", format, re.S)
    letters = [token[1:] if token[0] == "%" else None for token in tokens]
    if not any(letters):
        names = ", ".join(NAMED_FORMATS)
        raise ValueError(f"{format!r} is not a format; {_meant(format)}; others are {names}")
    _check_pattern(format, [letter for letter in letters if letter is not None])
    digits = [
        token.isdigit() if letter is None else letter in _DIGITS for token, letter in zip(tokens, letters, strict=True)
    ]
    parts = []
    for at, (token, letter) in enumerate(zip(tokens, letters, strict=True)):
        if letter is None:
            parts.append(re.escape(token))
            continue
        text = rf"(?P<zone>(?P<zone_name>{_zone_names(zones)}))" if letter == "Z" else _DIRECTIVES[letter][1]
        # Where nothing separates it from other digits, a number has all of its own.
        if (at and digits[at - 1]) or (at + 1 < len(tokens) and digits[at + 1]):
            text = text.replace("{1,2}", "{2}").replace("{1,3}", "{3}")
        parts.append(text)
    return "".join(parts)


def _check_pattern(format: str, letters: list[str]) -> None:
    """ValueError where the directives of a pattern don't give exactly one instant."""

    def wrong(what: str) -> ValueError:
        return ValueError(f'{format!r} {what}, such as "%d.%m.%Y %H:%M"')

    for letter in letters:
        if letter not in _DIRECTIVES:
            instead = f"; write {_INSTEAD[letter]} instead" if letter in _INSTEAD else ""
            known = " ".join(f"%{known}" for known in _DIRECTIVES)
            raise ValueError(f"{format!r} has %{letter}, which is not supported{instead}; supported are {known}")
    parts = [_DIRECTIVES[letter][0] for letter in letters]
    for part in parts:
        if parts.count(part) > 1:
            raise wrong(f"has the {part} twice; write a pattern that has it once")
    if "year" not in parts or not ({"month", "day"} <= {*parts} or "day of the year" in parts):
        raise wrong("is not a whole date; write a pattern with year, month and day")
    if "day of the year" in parts and {"month", "day"} & {*parts}:
        raise wrong("has the day twice (%j); write a pattern that has it once")
    if "I" in letters and "p" not in letters:
        raise ValueError(f'{format!r} has %I without %p; write "%I:%M %p", or %H for hours from 00 to 23')
    if "p" in letters and "hour" not in parts:
        raise ValueError(f'{format!r} has %p without an hour; write "%I:%M %p"')
    for part, needed in (("minute", "hour"), ("second", "minute"), ("fraction", "second")):
        if part in parts and needed not in parts:
            raise wrong(f"has the {part} but not the {needed}; write a pattern with both")


def read_form(form: TimeForm, text: str) -> tuple[dt.datetime, int | None] | None:
    """(the local time to the microsecond, seconds east of UTC or None where the text names no zone); None where the
    text is not a time of that form."""
    match = form.pattern.fullmatch(text)
    if match is None:
        return None
    parts = {name: part for name, part in match.groupdict().items() if part is not None}
    try:
        local = _date(parts) + dt.timedelta(hours=_hour(parts))
        local = local.replace(
            minute=int(parts.get("minute", 0)),
            second=int(parts.get("second", 0)),
            microsecond=int(parts.get("fraction", "").ljust(6, "0")[:6]),
        )
    except (ValueError, OverflowError):
        return None
    weekday = _name(parts, "weekday")
    if weekday is not None and weekday != local.weekday():
        return None
    return _with_offset(local, parts, form)


def _with_offset(local: dt.datetime, parts: dict[str, str], form: TimeForm) -> tuple[dt.datetime, int | None] | None:
    if "zone_name" in parts:
        return local, form.zones[parts["zone_name"]]
    if "sign" in parts:
        hours, minutes = int(parts["zone_hour"]), int(parts.get("zone_minute", 0))
        if hours > 23 or minutes > 59:
            return None
        seconds = hours * 3600 + minutes * 60
        return local, -seconds if parts["sign"] == "-" else seconds
    return local, 0 if "zone" in parts else None


def _date(parts: dict[str, str]) -> dt.datetime:
    short = int(parts.get("year2", 0))
    year = int(parts["year"]) if "year" in parts else short + (1900 if short >= FIRST_OF_1900S else 2000)
    if "day_of_year" in parts:
        day = int(parts["day_of_year"])
        date = dt.datetime(year, 1, 1) + dt.timedelta(days=day - 1)
        if date.year != year:
            raise ValueError(day)
        return date
    month = _name(parts, "month_name")
    return dt.datetime(year, int(parts["month"]) if month is None else month + 1, int(parts["day"]))


def _name(parts: dict[str, str], part: str) -> int | None:
    """The place of a name of a month or weekday, from 0; None where the text has none."""
    name = parts.get(part) or parts.get(part.removesuffix("_name") + "_short")
    return None if name is None else [other[:3] for other in NAMES[part]].index(name[:3].lower())


def _hour(parts: dict[str, str]) -> int:
    """The hour from 0 to 23; ValueError where the text names none."""
    half = parts.get("half", "").lower()
    if "hour12" in parts:
        hour = int(parts["hour12"])
        if not 1 <= hour <= 12:
            raise ValueError(hour)
        return hour % 12 + (12 if half == "pm" else 0)
    hour = int(parts.get("hour", 0))
    if hour > 23 or (half and (hour >= 12) != (half == "pm")):
        raise ValueError(hour)
    return hour

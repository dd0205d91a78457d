"""In which forms a field's texts are times: ISO 8601, numbers since an epoch, or patterns such as `%d.%m.%Y %H:%M`."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from event_assets.text.parse_event_times import parse_time

#: Zones that patterns with %Z may name, as `time.zones` has them. UTC and GMT are known anyway.
_HOURS = {-8: "PST", -7: "PDT MST", -6: "MDT CST", -5: "CDT EST", -4: "EDT", 1: "CET BST", 2: "CEST", 9: "JST"}
ZONES = {name: f"{hours:+03d}:00" for hours, names in _HOURS.items() for name in names.split()}
#: Which numbers are times, by their size: from 1985 to 2128.
_EPOCHS = (
    ("epoch_seconds", 5 * 10**8),
    ("epoch_millis", 5 * 10**11),
    ("epoch_micros", 5 * 10**14),
    ("epoch_nanos", 5 * 10**17),
)
_NUMBER = re.compile(r"([0-9]{9,19})(?:\.[0-9]{1,9})?", re.ASCII)
_SERIAL = re.compile(r"[0-9]{5}(?:\.[0-9]+)?", re.ASCII)
_RFC_2822 = re.compile(
    r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(?::\d\d)? (?:[+-]\d{4}|GMT|UT)", re.ASCII
)

#: As C and Apache's log of errors write times: Sun Dec 04 04:47:44 2005.
_CTIME = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d{1,2} \d\d:\d\d:\d\d(\.\d+)? \d{4}", re.ASCII)

#: Patterns of dates by the shape of their text; several where a text can mean several.
_DATES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\d{4}(?P<m>[-/.])\d{1,2}(?P=m)\d{1,2}", ("%Y{m}%m{m}%d",)),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", ("%d.%m.%Y",)),  # with points the day is first, everywhere
    (r"\d{1,2}\.\d{1,2}\.\d{2}", ("%d.%m.%y",)),
    (r"\d{1,2}(?P<m>[-/])\d{1,2}(?P=m)\d{4}", ("%d{m}%m{m}%Y", "%m{m}%d{m}%Y")),
    (r"\d{1,2}(?P<m>[-/])\d{1,2}(?P=m)\d{2}", ("%d{m}%m{m}%y", "%m{m}%d{m}%y", "%y{m}%m{m}%d")),
    (r"\d{8}", ("%Y%m%d",)),
    (r"\d{1,2}(?P<m>[-/ .])[A-Z][a-z]{2}(?P=m)\d{4}", ("%d{m}%b{m}%Y",)),
    (r"\d{1,2}(?P<m>[-/ .])[A-Z][a-z]{2}(?P=m)\d{2}", ("%d{m}%b{m}%y",)),
    (r"\d{1,2} [A-Z][a-z]{3,} \d{4}", ("%d %B %Y",)),
    (r"[A-Z][a-z]{2} \d{1,2}(?P<m>,? )\d{4}", ("%b %d{m}%Y",)),
    (r"[A-Z][a-z]{3,} \d{1,2}(?P<m>,? )\d{4}", ("%B %d{m}%Y",)),
    (r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4}", ("%a, %d %b %Y",)),
    (r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d{1,2} \d{4}", ("%a %b %d %Y",)),
)
_CLOCKS: tuple[tuple[str, str], ...] = (
    (r"\d{1,2}:\d\d:\d\d\.\d{1,6}", "%H:%M:%S.%f"),
    (r"\d{1,2}:\d\d:\d\d,\d{1,6}", "%H:%M:%S,%f"),
    (r"\d{1,2}:\d\d:\d\d:\d{1,6}", "%H:%M:%S:%f"),
    (r"\d{1,2}:\d\d:\d\d", "%H:%M:%S"),
    (r"\d{1,2}:\d\d", "%H:%M"),
    (r"\d{1,2}:\d\d:\d\d\.\d{1,6} ?[AaPp][Mm]", "%I:%M:%S.%f{b}%p"),
    (r"\d{1,2}:\d\d:\d\d ?[AaPp][Mm]", "%I:%M:%S{b}%p"),
    (r"\d{1,2}:\d\d ?[AaPp][Mm]", "%I:%M{b}%p"),
    (r"\d{6}", "%H%M%S"),
)
_TEXT = re.compile(
    r"(?P<date>.*?)(?:(?P<between>T|, | at |:|-| +)(?P<clock>\d{1,2}:\d\d.*?|\d{6}))?"
    r"(?P<zone>(?P<blank> ?)(?:Z|[+-]\d\d:?\d\d)| (?:UTC|GMT|[A-Z]{3,4}))?",
)
CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[AaPp][Mm])?(?:Z| ?[+-]\d\d:?\d\d)?", re.ASCII)
#: Fewer texts than this share in a form are mistakes rather than a form of their own.
_MIN_SHARE = 0.02
_MAX_TEXTS = 500
_YEAR = dt.timedelta(days=366)


@dataclass(frozen=True)
class TimeFormats:
    """The forms that read a field's texts."""

    formats: tuple[str, ...]
    """Values of `time.formats`."""
    unread: tuple[str, ...]
    """The texts that no format reads."""
    ambiguous: int
    """How many texts mean two different times."""
    has_clock: bool
    """Whether texts contain a time of day."""
    is_naive: bool
    """Whether some texts have no zone."""


def infer_time_formats(texts: Sequence[str], *, most: float = 0.75) -> TimeFormats | None:
    """The forms of the texts; None unless at least the share `most` of the texts are times."""
    looked_at = list(texts[:_MAX_TEXTS])
    if not looked_at:
        return None
    forms = {text: tuple(_forms(text)) for text in dict.fromkeys(looked_at)}
    chosen = _near([*forms], _cover([forms[text] for text in looked_at], len(looked_at)))
    if not chosen:
        return None
    times = {text: {time for form in chosen if (time := read_time(text, form)) is not None} for text in texts}
    read = [text for text in texts if times[text]]
    if len(read) < most * len(texts):
        return None
    clocks = any(form.startswith(("epoch", "excel", "rfc")) or "%H" in form or "%I" in form for form in chosen)
    return TimeFormats(
        tuple(chosen),
        tuple(text for text, found in times.items() if not found),
        ambiguous=sum(len(times[text]) > 1 for text in read),
        has_clock=clocks or any(":" in text for text in read[:50]),
        is_naive=_is_naive(read, chosen),
    )


@lru_cache(maxsize=20_000)
def read_time(text: str, form: str) -> dt.datetime | None:
    """A text as a time in UTC (where it has no zone, as it is); None where it isn't one of that form."""
    try:
        micros = parse_time(text, format=form, source_timezone="UTC", zones=ZONES)
    except ValueError:  # a pattern that a declaration can't have
        return None
    return None if micros is None else dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=micros)


def is_serial(texts: Sequence[str]) -> bool:
    """Whether texts can be the days of a spreadsheet's dates: 1982 to 2064."""
    return bool(texts) and all(_SERIAL.fullmatch(text) and 30_000 <= float(text) < 60_000 for text in texts)


def _forms(text: str) -> Iterator[str]:
    if read_time(text, "iso") is not None:
        yield "iso"
        return
    if match := _NUMBER.fullmatch(text):
        number = int(match[1])
        yield from (form for form, low in _EPOCHS if low <= number < 10 * low)
    if _RFC_2822.fullmatch(text) and read_time(text, "rfc2822") is not None:
        yield "rfc2822"
        return
    yield from (pattern for pattern in _patterns(text) if read_time(text, pattern) is not None)


def _patterns(text: str) -> Iterator[str]:
    """The strptime patterns that a text's shape suggests."""
    if found := _CTIME.fullmatch(text):
        yield f"%a %b %d %H:%M:%S{'.%f' if found[1] else ''} %Y"
        return
    match = _TEXT.fullmatch(text)
    if match is None:
        return
    clock, zone = _clock(match["clock"]), ""
    if match["clock"] is not None and clock is None:
        return
    if match["zone"]:
        zone = f"{match['blank']}%z" if match["blank"] is not None else " %Z"
    for shape, dates in _DATES:
        if found := re.fullmatch(shape, match["date"], re.ASCII):
            mark = found.groupdict().get("m", "")
            for date in dates:
                yield date.format(m=mark) + (f"{match['between']}{clock}" if clock else "") + zone


def _clock(text: str | None) -> str | None:
    patterns = (pattern for shape, pattern in _CLOCKS if text is not None and re.fullmatch(shape, text, re.ASCII))
    found = next(patterns, None)
    return found and found.format(b=" " if text and " " in text else "")


def _cover(forms: Sequence[tuple[str, ...]], texts: int) -> list[str]:
    """The fewest forms that read the texts, the most frequent first; all of those that read the same texts."""
    chosen: list[str] = []
    left = [some for some in forms if some]
    while len(left) > max(0, _MIN_SHARE * texts) or (left and not chosen):
        counts = Counter(form for some in left for form in some)
        most = max(counts.values())
        best = [form for form, count in counts.items() if count == most]
        covered = [some for some in left if best[0] in some]
        chosen += [form for form in best if all(form in some for some in covered)]
        left = [some for some in left if not set(some) & set(chosen)]
    return chosen


def _near(texts: Sequence[str], forms: Sequence[str]) -> list[str]:
    """The forms without those of years of two digits by which the dates are years apart, where by others they aren't:
    the days of 30/12/24 and 31/12/24 follow each other if the year is last."""
    spans = {}
    for form in forms:
        times = [time for text in texts if (time := read_time(text, form)) is not None]
        spans[form] = max(times) - min(times)
    is_near = any(spans[form] <= _YEAR for form in forms)
    return [form for form in forms if not (is_near and "%y" in form and spans[form] > _YEAR)]


def _is_naive(texts: Sequence[str], forms: Sequence[str]) -> bool:
    if "excel_serial" in forms or any("%" in form and "%z" not in form.lower() for form in forms):
        return True
    isos = (text for text in texts if "iso" in forms and read_time(text, "iso") is not None)
    return any(not re.search(r"[zZ]$|UTC$|[+-]\d\d:?(?:\d\d)?$", text[10:]) for text in isos)

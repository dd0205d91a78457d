"""Logs as batches: a regular expression reads each line, and its named groups are the fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl

from event_assets.declaration import Source
from event_assets.declaration.events_and_profiles import LOG_PATTERNS
from event_assets.landing.csv import Layout, batch_of
from event_assets.landing.plain_text import LineBlocks, open_plain
from event_assets.landing.reader_interface import (
    MALFORMED,
    NOT_UTF8,
    ROW_NUMBER,
    TOO_LONG,
    Batch,
    Fields,
    Reject,
    texts_of,
)

_LINE = "line"
#: No name of a declared group is likely to be this one.
_WHOLE = "event_assets_line"


def read_log(path: Path, source: Source, fields: Fields) -> Iterator[Batch]:
    """The lines of a plain UTF-8 file in order, but blank ones. A line that the expression doesn't match as a whole is
    malformed; a group that takes no part in a match, or is empty, is null."""
    names = list(re.compile(source.log.expression).groupindex)
    layout = Layout.of(names, fields, dash_is_null=source.log.pattern in LOG_PATTERNS)
    with open_plain(path) as file:
        for block in LineBlocks(file, source.max_record_bytes, bare_cr=False):
            lines = [line.removesuffix(b"\r") for line in block.data.split(b"\n") if line.strip() or block.too_long]
            if lines:
                yield _batch(lines, source, names, layout, 0 if block.too_long else source.max_record_bytes)


def _batch(lines: list[bytes], source: Source, names: list[str], layout: Layout, max_bytes: int) -> Batch:
    rejects: list[Reject] = []
    texts: list[str | None] = []
    for number, line in enumerate(lines, 1):
        text = None
        try:
            if len(line) > max_bytes:
                rejects.append(Reject(number, TOO_LONG, line))
            elif b"\0" not in line:
                text = line.decode()
        except UnicodeDecodeError:
            rejects.append(Reject(number, NOT_UTF8, line))
        texts.append(text)
    frame = _matched(pl.Series(_LINE, texts, pl.String), source.log.expression, names)
    frame = frame.insert_column(0, pl.int_range(1, len(lines) + 1, eager=True).alias(ROW_NUMBER))
    known = {reject.row_number for reject in rejects}
    wrong = frame.filter(pl.col(_LINE).is_null())[ROW_NUMBER]
    rejects += [Reject(number, MALFORMED, lines[number - 1]) for number in wrong if number not in known]
    readable = frame.filter(pl.col(_LINE).is_not_null()).drop(_LINE)
    return batch_of(readable, layout, len(lines), rejects, partial(texts_of, lines))


def _matched(texts: pl.Series, expression: str, names: list[str]) -> pl.DataFrame:
    """The groups of each text by their places, and the text itself where the expression matches all of it."""
    whole = f"^(?P<{_WHOLE}>{expression})$"
    try:
        groups = texts.str.extract_groups(whole).struct.unnest()
    except pl.exceptions.ComputeError:  # what Polars lacks, such as looking ahead, Python has
        found = [None if text is None else re.fullmatch(expression, text) for text in texts]
        rows = [{} if match is None else {_WHOLE: match[0], **match.groupdict()} for match in found]
        groups = pl.DataFrame(rows, schema=dict.fromkeys([_WHOLE, *names], pl.String))
    fields = (pl.col(name).replace("", None).alias(f"{place}") for place, name in enumerate(names))
    return groups.select(pl.col(_WHOLE).alias(_LINE), *fields)

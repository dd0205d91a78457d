"""Generates the user and time of each synthetic event: few users have most events, and the pauses are shorter, about
as long as, or longer than the session gap.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from event_assets.synthetic.seeded_random import Draw, Ints
from event_assets.synthetic.time_texts import DAY

#: Share of sessions that begin in the last twenty minutes of a day, so that many of them cross midnight.
NIGHT_OWLS = 0.03
#: Pauses within a source session, in seconds: (shortest, longest, share). 1799 to 1801 is the edge of a
#: 30 minute gap, which must be cut exactly.
PAUSES = ((1, 180, 0.90), (180, 1_799, 0.06), (1_799, 1_802, 0.01), (1_802, 10_800, 0.03))
LONGEST_SESSION = 12


def timeline(draw: Draw, rows: int, *, begin: int, span: int, users: int) -> pl.DataFrame:
    """`rows` events as user (0 .. users - 1), session (a number) and time (epoch seconds), by session and time.

    Times are in [begin, begin + span). A user's source sessions may overlap, as those of two devices do.
    """
    sizes = 1 + draw.skewed(rows, LONGEST_SESSION)
    session = np.repeat(np.arange(rows, dtype=np.int64), sizes)[:rows]
    sessions = int(session[-1]) + 1
    first = np.searchsorted(session, np.arange(sessions), side="left")
    pause = _pauses(draw, rows)
    elapsed = np.cumsum(pause)
    elapsed -= elapsed[first][session]
    length = elapsed[np.append(first[1:], rows) - 1]
    start = _starts(draw, sessions, begin, span)
    # A session that would run over the end is moved back as a whole: its pauses stay what they are.
    start -= np.maximum(start + length - (begin + span - 1), 0)
    return pl.DataFrame(
        {
            "user": draw.skewed(sessions, users).astype(np.int32)[session],
            "session": session.astype(np.int32),
            "time": np.maximum(start[session] + elapsed, begin),
        }
    )


def _pauses(draw: Draw, size: int) -> Ints:
    kind = draw.choice(size, [share for _, _, share in PAUSES])
    shortest = np.array([low for low, _, _ in PAUSES])
    width = np.array([high - low for low, high, _ in PAUSES])
    pause: Ints = shortest[kind] + (draw.uniform(size) * width[kind]).astype(np.int64)
    return pause


def _starts(draw: Draw, size: int, begin: int, span: int) -> Ints:
    """More by day than by night: the mean of two even numbers has its peak in the middle of the day."""
    if span < DAY:
        return begin + draw.below(size, span)
    second = (draw.below(size, DAY) + draw.below(size, DAY)) // 2
    owls = draw.chance(size, NIGHT_OWLS)
    second[owls] = DAY - 1 - draw.below(size, 1_200)[owls]
    return begin + draw.below(size, span // DAY) * DAY + second

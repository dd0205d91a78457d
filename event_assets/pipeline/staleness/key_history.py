"""An index of the deduplication keys by date: which keys of a date an earlier date has too (docs/adr/0011).

For each date the hashes of its keys, in order, and for all dates together the few keys that repeat. All of it is made
from one table by date and can be made from it again; what doesn't fit the table's contents counts as not there.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from event_assets.pipeline.staleness.key_hashes import MADE_BY, NO_KEYS, Hashes, KeyHashes
from event_assets.storage.atomic_write import atomic_write

Days = npt.NDArray[np.int32]
Units = Mapping[dt.date, tuple[str, Callable[[], Sequence[Path]]]]
"""Date to the digest of what it holds, and what gives the files that hold it."""

#: At most this number of hashes is sorted at once.
_TOGETHER = 1 << 22
_STATE = "history.npz"
_NO_DAYS: Days = np.zeros(0, np.int32)


class KeyHistory:
    """The keys of a column, by date. A key repeats on a date where an earlier one, at most `days` before, has it too.

    A key is known by 64 bits of a hash. Of 100 million keys, two share theirs once in some 4,000 histories; then a
    reader looks for one of them on a date in vain. A wrong answer takes a third that repeats as well.
    """

    def __init__(self, folder: Path, column: str, days: int | Literal["all"]) -> None:
        self._folder, self._column = folder, column
        self._hashes = KeyHashes(folder, [column])
        self._days = np.iinfo(np.int32).max if days == "all" else days
        self._contents: dict[dt.date, str] = {}
        self._repeats: dict[dt.date, tuple[Hashes, Days]] = {}  # of a date: hashes in order, the nearest date before
        self._seen: object = None

    def follow(self, state: object, units: Callable[[], Units], *, save: bool) -> KeyHistory:
        """Bring this up to a table's units as they are. `state` is equal as long as they are the same."""
        if state != self._seen:
            if self._seen is None:
                self._load()
            self._update(dict(sorted(units().items())), save)
            self._seen = state
        return self

    def digest(self, date: dt.date) -> str:
        """Which of a date's keys repeat, as a digest; empty where none does."""
        found = self._repeats.get(date)
        return hashlib.blake2b(found[0].tobytes(), digest_size=8).hexdigest() if found else ""

    def holders(self, date: dt.date) -> list[dt.date]:
        """The earlier dates that hold the keys which repeat on a date: for each key the nearest."""
        found = self._repeats.get(date)
        return [dt.date.fromordinal(int(day)) for day in np.unique(found[1])] if found else []

    def _update(self, units: Units, save: bool) -> None:
        contents = {date: content for date, (content, _) in units.items()}
        if contents == self._contents:
            return
        touched = self._touched(units)
        found = list(self._found(units, touched, save))
        kept = [] if touched is None else list(self._without(touched, contents))
        self._repeats = _by_date([*kept, *found])
        self._contents = contents
        if save:
            self._save()

    def _touched(self, units: Units) -> Hashes | None:
        """The keys that came or went: only they can repeat otherwise than before. None where it could be any."""
        dates = units.keys() | self._contents.keys()
        changed = [date for date in dates if units.get(date, ("",))[0] != self._contents.get(date)]
        if 2 * len(changed) > len(dates):
            return None
        differences = []
        for date in changed:
            before = self._hashes.kept(date, self._contents[date]) if date in self._contents else NO_KEYS
            if before is None:
                return None
            now = self._keys(date, units, False) if date in units else NO_KEYS
            differences.append(np.setxor1d(before, now, assume_unique=True))
        return np.unique(np.concatenate(differences))

    def _found(self, units: Units, touched: Hashes | None, save: bool) -> Iterator[tuple[Days, Hashes, Days]]:
        """Day, hash and nearest day before of what repeats, among the touched keys or all."""
        if touched is not None:
            among = _Among(touched)
            chosen = [among(self._keys(date, units, save)) for date in units]
            yield self._pairs(units, chosen)
            return
        total = sum(len(self._keys(date, units, save)) for date in units)
        bounds = [(n << 64) // (total // _TOGETHER + 1) for n in range(total // _TOGETHER + 2)]
        for low, high in pairwise(bounds):
            chosen = []
            for date in units:
                keys = self._keys(date, units, save)
                first = int(np.searchsorted(keys, np.uint64(low)))
                last = len(keys) if high == 1 << 64 else int(np.searchsorted(keys, np.uint64(high)))
                chosen.append(keys[first:last])
            yield self._pairs(units, chosen)

    def _pairs(self, units: Units, chosen: Sequence[Hashes]) -> tuple[Days, Hashes, Days]:
        if not chosen:
            return _NO_DAYS, NO_KEYS, _NO_DAYS
        ordinals = np.array([date.toordinal() for date in units], np.int32)
        hashes = np.concatenate(chosen)
        days = np.repeat(ordinals, [len(keys) for keys in chosen])
        order = np.argsort(hashes, kind="stable")  # dates come in order, and stay so among equals
        hashes, days = hashes[order], days[order]
        again = (hashes[1:] == hashes[:-1]) & (days[1:] - days[:-1] <= self._days)
        return days[1:][again], hashes[1:][again], days[:-1][again]

    def _without(self, touched: Hashes, dates: Mapping[dt.date, str]) -> Iterator[tuple[Days, Hashes, Days]]:
        """What repeated before, but for touched keys."""
        for date, (hashes, before) in self._repeats.items():
            if date in dates:
                left = ~np.isin(hashes, touched)
                day = np.full(int(left.sum()), date.toordinal(), np.int32)
                yield day, hashes[left], before[left]

    def _keys(self, date: dt.date, units: Units, save: bool) -> Hashes:
        """The hashes of a date's keys as they are, in order."""
        content, paths = units[date]
        return self._hashes.of(date, content, paths, save=save)

    def _load(self) -> None:
        try:
            with np.load(self._folder / _STATE) as state:
                if str(state["rules"]) == self._rules:
                    dates = [dt.date.fromordinal(int(day)) for day in state["dates"]]
                    self._contents = dict(zip(dates, map(str, state["contents"]), strict=True))
                    self._repeats = _by_date([(state["days"], state["hashes"], state["before"])])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            self._contents, self._repeats = {}, {}

    def _save(self) -> None:
        days = [np.full(len(hashes), date.toordinal(), np.int32) for date, (hashes, _) in self._repeats.items()]
        file = io.BytesIO()
        np.savez(
            file,
            rules=np.array(self._rules),
            dates=np.array([date.toordinal() for date in self._contents], np.int32),
            contents=np.array(list(self._contents.values()), str),
            days=np.concatenate([_NO_DAYS, *days]),
            hashes=np.concatenate([NO_KEYS, *(hashes for hashes, _ in self._repeats.values())]),
            before=np.concatenate([_NO_DAYS, *(before for _, before in self._repeats.values())]),
        )
        with atomic_write(self._folder / _STATE) as whole:
            whole.write(file.getvalue())
        self._hashes.delete_others(self._contents, [_STATE])

    @property
    def _rules(self) -> str:
        return f"{MADE_BY} {self._column} {self._days}"


def _by_date(parts: Sequence[tuple[Days, Hashes, Days]]) -> dict[dt.date, tuple[Hashes, Days]]:
    """What repeats, by date, hashes in order."""
    days = np.concatenate([_NO_DAYS, *(part[0] for part in parts)])
    hashes = np.concatenate([NO_KEYS, *(part[1] for part in parts)])
    before = np.concatenate([_NO_DAYS, *(part[2] for part in parts)])
    order = np.lexsort((hashes, days))
    days, hashes, before = days[order], hashes[order], before[order]
    distinct, starts = np.unique(days, return_index=True)
    ends = [*starts[1:], len(days)] if len(days) else []
    return {
        dt.date.fromordinal(int(day)): (hashes[first:last], before[first:last])
        for day, first, last in zip(distinct, starts, ends, strict=True)
    }


class _Among:
    """Finds those of many keys that are among a few: the last bits alone rule nearly all others out."""

    def __init__(self, few: Hashes) -> None:
        bits = max(len(few), 1).bit_length() + 6
        self._few, self._mask = few, np.uint64((1 << bits) - 1)
        self._bits = np.zeros(1 << bits, np.bool_)
        self._bits[few & self._mask] = True

    def __call__(self, keys: Hashes) -> Hashes:
        likely = keys[self._bits[keys & self._mask]]
        places = np.searchsorted(self._few, likely)
        found: Hashes = (
            likely[self._few[np.minimum(places, len(self._few) - 1)] == likely] if len(self._few) else likely
        )
        return found

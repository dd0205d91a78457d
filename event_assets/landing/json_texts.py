"""Records' own texts. What was read together is cut apart only when one of its texts is needed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import msgspec

from event_assets.landing.json_brackets import element_end

_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True)
class _Together:
    """So many valid values, one behind the other with commas between them."""

    data: bytes
    count: int

    @cached_property
    def texts(self) -> list[bytes]:
        try:
            return [bytes(raw) for raw in _ELEMENTS.decode(b"[" + self.data + b"]")]
        except (msgspec.DecodeError, RecursionError):  # nested deeper than msgspec follows
            return self._by_brackets()

    def _by_brackets(self) -> list[bytes]:
        data, texts, start = self.data + b",", [], 0
        while start < len(data):
            end = element_end(data, start, len(data))
            assert end is not None
            texts.append(data[start:end].strip(b" \t\r\n"))
            start = end + 1
        return texts


class Texts(Sequence[bytes]):
    """The texts of consecutive records, each without white space around it."""

    def __init__(self) -> None:
        self._parts: list[_Together] = []
        self._ends: list[int] = []
        """The number of texts up to the end of each part."""

    def append(self, text: bytes) -> None:
        self.extend(text, 1)

    def extend(self, data: bytes, count: int) -> None:
        """Take the texts of so many valid objects with commas between them; a single one may be anything."""
        self._parts.append(_Together(data, count))
        self._ends.append(len(self) + count)

    def pop(self) -> None:
        """Drop the last one, which was appended."""
        self._parts.pop()
        self._ends.pop()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> list[bytes]: ...
    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(place)
        at = bisect_right(self._ends, place)
        part = self._parts[at]
        return part.data if part.count == 1 else part.texts[place - self._ends[at]]  # from the end of the part

    def joined(self, without: Container[int]) -> bytes:
        """All of them with nothing but commas and white space between, but for the appended ones at some places."""
        parts = zip(self._ends, self._parts, strict=True)
        return b",".join(part.data for end, part in parts if part.count > 1 or end - 1 not in without)

"""A file in blocks of whole lines, so that no reader ever holds more than a block and a record."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from event_assets.landing.record_batches import MAX_RAW_BYTES

BLOCK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Block:
    """Bytes that end with a line end (the last block need not); or the head of one line that is too long."""

    data: bytes
    final: bool
    too_long: bool = False


class LineBlocks:
    """The blocks of an open file from its position. A consumer gives back with `unread` what it can't use yet.

    Lines end with LF; where a block has none and `bare_cr` is set, with CR.
    """

    def __init__(self, file: BinaryIO, max_line_bytes: int, *, bare_cr: bool, block_bytes: int = BLOCK_BYTES) -> None:
        self._file, self._max_line_bytes, self._block_bytes, self._bare_cr = file, max_line_bytes, block_bytes, bare_cr
        self._rest = b""
        self._tail = b""

    def unread(self, data: bytes) -> None:
        """Put the end of the last block before the next one."""
        self._rest = data

    def __iter__(self) -> Iterator[Block]:
        final = False
        while not final:
            chunk = self._file.read(self._block_bytes)
            final = len(chunk) < self._block_bytes
            pending = self._rest + self._tail + chunk
            self._rest = b""
            end = len(pending) if final else self._line_end(pending)
            if end == 0 and len(pending) > self._max_line_bytes:
                yield Block(pending[:MAX_RAW_BYTES], final=False, too_long=True)
                self._tail, final = self._skip_line()
                if final and self._tail:
                    yield Block(self._tail, final=True)
                continue
            self._tail = pending[end:]
            if end:
                yield Block(pending[:end], final)

    def _line_end(self, data: bytes) -> int:
        """The place behind the last line end, 0 where there is none."""
        end = data.rfind(b"\n") + 1
        # A CR at the very end may be the first half of CRLF.
        return end or (data.rfind(b"\r", 0, -1) + 1 if self._bare_cr else 0)

    def _skip_line(self) -> tuple[bytes, bool]:
        """(what follows the end of the present line, whether the file ends there)."""
        while True:
            chunk = self._file.read(self._block_bytes)
            final = len(chunk) < self._block_bytes
            start = chunk.find(b"\n")
            if start >= 0:
                return chunk[start + 1 :], final
            if final:
                return b"", True


class _Until(io.RawIOBase):
    """A file that ends before its end."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self._end = file, end

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._end - self._file.tell())
        return self._file.read(left if size < 0 else min(size, left))

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Told(io.FileIO):
    """A file that tells how many bytes of it are read."""

    def __init__(self, path: Path, read: Callable[[int], None]) -> None:
        super().__init__(path)
        self._last_reported_versions = read

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size) or b""
        self._last_reported_versions(len(data))
        return data


def open_plain(path: Path, *, until: int | None = None, read: Callable[[int], None] | None = None) -> BinaryIO:
    """A file behind its byte order mark; up to a place where one is given. `read` receives each number of bytes."""
    file = cast(BinaryIO, io.FileIO(path) if read is None else _Told(path, read))
    if until is not None:
        file = cast(BinaryIO, _Until(file, until))
    if file.read(3) != b"\xef\xbb\xbf":
        file.seek(0)
    return file

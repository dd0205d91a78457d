"""A source file as plain UTF-8 text: unpacked, decoded, its lines unwrapped; and read in blocks of whole lines."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from event_assets.declaration import Source
from event_assets.landing.reader_interface import FileRejected
from event_assets.landing.unpack import DEFAULT_LIMITS, STREAMS, Ending, Limits, members, unpacked
from event_assets.tables.landed_tables import MAX_RAW_BYTES
from event_assets.text.encodings import DETECT, detect_encoding, exact_encoding, wide_encoding

BLOCK_BYTES = 4 * 1024 * 1024
#: Enough of a text to know how it is written.
HEAD_BYTES = 8 * 1024 * 1024
_BOM = codecs.BOM_UTF8
_HEAD_BYTES = 64 * 1024
_UNDECODABLE = "event_assets.undecodable"


@dataclass(frozen=True)
class PlainFile:
    """A file that readers can open, and what was repaired in it, such as `encoding: cp1252`."""

    path: Path
    repairs: tuple[str, ...]
    rejects: tuple[bytes, ...] = ()
    """What is at its end and not a whole record: the start of the last record of a truncated archive, the head of the
    bytes behind an archive."""


def plain_files(
    path: Path, name: str, source: Source, into: Path, limits: Limits = DEFAULT_LIMITS
) -> Iterator[tuple[str, PlainFile]]:
    """(path below the inbox, plain file) of a file, or of each member of a zip. Raises as `plain_file` does."""
    if not name.endswith(".zip"):
        yield name, plain_file(path, name, source, into, limits)
        return
    for member, copy in members(path, into, limits):
        yield f"{name}!/{member}", plain_file(copy, member, source, into, limits)


def plain_file(path: Path, name: str, source: Source, into: Path, limits: Limits = DEFAULT_LIMITS) -> PlainFile:
    """The file itself where it is plain already, else a plain copy in `into`, written while it is read.

    FileRejected where it can't be unpacked or unpacks beyond the limits.
    """
    repairs: list[str] = []
    plain, packed, converted = path, Ending(), Ending()
    if name.endswith(STREAMS):
        plain = _written(into / "unpacked", unpacked(path, name, limits, packed))
        if packed.cut_off:
            repairs.append("archive: truncated")
        if packed.trailing is not None:
            repairs.append("archive: bytes after its end")
    if source.format in ("parquet", "avro", "excel"):
        if packed.cut_off:
            raise FileRejected("unreadable: the compressed file is cut off")
        if source.format == "avro":
            from event_assets.landing.avro_excel_as_json import avro_lines

            plain = _written(into / "lines", avro_lines(plain, name, converted))
        elif source.format == "excel":
            from event_assets.landing.avro_excel_as_json import excel_lines

            plain = _written(into / "lines", excel_lines(plain, name, source, limits))
        return PlainFile(plain, tuple(repairs), _texts(packed.trailing, converted.trailing))
    plain, decoded = _in_utf_8(plain, source.encoding, into / "decoded")
    repairs += decoded
    with plain.open("rb") as file:
        if file.read(len(_BOM)) == _BOM:
            repairs.append("bom removed")
    if source.lines == "quoted_whole":
        wrapped: list[bool] = []
        plain = _written(into / "unwrapped", _unwrapped(plain, source.max_record_bytes, wrapped))
        repairs += ["lines: quoted_whole"] if any(wrapped) else []
    cut = _cut_last_line(plain) if packed.cut_off and source.format != "json" else None
    return PlainFile(plain, tuple(repairs), _texts(cut, packed.trailing))


def _texts(*texts: bytes | None) -> tuple[bytes, ...]:
    return tuple(text for text in texts if text is not None)


def _in_utf_8(path: Path, encoding: str, target: Path) -> tuple[Path, list[str]]:
    """The text in UTF-8, written to `target` where the file has another encoding, and that as a repair."""
    found = ""
    if encoding == DETECT:
        encoding, found = detect_encoding(plain_chunks(path, "")), " (detected)"
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii"):
        if wide := wide_encoding(head):
            raise FileRejected(f"unreadable: looks like {wide[:6].upper()}; declare encoding: {wide}, or detect")
        return path, []
    try:
        encoding = exact_encoding(encoding, head)
        _written(target, _decoded(path, encoding))
    except ValueError as error:  # also of encodings that know no undecodable bytes
        state = f"unreadable: can't be decoded as {encoding} ({error})"
        raise FileRejected(f"{state}; declare encoding: detect, or the encoding it has") from None
    return target, [f"encoding: {encoding}{found}"]


def plain_chunks(path: Path, name: str, limits: Limits = DEFAULT_LIMITS) -> Iterator[bytes]:
    """A file's bytes, unpacked where its name has the ending of an archive; FileRejected where that fails."""
    if name.endswith(STREAMS):
        yield from unpacked(path, name, limits)
        return
    with path.open("rb") as file:
        while chunk := file.read(BLOCK_BYTES):
            yield chunk


def head_of(path: Path, size: int = HEAD_BYTES) -> bytes:
    """The first bytes of a file, unpacked as by `plain_chunks`."""
    found = bytearray()
    for chunk in plain_chunks(path, path.name):
        found += chunk
        if len(found) >= size:
            break
    return bytes(found[:size])


def _written(target: Path, chunks: Iterable[bytes]) -> Path:
    with target.open("wb") as file:
        file.writelines(chunks)
    return target


def _decoded(path: Path, encoding: str) -> Iterator[bytes]:
    """The text in UTF-8. What can't be decoded becomes bytes that aren't UTF-8, so its record is `not_utf8`."""
    decoder = codecs.getincrementaldecoder(encoding)(_UNDECODABLE)
    for chunk in plain_chunks(path, ""):
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def _keep_undecodable(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", error.end


codecs.register_error(_UNDECODABLE, _keep_undecodable)


def _unwrapped(path: Path, max_bytes: int, wrapped: list[bool]) -> Iterator[bytes]:
    """Each line without the quotes around it, and doubled quotes within it as single ones; `wrapped` receives whether
    any line of a block was. A line that isn't wrapped as a whole (quotes within that aren't doubled) stays as it is.
    """
    with open_plain(path) as file:
        for block in LineBlocks(file, max_bytes, bare_cr=False):
            if block.too_long:  # stays too long, so that its reader sees it
                yield block.data.ljust(max_bytes + 1) + b"\n"
                continue
            lines = block.data.split(b"\n")
            plain = [_WRAPPED.sub(_inner, line) for line in lines]
            wrapped.append(plain != lines)
            yield b"\n".join(plain)


#: A line that is one quoted text, in which every quote is doubled.
_WRAPPED = re.compile(rb'\A"((?:[^"]++|"")*+)"(?=\r?\Z)')


def _inner(wrapped: re.Match[bytes]) -> bytes:
    return wrapped[1].replace(b'""', b'"')


def _cut_last_line(path: Path) -> bytes:
    """Remove the last, unfinished line from the file; returns its first 64 KiB."""
    with path.open("r+b") as file:
        start = file.seek(0, 2)
        keep = 0
        while start and not keep:
            start = max(0, start - BLOCK_BYTES)
            file.seek(start)
            keep = file.read(BLOCK_BYTES).rfind(b"\n") + 1
            keep += start if keep else 0
        file.seek(keep)
        head = file.read(MAX_RAW_BYTES)
        file.truncate(keep)
        return head


@dataclass(frozen=True)
class Block:
    """Bytes that end with a line end (the last block need not); or the head of one line that is too long."""

    data: bytes
    final: bool
    too_long: bool = False


class LineBlocks:
    """The blocks of an open file from its position on. A consumer returns with `unread` what it can't use yet.

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
        final = skipping = False
        while not final:
            chunk = self._file.read(self._block_bytes)
            final = len(chunk) < self._block_bytes
            if skipping:  # the rest of a line that is too long
                _, line_end, chunk = chunk.partition(b"\n")
                skipping = not line_end
            pending = self._rest + self._tail + chunk
            self._rest = b""
            end = len(pending) if final else self._line_end(pending)
            if end == 0 and len(pending) > self._max_line_bytes:
                yield Block(pending[:MAX_RAW_BYTES], final=False, too_long=True)
                self._tail, skipping = b"", True
                continue
            self._tail = pending[end:]
            if end:
                yield Block(pending[:end], final)

    def _line_end(self, data: bytes) -> int:
        """The position behind the last line end; 0 if the data has no line end."""
        end = data.rfind(b"\n") + 1
        # A CR at the very end may be the first half of CRLF.
        return end or (data.rfind(b"\r", 0, -1) + 1 if self._bare_cr else 0)


class _Part(io.FileIO):
    """A file that ends at a position, if one is given, and reports each number of bytes that is read."""

    def __init__(self, path: Path, until: int | None, report: Callable[[int], None]) -> None:
        super().__init__(path)
        self._until, self._report = until, report

    def read(self, size: int | None = -1) -> bytes:
        if self._until is not None:
            left = max(0, self._until - self.tell())
            size = left if size is None or size < 0 else min(size, left)
        data = super().read(size) or b""
        self._report(len(data))
        return data


def open_plain(path: Path, *, until: int | None = None, read: Callable[[int], None] | None = None) -> BinaryIO:
    """A file behind its byte order mark; up to a position where one is given. `read` receives each number of bytes."""
    file = cast(BinaryIO, _Part(path, until, read or (lambda size: None)))
    if file.read(len(_BOM)) != _BOM:
        file.seek(0)
    return file

"""A source file made plain: unpacked, in UTF-8, its lines unwrapped; what was done is reported as repairs."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from event_assets.declaration import Source
from event_assets.landing.line_blocks import BLOCK_BYTES, LineBlocks
from event_assets.landing.record_batches import MAX_RAW_BYTES, FileRejected
from event_assets.landing.unpack_limits import DEFAULT_LIMITS, Limits
from event_assets.text.encodings import DETECT, detect_encoding

#: Bytes of a file, and in the end whether something has to be reported.
_Chunks = Generator[bytes, None, bool]
_BOM = codecs.BOM_UTF8
_UNDECODABLE = "event_assets.undecodable"


@dataclass(frozen=True)
class Prepared:
    """A plain file. `cut_off` is the start of a record that the end of a truncated archive took the rest of."""

    path: Path
    repairs: tuple[str, ...]
    cut_off: bytes | None = None


def prepare(path: Path, name: str, source: Source, into: Path, limits: Limits = DEFAULT_LIMITS) -> Prepared:
    """The file itself where it is plain already, else a plain copy in `into`, made streaming.

    FileRejected where it can't be unpacked or unpacks beyond the limits.
    """
    repairs: list[str] = []
    plain, cut = path, False
    if name.endswith((".gz", ".zst")):
        plain = into / "unpacked"
        cut = _write(plain, _unpacked(path, name, limits))
        if cut:
            repairs.append("archive: truncated")
    if source.format == "parquet":
        if cut:
            raise FileRejected("unreadable: the compressed file is cut off")
        return Prepared(plain, tuple(repairs))
    encoding, found = source.encoding, ""
    if encoding == DETECT:
        encoding, found = detect_encoding(plain_chunks(plain, "")), " (detected)"
    if codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig", "ascii"):
        target = into / "decoded"
        _write(target, _decoded(plain, encoding))
        plain = target
        repairs.append(f"encoding: {encoding}{found}")
    with plain.open("rb") as file:
        if file.read(len(_BOM)) == _BOM:
            repairs.append("bom removed")
    if source.lines == "quoted_whole":
        target = into / "unwrapped"
        if _write(target, _unwrapped(plain, source.max_record_bytes)):
            repairs.append("lines: quoted_whole")
        plain = target
    cut_off = _cut_last_line(plain) if cut and source.format != "json" else None
    return Prepared(plain, tuple(repairs), cut_off)


def plain_chunks(path: Path, name: str, limits: Limits = DEFAULT_LIMITS) -> Iterator[bytes]:
    """A file's bytes, unpacked where its name says that it is packed; FileRejected where it can't be."""
    if name.endswith((".gz", ".zst")):
        yield from _unpacked(path, name, limits)
        return
    with path.open("rb") as file:
        while chunk := file.read(BLOCK_BYTES):
            yield chunk


def _write(target: Path, chunks: _Chunks) -> bool:
    """Write the chunks; what the generator returns in the end."""
    with target.open("wb") as file:
        while True:
            try:
                file.write(next(chunks))
            except StopIteration as done:
                return bool(done.value)


def _unpacked(path: Path, name: str, limits: Limits) -> _Chunks:
    """The unpacked bytes; returns whether the archive ends too early."""
    size = path.stat().st_size
    written = 0
    with path.open("rb") as file:
        chunks = _gunzip(file) if name.endswith(".gz") else _unzstd(file)
        while True:
            try:
                chunk = next(chunks)
            except StopIteration as done:
                return bool(done.value)
            written += len(chunk)
            limits.check(written, size)
            yield chunk


def _gunzip(file: BinaryIO) -> _Chunks:
    """Gzip's members one after another, as gzip itself reads them; zeros behind the last one are padding."""
    unpack = zlib.decompressobj(31)
    begun = members = 0
    while data := file.read(256 * 1024):
        while data:
            if not begun and members and not data.strip(b"\0"):
                break
            begun = 1
            try:
                yield unpack.decompress(data, BLOCK_BYTES)
            except zlib.error as error:
                what = "is damaged" if _has_magic(file) else "is not gzip"
                raise FileRejected(f"unreadable: {what} ({error})") from None
            data = unpack.unconsumed_tail
            if unpack.eof:
                data, unpack, begun, members = unpack.unused_data, zlib.decompressobj(31), 0, members + 1
    return bool(begun)


def _has_magic(file: BinaryIO) -> bool:
    file.seek(0)
    return file.read(2) == b"\x1f\x8b"


def _unzstd(file: BinaryIO) -> _Chunks:
    try:
        with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd") as stream:
            while chunk := stream.read(256 * 1024):
                yield chunk
    except (OSError, pa.ArrowException) as error:
        if "runcat" in str(error):
            return True
        raise FileRejected(f"unreadable: is not zstd, or damaged ({error})") from None
    return False


def _decoded(path: Path, encoding: str) -> _Chunks:
    """The text in UTF-8. What can't be decoded becomes bytes that aren't UTF-8, so its record is `not_utf8`."""
    decoder = codecs.getincrementaldecoder(encoding)(_UNDECODABLE)
    with path.open("rb") as file:
        while chunk := file.read(BLOCK_BYTES):
            yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    return False


def _keep_undecodable(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", error.end


codecs.register_error(_UNDECODABLE, _keep_undecodable)


def _unwrapped(path: Path, max_bytes: int) -> _Chunks:
    """Each line without the quotes around it, doubled quotes within made single; returns whether any was wrapped.

    A line that isn't wrapped as a whole (quotes within that aren't doubled) stays as it is.
    """
    any_wrapped = False
    with path.open("rb", buffering=0) as file:
        if file.read(len(_BOM)) != _BOM:
            file.seek(0)
        for block in LineBlocks(file, max_bytes, bare_cr=False):
            if block.too_long:  # stays too long, so that its reader sees it
                yield block.data.ljust(max_bytes + 1) + b"\n"
                continue
            lines = []
            for line in block.data.split(b"\n"):
                text = line.removesuffix(b"\r")
                if (
                    len(text) > 1
                    and text[:1] == text[-1:] == b'"'
                    and b'"' not in (inner := text[1:-1]).replace(b'""', b"")
                ):
                    any_wrapped = True
                    line = inner.replace(b'""', b'"') + line[len(text) :]
                lines.append(line)
            yield b"\n".join(lines)
    return any_wrapped


def _cut_last_line(path: Path) -> bytes:
    """Take the last, unfinished line off the file; its first 64 KiB."""
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

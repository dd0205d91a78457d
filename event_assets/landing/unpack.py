"""Compressed files unpacked, streaming and within limits: .gz, .zst, .bz2, .xz, and the members of a .zip."""

from __future__ import annotations

import bz2
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from event_assets.landing.reader_interface import FileRejected
from event_assets.tables.landed_tables import MAX_RAW_BYTES

#: Endings of files that are one compressed stream.
STREAMS = (".gz", ".zst", ".bz2", ".xz")
TOO_LARGE = "too_large"
#: The limit on the ratio applies to files that unpack to more than this: for small ones the ratio means nothing.
_RATIO_FROM_BYTES = 16 * 1024 * 1024
#: Bytes of memory for each byte of a sheet's XML, measured with calamine: 1.8 for texts, 2.4 for numbers.
_SHEET_MEMORY = 3
_CHUNK = 256 * 1024
#: A decompressor returns at most this number of bytes at once.
_UNPACKED_CHUNK = 4 * 1024 * 1024
#: Folders and files that programs add beside the data.
_BESIDE = ("__MACOSX", ".")


@dataclass(frozen=True)
class Limits:
    """The largest size and ratio to which a compressed file, or the pages of a Parquet file, may unpack."""

    unpacked_bytes: int = 10**12
    ratio: int = 1000
    """Unpacked bytes for each byte of the file."""
    memory_bytes: int = 10**12
    """What a sheet of Excel, which is read as a whole, may take."""

    @property
    def reasons(self) -> tuple[str, str, str]:
        """The reasons of files that are rejected by these limits. With others they are landed again."""
        return (
            f"{TOO_LARGE}: unpacks to more than {self.unpacked_bytes} bytes",
            f"{TOO_LARGE}: unpacks to more than {self.ratio} times its size",
            f"{TOO_LARGE}: a sheet is read as a whole, and this one needs more than EVENT_ASSETS_MEMORY "
            f"({self.memory_bytes} bytes); save it as CSV",
        )

    def check(self, unpacked: int, packed: int) -> None:
        """FileRejected where the unpacked bytes, or their ratio to the packed ones, exceed the limits."""
        too_many, too_dense, _ = self.reasons
        if unpacked > self.unpacked_bytes:
            raise FileRejected(too_many)
        if unpacked > max(_RATIO_FROM_BYTES, packed * self.ratio):
            raise FileRejected(too_dense)

    def check_workbook(self, path: Path) -> None:
        """FileRejected where the largest sheet of a workbook is too large to be read as a whole."""
        if not zipfile.is_zipfile(path):  # .xls is no archive
            return
        with zipfile.ZipFile(path) as archive:
            sizes = {member.filename: member.file_size for member in archive.infolist()}
        self.check(sum(sizes.values()), path.stat().st_size)
        texts = max((size for name, size in sizes.items() if name.endswith("sharedStrings.xml")), default=0)
        sheet = max((size for name, size in sizes.items() if not name.endswith("sharedStrings.xml")), default=0)
        if (sheet + texts) * _SHEET_MEMORY > self.memory_bytes:
            raise FileRejected(self.reasons[2])


DEFAULT_LIMITS = Limits()


@dataclass
class Ending:
    """How a file ended that was unpacked or converted: filled in when all is read."""

    cut_off: bool = False
    trailing: bytes | None = None
    """The first bytes behind the last compressed stream that are not a stream."""


def unpacked(path: Path, name: str, limits: Limits = DEFAULT_LIMITS, ending: Ending | None = None) -> Iterator[bytes]:
    """The bytes of a file whose name ends as one of STREAMS; FileRejected where it can't be unpacked, or beyond the
    limits."""
    size, written = path.stat().st_size, 0
    with path.open("rb") as file:
        unpack = _unzstd if name.endswith(".zst") else partial(_streams, *_KINDS[name[name.rindex(".") :]])
        for chunk in unpack(file, ending or Ending()):
            written += len(chunk)
            limits.check(written, size)
            yield chunk


class _Gzip:
    """zlib's decompressor of one gzip member, with the methods of bz2's and lzma's."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)
        self._rest = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        made = self._inner.decompress(self._rest + data, max_length)
        self._rest = self._inner.unconsumed_tail
        return made

    @property
    def needs_input(self) -> bool:
        return not self._rest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)  # eof, unused_data


#: Ending of a name to the program's name, how a stream begins, and what unpacks one.
_KINDS: dict[str, tuple[str, bytes, Any]] = {
    ".gz": ("gzip", b"\x1f\x8b", _Gzip),
    ".bz2": ("bzip2", b"BZh", bz2.BZ2Decompressor),
    ".xz": ("xz", b"\xfd7zXZ", lzma.LZMADecompressor),
}


def _streams(kind: str, magic: bytes, make: Any, file: BinaryIO, ending: Ending) -> Iterator[bytes]:
    """Streams one after another, as the programs themselves read them; zeros behind the last one are padding."""
    data, whole = file.read(_CHUNK), 0
    while data:
        if whole and not data.strip(b"\0"):
            data = file.read(_CHUNK)
            continue
        unpack, begun, start = make(), False, data
        while not unpack.eof:
            try:
                chunk = unpack.decompress(data, _UNPACKED_CHUNK)
            except (zlib.error, OSError, lzma.LZMAError, EOFError) as error:
                if whole and not begun:
                    ending.trailing = (start + file.read(MAX_RAW_BYTES))[:MAX_RAW_BYTES]
                    return
                what = "is damaged" if whole or begun or start.startswith(magic) else f"is not {kind}"
                raise FileRejected(f"unreadable: {what} ({error})") from None
            begun = begun or bool(chunk)
            if chunk:
                yield chunk
            data = b""
            if not unpack.eof and unpack.needs_input and not (data := file.read(_CHUNK)):
                ending.cut_off = True
                return
        data, whole = unpack.unused_data or file.read(_CHUNK), whole + 1


def _unzstd(file: BinaryIO, ending: Ending) -> Iterator[bytes]:
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except (OSError, pa.ArrowException) as error:
        ending.cut_off = "runcat" in str(error)  # "Truncated", by its version with an upper or lower case letter
        if not ending.cut_off:
            raise FileRejected(f"unreadable: is not zstd, or damaged ({error})") from None


def members(path: Path, into: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[tuple[str, Path]]:
    """(name, unpacked copy in `into`) of each file in a zip, by the bytes of their names; the next one
    overwrites it.

    FileRejected where the zip can't be read, or unpacks beyond the limits.
    """
    size, written = path.stat().st_size, 0
    try:
        with zipfile.ZipFile(path) as archive:
            data = (info for info in archive.infolist() if not info.is_dir() and not _is_beside(info.filename))
            for info in sorted(data, key=lambda info: info.filename.encode("utf-8", "surrogateescape")):
                target = into / "member"
                with archive.open(info) as member, target.open("wb") as copy:
                    while chunk := member.read(_CHUNK):
                        written += len(chunk)
                        limits.check(written, size)
                        copy.write(chunk)
                yield info.filename, target
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise FileRejected(f"unreadable: is not zip, damaged or encrypted ({error})") from None


def _is_beside(name: str) -> bool:
    return any(part.startswith(_BESIDE) for part in name.split("/"))

"""A source file made plain: unpacked, in UTF-8, its lines unwrapped; what was done is reported as repairs."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from event_assets.declaration import Source
from event_assets.landing.line_blocks import BLOCK_BYTES, LineBlocks
from event_assets.landing.record_batches import MAX_RAW_BYTES, FileRejected
from event_assets.landing.unpack import STREAMS, Chunks, Ending, members, unpacked
from event_assets.landing.unpack_limits import DEFAULT_LIMITS, Limits
from event_assets.text.encodings import DETECT, detect_encoding

_BOM = codecs.BOM_UTF8
_UNDECODABLE = "event_assets.undecodable"


@dataclass(frozen=True)
class Prepared:
    """A plain file."""

    path: Path
    repairs: tuple[str, ...]
    rejects: tuple[bytes, ...] = ()
    """What at its end is no whole record: the start of one that the end of a truncated archive took the rest of, the
    head of what follows an archive."""


def prepare_all(
    path: Path, name: str, source: Source, into: Path, limits: Limits = DEFAULT_LIMITS
) -> Iterator[tuple[str, Prepared]]:
    """(path below the inbox, plain file) of a file, or of each member of a zip. Raises as `prepare` does."""
    if not name.endswith(".zip"):
        yield name, prepare(path, name, source, into, limits)
        return
    for member, copy in members(path, into, limits):
        yield f"{name}!/{member}", prepare(copy, member, source, into, limits)


def prepare(path: Path, name: str, source: Source, into: Path, limits: Limits = DEFAULT_LIMITS) -> Prepared:
    """The file itself where it is plain already, else a plain copy in `into`, made streaming.

    FileRejected where it can't be unpacked or unpacks beyond the limits.
    """
    repairs: list[str] = []
    plain, ending = path, Ending()
    if name.endswith(STREAMS):
        plain = into / "unpacked"
        ending = _write(plain, unpacked(path, name, limits))
        if ending.cut_off:
            repairs.append("archive: truncated")
        if ending.trailing is not None:
            repairs.append("archive: bytes after its end")
    trailing = () if ending.trailing is None else (ending.trailing,)
    if source.format in ("parquet", "avro", "excel") and ending.cut_off:
        raise FileRejected("unreadable: the compressed file is cut off")
    if source.format == "parquet":
        return Prepared(plain, tuple(repairs), trailing)
    if source.format in ("avro", "excel"):
        from event_assets.landing.table_files import avro_lines, excel_lines

        target = into / "lines"
        lines = avro_lines(plain, name) if source.format == "avro" else excel_lines(plain, name, source)
        ending = _write(target, lines)
        return Prepared(target, tuple(repairs), (*trailing, *([] if ending.trailing is None else [ending.trailing])))
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
        if _write(target, _unwrapped(plain, source.max_record_bytes)).cut_off:
            repairs.append("lines: quoted_whole")
        plain = target
    cut = (_cut_last_line(plain),) if ending.cut_off and source.format != "json" else ()
    return Prepared(plain, tuple(repairs), (*cut, *trailing))


def plain_chunks(path: Path, name: str, limits: Limits = DEFAULT_LIMITS) -> Iterator[bytes]:
    """A file's bytes, unpacked where its name has the suffix of a packed file; FileRejected where it can't be."""
    if name.endswith(STREAMS):
        yield from unpacked(path, name, limits)
        return
    with path.open("rb") as file:
        while chunk := file.read(BLOCK_BYTES):
            yield chunk


def _write(target: Path, chunks: Chunks) -> Ending:
    """Write the chunks; what the generator returns in the end."""
    with target.open("wb") as file:
        while True:
            try:
                file.write(next(chunks))
            except StopIteration as done:
                ending: Ending = done.value
                return ending


def _decoded(path: Path, encoding: str) -> Chunks:
    """The text in UTF-8. What can't be decoded becomes bytes that aren't UTF-8, so its record is `not_utf8`."""
    decoder = codecs.getincrementaldecoder(encoding)(_UNDECODABLE)
    with path.open("rb") as file:
        while chunk := file.read(BLOCK_BYTES):
            yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    return Ending()


def _keep_undecodable(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", error.end


codecs.register_error(_UNDECODABLE, _keep_undecodable)


def _unwrapped(path: Path, max_bytes: int) -> Chunks:
    """Each line without the quotes around it, doubled quotes within made single; `cut_off` is whether any was.

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
    return Ending(cut_off=any_wrapped)


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

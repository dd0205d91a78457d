"""Detects the encoding of a file: UTF-8 if its bytes are valid UTF-8 (or nearly all are), else the encoding in which
its letters look most like words.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator

#: A declaration's word for "found out from each file, and recorded on it".
DETECT = "detect"

_WIDE_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: The most common first; the first of several equally likely encodings is taken.
_CANDIDATES = ("cp1252", "cp1251", "shift_jis", "gb18030", "big5", "euc_kr", "euc_jp", "cp1250", "koi8-r", "latin-1")
#: How much of the text that isn't ASCII is examined, with its surroundings.
_SAMPLE_BYTES = 64 * 1024
_AROUND = re.compile(rb"[^\n\r]{0,40}[\x80-\xff][^\n\r]{0,40}")


def detect_encoding(chunks: Iterator[bytes]) -> str:
    """Python's name of the encoding: `utf-8` for ASCII, for UTF-8, and where most of what isn't ASCII is UTF-8.

    Reads all chunks, in constant memory.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(_COUNTING)
    head, sample = b"", b""
    likely = bad = 0
    for chunk in chunks:
        head = head or chunk[: 64 * 1024]
        text = decoder.decode(chunk)
        if not text.isascii():
            wrong = text.count(_MARK)
            bad += wrong
            likely += sum(1 for _ in _WIDE.finditer(text)) - wrong
        if bad and len(sample) < _SAMPLE_BYTES:
            sample += b"\n".join(_AROUND.findall(chunk[: 8 * _SAMPLE_BYTES]))[:_SAMPLE_BYTES] + b"\n"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if wide := wide_encoding(head):
        return wide
    if bad <= likely:
        return "utf-8"
    return max(_CANDIDATES, key=lambda name: _likeness(sample, name))


_COUNTING = "event_assets.counting"
_MARK = "\udcff"
_WIDE = re.compile(r"[^\x00-\x7f]")


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return _MARK, error.start + 1


codecs.register_error(_COUNTING, _mark)


def wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32, by a file's first bytes: `utf-16` where a mark gives the order of its bytes, else
    `utf-16-le` and the like, where the zeros beside plain letters, digits and commas do."""
    for bom, name in _WIDE_BOMS:
        if head.startswith(bom):
            return name
    for name, width, letters in (("utf-32-le", 4, 0), ("utf-32-be", 4, 3), ("utf-16-le", 2, 0), ("utf-16-be", 2, 1)):
        zeros = [head[place::width].count(0) * width / max(1, len(head)) for place in range(width)]
        if zeros.pop(letters) < 0.05 and min(zeros) > 0.25:
            return name
    return None


def exact_encoding(encoding: str, head: bytes) -> str:
    """An encoding with the order of its bytes, where `utf-16` or `utf-32` is declared and a file has no mark.

    ValueError where its first bytes don't show the order.
    """
    family = codecs.lookup(encoding).name
    if family not in ("utf-16", "utf-32") or not head:
        return encoding
    found = wide_encoding(head)
    if found is None or not found.startswith(family):
        raise ValueError(f"it has no byte order mark and doesn't look like {family.upper()}")
    return found


def _likeness(sample: bytes, encoding: str) -> float:
    """How much the text looks like a language under an encoding: letters beside letters of their own script."""
    text = sample.decode(encoding, "replace")
    score = 0.0
    for before, char, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if char.isascii():
            continue
        kind = unicodedata.category(char)
        if char == "\ufffd" or kind in ("Cc", "Cn", "Co"):
            score -= 8
        elif kind == "Lo":
            east_asian = "\u3040" <= char <= "\u30ff" or "\u4e00" <= char <= "\u9fff" or char >= "\uac00"
            within_word = (before.isascii() and before.isalpha()) or (after.isascii() and after.isalpha())
            score += 2 if east_asian and not within_word else -2
        elif kind[0] == "L" and before.isalpha():
            # A letter goes on a word of its own script, and among Latin ones few in a row bear marks.
            same = _script(before) == _script(char) and (before.isascii() or char > "\u0250")
            score += 1 if same and not (kind == "Lu" and before.islower()) else -1
        elif kind[0] in "SP":
            score += 0.2 if char in _SIGNS else -0.5
    return score / max(1, sum(not char.isascii() for char in text))


_SIGNS = "€£¥°§©®«»“”„…·•\u2018\u2019\u2013\u2014"


def _script(char: str) -> str:
    if char < "\u0250":
        return "latin"
    return "cyrillic" if "\u0400" <= char <= "\u052f" else "other"

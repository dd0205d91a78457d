"""Why a file lacks a required column, as `source_files` shows it: what is missing, found, and nearly right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

#: Of a file's fields so many are shown. The text in the place of a name may be a value, which the ledger keeps.
_MAX_NAMES = 20
_LIKE_A_NAME = re.compile(r"[A-Za-z_$][\w .:/()$-]{0,39}")
_ODD = re.compile(r"[\W_]+")


def missing_column(missing: Sequence[Sequence[str]], names: Sequence[str]) -> str:
    """The reason of a file without some sources (of each group one would do), given the names in its header."""
    lacked = ", ".join(" or ".join(group) for group in missing)
    near = [
        f"{shown_name(name)} is nearly {source}"
        for group in missing
        for source in group
        if (name := _nearest(source, names)) is not None
    ]
    shown = [shown_name(name) for name in names[:_MAX_NAMES]]
    found = ", ".join(shown) + (f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else "")
    remarks = [f"found {found}", *near, *_suspicions(names)]
    return f"missing_column: {lacked} ({'; '.join(remarks)})"


def shown_name(name: str) -> str:
    """A field's name as a message may show it: masked where it looks like a value rather than a name."""
    bare = name.strip("\ufeff\u00a0 \t")
    return bare if _LIKE_A_NAME.fullmatch(bare) and not re.search(r"[0-9]{4}", bare) else f"<{len(name)} characters>"


def _nearest(source: str, names: Sequence[str]) -> str | None:
    """The name that a person would take for the source: the same but for case, blanks and marks, or a letter."""
    bare = _ODD.sub("", source).lower()
    for name in names:
        if _ODD.sub("", name).lower() == bare:
            return name
    return next(iter(difflib.get_close_matches(source, [name for name in names if len(name) < 100], 1, 0.88)), None)


def _suspicions(names: Sequence[str]) -> list[str]:
    """What the header looks like, where it is not read as it was written."""
    if not names:
        return []
    if any("\0" in name for name in names):
        return ["it looks like UTF-16: declare encoding: utf-16, or detect"]
    if names[0].lower().startswith("sep="):
        return ["the first line names the delimiter: declare csv: {skip_lines: 1}"]
    if len(names) == 1:
        for mark, word in (("\t", '"\\t"'), (";", '";"'), ("|", '"|"'), (",", '","')):
            if mark in names[0]:
                return [f"the header is one field: declare csv: {{delimiter: {word}}}"]
    return []

"""How a file's fields differ from the declared ones: new, missing, and of another type than declared.

A new field is kept in `extra`, a missing one is null, and a value of another type is quarantined by cleaning, record by
record. Here they are only counted, so that a source which changes its form is noticed on the first file that did.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from event_assets.declaration import Column
from event_assets.text.numbers import notation_pattern
from event_assets.wording import first_of

#: The form of the text of a value of a type, without blanks around it. Cleaning is stricter: a decimal with too many
#: digits is quarantined there, but is still a number.
_NUMBER = r"[+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?"
_LOOKS = {"int64": r"[+-]?[0-9]+", "decimal": _NUMBER, "float64": _NUMBER, "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*"}
#: The position of a row's file, where a frame has rows of several; no declared column may have this name.
FILE_IN_FRAME = "file in frame"
#: In place of the name of a field that occurs in one file only.
ONE_FILE = "(found in one file only)"
#: At most this number of a file's fields is shown. A name may be a value (in a file without a header), and is stored.
_MAX_NAMES = 20
_LIKE_A_NAME = re.compile(r"[A-Za-z_$][\w .:/()$-]{0,39}")
_ODD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Drift:
    """How a file's fields differ from the declared ones."""

    new: dict[str, int] = field(default_factory=dict)
    """Undeclared field (nested ones with dots) to the number of records that have a value in it."""
    missing: tuple[str, ...] = ()
    """Declared columns that the file has no field for, in declared order."""
    retyped: dict[str, int] = field(default_factory=dict)
    """Declared column to the number of values that aren't of its type, where these are most of its values."""

    def without_names(self) -> Drift:
        """The same without the names of new fields, which may be values (a map by user, a file without a header)."""
        return replace(self, new={ONE_FILE: max(self.new.values())}) if self.new else self

    def __str__(self) -> str:
        """What differs, in one line; empty where nothing does."""
        parts = [f"new field {name} in {count} records" for name, count in self.new.items()]
        parts += [f"no field for column {name}" for name in self.missing]
        parts += [f"{count} values of {name} are not of its type" for name, count in self.retyped.items()]
        return first_of(parts)


class TypeDrift:
    """Counts the values of a file's typed columns that don't look like their type."""

    def __init__(self, columns: Iterable[Column], of_two_notations: Collection[Column] = ()) -> None:
        """`of_two_notations`: those with numbers of the source besides texts in another notation."""
        columns = [column for column in columns if column.constant is None]
        looks = {column.name: _looks(column, _NUMBER if column in of_two_notations else None) for column in columns}
        self.looks = {name: form for name, form in looks.items() if form is not None}
        """Typed column to the pattern of its texts."""
        self.nulls = {column.name: ["", *column.null_values] for column in columns}
        self.values: Counter[str] = Counter()
        self.others: Counter[str] = Counter()

    def retyped(self) -> dict[str, int]:
        """Columns whose values are mostly of another type, by name, and how many values are."""
        return {name: count for name, count in sorted(self.others.items()) if 2 * count > self.values[name]}


def count_types(frame: pl.DataFrame, files: Sequence[TypeDrift]) -> None:
    """Add the texts of a batch to its file; or of batches of several files of one block, by FILE_IN_FRAME."""
    import numpy as np  # loading definitions does without it

    def by_file(mask: pl.Series) -> list[int]:
        if len(files) == 1:
            return [int(mask.sum())]
        counts: list[int] = np.bincount(frame[FILE_IN_FRAME].filter(mask), minlength=len(files)).tolist()
        return counts

    for name, form in files[0].looks.items():
        column = frame[name]
        text = column.drop_nulls()
        # The pattern matches all that Polars casts to a number; the pattern alone takes three times as long.
        strange = text.filter(text.cast(pl.Int64, strict=False).is_null()) if form == _INTEGER else text
        nulls = others = [0] * len(files)
        if not strange.str.contains(form).all():  # rare: only then null values are searched
            is_other = ~column.str.contains(form)
            is_null = column.str.strip_chars(" \t\r\n").is_in(files[0].nulls[name])
            nulls, others = by_file(is_other & is_null), by_file(is_other & ~is_null)
        for at, count in enumerate(by_file(column.is_not_null())):
            files[at].values[name] += count - nulls[at]
            files[at].others[name] += others[at]


def _looks(column: Column, other: str | None) -> str | None:
    if column.numbers is not None:
        noted = notation_pattern(column.numbers.decimal, column.numbers.thousands, column.numbers.unit)
        return _amid_blanks(f"{noted}|{other}" if other else noted)
    form = _LOOKS.get("decimal" if column.decimal else column.type)
    return _amid_blanks(form) if form else None


def _amid_blanks(form: str) -> str:
    return rf"^[ \t\r\n]*(?:{form})[ \t\r\n]*$"


_INTEGER = _amid_blanks(_LOOKS["int64"])


# Why a file lacks a required column


def missing_column(missing: Sequence[Sequence[str]], names: Sequence[str]) -> str:
    """The reason of a file without some required sources (one of each group is enough), given its header's names."""
    lacked = ", ".join(" or ".join(group) for group in missing)
    near = [
        f"{shown_name(name)}{_hidden_in(name, source)} is nearly {source}"
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


def _hidden_in(name: str, source: str) -> str:
    """What a reader doesn't see in a name that looks like a source."""
    codes = [f"U+{ord(char):04X}" for char in dict.fromkeys(name) if not char.isascii() and not char.isalnum()]
    return f" with {' and '.join(codes)}" if codes and shown_name(name) == source else ""


def _nearest(source: str, names: Sequence[str]) -> str | None:
    """The name that a person would read as the source: the same except for case, blanks and marks, or a letter."""
    bare = _ODD.sub("", source).lower()
    for name in names:
        if _ODD.sub("", name).lower() == bare:
            return name
    return next(iter(difflib.get_close_matches(source, [name for name in names if len(name) < 100], 1, 0.88)), None)


def _suspicions(names: Sequence[str]) -> list[str]:
    """What is likely wrong with the declaration, judged by the header."""
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

"""How a file's fields differ from the declared ones: new, missing, and of another kind than declared.

What is new is kept in `extra`, what is missing is null, and a value of another kind is refused by cleaning, record by
record. Here it is only counted, so that a source which changes its form is noticed on the file that did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import polars as pl

from event_assets.declaration import Column
from event_assets.text.number_notation import notation_pattern
from event_assets.wording import first_of

#: What the text of a value of a type looks like, blanks around it aside. Cleaning is stricter: a decimal with too
#: many digits is refused there, but is still a number.
_NUMBER = r"[+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?"
_LOOKS = {"int64": r"[+-]?[0-9]+", "decimal": _NUMBER, "float64": _NUMBER, "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*"}


#: In place of the name of a field that occurs in one file only.
ONE_FILE = "(found in one file only)"


@dataclass(frozen=True)
class Drift:
    """How a file's fields differ from the declared ones."""

    new: dict[str, int] = field(default_factory=dict)
    """Undeclared field (nested ones with dots) to the number of records that hold a value in it."""
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


class Kinds:
    """Counts the values of typed columns that don't look like their type, batch by batch."""

    def __init__(self, columns: Iterable[Column]) -> None:
        columns = [column for column in columns if column.constant is None]
        looks = {column.name: _looks(column) for column in columns}
        self._looks = {name: form for name, form in looks.items() if form is not None}
        self._nulls = {column.name: ["", *column.null_values] for column in columns}
        self._values: Counter[str] = Counter()
        self._others: Counter[str] = Counter()

    def look(self, frame: pl.DataFrame) -> None:
        """Take a batch's texts into account."""
        for name, form in self._looks.items():
            text = frame[name].drop_nulls()
            # All that Polars casts to a number the pattern takes, too; the pattern alone needs three times as long.
            strange = text.filter(text.cast(pl.Int64, strict=False).is_null()) if form == _INTEGER else text
            others = strange.filter(~strange.str.contains(form))
            if others.len():  # rare: only then null values are looked up
                others = others.str.strip_chars(" \t\r\n")
                nulls = int(others.is_in(self._nulls[name]).sum())
                self._others[name] += others.len() - nulls
                self._values[name] -= nulls
            self._values[name] += text.len()

    def retyped(self) -> dict[str, int]:
        """Columns of which most values are of another kind, by name, with the number of these."""
        return {name: count for name, count in sorted(self._others.items()) if 2 * count > self._values[name]}


def _looks(column: Column) -> str | None:
    if column.numbers is not None:
        return _amid_blanks(notation_pattern(column.numbers.decimal, column.numbers.thousands))
    form = _LOOKS.get("decimal" if column.decimal else column.type)
    return _amid_blanks(form) if form else None


def _amid_blanks(form: str) -> str:
    return rf"^[ \t\r\n]*(?:{form})[ \t\r\n]*$"


_INTEGER = _amid_blanks(_LOOKS["int64"])

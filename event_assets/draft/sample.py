"""A sample: the first records of one or several files of one kind, field by field, as the texts that landing sees."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

MAX_RECORDS = 2000
#: How columns of a file without a header are called.
NAMELESS = "column_"
BLANKS = " \t\r\n"


@dataclass(frozen=True)
class Field:
    """One place where records have a value: a column of CSV or Parquet, a path into JSON."""

    source: str
    """The place as a declaration writes it."""
    values: tuple[str | None, ...]
    """The texts of the sampled records, trimmed; None where a record has no value."""
    parts: tuple[str, ...] = ()
    """The names on the way to it, without quotes and indexes; what a column is named after."""
    nested: bool = False
    """Whether values are objects or arrays, kept as JSON."""
    is_number: bool = False
    """Whether the source itself knows the values as numbers (JSON, Parquet)."""
    within: str = ""
    """The source of the object that is kept as one JSON column and contains this field."""
    form: str = ""
    """In which form its texts are times, where a known layout says so."""
    alternatives: tuple[str, ...] = ()
    """Further places to read where this one is empty."""

    @property
    def texts(self) -> list[str]:
        return [value for value in self.values if value is not None]

    @property
    def empty(self) -> int:
        return len(self.values) - len(self.texts)

    @property
    def is_nameless(self) -> bool:
        """Whether it is a column without a name but its place."""
        return self.source.startswith(NAMELESS) and self.parts == (self.source,)

    @property
    def title(self) -> str:
        """The place as a remark writes it: with its name, where a known layout has one for a column without."""
        named = re.fullmatch(rf"{NAMELESS}[0-9]+", self.source) and not self.is_nameless
        return f"{self.source} ({self.parts[-1]})" if named else self.source

    @property
    def key(self) -> str:
        """The last name on the way, without case and marks."""
        return bare((self.parts or (self.source,))[-1])

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source, *self.alternatives)

    def or_else(self, other: Field) -> Field:
        """This field, with the values of another where it is empty."""
        values = tuple(
            mine if mine is not None else theirs for mine, theirs in zip(self.values, other.values, strict=True)
        )
        return replace(self, values=values, alternatives=(*self.alternatives, *other.sources))


@dataclass(frozen=True)
class Sample:
    """What was read of files of one kind."""

    paths: tuple[Path, ...]
    format: str
    fields: tuple[Field, ...]
    records: int
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the block, such as `csv` or `encoding`, as a declaration has them."""
    remarks: tuple[str, ...] = ()
    """What a person should check about how the files are read."""

    @property
    def title(self) -> str:
        more = len(self.paths) - 1
        return self.paths[0].name + (f" and {more} more" if more else "")

    @property
    def is_nameless(self) -> bool:
        """Whether the columns have no names but their places."""
        return all(one.is_nameless for one in self.fields)

    def like(self, other: Sample) -> bool:
        """Whether both are of one kind: the same format, and at least half of all fields in common."""
        mine, theirs = ({f.source for f in sample.fields} for sample in (self, other))
        same = self.format == other.format and _comparable(self.options) == _comparable(other.options)
        return same and 2 * len(mine & theirs) >= len(mine | theirs)

    def without(self, places: Container[int]) -> Sample:
        """The sample without the values of some records."""

        def left(one: Field) -> Field:
            return replace(one, values=tuple(v for at, v in enumerate(one.values) if at not in places))

        return replace(self, fields=tuple(map(left, self.fields)))

    def joined(self, other: Sample) -> Sample:
        """Both as one sample: the records of the other after those of this one."""
        theirs = {field.source: field for field in other.fields}
        mine = {field.source for field in self.fields}
        gap, start = (None,) * other.records, (None,) * self.records
        fields = [
            replace(f, values=f.values + (theirs[f.source].values if f.source in theirs else gap)) for f in self.fields
        ]
        fields += [replace(f, values=start + f.values) for f in other.fields if f.source not in mine]
        remarks = tuple(dict.fromkeys(self.remarks + other.remarks))
        records = self.records + other.records
        return replace(self, paths=self.paths + other.paths, fields=tuple(fields), records=records, remarks=remarks)


def _comparable(options: Mapping[str, Any]) -> str:
    return repr(sorted((key, value) for key, value in options.items() if key != "encoding"))


def bare(name: str) -> str:
    """A name without case and marks."""
    return re.sub(r"[^a-z0-9]", "", name.casefold().translate(_PLAIN))


_PLAIN = str.maketrans("äöüéèêàçñóíáú", "aoueeeacnoiau")


def trimmed(values: Iterable[str | None]) -> tuple[str | None, ...]:
    """The texts without blanks around them; None where nothing is left."""
    return tuple((value.strip(BLANKS) or None) if value is not None else None for value in values)


def share(part: int, records: int) -> str:
    """A part of the sampled records, as remarks write it."""
    return f"{part} of {records} sampled records"


def titles_of(fields: Sequence[Field]) -> str:
    """The first fields that a remark offers for a choice."""
    return ", ".join(one.title for one in fields[:5])


def names_of(fields: Sequence[Field]) -> str:
    """The names of fields for a message."""
    names = [field.source for field in fields]
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")

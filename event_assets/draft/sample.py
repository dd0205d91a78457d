"""A sample: the first records of one or several files of one kind, field by field, as the texts that landing sees."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

from event_assets.landing.unpack import STREAMS
from event_assets.wording import first_of

MAX_RECORDS = 2000
#: How columns of a file without a header are called.
NAMELESS = "column_"
BLANKS = " \t\r\n"
_HIVE = re.compile(r"([A-Za-z_][\w.-]*)=([^/]+)")


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
    """The form of its times, if a known layout defines it."""
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
    def names(self) -> tuple[str, ...]:
        """The names on the way to it, or its source where it has none."""
        return self.parts or (self.source,)

    @property
    def key(self) -> str:
        """The last name on the way, without case and marks."""
        return bare(self.names[-1])

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source, *self.alternatives)

    def or_else(self, other: Field) -> Field:
        """This field, with the values of another where it is empty."""
        pairs = zip(self.values, other.values, strict=True)
        whole = self.having(mine if mine is not None else theirs for mine, theirs in pairs)
        return replace(whole, alternatives=(*self.alternatives, *other.sources))

    def having(self, values: Iterable[str | None]) -> Field:
        """The same field with other values."""
        return replace(self, values=tuple(values))


@dataclass(frozen=True)
class Found:
    """A sample file and the folder that was named, which takes the place of the inbox."""

    path: Path
    root: Path

    @property
    def place(self) -> str:
        """The path below the root, with `/`."""
        return self.path.relative_to(self.root).as_posix()

    @property
    def plain_place(self) -> str:
        """The same without the ending of its compression."""
        return self.path.with_name(plain_name(self.path)).relative_to(self.root).as_posix()


def plain_name(path: Path) -> str:
    """The file's name without the ending of its compression."""
    return reduce(str.removesuffix, STREAMS, path.name)


@dataclass(frozen=True)
class Sample:
    """What was read of files of one kind."""

    format: str
    fields: tuple[Field, ...]
    records: int
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the block, such as `csv` or `encoding`, as a declaration has them."""
    remarks: tuple[str, ...] = ()
    """What a person should check about how the files are read."""
    files: tuple[Found, ...] = ()

    @property
    def title(self) -> str:
        more = len(self.files) - 1
        return self.files[0].path.name + (f" and {more} more" if more else "")

    @property
    def partitions(self) -> dict[str, str]:
        """The `key=value` parts of the files' folders: key to the first value."""
        return dict(match for file in self.files[:1] for match in _HIVE.findall(str(Path(file.place).parent)))

    @property
    def is_nameless(self) -> bool:
        """Whether the columns have no names but their places."""
        return all(one.is_nameless for one in self.fields)

    def like(self, other: Sample) -> bool:
        """Whether both are of one kind: the same format, and at least half of all fields in common."""
        mine, theirs = ({f.source for f in sample.fields} for sample in (self, other))
        same = self.format == other.format and _comparable(self.options) == _comparable(other.options)
        return same and 2 * len(mine & theirs) >= len(mine | theirs)

    def remarking(self, *remarks: str) -> Sample:
        return replace(self, remarks=(*self.remarks, *remarks))

    def without(self, places: Container[int]) -> Sample:
        """The sample without the values of some records."""
        values = ([v for at, v in enumerate(one.values) if at not in places] for one in self.fields)
        return replace(self, fields=tuple(map(Field.having, self.fields, values)))

    def joined(self, other: Sample) -> Sample:
        """Both as one sample, with the records of this sample first."""
        values, theirs = ({field.source: field.values for field in sample.fields} for sample in (self, other))
        start, gap = (None,) * self.records, (None,) * other.records
        fields = [field.having(field.values + theirs.get(field.source, gap)) for field in self.fields]
        fields += [field.having(start + field.values) for field in other.fields if field.source not in values]
        return Sample(
            self.format,
            tuple(fields),
            self.records + other.records,
            self.options,
            tuple(dict.fromkeys(self.remarks + other.remarks)),
            self.files + other.files,
        )


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
    return first_of([field.source for field in fields], between=", ")

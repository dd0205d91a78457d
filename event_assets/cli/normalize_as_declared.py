"""Normalizes the values of a file as a dataset declares them: blanks, null values, aliases and case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from event_assets.declaration import Column, Dataset, load_datasets
from event_assets.declaration.events_and_profiles import Events, Source
from event_assets.errors import QueryError
from event_assets.text.file_patterns import matches
from event_assets.transforms.normalize import normalised

#: With `--as` this turns the automatic match off.
NONE = "none"


@dataclass(frozen=True)
class Declared:
    """The columns of a file that a dataset declares, by their names in the file."""

    dataset: str
    columns: Mapping[str, Column]

    def normalized(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with the text that each value means; null where it means none."""
        return frame.with_columns(
            _normalized(frame[name], column) for name, column in self.columns.items() if name in frame.columns
        )


def declared_as(
    wanted: str | None, datasets: Mapping[str, Dataset], file_name: str, names: Sequence[str]
) -> Declared | None:
    """How to normalize a file with columns of these names: by the declaration of the wanted dataset, or of the only
    shipped dataset that has files of this name with exactly these columns. QueryError if the wanted dataset is unknown
    or declares none of the columns.
    """
    if wanted == NONE:
        return None
    if wanted is not None:
        if wanted not in datasets:
            raise QueryError(f"--as {wanted}", "is not a dataset", f"name one of {', '.join(datasets)} or {NONE}")
        found = max((_declared(datasets[wanted], source, names) for source in _sources(datasets[wanted])), key=_size)
        if not found.columns:
            raise QueryError(f"--as {wanted}", f"declares no column of {file_name}", f"name another, or {NONE}")
        return found
    fitting = [
        _declared(dataset, source, names)
        for dataset in load_datasets().values()
        for source in _sources(dataset)
        if any(matches(file_name, pattern) for pattern in source.files) and _fields(source) == set(names)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _sources(dataset: Dataset) -> Iterator[Source]:
    yield from dataset.blocks("events")
    yield from dataset.blocks("profiles")


def _fields(source: Source) -> set[str]:
    """The names of the fields at the top of a record that a block reads."""
    columns = (column for column in source.columns if column.constant is None)
    fields = {field.split(".")[0] for column in columns for field in column.sources}
    return fields.union(source.time.sources if isinstance(source, Events) else ())


def _declared(dataset: Dataset, source: Source, names: Sequence[str]) -> Declared:
    # Nothing reaches into the text of JSON.
    columns = (column for column in source.columns if column.constant is None and column.type != "json")
    return Declared(dataset.name, {field: column for column in columns for field in column.sources if field in names})


def _size(declared: Declared) -> int:
    return len(declared.columns)


def _normalized(texts: pl.Series, column: Column) -> pl.Series:
    distinct = texts.unique().drop_nulls()
    values = [normalised(text, column) for text in distinct]
    return texts.replace_strict(distinct, pl.Series(values, dtype=pl.String), default=None, return_dtype=pl.String)

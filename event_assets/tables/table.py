"""What a table is: its columns, its key and the order of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from event_assets.tables.column_types import arrow_type, polars_type

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column of a table: its type in a declaration's terms, whether it may be null, its bounds."""

    name: str
    type: str
    description: str
    nullable: bool = True
    min: str | None = None
    max: str | None = None
    allowed: tuple[str, ...] | None = None
    personal: bool = False
    """Whether values may tell who somebody is: they stay out of previews, logs and messages."""


@dataclass(frozen=True)
class Table:
    """A table's contract. Rows stand in the order of `order`, no two share a `key`."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partitioned_by: str | None = None
    """The Hive folder column, which no file holds: `event_date`, `geo_region` or None."""
    order: tuple[str, ...] = ()
    """The total order of rows within a partition; the key where left out."""

    @property
    def hive_column(self) -> str | None:
        """The Hive column whose values the rows themselves give; a date is given by whoever writes them."""
        return None if self.partitioned_by == "event_date" else self.partitioned_by

    @property
    def row_order(self) -> tuple[str, ...]:
        return self.order or self.key

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def polars_schema(self) -> pl.Schema:
        import polars as pl

        return pl.Schema({column.name: polars_type(column.type) for column in self.columns})

    def arrow_schema(self) -> pa.Schema:
        """The table's schema with its Hive column last, as the log holds it."""
        import pyarrow as pa

        fields = [pa.field(c.name, arrow_type(c.type), nullable=True) for c in self.columns]
        if self.partitioned_by == "event_date":
            fields.append(pa.field("event_date", pa.date32()))
        elif self.partitioned_by:
            fields.append(pa.field(self.partitioned_by, pa.string()))
        return pa.schema(fields)

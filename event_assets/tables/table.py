"""What a table is: its columns, its key, the order of its rows, and all else that the platform derives from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from event_assets.tables.column_types import arrow_type, polars_type
from event_assets.tables.partition_plots import Plot

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

Layer = Literal["bronze", "silver", "gold"]
Kind = Literal["events", "profiles"]
RETENTION: dict[Layer, Literal["raw", "cleaned", "gold"]] = {"bronze": "raw", "silver": "cleaned", "gold": "gold"}


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
    """Whether values may identify a person: they are never shown in previews, logs and messages."""
    made_from: tuple[str, ...] = ()
    """The columns of the inputs that a computed column is made from; `*` means all columns except the lineage columns.
    A column that an input has under the same name needs no entry."""


#: The columns by which tables have folders.
HIVE_COLUMNS = {
    "event_date": Column("event_date", "date", "The date of the partition, in the dataset's time zone."),
    "geo_region": Column("geo_region", "string", "Continent of the IP's country, or Unknown."),
}


@dataclass(frozen=True)
class Table:
    """A table's contract. Rows are sorted by `order`, and no two have the same `key`."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partitioned_by: str | None = None
    """The column of the Hive folders, which is in no file: `event_date`, `geo_region` or None."""
    order: tuple[str, ...] = ()
    """The total order of rows within a partition; the key where left out."""
    layer: Layer = "gold"
    """bronze: made by landing; silver: typed records and what is derived from them; gold: for analysts."""
    kind: Kind = "events"
    """Which kind of source file its records come from."""
    users: str | None = None
    """The column that holds the ids of users, where it is not `user_id`."""
    internal: bool = False
    """Whether only the platform reads it: it is stored below `_state`, and is no asset and no view."""
    retention: Literal["raw", "cleaned", "gold"] | None = None
    """The limit of the declaration's `retention` that ends its dates; the limit of its layer by default."""
    model: str | None = None
    """A Pandera model (`module:Model`) that the rows of a partition must keep beside the rules of the columns."""
    plot: Plot | None = None
    """The series that a partition shows as a small plot."""

    @property
    def hive_column(self) -> str | None:
        """The Hive column whose values the rows themselves give; a date is given by whoever writes them."""
        return None if self.partitioned_by == "event_date" else self.partitioned_by

    @property
    def by_date(self) -> bool:
        return self.partitioned_by == "event_date"

    @property
    def hive_columns(self) -> tuple[Column, ...]:
        """The column by which the table has folders, if any."""
        return (HIVE_COLUMNS[self.partitioned_by],) if self.partitioned_by else ()

    @property
    def unique(self) -> tuple[str, ...]:
        """The columns that no two rows of the whole table share: its key by date or region; none if one may be null."""
        if any(column.nullable and column.name in self.key for column in self.columns):
            return ()
        return tuple(dict.fromkeys((*(column.name for column in self.hive_columns), *self.key)))

    @property
    def landed(self) -> bool:
        """Whether landing makes it, and no step."""
        return self.layer == "bronze"

    @property
    def has_records(self) -> bool:
        """Whether its rows are records of source files, as they were read, rejected or quarantined."""
        return self.key == ("file_id", "row_number")

    @property
    def user_column(self) -> str | None:
        """The column with the ids of users; None if rows don't belong to users."""
        return self.users or ("user_id" if "user_id" in self.names else None)

    @property
    def has_users(self) -> bool:
        """Whether rows describe single users, so that the UI shows no preview of them."""
        return self.user_column is not None or any(column.personal for column in self.columns)

    @property
    def measured(self) -> list[str]:
        """The columns whose least and greatest values may be kept beside the rows: numbers and times of no person."""
        if self.has_users:
            return []
        return [column.name for column in self.columns if column.type in ("int64", "date", "timestamp")]

    @property
    def retained_by(self) -> Literal["raw", "cleaned", "gold"]:
        return self.retention or RETENTION[self.layer]

    @property
    def row_order(self) -> tuple[str, ...]:
        return self.order or self.key

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def polars_schema(self) -> pl.Schema:
        import polars as pl

        return pl.Schema({column.name: polars_type(column.type) for column in self.columns})

    def arrow_schema(self) -> pa.Schema:
        """The table's schema as in its log: the Hive column last."""
        import pyarrow as pa

        return pa.schema([(c.name, arrow_type(c.type)) for c in (*self.columns, *self.hive_columns)])

"""All tables of a dataset."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from event_assets import declaration
from event_assets.declaration import Dataset
from event_assets.declaration.load import Datasets
from event_assets.errors import DeclarationError
from event_assets.tables.cleaned_tables import cleaned_tables
from event_assets.tables.custom_table_functions import with_custom
from event_assets.tables.facts_table import facts_table
from event_assets.tables.gold_tables import gold_tables
from event_assets.tables.identity_tables import identity_tables
from event_assets.tables.landed_tables import landed_tables
from event_assets.tables.session_tables import session_tables
from event_assets.tables.shared_columns import count
from event_assets.tables.table import Column, Table

#: Where every record is, by date and for the whole (docs/explanation/accounting.md).
RECONCILIATION = Table(
    "reconciliation",
    "The count of all records: one row for all dates (event_date null), and one for each date with records.",
    (
        Column("event_date", "date", "The date; null in the row for all dates."),
        count("raw", "Records in raw_events.", 0),
        count("cleaned", "Events in cleaned_events.", 0),
        count("duplicates", "Records that are duplicates of another one.", 0),
        count("quarantined", "Records in quarantine.", 0),
        count("excluded", "Records that the declaration's `where` excludes.", 0),
        count("facts", "Events in joined_facts.", 0),
        count("filtered", "Events that the profile filter excludes.", 0),
        count("without_user", "Facts without a user.", 0),
        Column("records", "int64", "Records in the active files, profiles included; null by date.", min="0"),
        Column("landed", "int64", "Records in raw_events or raw_profiles; null by date.", min="0"),
        Column("rejected", "int64", "Records in landing_rejects; null by date.", min="0"),
        Column("erased", "int64", "Records whose user was erased; null by date.", min="0"),
        Column(
            "holds",
            "bool",
            "Whether the equations hold and all tables of the date (or of all dates) are fresh and published.",
            nullable=False,
        ),
    ),
    key=("event_date",),
)


def load_datasets(further: Path | None = None) -> Datasets:
    """Every declared dataset by name, as `declaration.load_datasets` reads them.

    A dataset whose tables can't be declared (a declared column has the name of a table's own, a custom function can't
    be imported) is among the `failures`, too.
    """
    return declaration.load_datasets(further, check=tables)


@cache
def tables(dataset: Dataset) -> dict[str, Table]:
    """All tables that the dataset makes, by name, upstream first."""
    made = (
        *landed_tables(dataset),
        *cleaned_tables(dataset),
        *(identity_tables(dataset.identity.columns) if dataset.identity else ()),
        *session_tables(dataset),
        facts_table(dataset),
        *gold_tables(dataset),
        RECONCILIATION,
    )
    found = with_custom(dataset, {table.name: table for table in made})
    for table in found.values():
        _check_names(dataset, table)
    return found


def _check_names(dataset: Dataset, table: Table) -> None:
    """DeclarationError where a declared name is one that the table has for a column of its own."""
    names = [column.name.lower() for column in (*table.columns, *table.hive_columns)]
    for name in names:
        if names.count(name) > 1:
            state = f"is also a column that {table.name} has of its own"
            raise DeclarationError(f"{dataset.name}: column {name}", state, "choose another name")

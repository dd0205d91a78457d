"""The tables of the ids that belong to one person (docs/how-to/persons.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from event_assets.tables.table import Column, Table

PERSON_ID = Column(
    "person_id",
    "string",
    "The person: the least user id among the ids that are linked with the event's, else the least other id.",
    made_from=("user_id",),
    personal=True,
)


def identity_tables(ids: tuple[str, ...]) -> Iterable[Table]:
    """The table identity_links by date, and the tables computed from all dates. `ids`: the declared columns of ids."""
    holds = "The declared column that holds the id."
    column = Column("column", "string", holds, nullable=False, made_from=ids)
    id_ = Column("id", "string", "The id as text.", nullable=False, personal=True, made_from=ids)
    other = "The column of the other id; null in the row of the id itself."
    yield Table(
        "identity_links",
        "The ids of a date, and the pairs of ids that occur in the same event.",
        (
            column,
            id_,
            Column("linked_column", "string", other, made_from=ids),
            Column("linked_id", "string", "The other id that the same event holds.", personal=True, made_from=ids),
        ),
        key=("column", "id", "linked_column", "linked_id"),
        partitioned_by="event_date",
        layer="silver",
        users="id",
        internal=True,
    )
    yield Table(
        "identities",
        "The person of each id, over the whole history.",
        (
            column,
            id_,
            replace(PERSON_ID, nullable=False, made_from=("id", "linked_id")),
            Column("since", "date", "The first date on which the id occurs.", nullable=False, made_from=("id",)),
        ),
        key=("column", "id"),
        layer="silver",
        users="id",
    )

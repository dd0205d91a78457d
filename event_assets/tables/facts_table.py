"""The table of facts: each event with its session, profile, person, traffic and region."""

from __future__ import annotations

from dataclasses import replace

from event_assets.declaration import Dataset
from event_assets.tables.cleaned_tables import EVENT_ORDER, event_columns
from event_assets.tables.identity_tables import PERSON_ID
from event_assets.tables.session_tables import SESSION_ID
from event_assets.tables.shared_columns import computed, region, typed
from event_assets.tables.table import Table

#: The table of events that gold tables are computed from: what somebody looks for under the name `events`.
FACTS = "joined_facts"
TRAFFIC = computed(
    "traffic",
    "string",
    "Who caused the event: human, bot (by the user agent) or internal (by the address or the user).",
    "user_id",
    allowed=("human", "bot", "internal"),
)


def facts_table(dataset: Dataset) -> Table:
    """The table that gold tables are computed from."""
    without_session = not dataset.column("user_id").required or dataset.sessions.by is not None
    return Table(
        FACTS,
        "An event with its session, its user's profile on that day and its region.",
        (
            *event_columns(dataset),
            replace(SESSION_ID, nullable=without_session),
            *((PERSON_ID,) if dataset.identity else ()),
            *((TRAFFIC,) if dataset.traffic else ()),
            *((region(dataset.geo),) if dataset.geo else ()),
            *(typed(column, nullable=True) for column in dataset.profile_columns),
            computed("has_profile", "bool", "Whether the user has a profile.", "user_id"),
        ),
        key=("event_id",),
        partitioned_by="event_date",
        layer="silver",
        order=EVENT_ORDER,
    )

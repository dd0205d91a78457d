"""The tables of active and returning users (docs/how-to/cohorts.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from event_assets.declaration import Dataset
from event_assets.tables.identity_tables import PERSON_ID
from event_assets.tables.shared_columns import computed, count
from event_assets.tables.table import Column, Table


def retention_tables(dataset: Dataset, user_id: Column) -> Iterable[Table]:
    """The rollup `daily_users` and the tables computed from it; they count persons if the dataset declares
    `identity`."""
    who = replace(PERSON_ID, nullable=False) if dataset.identity else user_id
    users = "persons" if dataset.identity else "users"
    yield Table(
        "daily_users",
        f"The {users} with a fact on a date.",
        (who,),
        key=(who.name,),
        partitioned_by="event_date",
        users=who.name,
        internal=True,
    )
    yield Table(
        "active_users",
        f"The number of active {users} of a date, and of the week and the four weeks that end on it.",
        (
            count("day", f"Distinct {users} of the date.", 1, who.name),
            count("week", f"Distinct {users} of the 7 dates that end on it.", 1, who.name),
            count("month", f"Distinct {users} of the 28 dates that end on it.", 1, who.name),
        ),
        key=("day",),
        partitioned_by="event_date",
    )
    yield Table(
        "first_seen",
        f"The first date of each of the {users}.",
        (who, computed("date", "date", "The first date with a fact.", who.name)),
        key=(who.name,),
        users=who.name,
    )
    cohort_date = computed("cohort_date", "date", "The date on which they were first seen.", who.name, "date")
    yield Table(
        "daily_cohorts",
        f"The {users} of a date by the date on which they were first seen.",
        (
            cohort_date,
            count("users", f"{users.capitalize()} of the cohort with a fact on the date.", 1, who.name),
            count("week_users", "Those without an earlier fact in the ISO week.", 0, who.name),
        ),
        key=("cohort_date",),
        partitioned_by="event_date",
        internal=True,
    )
    yield Table(
        "retention",
        f"The number of {users} first seen on a date who were active some days later.",
        (
            replace(cohort_date, made_from=()),
            count("offset_days", "Days since cohort_date; 0 is that date.", 0, "cohort_date"),
            count("users", f"{users.capitalize()} of the cohort with a fact on that day."),
        ),
        key=("cohort_date", "offset_days"),
    )
    yield Table(
        "retention_by_week",
        f"The number of {users} first seen in an ISO week who were active some weeks later.",
        (
            computed("cohort_week", "date", "Monday of the week of their first date.", "cohort_date"),
            count("offset_weeks", "Weeks since cohort_week; 0 is that week.", 0, "cohort_date"),
            count("users", f"{users.capitalize()} of the cohort with a fact in that week.", 1, "week_users"),
        ),
        key=("cohort_week", "offset_weeks"),
    )

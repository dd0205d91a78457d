"""The tables for analysts, as far as a dataset declares them."""

from __future__ import annotations

from collections.abc import Iterable

from event_assets.declaration import Dataset, FunnelStep
from event_assets.tables import partition_plots
from event_assets.tables.channel_tables import summary_table
from event_assets.tables.returning_users_tables import retention_tables
from event_assets.tables.shared_columns import computed, count, region, typed
from event_assets.tables.table import Column, Table

#: What late records can do to a session of `sessions_changed`, each of one kind. Two sessions of before and now are
#: related where one user has both and they share an instant; sessions of the source, where they have one id.
SESSION_CHANGES = {
    "added": "that are related to none of before",
    "removed": "of before that are related to none of now",
    "extended": "with the same start as before and another end, number of events or other value",
    "merged": "that were several before and are one now, and that one",
    "split": "that were one before and are several now, and that one",
    "moved": "with another start than before, counted where they were and where they are",
}


def gold_tables(dataset: Dataset) -> Iterable[Table]:
    """Each with the rollups that it is merged from, upstream first."""
    gold = dataset.gold
    user_id = typed(dataset.column("user_id"), nullable=False)
    event_type = typed(dataset.column("event_type"))
    if gold.daily_summary:
        yield _daily_summary(dataset, user_id)
    if gold.top_users:
        yield from _top_users(dataset, user_id)
    if gold.watch_time:
        yield from _watch_time(dataset, user_id)
    if gold.events_by_minute:
        yield _events_by_minute(event_type)
    if gold.events_by_type:
        yield _events_by_type(dataset, event_type)
    if gold.lateness:
        yield _lateness()
    if gold.user_funnel:
        yield from _funnel(dataset, user_id)
    if gold.users_by:
        yield _users_by(gold.users_by, user_id)
    if gold.retention:
        yield from retention_tables(dataset, user_id)
    if dataset.channels:
        yield summary_table(dataset)


def _daily_summary(dataset: Dataset, user_id: Column) -> Table:
    return Table(
        "daily_summary",
        "The activity of each user on a date.",
        (
            user_id,
            count("event_count", "Events of the user on the date.", 1, "event_id"),
            count(
                "session_count",
                "Sessions of the user with an event on the date.",
                0 if dataset.sessions.by else 1,
                "session_id",
            ),
            computed("first_event_time", "timestamp", "Time of the user's first event on the date.", "event_time"),
            computed("last_event_time", "timestamp", "Time of the user's last event on the date.", "event_time"),
        ),
        key=("user_id",),
        partitioned_by="event_date",
    )


def _events_by_minute(event_type: Column) -> Table:
    return Table(
        "events_by_minute",
        "Events by minute and type.",
        (
            computed("minute", "timestamp", "The minute, UTC.", "event_time"),
            event_type,
            count("event_count", "Events of the type in the minute.", 1, "event_id"),
        ),
        key=("minute", "event_type"),
        plot=partition_plots.by_hour("minute", total="event_count"),
        partitioned_by="event_date",
    )


def _events_by_type(dataset: Dataset, event_type: Column) -> Table:
    return Table(
        "events_by_type",
        "Events and users by type.",
        (
            event_type,
            count("event_count", "Events of the type on the date.", 1, "event_id"),
            count(
                "user_count",
                "Users with an event of the type on the date.",
                1 if dataset.column("user_id").required else 0,
                "user_id",
            ),
        ),
        key=("event_type",),
        partitioned_by="event_date",
    )


def _lateness() -> Table:
    return Table(
        "lateness",
        "The landing dates of the records of a date, and the number of its sessions that each landing changed.",
        (
            Column("event_date", "date", "The date of the events.", nullable=False),
            Column("landed_date", "date", "The date, in the dataset's time zone, of landing.", nullable=False),
            count("records", "Records of the date whose file was first landed on landed_date.", 0),
            count(
                "sessions_changed",
                "Sessions of the date that differ from those by the files landed before landed_date.",
                0,
            ),
            *(count(f"sessions_{kind}", f"Of these, sessions {what}.", 0) for kind, what in SESSION_CHANGES.items()),
        ),
        key=("event_date", "landed_date"),
    )


def _users_by(columns: tuple[str, ...], user_id: Column) -> Table:
    return Table(
        "users_by",
        "Rollup: the users of a date for each value of the columns that `users_by` declares.",
        (
            computed("dimension", "string", "The column.", "user_id", allowed=columns),
            Column("value", "string", "Its value as text.", made_from=columns, personal=True),
            user_id,
        ),
        key=("dimension", "value", "user_id"),
        partitioned_by="event_date",
    )


def _top_users(dataset: Dataset, user_id: Column) -> Iterable[Table]:
    assert dataset.gold.top_users is not None
    by = dataset.gold.top_users.by
    within = (typed(dataset.column(by), nullable=False),) if by else ()
    source = next((c for c in dataset.columns if c.name == "source_session_id"), None)
    session = Column(
        "session_id",
        source.type if source else "string",
        "A session of the user with an event on the date: the source's id where it gives one, else the computed one.",
        nullable=False,
    )
    scope = f" per {by}" if by else ""
    ranked = (
        *within,
        count("rank", "The user's rank, from 1, without gaps.", 1, "session_id"),
        user_id,
        count("session_count", "Distinct sessions of the user.", 1, "session_id"),
    )
    key = (*((by,) if by else ()), "rank")
    yield Table(
        "platform_sessions",
        f"Rollup: the sessions{scope} that have an event on a date, merged as sets over several dates.",
        (*within, user_id, session),
        key=(*((by,) if by else ()), "user_id", "session_id"),
        partitioned_by="event_date",
    )
    yield Table("top_users", f"The most active users{scope} of a date.", ranked, key=key, partitioned_by="event_date")
    yield Table("top_users_overall", f"The most active users{scope} over all dates.", ranked, key=key)


def _watch_time(dataset: Dataset, user_id: Column) -> Iterable[Table]:
    assert dataset.gold.watch_time is not None
    scale = (dataset.column(dataset.gold.watch_time.column).decimal or (38, 2))[1]
    total = computed(
        "total_watch_time_min", f"decimal(38,{scale})", "Minutes watched, exact.", dataset.gold.watch_time.column
    )
    geo_region = region(dataset.geo)
    logs = count("log_count", "Log records.", 1, "event_id")
    yield Table(
        "watch_time",
        "Minutes that each user watched on a date, by region.",
        (geo_region, user_id, total, logs),
        key=("geo_region", "user_id"),
        partitioned_by="event_date",
    )
    yield Table(
        "watch_time_overall",
        "Minutes that each user watched over all dates, by region.",
        (user_id, total, logs),
        key=("user_id",),
        partitioned_by="geo_region",
    )
    yield Table(
        "watch_time_by_user",
        "Minutes that each user watched over all dates and regions.",
        (user_id, total, logs),
        key=("user_id",),
    )


def _step_columns(step: FunnelStep) -> tuple[Column, Column]:
    met = (*(["event_type"] if step.event_type else []), *step.where)
    times = f"The time at which the furthest attempt reached step {step.name}."
    return (
        count(f"{step.name}_count", f"Events of step {step.name} on the date.", 0, *met),
        Column(f"{step.name}_time", "timestamp", times, made_from=(*met, "event_time")),
    )


def _funnel(dataset: Dataset, user_id: Column) -> Iterable[Table]:
    assert dataset.gold.user_funnel is not None
    steps = dataset.gold.user_funnel.names
    yield Table(
        "user_funnel",
        "The furthest step of each user in the attempts that begin on a date.",
        (
            user_id,
            *(column for step in dataset.gold.user_funnel.steps for column in _step_columns(step)),
            computed(
                "furthest_step",
                "int64",
                "Number of the furthest step that an attempt of the date reached; 0 for none.",
                "event_type",
                "event_time",
                min="0",
                max=str(len(steps)),
            ),
        ),
        key=("user_id",),
        plot=partition_plots.by_furthest_step(steps),
        partitioned_by="event_date",
    )
    yield Table(
        "funnel_summary",
        "The funnel over all dates: users and conversion by step.",
        (
            computed(
                "step_number", "int64", "The step's number, from 1.", "furthest_step", min="1", max=str(len(steps))
            ),
            computed("step", "string", "The step's name.", "furthest_step", allowed=steps),
            count("users", "Users whose furthest step on any date is this one or a later one.", 0, "furthest_step"),
            Column(
                "conversion_from_previous",
                "decimal(9,6)",
                "Users divided by those of the previous step; null if it has none.",
                made_from=("furthest_step",),
            ),
            Column(
                "conversion_from_first",
                "decimal(9,6)",
                "Users divided by those of the first step; null if it has none.",
                made_from=("furthest_step",),
            ),
            Column(
                "median_seconds_from_previous",
                "decimal(18,6)",
                "Median time since the previous step, with each user's best date; null if no user reached this step.",
                made_from=tuple(f"{step}_time" for step in steps),
            ),
        ),
        key=("step_number",),
    )

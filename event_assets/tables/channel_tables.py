"""The columns and tables of the sources and channels of sessions (docs/how-to/channels.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from event_assets.declaration import Dataset
from event_assets.tables.shared_columns import computed, count
from event_assets.tables.table import Column, Table


def channel_columns(dataset: Dataset) -> tuple[Column, ...]:
    """The channel columns of `sessions`: of the session itself, and of its first and last touch that is not direct."""
    if dataset.channels is None:
        return ()
    days = dataset.channels.lookback
    own, touches = _source_columns(dataset), []
    for place in ("first", "last"):
        text = f"of the {place} session in the {days} dates up to this one that is not direct, else the session's own."
        for column in own:
            description = f"{column.name.capitalize()} {text}"
            name = f"{place}_touch_{column.name}"
            touches.append(replace(column, name=name, description=description, made_from=(column.name,)))
    return (*own, *touches)


def conversion_columns(dataset: Dataset) -> tuple[Column, ...]:
    """What a session earned, where conversions are declared."""
    channels = dataset.channels
    if channels is None or not channels.conversions:
        return ()
    conversions = count("conversions", "Its events that are conversions.", 0, "event_type")
    if channels.revenue is None:
        return (conversions,)
    money = dataset.column(channels.revenue)
    kind = f"decimal(38,{money.decimal[1]})" if money.decimal else "int64"
    text = f"The {money.name} of its conversions, summed."
    return (conversions, computed("revenue", kind, text, money.name))


def all_sessions_count(dataset: Dataset) -> bool:
    """Whether gold tables count every session: no profile and no traffic leaves one out."""
    return dataset.traffic is None and not dataset.profile_filter


def source_tables(dataset: Dataset, session_id: Column, user_id: Column, session_start: Column) -> Iterable[Table]:
    """The source of each session of a date, and the sessions that can be a touch of later sessions."""
    columns = (session_id, user_id, session_start, *_source_columns(dataset))
    shared: dict[str, Any] = {
        "columns": columns,
        "key": ("session_id",),
        "partitioned_by": "event_date",
        "layer": "silver",
        "internal": True,
    }
    yield Table("session_sources", "The source of each session of a date.", **shared)
    yield Table(
        "session_touches", "The sessions of a date that are not direct, which are touches of later sessions.", **shared
    )


def summary_table(dataset: Dataset) -> Table:
    """Sessions, users and conversions of each channel on a date."""
    by_name = {column.name: column for column in _source_columns(dataset)}
    figures = []
    for prefix, which in (("", "own"), ("first_touch_", "first touch's"), ("last_touch_", "last touch's")):
        by = f"sessions whose {which} channel is this one"
        made_from = (f"{prefix}channel",)
        figures.append(count(f"{prefix}sessions", f"The {by}.", 0, *made_from))
        if not prefix:
            figures.append(count("users", f"Distinct users of the {by}.", 0, "user_id"))
        for column in conversion_columns(dataset):
            text = f"{column.name.capitalize()} of the {by}."
            figures.append(replace(column, name=f"{prefix}{column.name}", description=text, made_from=(column.name,)))
    return Table(
        "channel_summary",
        "Sessions that begin on a date, their users and conversions, by channel.",
        (by_name["channel"], *figures),
        key=("channel",),
        partitioned_by="event_date",
    )


def _source_columns(dataset: Dataset) -> tuple[Column, ...]:
    assert dataset.channels is not None
    fields = tuple(dict.fromkeys(dataset.channels.fields.values()))

    def column(name: str, description: str, *, nullable: bool = False) -> Column:
        return Column(name, "string", description, nullable=nullable, made_from=fields)

    return (
        column("source", "The source of the session: `utm_source`, else the referring site, else (direct)."),
        column("medium", "The medium of the session: `utm_medium`, else organic, referral or (none)."),
        column("campaign", "The campaign: `utm_campaign`.", nullable=True),
        column("channel", "The channel of the first rule that the session matches."),
    )

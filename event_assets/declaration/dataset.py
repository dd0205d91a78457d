"""A whole declaration, and how its parts must fit together."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import field_validator, model_validator

from event_assets.declaration.base import Declared
from event_assets.declaration.blocks import (
    Deduplicate,
    Events,
    Gold,
    Profiles,
    Quality,
    Retention,
    Sessions,
)
from event_assets.declaration.column import NAME, Column
from event_assets.declaration.conditions import check_where


class Dataset(Declared):
    """One stream of events with its profiles and rules."""

    name: str
    """What the dataset is called: its group, its folder of the inbox and its schema in queries."""
    description: str
    """What the events are, in a sentence."""
    owners: tuple[str, ...] = ()
    """Who is asked about it: `team:NAME` or an e-mail address, as Dagster shows them."""
    start_date: dt.date
    """The first date that there is. Earlier events are refused as `out_of_range`."""
    end_date: dt.date | None = None
    """The last date that there is. Later events are refused as `out_of_range`."""
    timezone: str = "UTC"
    """The calendar in which `event_date` is read off `event_time`."""
    source_timezone: str = "UTC"
    """The zone of times that name none."""
    mode: Literal["lenient", "fail_fast"] = "lenient"
    """Whether a refused record is kept aside (`lenient`) or stops its file (`fail_fast`)."""
    drift: Literal["keep", "warn", "fail"] = "keep"
    """What becomes of a file with new, missing or retyped fields: it is landed and reported (`keep`), the run warns of
    it as well (`warn`), or it is refused as a whole (`fail`)."""
    engine: Literal["polars", "duckdb", "spark"] = "polars"
    """What runs the transforms, where EVENT_ASSETS_ENGINE doesn't say so for all datasets. It changes no row."""
    events: Events
    """The files of events and how they are read."""
    event_id: str | None = None
    """The declared column that already is each event's unique id."""
    profiles: Profiles | None = None
    """The files that say who the users are; facts get their columns by `user_id`."""
    deduplicate: Deduplicate = Deduplicate()
    """What makes two records the same."""
    sessions: Sessions = Sessions()
    """What ends a session."""
    geo: str | None = None
    """The declared column that holds an IP address."""
    gold: Gold = Gold()
    """The tables for analysts that are made."""
    quality: Quality = Quality()
    """From where on a figure is worth a warning."""
    retention: Retention = Retention()
    """How long dates are kept, by layer; for ever where nothing is said."""

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError("a dataset's name is lower case letters, digits and _, beginning with a letter")
        return value

    @field_validator("timezone", "source_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no IANA time zone; write one such as Europe/Berlin")
        return value

    @field_validator("start_date")
    @classmethod
    def _within_reach(cls, value: dt.date) -> dt.date:
        if not dt.date(1900, 1, 1) <= value <= dt.date(2200, 1, 1):
            raise ValueError(f"{value} is not within 1900-01-01 and 2200-01-01; write the first date of your events")
        return value

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        columns = {column.name for column in self.events.columns}

        def known(key: str, name: str | None, extra: set[str] = frozenset()) -> None:  # type: ignore[assignment]
            if name is not None and name not in columns | extra:
                raise ValueError(f"{key} names no declared column: {name!r}; declared are {', '.join(sorted(columns))}")

        for name in ("user_id", "event_type"):
            if name not in columns:
                raise ValueError(f"events.columns must declare {name}; use source: to say where it stands")
        user = self.column("user_id")
        if user.type not in ("string", "int64"):
            raise ValueError("user_id is an identifier: its type is string or int64")
        if self.column("event_type").type != "string":
            raise ValueError("event_type is a category: its type is string")
        for key in self.deduplicate.keys:
            known("deduplicate.keys", key, {"event_time"})
        known("event_id", self.event_id)
        floats = [key for key in self.dedupe_keys if key in columns and self.column(key).type == "float64"]
        if floats:
            raise ValueError(
                f"deduplicate.keys: {floats[0]} is a float64, and floats enter no key; make it a decimal or name others"
            )
        if self.event_id and self.deduplicate.keys not in ((), (self.event_id,)):
            raise ValueError(f"with event_id: {self.event_id} the deduplication key is that column alone")
        known("sessions.column", self.sessions.column)
        known("geo", self.geo)
        if self.gold.top_users is not None:
            known("gold.top_users.by", self.gold.top_users.by)
        for step in self.gold.user_funnel.steps if self.gold.user_funnel else ():
            check_where(f"gold.user_funnel.steps: {step.name}: where", step.where, self.fact_column)
        if self.gold.watch_time is not None:
            known("gold.watch_time.column", self.gold.watch_time.column)
            if self.column(self.gold.watch_time.column).decimal is None:
                raise ValueError("gold.watch_time.column: minutes are a decimal(p,s), so that a sum is exact")
            if self.geo is None:
                raise ValueError("gold.watch_time needs geo: the column that holds an IP address")
        if self.profiles is not None:
            profile_columns = {column.name for column in self.profiles.columns}
            if "user_id" not in profile_columns:
                raise ValueError("profiles.columns must declare user_id")
            if not (profile_user := self.profiles.column("user_id")).required:  # type: ignore[union-attr]
                raise ValueError("profiles.columns: user_id is required, since a profile is a user's")
            if profile_user and profile_user.type != user.type:
                raise ValueError(
                    f"profiles.user_id is {profile_user.type} and events.user_id {user.type}: make them one"
                )
            for name in sorted((profile_columns & columns) - {"user_id"}):
                raise ValueError(f"column {name} is declared for events and for profiles; rename one")
            check_where("profiles.filter", self.profiles.filter, self.profiles.column)
        return self

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.model_dump_json())

    def column(self, name: str) -> Column:
        """The declared event column of that name; KeyError where there is none."""
        column = self.events.column(name)
        if column is None:
            raise KeyError(name)
        return column

    def fact_column(self, name: str) -> Column | None:
        """The declared column of an event or its profile, as facts have it."""
        return self.events.column(name) or next((c for c in self.profile_columns if c.name == name), None)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The declared event columns, in declared order."""
        return self.events.columns

    @property
    def profile_columns(self) -> tuple[Column, ...]:
        """The declared profile columns but user_id, in declared order."""
        return tuple(c for c in self.profiles.columns if c.name != "user_id") if self.profiles else ()

    @property
    def dedupe_keys(self) -> tuple[str, ...]:
        """The columns of the deduplication key: the id, the declared keys, or event_time and all columns."""
        if self.event_id:
            return (self.event_id,)
        return self.deduplicate.keys or ("event_time", *(column.name for column in self.columns))

    @property
    def dedupe_days(self) -> int | Literal["all"]:
        """How many dates back a duplicate is looked for (SPEC §4, Deduplication)."""
        if self.deduplicate.days is not None:
            return self.deduplicate.days
        times = {"event_time"} | {c.name for c in self.columns if c.source == self.events.time.source}
        return 0 if times & set(self.dedupe_keys) else "all"

"""The key `gold`: the gold tables of a dataset and their options."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from event_assets.declaration.base import Declared, Duration, listed, printable, within
from event_assets.declaration.conditions import Where


class TopUsers(Declared):
    by: str | None = "platform"
    """The column whose values have a ranking each; null gives one ranking."""
    n: int = Field(10, ge=1)
    """The number of users in the ranking."""


class FunnelStep(Declared):
    """An event belongs to a step if it meets all conditions. A plain text is an event type and also the step's name."""

    name: Annotated[str, printable("name of a step, which becomes a part of column names")]
    """The step's name; its columns are `NAME_count` and `NAME_time`."""
    event_type: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """The event types, compared exactly; by default any."""
    where: Where = Field(default_factory=dict)
    """For each column of the event or the user's profile, its values, or `{not: [...]}`."""

    @model_validator(mode="after")
    def _meets_something(self) -> Self:
        if not self.event_type and not self.where:
            raise ValueError(f"step {self.name!r} has no condition; give it event_type or where")
        return self


def _step(value: object) -> object:
    return {"name": value, "event_type": (value,)} if isinstance(value, str) else value


class Funnel(Declared):
    steps: tuple[Annotated[FunnelStep, BeforeValidator(_step)], ...] = Field(min_length=2)
    """Steps in order: event types, or `{name, event_type, where}`."""
    window: Annotated[Duration, within(dt.timedelta(days=31), "31d")] = dt.timedelta(days=1)
    """The longest duration of an attempt from its first step to its last; at most 31d."""

    @field_validator("steps")
    @classmethod
    def _distinct_names(cls, value: tuple[FunnelStep, ...]) -> tuple[FunnelStep, ...]:
        names = [re.sub("[A-Z]", lambda letter: letter[0].lower(), step.name) for step in value]
        for step, name in zip(value, names, strict=True):
            if names.count(name) > 1:
                raise ValueError(f"step {step.name!r} is named twice (without regard to case)")
        return value

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.steps)


class WatchTime(Declared):
    column: str
    """The decimal column of minutes that is summed."""


class Nothing(Declared):
    """A table that takes no options: write `{}`."""


_OBJECT = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"


class OwnTable(Declared):
    """A gold table of the user's own: written as `module:function`, or with a contract of its own."""

    function: Annotated[str, Field(pattern=_OBJECT)]
    """The function that computes the table, as `module:function`."""
    contract: Annotated[str, Field(pattern=_OBJECT)] | None = None
    """A Pandera model, as `module:Model`, that its rows must satisfy in addition to the types, bounds and key of its
    columns."""

    @model_validator(mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return {"function": value} if isinstance(value, str) else value


class Gold(Declared):
    """The gold tables that the dataset feeds; one that is left out is not made."""

    daily_summary: Nothing | None = None
    """The activity of each user on a date."""
    top_users: TopUsers | None = None
    """The most active users by date and over all dates, and the rollup of sessions that both are computed from."""
    watch_time: WatchTime | None = None
    """Minutes by user and region, by date and over all dates."""
    events_by_minute: Nothing | None = None
    """Events by minute and type."""
    events_by_type: Nothing | None = None
    """Events and users by type."""
    user_funnel: Funnel | None = None
    """The furthest step of each user on a date, and the funnel over all dates."""
    users_by: tuple[str, ...] = ()
    """Columns of facts; each date's users are stored by their values, so that `ask` counts the users of any dates."""
    retention: Nothing | None = None
    """New and returning users: `first_seen`, `retention`, `retention_by_week` and `active_users`. They count
    persons where `identity` is declared."""
    lateness: Nothing | None = None
    """The landing dates of each date's records, and the number of sessions that late records changed."""
    custom: tuple[OwnTable, ...] = ()
    """Your own tables, each as `module:function` (`tables/custom_table_functions.py`)."""

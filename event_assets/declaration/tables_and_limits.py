"""What is made of a dataset's records: deduplication, sessions, gold tables, limits of quality, retention."""

from __future__ import annotations

import datetime as dt
from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from event_assets.declaration.base import Declared, Duration, listed, within
from event_assets.declaration.conditions import Where


class Deduplicate(Declared):
    keys: tuple[str, ...] = ()
    """Columns (or `event_time`) of the key by which records are compared; by default the time and all declared
    columns."""
    days: int | Literal["all"] | None = None
    """The number of earlier dates that are searched for duplicates; by default 0 if the key contains the time, else
    `all`."""

    @field_validator("days")
    @classmethod
    def _not_negative(cls, value: int | str | None) -> int | str | None:
        if isinstance(value, int) and value < 0:
            raise ValueError("days is 0 or more, or all")
        return value


class Sessions(Declared):
    gap: Annotated[Duration, within(dt.timedelta(hours=24), "24h")] = dt.timedelta(minutes=30)
    """A pause longer than this ends a session; at most 24h."""
    by: Literal["source_session_id"] | None = None
    """Use the source's own sessions instead of a gap: all events of a user with one id, whatever the pauses."""
    column: str | None = None
    """The page or product column whose first and last value a session shows."""

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.by and "gap" in self.model_fields_set and self.gap != dt.timedelta(minutes=30):
            raise ValueError(f"by: {self.by} takes the source's sessions as they are; leave out gap")
        return self


class TopUsers(Declared):
    by: str | None = "platform"
    """The column whose values have a ranking each; null gives one ranking."""
    n: int = Field(10, ge=1)
    """The number of users in the ranking."""


class FunnelStep(Declared):
    """An event that meets all of this is one of the step; a plain text is an event type and the step's name."""

    name: str
    """The step's name; its columns are `NAME_count` and `NAME_time`."""
    event_type: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """The event types, compared exactly; by default any."""
    where: Where = Field(default_factory=dict)
    """For each column of the event or the user's profile, its values, or `{not: [...]}`."""

    @field_validator("name")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.strip() or not value.isprintable():
            raise ValueError(f"step {value!r} becomes a part of column names: write a name of printable characters")
        return value

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
        names = [_ascii_lower(step.name) for step in value]
        for step, name in zip(value, names, strict=True):
            if names.count(name) > 1:
                raise ValueError(f"step {step.name!r} is named twice (without regard to case)")
        return value

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.steps)


def _ascii_lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


class WatchTime(Declared):
    column: str
    """The decimal column of minutes that is summed."""


class Nothing(Declared):
    """A table that takes no options: write `{}`."""


class Identity(Declared):
    """Which ids are one person's: those that one event holds together, over the whole history."""

    links: tuple[tuple[str, str], ...] = Field(min_length=1)
    """Pairs of columns, such as `[anonymous_id, user_id]`: an event with both values links the two ids."""
    max_ids: int = Field(1, ge=1)
    """An id of a pair's first column that is linked with more ids of the second is ignored, because several people use
    it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of ids, `user_id` first: that of an event's user identifies the person before all others."""
        return tuple(dict.fromkeys(["user_id", *(column for pair in self.links for column in pair)]))


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


class Traffic(Declared):
    """Who causes events: facts have `traffic`, which is `human`, `bot` or `internal`, and gold tables count humans."""

    user_agent: str | None = None
    """The column of the user agent, by which bots are recognized."""
    address: str | None = None
    """The column of the IP address, by which internal events are recognized."""
    internal_addresses: tuple[str, ...] = ()
    """Your own addresses and networks, such as `10.0.0.0/8`."""
    internal_users: tuple[str, ...] = ()
    """The ids of your own users."""
    count: tuple[Literal["human", "bot", "internal"], ...] = Field(("human",), min_length=1)
    """The traffic that gold tables count."""

    @field_validator("internal_addresses")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text, strict=False)
            except ValueError:
                raise ValueError(f"{text!r} is not an address or network; write one such as 10.0.0.0/8") from None
        return value

    @field_validator("internal_users", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return [str(one) for one in value] if isinstance(value, (list, tuple)) else value

    @model_validator(mode="after")
    def _tells_something(self) -> Self:
        if self.internal_addresses and not self.address:
            raise ValueError("internal_addresses need address: the column of the IP address")
        if not (self.user_agent or self.internal_addresses or self.internal_users):
            raise ValueError("nothing tells traffic apart; declare user_agent, internal_addresses or internal_users")
        return self


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


class Quality(Declared):
    """The limits of figures; a check warns beyond them. Everything is published all the same."""

    max_rejected_share: float = Field(0.05, ge=0, le=1)
    """The share of a file's or a date's records that may be rejected."""
    max_orphan_share: float = Field(0.5, ge=0, le=1)
    """The share of a date's facts whose user may have no profile."""
    volume_factor: float = Field(5.0, gt=1)
    """The factor by which a date's events may differ from the median of the same weekday of the last weeks."""
    stale_after: Duration = dt.timedelta(days=7)
    """The longest time since the last file."""


class Retention(Declared):
    """For how many days back from the newest event's date a layer keeps its dates; one that is left out keeps all."""

    raw: int | None = Field(None, ge=1)
    """raw_events and quarantine, which contains the text of records."""
    cleaned: int | None = Field(None, ge=1)
    """cleaned_events, sessions, joined_facts and the internal tables behind them."""
    gold: int | None = Field(None, ge=1)
    """The gold tables by date."""

"""How events are grouped by user: the keys `deduplicate`, `sessions`, `identity` and `traffic`."""

from __future__ import annotations

import datetime as dt
from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from event_assets.declaration.base import Declared, Duration, within


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


class Identity(Declared):
    """Which ids belong to one person: ids that occur in one event, over the whole history."""

    links: tuple[tuple[str, str], ...] = Field(min_length=1)
    """Pairs of columns, such as `[anonymous_id, user_id]`: an event with both values links the two ids."""
    max_ids: int = Field(1, ge=1)
    """An id of a pair's first column that is linked with more ids of the second is ignored, because several people use
    it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of ids, `user_id` first: an event's user identifies the person before any other id."""
        return tuple(dict.fromkeys(["user_id", *(column for pair in self.links for column in pair)]))


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

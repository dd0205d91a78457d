"""Who caused a fact: a human, a bot (by its user agent), or the company itself (docs/how-to/traffic.md)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from ipaddress import ip_address, ip_network

import narwhals as nw

from event_assets.declaration import Traffic
from event_assets.text.bot_user_agents import are_bots
from event_assets.transforms.cast_text import bound
from event_assets.transforms.interface import Frame, Inputs, Outputs, Scope, TextFunction, Transform, declared
from event_assets.transforms.normalize import normalised


def with_traffic(facts: Frame, scope: Scope) -> Frame:
    """Facts with `traffic`: `internal` by address or user, else `bot` by user agent, else `human`; never null."""
    traffic = declared(scope.dataset.traffic)
    internal, bot = nw.lit(False), nw.lit(False)
    if traffic.address and traffic.internal_addresses:
        facts = _judged(facts, traffic.address, "is internal address", internal_addresses(traffic), scope)
        internal = internal | nw.col("is internal address")
    if traffic.internal_users:
        user = scope.dataset.column("user_id")
        users = [bound(user, normalised(text, user)) for text in traffic.internal_users]
        internal = internal | nw.col("user_id").is_in(users).fill_null(False)
    if traffic.user_agent:
        facts = _judged(facts, traffic.user_agent, "is bot agent", bots, scope)
        bot = bot | nw.col("is bot agent")
    kind = nw.when(internal).then(nw.lit("internal")).when(bot).then(nw.lit("bot")).otherwise(nw.lit("human"))
    return facts.with_columns(kind.alias("traffic"))


def counted_only(transform: Transform) -> Transform:
    """A transform of a gold table that reads those facts only whose traffic the declaration counts."""

    @wraps(transform)
    def counting(inputs: Inputs, scope: Scope) -> Outputs:
        traffic = scope.dataset.traffic
        if traffic is None:
            return transform(inputs, scope)
        facts = inputs["joined_facts"].filter(nw.col("traffic").is_in([*traffic.count]))
        return transform({**inputs, "joined_facts": facts}, scope)

    return counting


def bots(columns: Sequence[Sequence[str | None]]) -> list[bool]:
    """Of each user agent, whether it is a program's."""
    return are_bots(columns[0])


def internal_addresses(traffic: Traffic) -> TextFunction:
    """Of each address, whether it is in one of the declared networks."""
    networks = [ip_network(text, strict=False) for text in traffic.internal_addresses]

    def inside(text: str | None) -> bool:
        try:
            address = ip_address((text or "").strip())
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)  # `::ffff:10.0.0.1`, as servers that listen on IPv6 log it
        return any((mapped or address) in network for network in networks)

    return lambda columns: [inside(text) for text in columns[0]]


def _judged(facts: Frame, column: str, into: str, function: TextFunction, scope: Scope) -> Frame:
    return scope.ports.from_text(facts, [column], into=into, declared_type="bool", function=function)

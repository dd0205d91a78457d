"""Checks that the columns which a declaration's keys name are declared, and have a type that fits."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from event_assets.declaration.conditions import check_where
from event_assets.declaration.typed_values import value_of

if TYPE_CHECKING:
    from event_assets.declaration.dataset import Dataset

_IDENTIFIERS = ("sessions.by", "identity.links")
_IDENTIFIER = ("string", "int64")
_COUNTABLE = ("string", "int64", "date")


def check_column_references(dataset: Dataset) -> None:
    """ValueError, which names the key, where a column is not declared or has another type than the key needs."""
    _check_events(dataset)
    _check_deduplication(dataset)
    for key, name in _named(dataset):
        _check_declared(dataset, key, name)
        declared = dataset.column(name).type
        if key in _IDENTIFIERS and declared not in _IDENTIFIER:
            raise ValueError(f"{key}: {name} is an identifier: its type is string or int64")
        if key.startswith(("traffic.", "channels.")) and declared != "string":
            raise ValueError(f"{key}: {name} is a {declared}; it must be a string")
    _check_sums(dataset)
    _check_gold(dataset)
    _check_profiles(dataset)


def _check_declared(dataset: Dataset, key: str, name: str, also: Collection[str] = ()) -> None:
    columns = {column.name for column in dataset.columns}
    if name not in columns and name not in also:
        raise ValueError(f"{key} names no declared column: {name!r}; declared are {', '.join(sorted(columns))}")


def _named(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Each key that names a column, with that name."""
    gold, traffic = dataset.gold, dataset.traffic
    channels = dataset.channels.fields if dataset.channels else {}
    keys = {
        "sessions.column": dataset.sessions.column,
        "sessions.by": dataset.sessions.by,
        "geo": dataset.geo,
        "gold.top_users.by": gold.top_users.by if gold.top_users else None,
        "traffic.user_agent": traffic.user_agent if traffic else None,
        "traffic.address": traffic.address if traffic else None,
        **{f"channels.{key}": name for key, name in channels.items()},
    }
    yield from ((key, name) for key, name in keys.items() if name)
    yield from (("identity.links", name) for name in (dataset.identity.columns if dataset.identity else ()))


def _check_events(dataset: Dataset) -> None:
    columns = {column.name for column in dataset.columns}
    for name in ("user_id", "event_type"):
        if name not in columns:
            raise ValueError(f"events.columns must declare {name}; use source: to name its field")
    user = dataset.column("user_id")
    if user.type not in _IDENTIFIER:
        raise ValueError("user_id is an identifier: its type is string or int64")
    if dataset.column("event_type").type != "string":
        raise ValueError("event_type is a category: its type is string")
    for text in dataset.traffic.internal_users if dataset.traffic else ():
        if value_of(text, user.type) is None:
            raise ValueError(f"traffic.internal_users: {text!r} is not a valid {user.type}")


def _check_deduplication(dataset: Dataset) -> None:
    for key in dataset.deduplicate.keys:
        _check_declared(dataset, "deduplicate.keys", key, also=["event_time"])
    if dataset.event_id is not None:
        _check_declared(dataset, "event_id", dataset.event_id)
    floats = [column.name for column in dataset.columns if column.type == "float64"]
    for key in dataset.dedupe_keys:
        if key in floats:
            raise ValueError(
                f"deduplicate.keys: {key} is a float64, and floats enter no key; make it a decimal or name others"
            )
    if dataset.event_id and dataset.deduplicate.keys not in ((), (dataset.event_id,)):
        raise ValueError(f"with event_id: {dataset.event_id} the deduplication key is that column alone")


def _check_sums(dataset: Dataset) -> None:
    if dataset.channels and (revenue := dataset.channels.revenue):
        _check_declared(dataset, "channels.revenue", revenue)
        if not dataset.column(revenue).decimal and dataset.column(revenue).type != "int64":
            raise ValueError("channels.revenue: money is a decimal(p,s) or an int64, so that a sum is exact")
    if dataset.gold.watch_time is not None:
        minutes = dataset.gold.watch_time.column
        _check_declared(dataset, "gold.watch_time.column", minutes)
        if dataset.column(minutes).decimal is None:
            raise ValueError("gold.watch_time.column: minutes are a decimal(p,s), so that a sum is exact")
        if dataset.geo is None:
            raise ValueError("gold.watch_time needs geo: the column that holds an IP address")


def _check_gold(dataset: Dataset) -> None:
    for step in dataset.gold.user_funnel.steps if dataset.gold.user_funnel else ():
        check_where(f"gold.user_funnel.steps: {step.name}: where", step.where, dataset.fact_column)
    for name in dataset.gold.users_by:
        column = dataset.fact_column(name)
        if column is None and not (name == "geo_region" and dataset.geo):
            raise ValueError(f"gold.users_by names no declared column: {name!r}")
        if column is not None and column.type not in _COUNTABLE:
            raise ValueError(f"gold.users_by: {name} is a {column.type}; name columns of type string, int64 or date")


def _check_profiles(dataset: Dataset) -> None:
    user_type = dataset.column("user_id").type
    shared = {column.name for column in dataset.columns_of("profiles")} & {column.name for column in dataset.columns}
    for block in dataset.profiles:
        user = block.column("user_id")
        if user is None:
            raise ValueError("profiles.columns must declare user_id")
        if not user.required:
            raise ValueError("profiles.columns: user_id is required, since a profile is a user's")
        if user.type != user_type:
            raise ValueError(f"profiles.user_id is {user.type} and events.user_id {user_type}: make them one")
        for name in sorted(shared - {"user_id"}):
            raise ValueError(f"column {name} is declared for events and for profiles; rename one")
        check_where("profiles.filter", block.filter, block.column)

"""Ids that are a function of what they name: UUID version 5 of a dataset and key values.

The name that is hashed is the dataset's name and then each key value, each written as its length in
characters, a colon and its text, null as `-:`, joined by colons. So `shop` with user 7 and no product is
`4:shop:1:7:-:`.
Integers are plain decimal text, decimals have their declared scale, times are microseconds since
1970-01-01 UTC, dates ISO, booleans `true` and `false`, JSON is in its canonical form. The lengths make two different
keys two different names.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import narwhals as nw

from event_assets.transforms.interface import Frame, Scope

#: Of events and of sessions: a session whose key looks like an event's still has another id.
EVENTS = str(uuid.uuid5(uuid.NAMESPACE_URL, "event_assets:event"))
SESSIONS = str(uuid.uuid5(uuid.NAMESPACE_URL, "event_assets:session"))


def name(dataset: str, *values: str | None) -> str:
    """The hashed name of a key in plain Python."""
    return ":".join("-:" if value is None else f"{len(value)}:{value}" for value in (dataset, *values))


def with_id(frame: Frame, column: str, key: Mapping[str, str], *, namespace: str, scope: Scope) -> Frame:
    """The frame with `column`: the id of the key's columns, given as column -> declared type (`micros` for an
    int64 of microseconds)."""
    times = {c: f"micros {c}" for c, declared in key.items() if declared == "timestamp"}
    keyed = scope.ports.microseconds(frame, times) if times else frame
    parts: list[nw.Expr] = [nw.lit(name(scope.dataset.name))]
    for c, declared in key.items():
        text = _text(times.get(c, c), declared)
        parts += [text.str.len_chars().cast(nw.String).fill_null("-"), text.fill_null("")]
    keyed = keyed.with_columns(nw.concat_str(parts, separator=":").alias("id name"))
    return scope.ports.uuid5(keyed, column, text="id name", namespace=namespace).drop("id name", *times.values())


def with_event_id(frame: Frame, scope: Scope) -> Frame:
    """The judged raw frame with `event_id`: the declared id, else the UUID of the deduplication key."""
    dataset = scope.dataset
    if dataset.event_id:
        return frame.with_columns(nw.col(f"typed {dataset.event_id}").alias("event_id"))
    types = {name: "micros" if name == "event_time" else dataset.column(name).type for name in dataset.dedupe_keys}
    places = {"micros": "event_time_us", "json": "canonical {}"}
    key = {places.get(kind, "typed {}").format(name): kind for name, kind in types.items()}
    return with_id(frame, "event_id", key, namespace=EVENTS, scope=scope)


def _text(column: str, declared: str) -> nw.Expr:
    value = nw.col(column)
    match declared:
        case "string" | "json":
            return value
        case "bool":
            return nw.when(value).then(nw.lit("true")).when(~value).then(nw.lit("false"))
        case _:
            return value.cast(nw.String)

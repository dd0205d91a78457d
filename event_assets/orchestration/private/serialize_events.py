"""Serializes events as Dagster stores them; what the events of a step have in common is serialized once."""

from __future__ import annotations

import json
from typing import Any

from dagster import EventLogEntry
from dagster_shared.serdes import serialize_value

#: What the events of a step and a kind differ by, each a text that occurs in no event.
_MARKS = _DATA, _MESSAGE, _TIME, _USER = tuple(f"1d2f4c77 {name}" for name in ("data", "message", "time", "user"))
_Common = tuple[str, str, str, str, str]


class EventSerializer:
    """`serialize_value` of the entries of a batch; `of` gives the same text."""

    def __init__(self) -> None:
        self._common: dict[tuple[object, ...], tuple[_Common, EventLogEntry]] = {}

    def of(self, entry: EventLogEntry) -> str:
        event = entry.dagster_event
        if event is None or entry.error_info is not None:
            return serialize_value(entry)
        # The tags are a dictionary that does not change; the identity of one that is kept is its key.
        key = (
            *(entry.level, entry.run_id, entry.step_key, entry.job_name, event.event_type_value, event.job_name),
            *(event.step_handle, event.node_handle, event.step_kind_value, event.pid, event.step_key),
            id(event.logging_tags),
        )
        if key not in self._common:
            self._common[key] = _common(entry), entry
        start, after_data, after_message, after_time, end = self._common[key][0]
        data, message = serialize_value(event.event_specific_data), json.dumps(event.message)
        time, user_message = json.dumps(entry.timestamp), json.dumps(entry.user_message)
        return "".join((start, data, after_data, message, after_message, time, after_time, user_message, end))


def _common(entry: EventLogEntry) -> _Common:
    """The text of an entry around its event's data, the event's message, its time and its own message."""
    marked: dict[str, Any] = {"event_specific_data": _DATA, "message": _MESSAGE}
    event = entry.get_dagster_event()._replace(**marked)
    other: dict[str, Any] = {"timestamp": _TIME, "user_message": _USER}
    rest = serialize_value(entry._replace(dagster_event=event, **other))
    parts = []
    for mark in _MARKS:
        part, rest = rest.split(json.dumps(mark))
        parts.append(part)
    return parts[0], parts[1], parts[2], parts[3], rest

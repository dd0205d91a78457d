"""What differs between two declarations of a dataset, key by key, in the words of the declaration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from event_assets.declaration.base import duration_text
from event_assets.declaration.dataset import Dataset
from event_assets.digest import digest

#: Keys that change no row of any table, at every level of a declaration.
_WITHOUT_EFFECT = frozenset({"description", "owners", "quality", "engine"})


@dataclass(frozen=True)
class Change:
    """A key, such as `sessions.gap` or `events.columns.price.min`, with its old and new value (None: not set)."""

    key: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.key}: {_shown(self.old)} → {_shown(self.new)}"


def normalised(dataset: Dataset) -> dict[str, Any]:
    """A declaration with all defaults filled in, as plain JSON values that `parse_dataset` reads back."""
    found = _plain(dataset)
    assert isinstance(found, dict)
    for kind in ("events", "profiles"):  # one block is written without a list around it
        blocks = found[kind]
        found[kind] = blocks if len(blocks) > 1 else blocks[0] if blocks else None
    return found


def declaration_digest(declaration: Mapping[str, Any]) -> str:
    """The digest of a normalised declaration without the keys that change no row."""
    return digest(_with_effect(declaration))


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The keys that differ between two normalised declarations, in the order of the new one, and can change a row."""
    return list(_changes("", _with_effect(old), _with_effect(new)))


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {field.alias or name: _plain(getattr(value, name)) for name, field in fields.items()}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dt.timedelta):
        return duration_text(value)
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else value


def _with_effect(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_effect(item) for key, item in value.items() if key not in _WITHOUT_EFFECT}
    return [_with_effect(item) for item in value] if isinstance(value, list) else value


def _changes(key: str, old: Any, new: Any) -> Iterator[Change]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*new, *old]):
            yield from _changes(f"{key}.{name}".lstrip("."), old.get(name), new.get(name))
    elif _is_named(old) and _is_named(new):
        olds, news = ({item["name"]: item for item in items} for items in (old, new))
        common = [name for name in news if name in olds]
        if common != [name for name in olds if name in news]:
            yield Change(key, [*olds], [*news])
        for name in dict.fromkeys([*news, *olds]):
            yield from _changes(f"{key}.{name}", olds.get(name), news.get(name))
    elif _are_blocks(old) and _are_blocks(new) and len(old) == len(new):
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _changes(f"{key}[{place}]", one, other)
    else:
        yield Change(key, old, new)


def _are_blocks(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_named(value: Any) -> bool:
    return bool(value) and _are_blocks(value) and all("name" in item for item in value)


def _shown(value: object) -> str:
    """A value as one writes it in a declaration, blocks by what is set in them."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        given = {name: item for name, item in value.items() if item not in (None, [], {}, False)}
        return "{" + ", ".join(f"{name}: {_shown(item)}" for name, item in given.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)

"""event_assets: messy exports of user events in, tables that an analyst can trust out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from event_assets.orchestration.component import EventDataset

__all__ = ["EventDataset"]


def __getattr__(name: str) -> Any:
    # Dagster resolves `type: event_assets.EventDataset` here; loading it on demand keeps Dagster out of
    # `import event_assets`, so that `top` and `query` start at once.
    if name == "EventDataset":
        from event_assets.orchestration.component import EventDataset

        return EventDataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

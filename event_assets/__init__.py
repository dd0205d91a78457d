"""event_assets: messy exports of user events in, tables that an analyst can trust out.

import event_assets as ea

lake = ea.open()
lake.table("shop.sessions", "2025-01-01", "2025-01-07").collect()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from event_assets.api import Lake, open
    from event_assets.orchestration.component import EventDataset
    from event_assets.warehouse.lazy_table import LazyTable

__all__ = ["EventDataset", "Lake", "LazyTable", "open"]


def __dir__() -> list[str]:
    # Without it `dg list components` would not find the component, which is loaded on demand.
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    # Dagster resolves `type: event_assets.EventDataset` here; loading it on demand keeps Dagster out of
    # `import event_assets`, so that `top` and `query` start at once.
    if name == "EventDataset":
        from event_assets.orchestration.component import EventDataset

        return EventDataset
    if name in ("Lake", "open"):
        from event_assets import api

        return getattr(api, name)
    if name == "LazyTable":
        from event_assets.warehouse.lazy_table import LazyTable

        return LazyTable
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The lake's tables as DuckDB views: the door through which they are queried but never changed, and the file for
other tools."""

from event_assets.warehouse.file import refresh
from event_assets.warehouse.query import read

__all__ = ["read", "refresh"]

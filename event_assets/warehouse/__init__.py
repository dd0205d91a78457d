"""The lake's tables as DuckDB views, and the one door through which they are queried but never changed."""

from event_assets.warehouse.query import read

__all__ = ["read"]

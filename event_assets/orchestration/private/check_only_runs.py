"""A graph-backed `AssetsDefinition` whose checks the UI can execute without materializing its assets.

Dagster disables "Execute" for every check of a graph-backed asset, also where the graph evaluates the published data
without materializing it. All checks with the same id of their definition form one unit of execution; without an id each
is its own. Dagster reads the id for nothing else where the assets can be selected one by one.
"""

from __future__ import annotations

from typing import Any

import dagster as dg
from dagster._utils.warnings import disable_dagster_warnings


class GraphAssets(dg.AssetsDefinition):
    """An `AssetsDefinition` with `can_subset=True` whose checks are no unit of execution."""

    @property
    def unique_id(self) -> str | None:  # type: ignore[override]
        return None

    @staticmethod
    def dagster_internal_init(**attributes: Any) -> GraphAssets:
        """Dagster makes changed copies by it, such as one with another group or with resources."""
        with disable_dagster_warnings():
            return GraphAssets(**attributes)

"""The warehouse file as an asset, and as a resource through which assets of users read every table."""

# No postponed annotations here: Dagster looks at the type of `context` itself.
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
from dagster_duckdb import DuckDBResource

from event_assets.declaration import Dataset
from event_assets.errors import EventAssetsError
from event_assets.orchestration.asset_keys import asset_key
from event_assets.orchestration.private.one_line_failure import OneLineFailure
from event_assets.pipeline.steps import RECONCILIATION
from event_assets.pipeline.workspace import Workspace
from event_assets.settings import Settings, load_settings
from event_assets.tables.catalog import load_datasets
from event_assets.warehouse.database_file import refresh
from event_assets.warehouse.datasets_in_lake import known_datasets, remember

KEY = dg.AssetKey("warehouse")


def warehouse_definitions(datasets: Mapping[str, Dataset]) -> dg.Definitions:
    """The asset `warehouse`, downstream of all tables; it needs the resource of that name."""

    @dg.asset(
        key=KEY,
        deps=[asset_key(name, RECONCILIATION) for name in datasets],  # which a run publishes last
        kinds={"duckdb", "gold"},
        group_name="warehouse",
        description="A DuckDB file with a view for each table, for the DuckDB shell and tools that draw charts.\n\n"
        "The views look up the tables' logs at each query, so they are as fresh as the tables. The file itself changes "
        "only with what is declared, at the end of a run. Open it read-only.",
    )
    def warehouse_file(warehouse: DuckDBResource) -> dg.MaterializeResult[None]:
        try:
            settings = load_settings()
            refresh(known_datasets(datasets, settings), settings)
        except EventAssetsError as error:
            raise OneLineFailure(str(error)) from None
        with warehouse.get_connection() as connection:
            views = connection.sql(
                "SELECT schema_name || '.' || view_name, column_count, comment FROM duckdb_views()"
                " WHERE NOT internal ORDER BY ALL"
            ).fetchall()
        return dg.MaterializeResult(
            metadata={
                "file": dg.MetadataValue.path(warehouse.database),
                "views": len(views),
                "tables": dg.MetadataValue.md(_as_markdown(views)),
            }
        )

    return dg.Definitions(assets=[warehouse_file])


def warehouse_resource(settings: Settings) -> DuckDBResource:
    """Connections to the warehouse file that can't change it."""
    return DuckDBResource(database=str(settings.warehouse), connection_config={"access_mode": "READ_ONLY"})


def keep_current(context: dg.OpExecutionContext, workspace: Workspace) -> None:
    """Let the warehouse file know the tables of a dataset that was just run. The run succeeds even if it can't."""
    settings = workspace.settings
    if not isinstance(settings.lake, Path):
        return  # there is no such file over an object store
    try:
        remember(workspace.dataset, workspace.lake)
        declared = {**load_datasets(settings.datasets), workspace.dataset.name: workspace.dataset}
        refreshed = refresh(known_datasets(declared, settings), settings)
    except EventAssetsError as error:
        context.log.warning(f"the warehouse file is unchanged: {error}")
        return
    if refreshed:
        context.log.info(f"rebuilt {settings.warehouse} with a view for each table")
        context.log_event(dg.AssetMaterialization(KEY, metadata={"file": dg.MetadataValue.path(settings.warehouse)}))


def _as_markdown(views: list[tuple[str, int, str]]) -> str:
    lines = [f"| `{name}` | {columns} | {comment} |" for name, columns, comment in views]
    return "\n".join(["| view | columns | contains |", "|---|---|---|", *lines])

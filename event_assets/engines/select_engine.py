"""Chooses the engine that computes a dataset. To add an engine, add a module to this folder and a line to this file."""

from __future__ import annotations

from event_assets.declaration import Dataset
from event_assets.engines.engine import Engine
from event_assets.settings import Settings


def engine_name(dataset: Dataset, settings: Settings) -> str:
    """The environment's engine, else the dataset's engine. No row depends on the choice."""
    return settings.engine or dataset.engine


def open_engine(dataset: Dataset, settings: Settings) -> Engine:
    """The dataset's engine. Only what it needs is imported, and a Spark session is opened with its first frame."""
    match engine_name(dataset, settings):
        case "duckdb":
            return spilling_engine(settings)
        case "spark":
            from event_assets.engines.spark.engine import SparkEngine
            from event_assets.engines.spark.session import spark_session

            return SparkEngine(lambda: spark_session(settings), settings.geo_db)
        case _:
            from event_assets.engines.polars.engine import PolarsEngine

            return PolarsEngine(settings.geo_db)


def spilling_engine(settings: Settings) -> Engine:
    """DuckDB, for partitions larger than memory."""
    from event_assets.engines.duckdb.engine import DuckDBEngine

    return DuckDBEngine(settings.memory_bytes, settings.workers, settings.geo_db)


def merging_engine(settings: Settings) -> Engine:
    """Polars with streaming, for a table over all dates if the dataset's engine holds frames."""
    from event_assets.engines.polars.engine import PolarsEngine

    return PolarsEngine(settings.geo_db, "streaming")

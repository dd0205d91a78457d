"""The environment, read here and nowhere else.

| variable | default | meaning |
|---|---|---|
| EVENT_ASSETS_INBOX | data/inbox | where files are dropped, one folder a dataset; a path or `s3://bucket/key` |
| EVENT_ASSETS_LAKE | data/lake | where the tables live; a path or `s3://bucket/key` |
| EVENT_ASSETS_CACHE | data/cache | where copies of a lake in an object store are kept on this machine's disk |
| EVENT_ASSETS_WAREHOUSE | data/warehouse.duckdb | the DuckDB file with a view per table |
| EVENT_ASSETS_DATASETS | datasets | a folder of datasets beside those that ship, one `NAME/defs.yaml` each |
| EVENT_ASSETS_ENGINE | what a dataset declares, else polars | what runs the transforms: polars, duckdb or spark |
| EVENT_ASSETS_WORKERS | cores of the machine | how many threads or processes may work at once |
| EVENT_ASSETS_MEMORY | half of the machine | bytes that landing and engines may take (`512MB`, `4GB`) |
| EVENT_ASSETS_MAX_UNPACKED | 1TB | bytes that a compressed source file may unpack to |
| EVENT_ASSETS_MAX_RATIO | 1000 | how many times its size it may unpack to |
| EVENT_ASSETS_SPARK | local[*] | a Spark master (`spark://host:7077`) or Spark Connect URL (`sc://host:15002`) |
| EVENT_ASSETS_SPARK_DRIVER_MEMORY | Spark's (1g) | memory of the driver, in Spark's terms (`2g`) |
| EVENT_ASSETS_SPARK_EXECUTOR_MEMORY | Spark's (1g) | memory of each executor (a local master has none) |
| EVENT_ASSETS_SPARK_SHUFFLE_PARTITIONS | workers if the master is local, else Spark's (200) | parts of a shuffle |
| EVENT_ASSETS_GEO_DB | none | a MaxMind .mmdb file in place of the built-in IP database |
| DAGSTER_HOME | data/dagster | where Dagster keeps its runs and events |
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from event_assets.errors import DeclarationError
from event_assets.locations import Place, parse_place

ENGINES = ("polars", "duckdb", "spark")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(B|KB|MB|GB|TB)?", re.IGNORECASE)
_SPARK_SIZE = re.compile(r"[1-9]\d*[kmgt]")
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True)
class Settings:
    """Where things lie and how much may be used."""

    inbox: Place = Path("data/inbox")
    lake: Place = Path("data/lake")
    cache: Path = Path("data/cache")
    warehouse: Path = Path("data/warehouse.duckdb")
    datasets: Path = Path("datasets")
    engine: str | None = None
    """What runs every dataset, whatever it declares; None leaves it to the declaration."""
    workers: int = 1
    memory_bytes: int = 4 * 10**9
    max_unpacked_bytes: int = 10**12
    max_ratio: int = 1000
    spark: str = "local[*]"
    spark_driver_memory: str | None = None
    spark_executor_memory: str | None = None
    spark_shuffle_partitions: int | None = None
    geo_db: Path | None = None
    dagster_home: Path = Path("data/dagster")


def local_folder(place: Place, variable: str) -> Path:
    """The folder that a setting names; DeclarationError where it names an object store, which can't serve here."""
    if isinstance(place, Path):
        return place
    raise DeclarationError(
        f"{variable}={place}", "is not a folder, which this needs", "set it to a path for this command"
    )


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of an environment; DeclarationError names the variable that can't be understood."""

    def path(name: str, default: str) -> Path:
        return Path(environment.get(name) or default).absolute()

    def optional(name: str) -> Path | None:
        value = environment.get(name)
        return Path(value).absolute() if value else None

    def place(name: str, default: str) -> Place:
        try:
            return parse_place(environment.get(name) or default)
        except ValueError as error:
            raise DeclarationError(name, str(error), "set a folder or a URL such as s3://bucket/lake") from None

    engine = environment.get("EVENT_ASSETS_ENGINE") or None
    if engine not in (None, *ENGINES):
        raise DeclarationError("EVENT_ASSETS_ENGINE", f"{engine!r} is no engine", f"set one of {', '.join(ENGINES)}")
    return Settings(
        inbox=place("EVENT_ASSETS_INBOX", "data/inbox"),
        lake=place("EVENT_ASSETS_LAKE", "data/lake"),
        cache=path("EVENT_ASSETS_CACHE", "data/cache"),
        warehouse=path("EVENT_ASSETS_WAREHOUSE", "data/warehouse.duckdb"),
        datasets=path("EVENT_ASSETS_DATASETS", "datasets"),
        engine=engine,
        workers=_count(environment, "EVENT_ASSETS_WORKERS") or os.cpu_count() or 1,
        memory_bytes=_size(environment, "EVENT_ASSETS_MEMORY") or _machine_memory() // 2,
        max_unpacked_bytes=_size(environment, "EVENT_ASSETS_MAX_UNPACKED") or 10**12,
        max_ratio=_count(environment, "EVENT_ASSETS_MAX_RATIO") or 1000,
        spark=environment.get("EVENT_ASSETS_SPARK") or "local[*]",
        spark_driver_memory=_spark_memory(environment, "EVENT_ASSETS_SPARK_DRIVER_MEMORY"),
        spark_executor_memory=_spark_memory(environment, "EVENT_ASSETS_SPARK_EXECUTOR_MEMORY"),
        spark_shuffle_partitions=_count(environment, "EVENT_ASSETS_SPARK_SHUFFLE_PARTITIONS"),
        geo_db=optional("EVENT_ASSETS_GEO_DB"),
        dagster_home=path("DAGSTER_HOME", "data/dagster"),
    )


def use_dagster_home(home: Path) -> None:
    """Let Dagster in this process and its children keep its runs there; its own settings file asks for it by name."""
    os.environ["DAGSTER_HOME"] = str(home)


def use_no_plugins() -> None:
    """Let Pydantic in this process not look for plugins, which reads about every installed package."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def use_spark_python() -> None:
    """Let Spark's executors run the Python of this process, unless somebody said which one (PYSPARK_PYTHON)."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


def _count(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise DeclarationError(name, f"{text!r} is not a number", "set a number from 1")
    return int(text)


def _spark_memory(environment: Mapping[str, str], name: str) -> str | None:
    text = environment.get(name)
    if text and not _SPARK_SIZE.fullmatch(text):
        raise DeclarationError(name, f"{text!r} is no size in Spark's terms", "write one such as 512m or 4g")
    return text or None


def _size(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    if not text:
        return None
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise DeclarationError(name, f"{text!r} is no size", "write one such as 512MB or 4GB")
    return int(float(match[1]) * _UNITS[(match[2] or "B").upper()])


def _machine_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 8 * 10**9

"""The environment and the file event_assets.toml, read here and nowhere else.

| variable | default | meaning |
|---|---|---|
| EVENT_ASSETS_INBOX | data/inbox | the inbox, with one folder for each dataset; a path or `s3://bucket/key` |
| EVENT_ASSETS_LAKE | data/lake | the folder of the tables; a path or `s3://bucket/key` |
| EVENT_ASSETS_CACHE | data/cache | the local folder for copies of a lake in an object store |
| EVENT_ASSETS_WAREHOUSE | data/warehouse.duckdb | the DuckDB file with a view for each table |
| EVENT_ASSETS_DATASETS | datasets | the folder of your own datasets, one `NAME/defs.yaml` each |
| EVENT_ASSETS_ENGINE | the dataset's `engine`, else polars | the engine of the transforms: polars, duckdb or spark |
| EVENT_ASSETS_WORKERS | cores of the machine | the number of threads or processes that work at once |
| EVENT_ASSETS_MEMORY | half of the machine | the memory that landing and engines may use (`512MB`, `4GB`) |
| EVENT_ASSETS_QUERY_MEMORY | EVENT_ASSETS_MEMORY | the memory that one query may use |
| EVENT_ASSETS_QUERY_SPILL | 100GB | the size of temporary files that one query may write |
| EVENT_ASSETS_QUERY_SECONDS | 3600 | the longest duration of a query, in seconds |
| EVENT_ASSETS_MAX_UNPACKED | 1TB | the largest unpacked size of a compressed source file |
| EVENT_ASSETS_MAX_RATIO | 1000 | the largest ratio of its unpacked to its packed size |
| EVENT_ASSETS_SPARK | local[*] | a Spark master (`spark://host:7077`) or Spark Connect URL (`sc://host:15002`) |
| EVENT_ASSETS_SPARK_DRIVER_MEMORY | Spark's (1g) | memory of the driver, in Spark's terms (`2g`) |
| EVENT_ASSETS_SPARK_EXECUTOR_MEMORY | Spark's (1g) | memory of each executor (a local master has none) |
| EVENT_ASSETS_SPARK_SHUFFLE_PARTITIONS | workers if the master is local, else Spark's (200) | partitions of a shuffle |
| EVENT_ASSETS_GEO_DB | none | a MaxMind .mmdb file that replaces the built-in IP database |
| EVENT_ASSETS_OPENLINEAGE | none | the receiver of OpenLineage events: a server's URL, or a file (NDJSON) |
| EVENT_ASSETS_DAGSTER_URL | http://127.0.0.1:3000 | the URL of Dagster's page, to which the dashboard links |
| DAGSTER_HOME | data/dagster | the folder of Dagster's runs and events |
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from event_assets.errors import DeclarationError
from event_assets.path_or_url import Place, parse_place

#: The file of settings, in the current folder or the nearest one above it.
FILE = "event_assets.toml"
ENGINES = ("polars", "duckdb", "spark")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(B|KB|MB|GB|TB)?", re.IGNORECASE)
_SPARK_SIZE = re.compile(r"[1-9]\d*[kmgt]")
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True)
class Settings:
    """Where files are kept and how much of the machine may be used."""

    inbox: Place = Path("data/inbox")
    lake: Place = Path("data/lake")
    cache: Path = Path("data/cache")
    warehouse: Path = Path("data/warehouse.duckdb")
    datasets: Path = Path("datasets")
    engine: str | None = None
    """What runs every dataset, whatever it declares; None leaves it to the declaration."""
    workers: int = 1
    memory_bytes: int = 4 * 10**9
    query_memory_bytes: int | None = None
    """What one query may take; None is `memory_bytes`."""
    query_spill_bytes: int = 10**11
    query_seconds: int = 3600
    max_unpacked_bytes: int = 10**12
    max_ratio: int = 1000
    spark: str = "local[*]"
    spark_driver_memory: str | None = None
    spark_executor_memory: str | None = None
    spark_shuffle_partitions: int | None = None
    geo_db: Path | None = None
    openlineage: str | Path | None = None
    """A server's URL without the path of its API, or a file to which lines are added."""
    dagster_url: str = "http://127.0.0.1:3000"
    dagster_home: Path = Path("data/dagster")


def local_folder(place: Place, variable: str) -> Path:
    """The folder that a setting names; DeclarationError where it names an object store, which can't serve here."""
    if isinstance(place, Path):
        return place
    raise DeclarationError(
        f"{variable}={place}", "is not a folder, which this needs", "set it to a path for this command"
    )


class _Given:
    """Settings as texts: those of the environment, else those of a file, whose relative paths count from its folder."""

    def __init__(self, environment: Mapping[str, str], file: Path | None, overrides: Mapping[str, str]) -> None:
        self._environment = {**environment, **{_variable(key): text for key, text in overrides.items()}}
        self._path, self._overrides = file, overrides
        self._file = _read(file) if file else {}
        self._known: set[str] = set()

    def get(self, variable: str) -> str | None:
        """The text of a setting; None where it is given nowhere, or empty."""
        self._known.add(variable)
        return self._environment.get(variable) or self._file.get(_key(variable)) or None

    def where(self, variable: str) -> str:
        """What an error names as the culprit."""
        file = self._file_of(variable)
        return f"{file}: {_key(variable)}" if file else variable

    def path(self, variable: str, text: str) -> Path:
        """A path that a setting names."""
        file = self._file_of(variable)
        return (file.parent if file else Path()).absolute() / text

    def _file_of(self, variable: str) -> Path | None:
        return None if self._environment.get(variable) or _key(variable) not in self._file else self._path

    def check(self) -> None:
        """DeclarationError where the file or an override has a key that no setting was read from."""
        known = sorted(_key(variable) for variable in self._known)
        for key in (*self._overrides, *self._file):
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                remedy = f"did you mean {close[0]}?" if close else f"remove it; known are {', '.join(known)}"
                culprit = key if key in self._overrides else f"{self._path}: {key}"
                raise DeclarationError(culprit, "is not a setting", remedy)


def _key(variable: str) -> str:
    """What the file calls a variable: EVENT_ASSETS_LAKE is `lake`, DAGSTER_HOME `dagster_home`."""
    return variable.removeprefix("EVENT_ASSETS_").lower()


def _variable(key: str) -> str:
    return "DAGSTER_HOME" if key == "dagster_home" else f"EVENT_ASSETS_{key.upper()}"


def _read(file: Path) -> dict[str, str]:
    """The file's settings by key. A key may also be written as its variable."""
    try:
        found: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(str(file), f"can't be read ({error})", "make it readable UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError(str(file), f"is not valid TOML ({error})", "fix that line") from None
    texts: dict[str, str] = {}
    for name, value in found.items():
        key = _key(name) if name.isupper() else name
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise DeclarationError(
                f"{file}: {name}", "is not a text or a whole number", f'write it as {name} = "..." at the top level'
            )
        if key in texts:
            raise DeclarationError(f"{file}: {name}", f"sets {key} a second time", "keep one of the two")
        texts[key] = str(value)
    return texts


def find_file(folder: Path) -> Path | None:
    """The file of settings that counts in a folder: its own, or the nearest one above."""
    return next((place / FILE for place in (folder, *folder.parents) if (place / FILE).is_file()), None)


def load_settings(
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of an environment (the process's own where none is given) over those of event_assets.toml in a
    folder (the current one) or above; `overrides`, by the file's keys, come before both. DeclarationError names the
    variable, or file and key, that is wrong."""
    file = find_file((folder or Path()).absolute())
    given = _Given(os.environ if environment is None else environment, file, overrides or {})

    def path(name: str, default: str) -> Path:
        return given.path(name, given.get(name) or default)

    def optional(name: str) -> Path | None:
        value = given.get(name)
        return given.path(name, value) if value else None

    def place(name: str, default: str) -> Place:
        text = given.get(name) or default
        try:
            return parse_place(text if "://" in text else str(given.path(name, text)))
        except ValueError as error:
            raise DeclarationError(
                given.where(name), str(error), "set a folder or a URL such as s3://bucket/lake"
            ) from None

    def url_or_path(name: str) -> str | Path | None:
        text = given.get(name)
        return text.rstrip("/") if text and text.startswith(("http://", "https://")) else optional(name)

    engine = given.get("EVENT_ASSETS_ENGINE")
    if engine not in (None, *ENGINES):
        raise DeclarationError(
            given.where("EVENT_ASSETS_ENGINE"), f"{engine!r} is not an engine", f"set one of {', '.join(ENGINES)}"
        )
    settings = Settings(
        inbox=place("EVENT_ASSETS_INBOX", "data/inbox"),
        lake=place("EVENT_ASSETS_LAKE", "data/lake"),
        cache=path("EVENT_ASSETS_CACHE", "data/cache"),
        warehouse=path("EVENT_ASSETS_WAREHOUSE", "data/warehouse.duckdb"),
        datasets=path("EVENT_ASSETS_DATASETS", "datasets"),
        engine=engine,
        workers=_count(given, "EVENT_ASSETS_WORKERS") or os.cpu_count() or 1,
        memory_bytes=_size(given, "EVENT_ASSETS_MEMORY") or _machine_memory() // 2,
        query_memory_bytes=_size(given, "EVENT_ASSETS_QUERY_MEMORY"),
        query_spill_bytes=_size(given, "EVENT_ASSETS_QUERY_SPILL") or 10**11,
        query_seconds=_count(given, "EVENT_ASSETS_QUERY_SECONDS") or 3600,
        max_unpacked_bytes=_size(given, "EVENT_ASSETS_MAX_UNPACKED") or 10**12,
        max_ratio=_count(given, "EVENT_ASSETS_MAX_RATIO") or 1000,
        spark=given.get("EVENT_ASSETS_SPARK") or "local[*]",
        spark_driver_memory=_spark_memory(given, "EVENT_ASSETS_SPARK_DRIVER_MEMORY"),
        spark_executor_memory=_spark_memory(given, "EVENT_ASSETS_SPARK_EXECUTOR_MEMORY"),
        spark_shuffle_partitions=_count(given, "EVENT_ASSETS_SPARK_SHUFFLE_PARTITIONS"),
        geo_db=optional("EVENT_ASSETS_GEO_DB"),
        openlineage=url_or_path("EVENT_ASSETS_OPENLINEAGE"),
        dagster_url=_web_address(given, "EVENT_ASSETS_DAGSTER_URL") or "http://127.0.0.1:3000",
        dagster_home=path("DAGSTER_HOME", "data/dagster"),
    )
    given.check()
    return settings


def use_dagster_home(home: Path) -> None:
    """Let Dagster in this process and its children keep its runs there; its own settings file refers to it by name."""
    os.environ["DAGSTER_HOME"] = str(home)


def use_no_plugins() -> None:
    """Let Pydantic in this process not look for plugins, which reads about every installed package."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def use_spark_python() -> None:
    """Let Spark's executors run the Python of this process, unless the user set one (PYSPARK_PYTHON)."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


def _count(given: _Given, name: str) -> int | None:
    text = given.get(name)
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise DeclarationError(given.where(name), f"{text!r} is not a whole number from 1", "set a number such as 4")
    return int(text)


def _web_address(given: _Given, name: str) -> str | None:
    text = given.get(name)
    if text and not text.startswith(("http://", "https://")):
        raise DeclarationError(given.where(name), "is not a web address", "write one such as http://127.0.0.1:3000")
    return text.rstrip("/") if text else None


def _spark_memory(given: _Given, name: str) -> str | None:
    text = given.get(name)
    if text and not _SPARK_SIZE.fullmatch(text):
        raise DeclarationError(given.where(name), f"{text!r} is not a size in Spark's terms", "write 512m or 4g")
    return text


def _size(given: _Given, name: str) -> int | None:
    text = given.get(name)
    if not text:
        return None
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise DeclarationError(given.where(name), f"{text!r} is not a size", "write one such as 512MB or 4GB")
    return int(float(match[1]) * _UNITS[(match[2] or "B").upper()])


def _machine_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 8 * 10**9

"""The one Spark session of this process, set up so that it gives what the other engines give."""

from __future__ import annotations

import socket
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from event_assets.errors import DeclarationError
from event_assets.settings import Settings, use_spark_python

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOOPBACK = "127.0.0.1"

#: What decides about values. ANSI mode is off so that a cast which can't be is null, which the contract then refuses:
#: Spark may work out a cast before the condition that guards it, and would raise for rows that it is not meant for.
_SAME_RESULTS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
}
#: What decides about files: as few as their size allows, however many partitions a shuffle had.
_FEW_FILES = {
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "128m",
}
_QUIET = {"spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}


@cache
def spark_session(settings: Settings) -> SparkSession:
    """The session of a master (`local[*]`, `spark://host:7077`, ...) or a Spark Connect server (`sc://host:15002`).

    DeclarationError where PySpark or Java is missing or the master can't be reached.
    """
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise DeclarationError(
            "EVENT_ASSETS_ENGINE", "spark needs PySpark, which is not installed", "pip install 'event_assets[spark]'"
        ) from None
    use_spark_python()
    master = settings.spark
    options: dict[str, bool | float | int | str | None] = {**_SAME_RESULTS, **_FEW_FILES}
    partitions = settings.spark_shuffle_partitions or (settings.workers if master.startswith("local") else None)
    options |= {"spark.sql.shuffle.partitions": partitions} if partitions else {}
    builder = SparkSession.builder.appName("event_assets")
    if master.startswith("sc://"):
        _reach(master)
        builder = builder.remote(master)
    else:
        builder = builder.master(master)
        options |= {**_QUIET, **_here(master)}
        memory = {"driver": settings.spark_driver_memory, "executor": settings.spark_executor_memory}
        options |= {f"spark.{whose}.memory": size for whose, size in memory.items() if size}
    try:
        return builder.config(map=options).getOrCreate()
    except (PySparkException, OSError) as error:
        raise _no_session(master, str(error).splitlines()[0]) from None


def _reach(server: str) -> None:
    """The client of Spark Connect retries a server that isn't there, for ten minutes."""
    try:
        address = urlsplit(server)
        place = address.hostname or _LOOPBACK, address.port or 15002
    except ValueError:  # its text quotes the part read as the port, which may be a piece of a password
        raise DeclarationError(
            "EVENT_ASSETS_SPARK", f"no session on {server} (no address)", "name the server as sc://HOST:PORT"
        ) from None
    try:
        socket.create_connection(place, timeout=30).close()
    except OSError as error:
        raise _no_session(server, str(error)) from None


def _no_session(master: str, reason: str) -> DeclarationError:
    remote = master.startswith("sc://")
    return DeclarationError(
        "EVENT_ASSETS_SPARK",
        f"no session on {master} ({reason})",
        "start that Spark Connect server, or pip install 'pyspark[connect]' where its client is missing"
        if remote
        else "install Java 17 (apt install openjdk-17-jre-headless) and name a master that runs",
    )


def _here(master: str) -> dict[str, str]:
    """On this machine nothing listens beyond loopback, and executors find this package in its folder. Elsewhere the
    driver has to be reached, and they have the package installed."""
    options = {"spark.ui.enabled": "false"}
    if master.startswith("local") or urlsplit(master).hostname in (_LOOPBACK, "localhost"):
        options |= {"spark.driver.host": _LOOPBACK, "spark.driver.bindAddress": _LOOPBACK}
        options |= {"spark.executorEnv.PYTHONPATH": str(Path(__file__).parents[3])}
    return options

"""A Spark Connect server, a process of its own, makes `streaming`; one that isn't there is an error at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from event_assets.engines.spark.session import spark_session
from event_assets.errors import DeclarationError
from event_assets.settings import Settings
from event_assets_tests.engines.available import NO_SPARK
from event_assets_tests.engines.cluster import free_port
from event_assets_tests.engines.streaming import landed, made, making
from event_assets_tests.engines.test_parity import assert_alike

pytestmark = [
    pytest.mark.skipif(find_spec("grpc_status") is None, reason="its client needs pip install 'pyspark[connect]'"),
    pytest.mark.skipif(shutil.which("java") is None, reason=NO_SPARK),
    pytest.mark.spark,
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The URL of a server on loopback, whose tasks run in its own process."""
    import pyspark

    home, port = Path(pyspark.__file__).parent, free_port()
    options = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.ui.enabled": "false",
    }
    command = [home / "bin" / "spark-submit", "--master", "local[2]"]
    for name, value in options.items():
        command += ["--conf", f"{name}={value}"]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    repository = str(Path(__file__).parents[2])
    environment = {**os.environ, "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": repository}
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 300
        while b"Connect server started" not in (tmp_path / "server.log").read_bytes():
            assert process.poll() is None, (tmp_path / "server.log").read_text()[-2000:]
            assert time.monotonic() < deadline, (tmp_path / "server.log").read_text()[-2000:]
            time.sleep(0.5)
        yield f"sc://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_connect_server_makes_what_polars_makes(server: str, tmp_path: Path) -> None:
    expected, world = landed(tmp_path, 600, days=1)
    made(making(world, server), 3000)
    assert_alike(world, expected)


def test_a_connect_server_that_is_not_there_is_an_error_at_once() -> None:
    with pytest.raises(DeclarationError, match=r"no session on sc://.*start that Spark Connect server"):
        spark_session(Settings(spark=f"sc://127.0.0.1:{free_port()}"))

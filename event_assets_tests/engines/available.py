"""The engines that tests run on. Adding one is one line here."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

NO_SPARK = "Spark needs PySpark (pip install 'event_assets[spark]') and Java 17 (apt install openjdk-17-jre-headless)"

spark = pytest.mark.skipif(find_spec("pyspark") is None or shutil.which("java") is None, reason=NO_SPARK)

# Before any session is opened: Spark reads its defaults from there.
os.environ.setdefault("SPARK_CONF_DIR", str(Path(__file__).parent / "spark"))
os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")

#: A session's start and its first jobs count for whichever test comes first, and machines that test are busy.
_ON_SPARK = [spark, pytest.mark.spark, pytest.mark.timeout(900)]

#: For `parametrize` and `fixture(params=...)`.
OTHERS = ("duckdb", pytest.param("spark", marks=_ON_SPARK))
ENGINES = ("polars", *OTHERS)
#: For bodies that are many: a hundred small tests take Spark minutes, so that `make test-long` runs them there.
OTHERS_OF_MANY = ("duckdb", pytest.param("spark", marks=[*_ON_SPARK, pytest.mark.long]))
ENGINES_OF_MANY = ("polars", *OTHERS_OF_MANY)

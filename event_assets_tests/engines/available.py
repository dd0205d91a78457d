"""The engines that tests run on. Adding one is one line here."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

import pytest

NO_SPARK = "Spark needs PySpark (pip install 'event_assets[spark]') and Java 17 (apt install openjdk-17-jre-headless)"

spark = pytest.mark.skipif(find_spec("pyspark") is None or shutil.which("java") is None, reason=NO_SPARK)

#: For `parametrize` and `fixture(params=...)`.
ENGINES = ("polars", "duckdb", pytest.param("spark", marks=[spark, pytest.mark.spark]))

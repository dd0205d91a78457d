"""Dagster's own tests of event logs, run against ours, where they can be imported.

They come with Dagster's source distribution alone: `pip download --no-deps --no-binary :all: dagster==VERSION`, and
PYTHONPATH is the unpacked folder; with `-W default`, since their warnings are no errors. `dagster_test`, which one of
their modules imports for other tests, is in none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest

from event_assets.orchestration.private.event_log import EventLog

pytestmark = pytest.mark.slow
pytest.importorskip("dagster_tests")
for _absent in ("dagster_test", "dagster_test.utils", "dagster_test.utils.data_factory"):
    sys.modules.setdefault(_absent, ModuleType(_absent)).dagster_run = None  # type: ignore[attr-defined]
utils = pytest.importorskip("dagster_tests.storage_tests.utils.event_log_storage")


class TestEventLog(utils.TestEventLogStorage):  # type: ignore[misc, name-defined]
    """With the limits of the stock SQLite storage."""

    __test__ = True

    def supports_multiple_event_type_queries(self) -> bool:
        return False

    def can_wipe_asset_partitions(self) -> bool:
        return False

    @pytest.fixture(name="instance")
    def instance(self, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
        ours = {
            "module": EventLog.__module__,
            "class": EventLog.__name__,
            "config": {"base_dir": str(tmp_path)},
        }
        with dg.instance_for_test(temp_dir=str(tmp_path), overrides={"event_log_storage": ours}) as instance:
            yield instance

    @pytest.fixture(name="storage")
    def event_log_storage(self, instance: dg.DagsterInstance) -> EventLog:
        storage = instance.event_log_storage
        found = getattr(storage, "_event_log_storage", storage)
        assert isinstance(found, EventLog)
        return found

"""One `dagster dev` for all tests of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from event_assets_tests.browser.dagster_dev import DagsterDev, dagster_dev


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterDev]:
    with dagster_dev(tmp_path_factory.mktemp("dev")) as dev:
        yield dev

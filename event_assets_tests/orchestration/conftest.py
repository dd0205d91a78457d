"""What the tests of the Dagster layer share: a world whose tables are made by runs of Dagster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from event_assets_tests.orchestration.platform import Platform


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """The dataset `clicks` in Dagster, with an instance of its own; `own_environment` points to the same folders."""
    platform = Platform(tmp_path)
    with platform.instance:
        yield platform

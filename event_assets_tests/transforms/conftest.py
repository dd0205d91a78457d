"""Every test body runs on each engine."""

from __future__ import annotations

import pytest

from event_assets_tests.engines.available import ENGINES_OF_MANY
from event_assets_tests.transforms.bench import Bench


@pytest.fixture(params=ENGINES_OF_MANY)
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(request.param)

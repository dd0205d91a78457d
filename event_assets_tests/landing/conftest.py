"""One call that lands a content, for the tests of landing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from event_assets.declaration import Dataset
from event_assets.landing.inbox import Kind, identify
from event_assets.landing.land_file import land_file
from event_assets.landing.unpack import DEFAULT_LIMITS, Limits
from event_assets_tests.landing.tiny import LANDED_AT, Outcome, check_accounts

Land = Callable[..., Outcome]


@pytest.fixture
def land(tmp_path: Path) -> Land:
    """Lands a content under the dataset's declaration; checks what holds of every landing."""

    def run(
        content: bytes | str,
        dataset: Dataset,
        *,
        name: str = "events.csv",
        kind: Kind = "events",
        memory_bytes: int = 2**30,
        workers: int = 1,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Outcome:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        landed = land_file(
            dataset,
            kind,
            path,
            name,
            identify(path),
            tmp_path / "staged",
            landed_at=LANDED_AT,
            memory_bytes=memory_bytes,
            workers=workers,
            limits=limits,
        )
        outcome = Outcome(landed)
        check_accounts(outcome)
        return outcome

    return run

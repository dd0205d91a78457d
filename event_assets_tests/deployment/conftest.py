"""One PostgreSQL server and one set of services for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from event_assets_tests.deployment.postgres import Postgres, postgres, programs
from event_assets_tests.deployment.stack import Stack, stack

RECOGNISED = "hunter2-77aa"
#: Of all letters that a URL can stumble over.
PASSWORD = RECOGNISED + "#@:/%?&=+ 'x\\"


@pytest.fixture(scope="session")
def database() -> Iterator[Postgres]:
    if programs() is None:
        pytest.skip("there is no PostgreSQL server on this machine (Debian: apt install postgresql)")
    with postgres(PASSWORD) as server:
        yield server


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, database: Postgres) -> Iterator[Stack]:
    with stack(tmp_path_factory.mktemp("stack"), database) as services:
        yield services

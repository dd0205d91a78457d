"""Tests of object stores: one server for all, a bucket for each. Skipped where moto or obstore is not installed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from event_assets.path_or_url import ObjectUrl
from event_assets_tests.object_stores.store import environment, make_bucket, s3_server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    pytest.importorskip("obstore", reason="event_assets[objects] is not installed")
    with s3_server() as url:
        yield url


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> ObjectUrl:
    """A new bucket, into which the environment lets."""
    for name, value in environment(endpoint).items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{next(_numbers)}"
    make_bucket(endpoint, name)
    return ObjectUrl(name)

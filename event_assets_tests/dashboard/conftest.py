"""A page of a small world, served in this process by the real server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
import uvicorn

from event_assets.dashboard.server import make_app
from event_assets.declaration import Dataset
from event_assets.settings import Settings
from event_assets_tests.world import World, clicks, lines

Serve = Callable[[Mapping[str, Dataset], Settings], str]

#: Ann views and buys on the first day and views twice on the second, Bob views on the first. The price `cheap` is
#: refused, one time can't be read, and `mood` is a field that no column declares.
CLICKS = (
    lines(
        "ann,view,2024-03-01T10:00:00Z,home,",
        "ann,buy,2024-03-01T10:02:30Z,cart,9.99",
        "bob,view,2024-03-01T12:00:00Z,home,",
        "ann,view,2024-03-02T08:00:00Z,home,",
        "ann,view,2024-03-02T09:00:00Z,home,",
        "ann,view,2024-03-02T09:30:00Z,home,cheap",
        "bob,view,yesterday,home,",
    )
    .replace("price\n", "price,mood\n", 1)
    .replace("home,\n", "home,,good\n")
    .replace("9.99\n", "9.99,good\n")
    .replace("cheap\n", "cheap,good\n")
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """CLICKS, landed and made."""
    gold = {**clicks().gold.model_dump(mode="json", exclude_unset=True), "retention": {}}
    world = World(tmp_path_factory.mktemp("clicks"), clicks(gold=gold))
    world.drop("clicks_1.csv", CLICKS)
    world.refresh()
    return world


@contextmanager
def served(datasets: Mapping[str, Dataset], settings: Settings) -> Iterator[str]:
    """The address of the page over the lake, as long as it is asked for."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(make_app(datasets, settings), log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[str]:
    """The page over `world`."""
    with served({"clicks": world.dataset}, world.settings) as address:
        yield address

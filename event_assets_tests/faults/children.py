"""Processes that may be killed. A server that has imported everything forks them, so that each starts at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess

KILLED = -9

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["event_assets_tests.faults.crash", "event_assets_tests.world"])


def start(target: Callable[..., object], *arguments: object) -> BaseProcess:
    """A process that calls a function of a module. It is the caller's to join or kill."""
    process = _context.Process(target=target, args=arguments)
    process.start()
    return process


def run(target: Callable[..., object], *arguments: object) -> int:
    """The exit code of a process that calls a function: 0, 1 after an exception, -9 where it was killed."""
    process = start(target, *arguments)
    process.join()
    assert process.exitcode is not None
    return process.exitcode

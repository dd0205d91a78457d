"""Processes that may be killed. A server that has imported everything forks them, so that each starts at once."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.process import BaseProcess

KILLED = -9

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["event_assets_tests.faults.crash", "event_assets_tests.world"])


def start(target: Callable[..., object], *arguments: object) -> BaseProcess:
    """A process that calls a function of a module. It is the caller's to join or kill."""
    process = _context.Process(target=_called, args=(dict(os.environ), target, arguments))
    process.start()
    return process


def _called(environment: dict[str, str], target: Callable[..., object], arguments: tuple[object, ...]) -> None:
    os.environ.update(environment)  # the server keeps that of the test which started it
    target(*arguments)


def run(target: Callable[..., object], *arguments: object) -> int:
    """The exit code of a process that calls a function: 0, 1 after an exception, -9 where it was killed."""
    process = start(target, *arguments)
    process.join()
    assert process.exitcode is not None
    return process.exitcode

"""`python -m event_assets` is `event-assets`."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from typing import NoReturn

from event_assets.cli.deferred_imports import defer_imports
from event_assets.settings import use_no_plugins


def program() -> NoReturn:
    """Run the program and end its process.

    What was registered for the end is called, and nothing is taken apart. Dagster makes half a million objects that
    stay: to look through them for garbage every few hundred is a seventh of a short run, and to free them one by one
    at the end a fifth.
    """
    gc.set_threshold(500_000)
    defer_imports()
    use_no_plugins()  # before declarations are imported
    from event_assets.cli.main import main

    try:
        main()
        code: object = 0
    except SystemExit as end:
        code = end.code
    alive = any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread())
    if alive or not (code is None or isinstance(code, int)):
        sys.exit(code)  # type: ignore[arg-type]  # as Python ends: it waits for the threads, or prints the message
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:  # who reads our output wants no more of it
        code = code or 1
    os._exit(code or 0)


if __name__ == "__main__":
    program()

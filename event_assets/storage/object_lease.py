"""The lease of a dataset in an object store: an object that the writing run keeps renewing.

Clocks of different machines are never compared. A waiting writer takes the lease over when it has seen no renewal for
EXPIRE_SECONDS by its own clock. The holder stops writing earlier, when it couldn't renew the lease for four fifths of
that time. Each change is a conditional put, so only one of two writers gets the lease. If a holder is frozen between
its last check and its commit, the table's log still accepts only one of two commits.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace

from event_assets.errors import LeaseError
from event_assets.storage.lease import holder, say_who_holds
from event_assets.storage.object_store import Objects, ObjectStoreError

EXPIRE_SECONDS = 60.0
#: Parts of that time: the holder renews after a sixth, and stops after four fifths without a renewal.
_RENEW, _STOP = 1 / 6, 4 / 5
_POLL_SECONDS = 1.0
_KEY = "_state/lease.json"


@dataclass(frozen=True)
class _State:
    """The object's content. `holder` is None between writers; `unfinished`: the last writer did not finish."""

    fence: int
    beat: int
    holder: str | None
    unfinished: bool
    held_by: dict[str, str] = field(default_factory=dict)
    """Process, host and time of the holder."""

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()


class Lease:
    """A lease that this process has. Call `check` before anything becomes visible."""

    def __init__(self, objects: Objects, state: _State, version: str, began: float) -> None:
        self._objects, self._state, self._version = objects, state, version
        self._expire = EXPIRE_SECONDS
        self._renewed, self._lost = began, False
        self._lock, self._stop = threading.Lock(), threading.Event()
        found = objects.look(_KEY)
        if found is None:
            raise LeaseError(str(objects.url), "its lease was deleted", "run again")
        self.taken_at = found.modified
        self.thread, self.depth = threading.get_ident(), 0
        self._beating = threading.Thread(target=self._beat, name=f"lease of {objects.url}", daemon=True)
        self._beating.start()

    def check(self) -> None:
        """LeaseError where another writer has the lease, or may have it."""
        if self._lost or time.monotonic() - self._renewed > self._expire * _STOP:
            raise LeaseError(
                str(self._objects.url),
                f"this run lost its lease (the store was out of reach, or it slept, for {self._expire:.0f} s)",
                "run again; what it had not published is cleared away",
            )

    def release(self, *, finished: bool) -> None:
        self._stop.set()
        self._beating.join()
        if not self._lost:
            self._put(replace(self._state, beat=self._state.beat + 1, holder=None, unfinished=not finished))

    def _beat(self) -> None:
        while not self._stop.wait(self._expire * _RENEW) and not self._lost:
            began = time.monotonic()
            with suppress(ObjectStoreError):  # tried again; `check` fails when it is too late
                self._put(replace(self._state, beat=self._state.beat + 1))
                self._renewed = began

    def _put(self, state: _State) -> None:
        with self._lock:
            version = self._objects.replace(_KEY, state.to_bytes(), self._version)
            if version is None:
                self._lost = True
            else:
                self._state, self._version = state, version


#: The leases that this process holds, by the URL of the dataset.
_held: dict[str, Lease] = {}


def current_lease(objects: Objects) -> Lease | None:
    """The lease of the dataset at this URL, where this process holds it."""
    return _held.get(str(objects.url))


@contextmanager
def object_lease(
    objects: Objects, prepare: Callable[[], None], recover: Callable[[], None], wait_seconds: float
) -> Iterator[None]:
    """Hold the lease of the dataset at a URL; `prepare` runs first, then `recover` if the last holder did not finish.

    LeaseError where another run still has it after the wait. Re-entrant within one thread.
    """
    name = str(objects.url)
    lease = _held.get(name)
    if lease is not None and lease.thread == threading.get_ident():
        yield
        return
    lease, unfinished = _acquired(objects, wait_seconds)
    _held[name] = lease
    finished = False
    try:
        prepare()
        if unfinished:
            recover()
        yield
        finished = True
    finally:
        del _held[name]
        with suppress(ObjectStoreError):  # it expires by itself
            lease.release(finished=finished)


def unfinished_since(objects: Objects) -> int | None:
    """When a writer that died renewed its lease last (in nanoseconds, by the store's clock); None where none died."""
    found = objects.read(_KEY)
    if found is None:
        return None
    state, modified = _State(**json.loads(found[0])), found[1].modified.timestamp()
    dead = state.unfinished if state.holder is None else time.time() - modified > 2 * EXPIRE_SECONDS
    return int(modified * 10**9) if dead else None


def _acquired(objects: Objects, wait_seconds: float) -> tuple[Lease, bool]:
    """The lease, and whether its last holder left something unfinished."""
    token, deadline = secrets.token_hex(8), time.monotonic() + wait_seconds
    watched, since, reported = "", 0.0, False
    while True:
        began = time.monotonic()
        found = objects.read(_KEY)
        if found is None:
            mine, unfinished = _State(1, 0, token, True, holder()), False
            version = objects.create(_KEY, mine.to_bytes())
        else:
            now, there = _State(**json.loads(found[0])), found[1].version
            if there != watched:
                watched, since = there, time.monotonic()
            mine, unfinished = _State(now.fence + 1, 0, token, True, holder()), now.unfinished
            free = now.holder is None or time.monotonic() - since >= EXPIRE_SECONDS
            version = objects.replace(_KEY, mine.to_bytes(), there) if free else None
        if version is not None:
            return Lease(objects, mine, version, began), unfinished
        if not reported and found is not None:
            say_who_holds(objects.url.name, now.held_by, wait_seconds)
            reported = True
        if time.monotonic() >= deadline:
            raise LeaseError(
                str(objects.url), f"another run has been writing it for {wait_seconds:.0f} s", "wait for it or stop it"
            )
        time.sleep(min(_POLL_SECONDS, EXPIRE_SECONDS * _RENEW))

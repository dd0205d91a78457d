"""Checks in a separate process whether a whole Parquet file can be read, because a damaged file can crash the process
that reads it.

The native readers of Parquet have crashed on damaged files and may again; they also take the memory that a file
needs. So a process of its own reads each file first, with its memory limited, and the reading process opens only
what that one survived. A process reads many files, one after another: it takes longer to start than to read most.
This file is run by its path, alone: it imports nothing of ours.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

#: Beside the limit: what the reader itself takes.
_BASE_BYTES = 512 * 1024 * 1024
_START_SECONDS = 60
#: Slower than any disk: a file that takes longer makes the reader go in circles.
_BYTES_PER_SECOND = 2 * 1024 * 1024
#: A process that gets no file for this number of seconds ends.
_IDLE_SECONDS = 10


def probe(path: Path, batch_rows: int, memory_bytes: int) -> str | None:
    """Why the file can't be read, None where it can."""
    request = json.dumps([str(path), batch_rows, memory_bytes + _BASE_BYTES])
    seconds = _START_SECONDS + path.stat().st_size / _BYTES_PER_SECOND
    reader = _idle_reader()
    verdict = reader.read(request, seconds)
    if verdict is not None and reader.files > 1:  # what it read before may have a part in it
        reader.end()
        reader = _Reader()
        verdict = reader.read(request, seconds)
    if verdict is None:
        _IDLE.append(reader)
    else:
        reader.end()
    return verdict


@dataclass
class _Reader:
    """A process that reads files."""

    process: subprocess.Popen[bytes] = field(
        default_factory=lambda: subprocess.Popen(
            [sys.executable, "-I", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    )
    files: int = 0

    def read(self, request: str, seconds: float) -> str | None:
        """Why a file can't be read, None where it can."""
        self.files += 1
        late = threading.Event()

        def stop() -> None:
            late.set()
            self.process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            into, out = cast(IO[bytes], self.process.stdin), cast(IO[bytes], self.process.stdout)
            into.write(request.encode() + b"\n")
            into.flush()
            answer = out.readline()
        except OSError:  # it ended before: for want of files, or of the last one
            answer = b""
        finally:
            timer.cancel()
        if answer:
            found: str | None = json.loads(answer)
            return found
        if late.is_set():
            return f"its reader did not come to an end within {seconds:.0f} s"
        code = self.process.wait()
        return f"its reader died of signal {-code}" if code < 0 else "its reader failed"

    def end(self) -> None:
        for pipe in filter(None, (self.process.stdin, self.process.stdout)):
            with suppress(OSError):
                pipe.close()
        self.process.kill()
        self.process.wait()


#: The processes that wait for a file. Threads take the last one and put it back, at once each.
_IDLE: deque[_Reader] = deque()


def _idle_reader() -> _Reader:
    with suppress(IndexError):
        while True:
            reader = _IDLE.pop()
            if reader.process.poll() is None:
                return reader
            reader.end()
    return _Reader()


@atexit.register
def end_readers() -> None:
    """End the processes that wait for a file."""
    while _IDLE:
        _IDLE.pop().end()


def _serve() -> None:
    """Read the files named on standard input, one per line; answer each with the reason why it can't be read."""
    idle = threading.Timer(_IDLE_SECONDS, os._exit, (0,))
    for line in iter(sys.stdin.buffer.readline, b""):
        idle.cancel()
        path, batch_rows, memory_bytes = json.loads(line)
        _limit(memory_bytes)
        sys.stdout.write(json.dumps(_problem(path, batch_rows)) + "\n")
        sys.stdout.flush()
        idle = threading.Timer(_IDLE_SECONDS, os._exit, (0,))
        idle.daemon = True
        idle.start()


def _limit(memory_bytes: int) -> None:
    try:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # not on this system, or forbidden: then without
        pass


def _problem(path: str, batch_rows: int) -> str | None:
    """Read all of the file, as landing will."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, memory_map=False) as file:
            for rows in file.iter_batches(batch_rows, use_threads=False):
                for column in rows.columns:
                    if pa.types.is_dictionary(column.type):
                        column.dictionary_decode()  # a few texts, met again and again, become large only here
    except MemoryError:
        return "takes more memory than there is for it"
    except (pa.ArrowException, OSError, ValueError) as error:
        return " ".join(str(error).split())[-300:] or type(error).__name__
    finally:
        pa.default_memory_pool().release_unused()
    return None


if __name__ == "__main__":
    _serve()

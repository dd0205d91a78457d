"""Whether a Parquet file can be read to its end, found out by a process that may die of it.

The native readers of Parquet have crashed on damaged files and may again; they also take the memory that a file
asks for. So a process of its own reads each file first, with its memory limited, and the reading process opens only
what that one survived. This file is run by its path, alone: it imports nothing of ours until it is asked to.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

#: Beside the limit: what the reader itself takes.
_BASE_BYTES = 512 * 1024 * 1024
_START_SECONDS = 60
#: Slower than any disk: a file that takes longer makes the reader go in circles.
_BYTES_PER_SECOND = 2 * 1024 * 1024


def probe(path: Path, batch_rows: int, memory_bytes: int) -> str | None:
    """Why the file can't be read, None where it can."""
    command = [sys.executable, "-I", __file__, str(path), str(batch_rows), str(memory_bytes + _BASE_BYTES)]
    seconds = _START_SECONDS + path.stat().st_size / _BYTES_PER_SECOND
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"its reader did not come to an end within {seconds:.0f} s"
    if done.returncode < 0:
        return f"its reader died of signal {-done.returncode}"
    if done.returncode:
        return " ".join(done.stderr.decode(errors="replace").split()[-60:])[-300:] or "its reader failed"
    return None


def _read(path: str, batch_rows: int, memory_bytes: int) -> None:
    """Read all of the file, as landing will."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # not on this system, or forbidden: then without
        pass
    try:
        with pq.ParquetFile(path, memory_map=False) as file:
            for rows in file.iter_batches(batch_rows, use_threads=False):
                for column in rows.columns:
                    if pa.types.is_dictionary(column.type):
                        column.dictionary_decode()  # a few texts, met again and again, become large only here
    except MemoryError:
        sys.exit("takes more memory than there is for it")
    except (pa.ArrowException, OSError, ValueError) as error:
        sys.exit(str(error) or type(error).__name__)


if __name__ == "__main__":
    _read(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

"""A lock on a file that the system lets go of when its process ends, and a way to ask for it without taking it.

It is a record lock (`man fcntl`): the question is a call of its own, which no attempt to lock ever meets. Such a lock
belongs to the process, not to the open file: a process that closes any handle on the file lets go of it, so the one
that holds a lock must not ask for it.
"""

from __future__ import annotations

import fcntl
import struct
import sys
import time
from pathlib import Path
from typing import IO

_APPLE = sys.platform == "darwin"
_STRUCT_FLOCK = "qqihh" if _APPLE else "hhqqi"
"""`struct flock`: on Linux type, whence, start, length, pid; on macOS start, length, pid, type, whence."""
RETRY_SECONDS = 0.05


def lock(file: IO[bytes], deadline: float) -> None:
    """Lock a file that is open to write for this process.

    Raises BlockingIOError when another process still holds it at `deadline`, by `time.monotonic()`.
    """
    while True:
        try:
            return fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            if time.monotonic() >= deadline:
                raise BlockingIOError(*error.args) from None
        time.sleep(RETRY_SECONDS)


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock of a file; False where there is no file."""
    whole_file = (0, 0, 0)
    write = fcntl.F_WRLCK, 0
    question = struct.pack(_STRUCT_FLOCK, *((*whole_file, *write) if _APPLE else (*write, *whole_file)))
    try:
        with path.open("rb") as file:
            answer = struct.unpack(_STRUCT_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
    except FileNotFoundError:
        return False
    return answer[3 if _APPLE else 0] != fcntl.F_UNLCK

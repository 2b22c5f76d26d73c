"""What a full disk looks like, and paths that are kept from the browser."""

from __future__ import annotations

import errno
from pathlib import Path

DISK_FULL = "The disk that holds the studio's files is full: make room on it, then try again. Runs are kept."
LEAST_FREE = 16_000_000
"""Bytes free under which a worker that fell silent most likely could not write."""


def is_disk_full(error: BaseException) -> bool:
    """Whether an error of a file or of the database says that the disk is full."""
    no_room = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return no_room or "database or disk is full" in str(error)


def without_paths(text: str | None, root: Path) -> str | None:
    """The first line of an error, with the folder of the workspace cut out of it."""
    return text.splitlines()[0].replace(f"{root}/", "") if text else None

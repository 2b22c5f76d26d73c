"""Which files have to go when those of one kind take more of the disk than they may."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Stored(NamedTuple):
    """Something on disk: what it is called, when it was last used (seconds since the epoch), and its size in bytes."""

    name: str
    last_used: float
    size: int


def beyond_budget(
    stored: Iterable[Stored], budget: int, needed: Callable[[], Collection[str]] = frozenset
) -> list[str]:
    """The names of what has to be removed for the rest to take `budget` bytes at most: those not used for longest.

    `needed` gives the names that must stay whatever they take; it is asked only when there is too much.
    """
    ordered = sorted(stored, key=lambda one: one.last_used)
    total = sum(one.size for one in ordered)
    if total <= budget:
        return []
    kept, beyond = needed(), []
    for one in ordered:
        if total > budget and one.name not in kept:
            beyond.append(one.name)
            total -= one.size
    return beyond


def files_of(folder: Path) -> list[Stored]:
    """The files of a folder by name, last used when they were last touched."""
    stored = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            stat = path.stat()
            stored.append(Stored(path.name, stat.st_mtime, stat.st_size))
    return stored

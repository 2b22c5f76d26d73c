"""Arrays that grow at their end, and a dictionary of what was used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

FIRST_ROOM = 64

Key = TypeVar("Key")
Entry = TypeVar("Entry")


class Growing:
    """An array that grows at its end by rows of one shape and dtype; what `view` gave before stays as it was.

    The room grows by half when it is used up: adding n rows one at a time copies about 3 n of them in all.
    """

    def __init__(self) -> None:
        self._buffer = np.zeros(0)
        self._length = 0

    def append(self, rows: np.ndarray) -> None:
        """Add `rows` [n, ...]."""
        end = self._length + len(rows)
        if not self._length or end > len(self._buffer):
            buffer = np.empty((max(FIRST_ROOM, end + end // 2), *rows.shape[1:]), rows.dtype)
            if self._length:
                buffer[: self._length] = self.view()
            self._buffer = buffer
        self._buffer[self._length : end] = rows
        self._length = end

    def view(self) -> np.ndarray:
        """All rows, without a copy."""
        return self._buffer[: self._length]


class LastUsed(Generic[Key, Entry]):
    """The entries used last, made when they are first asked for; from any thread. Nothing waits for an entry here."""

    def __init__(self, most: int, make: Callable[[], Entry]) -> None:
        self._most = most
        self._make = make
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, Entry] = OrderedDict()

    def get(self, key: Key) -> Entry:
        with self._lock:
            entry = self._entries.pop(key, None)
            self._entries[key] = entry = self._make() if entry is None else entry
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
            return entry

    def drop(self, which: Callable[[Key], bool]) -> None:
        """Drop the entries whose keys are such."""
        with self._lock:
            for key in [key for key in self._entries if which(key)]:
                del self._entries[key]

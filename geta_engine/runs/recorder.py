"""From the loop's events to the store, a few short transactions a second; and the heartbeat beside it. No torch."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType

from sqlalchemy.exc import OperationalError

from geta_engine.documents.events import Event
from geta_engine.store import Store

FLUSH_SECONDS = 0.2
HEARTBEAT_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Recorder:
    """Collects events and writes them about five times a second; `flush` writes what is left."""

    def __init__(self, store: Store, run_id: int) -> None:
        self._store = store
        self._run_id = run_id
        self._waiting: list[Event] = []
        self._flushed = time.monotonic()

    def add(self, event: Event) -> None:
        self._waiting.append(event)
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        self._store.append(self._run_id, self._waiting)
        self._waiting = []
        self._flushed = time.monotonic()


class Heartbeat:
    """A thread that tells the store every two seconds that this process lives, whatever the training does."""

    def __init__(self, store: Store, run_id: int) -> None:
        self._store = store
        self._run_id = run_id
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._end.wait(HEARTBEAT_SECONDS):
            try:
                self._store.heartbeat(self._run_id)
            except OperationalError as error:
                _log.warning("a heartbeat could not be written (%s)", error.orig)

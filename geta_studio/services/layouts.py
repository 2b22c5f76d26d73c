"""Graph layouts: computed in one process beside the server, kept under a hash of all that decides them."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from typing import Any

from geta_engine.errors import InputError
from geta_studio.services.layout_cache import LayoutFiles

SECONDS = 60.0
LAYOUT_VERSION = 9
"""Part of the cache key: raise it when `layout_graph` places nodes otherwise."""
_PID, _DONE, _TOTAL = range(3)
Columns = Mapping[str, Mapping[str, int]]


class Layouts:
    """Layouts by analysis, open scopes, stage, whether shape ops are shown, and the columns that were there before."""

    def __init__(self, folder: Path) -> None:
        self._files = LayoutFiles(folder)
        self._pool: ProcessPoolExecutor | None = None
        self._shared: SynchronizedArray[int] | None = None
        self._cancelled = False
        self._lock = threading.Lock()

    def of(
        self,
        analysis: Mapping[str, Any],
        open_scopes: frozenset[str],
        stage: str,
        show_shape: bool,
        after: str | None = None,
    ) -> dict[str, Any]:
        """The layout as plain data, with its "key"; one that follows the layout `after` stays in its columns, so that
        what is on screen depends on the way there.

        Raises InputError when it is cancelled or takes longer than `SECONDS`.
        """
        columns = (self.known(after) or {}).get("columns")
        key = _key(analysis, open_scopes, stage, show_shape, columns)
        known = self.known(key)
        return known or self._files.add(key, self._compute(analysis["graph"], open_scopes, show_shape, columns))

    def known(self, key: str | None) -> dict[str, Any] | None:
        """The layout of that key, or None where there is none (any more)."""
        return self._files.read(key)

    def progress(self) -> tuple[int, int]:
        """Modules laid out by now, of how many; (0, 0) before the first."""
        shared = self._shared
        return (0, 0) if shared is None else (shared[_DONE], shared[_TOTAL])

    def cancel(self) -> None:
        """End the layout that is being computed, if there is one."""
        with self._lock:
            if self._shared is not None and self._shared[_TOTAL]:
                self._cancelled = True
                os.kill(self._shared[_PID], signal.SIGKILL)

    def close(self) -> None:
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)
                self._pool = self._shared = None

    def warm(self) -> None:
        """Start the process before it is needed, so that the first graph does not wait for its imports."""
        self._executor()[0].submit(_import_layout)

    def _executor(self) -> tuple[ProcessPoolExecutor, SynchronizedArray[int]]:
        with self._lock:
            if self._pool is None or self._shared is None:
                context = multiprocessing.get_context("spawn")
                self._shared = context.Array("q", 3)
                self._pool = ProcessPoolExecutor(1, context, _begin, (self._shared,))
            return self._pool, self._shared

    def _compute(
        self, graph: Mapping[str, Any], open_scopes: frozenset[str], show_shape: bool, columns: Columns | None
    ) -> dict[str, Any]:
        pool, shared = self._executor()
        shared[_DONE], shared[_TOTAL] = 0, len(open_scopes) + 1
        try:
            return pool.submit(_layout, graph, open_scopes, show_shape, columns).result(timeout=SECONDS)
        except TimeoutError:
            self.cancel()
            self.close()
            raise InputError("the graph could not be laid out in a minute: close some modules and try again") from None
        except BrokenProcessPool:
            self.close()
            what = "was cancelled" if self._cancelled else "ended too early, its process is gone"
            self._cancelled = False
            raise InputError(f"the layout of the graph {what}: the graph stays as it was") from None
        finally:
            shared[_DONE] = shared[_TOTAL] = 0


def _key(
    analysis: Mapping[str, Any], open_scopes: frozenset[str], stage: str, show_shape: bool, columns: Columns | None
) -> str:
    parts = [LAYOUT_VERSION, analysis["graph"], sorted(open_scopes), stage, show_shape, columns]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


_shared: SynchronizedArray[int]
"""In the pool's process: its id, and how far the layout is."""


def _begin(shared: SynchronizedArray[int]) -> None:
    """Runs first in the pool's process: it must not outlive a server that was killed."""
    global _shared
    _shared = shared
    shared[_PID] = os.getpid()
    server = multiprocessing.parent_process()
    assert server is not None

    def wait() -> None:
        connection.wait([server.sentinel])
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def _layout(
    graph: Mapping[str, Any], open_scopes: frozenset[str], show_shape: bool, columns: Columns | None
) -> dict[str, Any]:
    """Runs in the pool's process."""
    from geta_engine.drawing.layout import layout_graph

    def report(done: int, total: int) -> None:
        _shared[_DONE], _shared[_TOTAL] = done, total

    return layout_graph(dict(graph), open_scopes, show_shape, report, columns)


def _import_layout() -> None:
    import geta_engine.drawing.layout  # noqa: F401

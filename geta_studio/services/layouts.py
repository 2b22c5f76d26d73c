"""Graph layouts: computed in processes beside the server, kept under a hash of all that decides them."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import orjson

from geta_engine.child_process.child import ChildError
from geta_engine.child_process.pool import ChildPool, Job
from geta_engine.documents.analysis import GraphDocument
from geta_engine.documents.child_process import LayoutRequest
from geta_engine.documents.layout import StoredLayout
from geta_engine.errors import InputError
from geta_studio.services.in_turn import in_turn
from geta_studio.services.layout_cache import LayoutFiles

AT_ONCE = 2
SECONDS = 60.0
MEMORY_GB = 4.0
"""Address space of one process; the largest graph there is a test for takes 0.3."""
LAYOUT_VERSION = 9
"""Part of the cache key: raise it when `layout_graph` places nodes otherwise."""
_CHILD = "geta_engine.drawing.process"
_SENTENCES = {
    "time": "the graph could not be laid out in a minute: close some modules and try again",
    "memory": "the graph needs too much memory to be laid out: close some modules and try again",
    "cancelled": "the layout of the graph was cancelled: the graph stays as it was",
    "ended": "the layout of the graph ended too early, its process is gone: the graph stays as it was",
}


class LayoutOptions(NamedTuple):
    """What decides a layout beside the graph: the open modules, the stage, and whether shape ops are shown."""

    open_scopes: frozenset[str]
    stage: str
    show_shape: bool


class Layouts:
    """Layouts by graph, options, and the columns that were there before.

    A drawing is a place on a page that shows one graph at a time, named by the page: its progress is its own, and
    cancelling it ends what is computed for it alone.
    """

    def __init__(self, folder: Path) -> None:
        self._files = LayoutFiles(folder)
        self._children = ChildPool(_CHILD, AT_ONCE, seconds=SECONDS, memory_gb=MEMORY_GB, reuse=True)
        self._jobs: dict[str, list[tuple[Job, int]]] = {}
        """What is being computed for each drawing, and of how many modules."""
        self._lock = threading.Lock()

    async def of(
        self, graph: GraphDocument, options: LayoutOptions, after: str | None = None, drawing: str = ""
    ) -> StoredLayout:
        """The layout as plain data, with its "key"; one that follows the layout `after` stays in its columns, so that
        what is on screen depends on the way there. No thread waits for it.

        When the caller itself is cancelled, what was computed for it ends. Raises InputError when the drawing is
        cancelled, or the layout takes longer than `SECONDS`.
        """
        key, request, cached = await in_turn(self._prepare, graph, options, after)
        if cached is not None:
            return cached
        with self._computing(drawing, request) as job:
            try:
                layout = await asyncio.wrap_future(job.future)
            except ChildError as error:
                raise InputError(_SENTENCES.get(error.reason, f"the graph could not be laid out: {error}")) from None
        return await in_turn(self._files.add, key, layout)

    def cached(self, key: str | None) -> StoredLayout | None:
        """The layout of that key, or None where there is none (any more)."""
        return self._files.read(key)

    def progress(self, drawing: str) -> tuple[int, int]:
        """Modules of a drawing laid out by now, of how many; (0, 0) while there is nothing to lay out."""
        with self._lock:
            computed = self._jobs.get(drawing)
            if not computed:
                return 0, 0
            job, modules = computed[-1]
        return (job.progress["done"], job.progress["total"]) if job.progress else (0, modules)

    def cancel(self, drawing: str) -> None:
        """End what is being computed for a drawing, if there is anything."""
        with self._lock:
            computed = list(self._jobs.get(drawing, ()))
        for job, _ in computed:
            job.cancel()

    def warm(self) -> None:
        """Start the processes before they are needed, so that the first graph does not wait for their imports."""
        self._children.warm()

    def close(self) -> None:
        """End the processes; what is being computed is cancelled."""
        self._children.close()

    def _prepare(
        self, graph: GraphDocument, options: LayoutOptions, after: str | None
    ) -> tuple[str, LayoutRequest, StoredLayout | None]:
        """The key of a layout, what to ask a child for it, and the layout itself where it is known."""
        before = self.cached(after)
        request: LayoutRequest = {
            "graph": graph,
            "open_scopes": sorted(options.open_scopes),
            "show_shape": options.show_shape,
            "columns": before["columns"] if before else None,
        }
        key = _key(request, options.stage)
        return key, request, self.cached(key)

    @contextmanager
    def _computing(self, drawing: str, request: LayoutRequest) -> Iterator[Job]:
        computed = (self._children.submit(request), len(request["open_scopes"]) + 1)
        with self._lock:
            self._jobs.setdefault(drawing, []).append(computed)
        try:
            yield computed[0]
        finally:
            computed[0].cancel()
            with self._lock:
                self._jobs[drawing].remove(computed)
                if not self._jobs[drawing]:
                    del self._jobs[drawing]


def _key(request: LayoutRequest, stage: str) -> str:
    parts = [LAYOUT_VERSION, request["graph"], request["open_scopes"], stage, request["show_shape"], request["columns"]]
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)).hexdigest()

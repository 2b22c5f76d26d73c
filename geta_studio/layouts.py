"""Graph layouts: computed in one process beside the server, kept on disk under a hash of all that decides them."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from pathlib import Path
from typing import Any

from geta_engine.errors import InputError

SECONDS = 60.0
LAYOUT_VERSION = 5
"""Part of the cache key: raise it when `layout_graph` places nodes otherwise."""


class Layouts:
    """Layouts by analysis, open scopes, stage and whether shape ops are shown."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def of(
        self, analysis: Mapping[str, Any], open_scopes: frozenset[str], stage: str, show_shape: bool
    ) -> dict[str, Any]:
        """The layout as plain data. Raises InputError when it takes longer than `SECONDS` or its process died."""
        file = self._folder / f"{_key(analysis, open_scopes, stage, show_shape)}.json"
        if not file.is_file():
            self._write(file, self._compute(analysis["graph"], open_scopes, show_shape))
        return json.loads(file.read_text(encoding="utf-8"))

    def close(self) -> None:
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)
                self._pool = None

    def warm(self) -> None:
        """Start the process before it is needed, so that the first graph does not wait for its imports."""
        self._executor().submit(_import_layout)

    def _executor(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(max_workers=1, mp_context=context, initializer=_end_with_server)
            return self._pool

    def _compute(self, graph: Mapping[str, Any], open_scopes: frozenset[str], show_shape: bool) -> dict[str, Any]:
        try:
            return self._executor().submit(_layout, graph, open_scopes, show_shape).result(timeout=SECONDS)
        except (TimeoutError, BrokenProcessPool):
            self.close()
            raise InputError("the graph could not be laid out in a minute: close some modules and try again") from None

    def _write(self, file: Path, layout: Mapping[str, Any]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{threading.get_ident()}.part")
        part.write_text(json.dumps(layout), encoding="utf-8")
        part.replace(file)


def _key(analysis: Mapping[str, Any], open_scopes: frozenset[str], stage: str, show_shape: bool) -> str:
    parts = [LAYOUT_VERSION, analysis["graph"], sorted(open_scopes), stage, show_shape]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _end_with_server() -> None:
    """Runs first in the pool's process: it must not outlive a server that was killed."""
    server = multiprocessing.parent_process()
    assert server is not None

    def wait() -> None:
        connection.wait([server.sentinel])
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def _layout(graph: Mapping[str, Any], open_scopes: frozenset[str], show_shape: bool) -> dict[str, Any]:
    """Runs in the pool's process."""
    from dataclasses import asdict, is_dataclass

    from geta_engine.graph.layout import layout_graph

    layout = layout_graph(dict(graph), open_scopes, show_shape)
    return asdict(layout) if is_dataclass(layout) else layout  # type: ignore[arg-type]


def _import_layout() -> None:
    import geta_engine.graph.layout  # noqa: F401

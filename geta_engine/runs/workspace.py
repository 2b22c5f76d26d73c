"""Where things lie on disk, from the URL of the store alone. No torch."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from geta_engine.errors import InputError
from geta_engine.store.database import parse_url

STORE_VARIABLE = "GETA_STORE"


class Workspace:
    """The folder of a store: `geta.db`, `cache/`, `models/` (uploads), `artifacts/<run id>/`.

    `store_url` None means the environment's GETA_STORE, else `.geta/geta.db` under the current directory; a store
    that is no file keeps its folder at `.geta` there. Folders are made when asked for. Raises InputError for a bad URL.
    """

    def __init__(self, store_url: str | None = None) -> None:
        default = Path.cwd() / ".geta"
        url = parse_url(store_url or os.environ.get(STORE_VARIABLE) or f"sqlite:///{default}/geta.db")
        self.store_url: str = url.render_as_string(hide_password=False)
        self.root: Path = Path(str(url.database)).parent if url.get_backend_name() == "sqlite" else default

    @property
    def cache(self) -> Path:
        return self._folder("cache")

    @property
    def models(self) -> Path:
        return self._folder("models")

    def artifacts(self, run_id: int) -> Path:
        return self._folder("artifacts", str(int(run_id)))

    def model_file(self, run_id: int) -> Path:
        """The traced model a run trains from; written before its first step."""
        return self.artifacts(run_id) / "model.pt2"

    def compact_file(self, run_id: int) -> Path:
        """The small model; there once the run is done."""
        return self.artifacts(run_id) / "compact.pt2"

    def checkpoints(self, run_id: int) -> Path:
        return self._folder("artifacts", str(int(run_id)), "checkpoints")

    def worker_log(self, run_id: int) -> Path:
        return self.artifacts(run_id) / "worker.log"

    def is_locked(self, run_id: int) -> bool:
        """Whether a process of this machine holds the run; exact even right after a kill -9."""
        try:
            with self.lock_run(run_id):
                return False
        except BlockingIOError:
            return True

    @contextmanager
    def lock_run(self, run_id: int, wait: float = 0) -> Iterator[None]:
        """Hold a run for this process; the system lets go when the process ends.

        Raises BlockingIOError when another process still holds it after `wait` seconds.
        """
        with open(self.artifacts(run_id) / "worker.lock", "ab") as lock:
            _lock(lock, time.monotonic() + wait)
            yield

    def _folder(self, *parts: str) -> Path:
        folder = self.root.joinpath(*parts)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f"the folder {str(folder)!r} cannot be made ({error.strerror})"
            raise InputError(f"{reason}: give another --store") from None
        return folder


def _lock(file: IO[bytes], deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.05)

"""Where things lie on disk, from the URL of the store alone. No torch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.engine import URL

from geta_engine.errors import InputError
from geta_engine.runs import file_lock
from geta_engine.store.database import parse_url

STORE_VARIABLE = "GETA_STORE"


class Workspace:
    """The folder of a store: `geta.db`, `cache/`, `models/` (uploads), `artifacts/geta.db/<run id>/`.

    Several stores may lie in one folder: the artifacts of each are in a folder by its name. Those that an earlier
    version put into `artifacts/<run id>/` are found there.

    `store_url` None means the environment's GETA_STORE, else `.geta/geta.db` under the current directory; a store
    that is no file keeps its folder at `.geta` there. Raises InputError for a bad URL.
    """

    def __init__(self, store_url: str | None = None) -> None:
        default = Path.cwd() / ".geta"
        url = parse_url(store_url or os.environ.get(STORE_VARIABLE) or f"sqlite:///{default}/geta.db")
        self.store_url: str = url.render_as_string(hide_password=False)
        self.root: Path = Path(str(url.database)).parent if url.get_backend_name() == "sqlite" else default
        self._artifacts = self.root / "artifacts" / _store_name(url)

    @property
    def cache(self) -> Path:
        """Made when asked for. Raises InputError where it cannot be made."""
        return _made(self.root / "cache")

    @property
    def models(self) -> Path:
        """Made when asked for. Raises InputError where it cannot be made."""
        return _made(self.root / "models")

    def artifacts(self, run_id: int) -> Path:
        """The folder of a run; `create_artifacts` makes it."""
        folder = self._artifacts / str(int(run_id))
        earlier = self.root / "artifacts" / str(int(run_id))
        return earlier if not folder.is_dir() and earlier.is_dir() else folder

    def create_artifacts(self, run_id: int) -> None:
        """Make the folder of a new run, and the one of its checkpoints. Raises InputError where it cannot be made."""
        _made(self._artifacts / str(int(run_id)) / "checkpoints")

    def ensure_artifacts(self, run_id: int) -> None:
        """Make again what was deleted of a run's folders by hand. Raises InputError where it cannot be made."""
        _made(self.checkpoints(run_id))

    def model_file(self, run_id: int) -> Path:
        """The traced model a run trains from; written before its first step."""
        return self.artifacts(run_id) / "model.pt2"

    def compact_file(self, run_id: int) -> Path:
        """The small model; there once the run is done."""
        return self.artifacts(run_id) / "compact.pt2"

    def checkpoints(self, run_id: int) -> Path:
        return self.artifacts(run_id) / "checkpoints"

    def worker_log(self, run_id: int) -> Path:
        return self.artifacts(run_id) / "worker.log"

    def is_locked(self, run_id: int) -> bool:
        """Whether another process of this machine holds the run; exact even right after a kill -9."""
        return file_lock.is_locked(self._lock_file(run_id))

    @contextmanager
    def lock_run(self, run_id: int, wait: float = 0) -> Iterator[None]:
        """Hold a run for this process; the system lets go when the process ends.

        Raises BlockingIOError when another process still holds it after `wait` seconds.
        """
        with self._lock_file(run_id).open("ab") as file:
            file_lock.lock(file, time.monotonic() + wait)
            yield

    def _lock_file(self, run_id: int) -> Path:
        return self.artifacts(run_id) / "worker.lock"


def _store_name(url: URL) -> str:
    """The name of a store in its folder: "geta.db", or the server and the database, fit to be a folder."""
    if url.get_backend_name() == "sqlite":
        return Path(str(url.database)).name
    return quote(f"{url.host}:{url.port}/{url.database}", safe="")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the folder {str(folder)!r} cannot be made ({error.strerror})"
        raise InputError(f"{reason}: give another --store") from None
    return folder

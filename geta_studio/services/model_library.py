"""What a model on screen is called: keys that are safe in an address, and the SPEC behind each."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from geta_engine.disk_budget import Stored, beyond_budget
from geta_engine.documents.runs import RunHead
from geta_engine.errors import InputError
from geta_engine.runs.workspace import Workspace
from geta_engine.zoo.names import ZOO

UPLOAD_KEY = re.compile(r"upload-([0-9a-f]{64})")
RUN_KEY = re.compile(r"run-([1-9][0-9]{0,17})")
COMPACT_KEY = re.compile(r"compact-([1-9][0-9]{0,17})")
GIVEN_KEY = "given"
"""The key of a model named on the command line (`--model SPEC`) that is not in the zoo."""
UPLOAD_VARIABLE = "GETA_MAX_UPLOAD_MB"
DEFAULT_UPLOAD_MB = 2048
UPLOADS_BUDGET = 20_000_000_000
"""Bytes that all uploads together may take before the oldest make room."""


class _Upload(NamedTuple):
    """An upload as it lies on disk; times are seconds since the epoch, the size is bytes."""

    key: str
    name: str
    added: float
    last_used: float
    size: int


class ModelLibrary:
    """Key -> SPEC, where a key is a zoo name, "upload-SHA256", "run-ID", "compact-ID" (what a run made) or "given".

    Keys come from addresses and browsers, so a key never becomes a path unchecked.
    """

    def __init__(self, workspace: Workspace, given: str | None = None) -> None:
        self._workspace = workspace
        self._given = given if given is not None and given not in ZOO else None
        self.first: str | None = GIVEN_KEY if self._given else given
        """The key of the model named at the start, or None."""

    @property
    def upload_limit(self) -> int:
        """Bytes; GETA_MAX_UPLOAD_MB sets it. Raises InputError when that is no number of megabytes."""
        given = os.environ.get(UPLOAD_VARIABLE, str(DEFAULT_UPLOAD_MB))
        try:
            limit = int(float(given) * 1_000_000)
        except (ValueError, OverflowError):
            limit = 0
        if limit <= 0:
            raise InputError(f"{UPLOAD_VARIABLE} is {given!r}: give the largest upload in megabytes, such as 2048")
        return limit

    def options(self) -> list[dict[str, str]]:
        """Choices for the model selector: the given model, uploads by name, then the zoo."""
        given = [{"value": GIVEN_KEY, "label": Path(self._given).name}] if self._given else []
        newest_first = sorted(self._uploads(), key=lambda upload: upload.added, reverse=True)
        uploads = [{"value": upload.key, "label": upload.name} for upload in newest_first]
        return given + uploads + [{"value": name, "label": name} for name in ZOO]

    def spec(self, key: str) -> str:
        """The SPEC of a key. Raises InputError where there is no such model."""
        upload, run, compact = UPLOAD_KEY.fullmatch(key), RUN_KEY.fullmatch(key), COMPACT_KEY.fullmatch(key)
        if key in ZOO:
            return key
        if key == GIVEN_KEY and self._given:
            return self._given
        if upload and self.upload_path(upload[1]).is_file():
            return str(self.upload_path(upload[1]))
        if run and self._run_model(run[1]).is_file():
            return str(self._run_model(run[1]))
        if compact and self._workspace.compact_file(int(compact[1])).is_file():
            return str(self._workspace.compact_file(int(compact[1])))
        raise InputError(f"there is no model {shortened(key)!r} here: choose one of the list or upload a .pt2 file")

    def key_of(self, run: RunHead) -> str:
        """The key under which the model of a run is shown."""
        path = Path(run.spec)
        if run.spec in ZOO:
            return run.spec
        if self._given == run.spec:
            return GIVEN_KEY
        if path.parent == self._workspace.models and self.is_upload(f"upload-{path.stem}"):
            return f"upload-{path.stem}"
        return f"run-{run.id}"

    def is_upload(self, key: str | None) -> bool:
        """Whether a key names an upload that is there."""
        upload = UPLOAD_KEY.fullmatch(key or "")
        return upload is not None and self.upload_path(upload[1]).is_file()

    def label(self, key: str) -> str:
        """What a person calls the model: a zoo name, the name of an upload, "model of run 7" or "run 7, compact"."""
        run, compact, upload = RUN_KEY.fullmatch(key), COMPACT_KEY.fullmatch(key), UPLOAD_KEY.fullmatch(key)
        if compact:
            return f"run {compact[1]}, compact"
        if run:
            return f"model of run {run[1]}"
        if key == GIVEN_KEY and self._given:
            return Path(self._given).name
        stored = _upload(self.upload_path(upload[1])) if upload else None
        return stored.name if stored else shortened(key)

    def add(self, part: Path, sha256: str, name: str) -> str:
        """Move a complete upload into the library under its hash; returns its key."""
        part.replace(self.upload_path(sha256))
        _name_file(self.upload_path(sha256)).write_text(name[:100], encoding="utf-8")
        return f"upload-{sha256}"

    def mark_used(self, key: str) -> None:
        """Note that an upload is asked for now, so that others make room before it does."""
        upload = UPLOAD_KEY.fullmatch(key)
        if upload:
            with suppress(FileNotFoundError):
                os.utime(_name_file(self.upload_path(upload[1])))

    def make_room(self, needed: Callable[[], Collection[str]]) -> list[str]:
        """Remove the uploads that were not used for longest while all take more than `UPLOADS_BUDGET`, but for the
        keys of `needed`. Returns the keys that are gone."""
        stored = [Stored(upload.key, upload.last_used, upload.size) for upload in self._uploads()]
        gone = beyond_budget(stored, UPLOADS_BUDGET, needed)
        for key in gone:
            self.remove(key)
        return gone

    def remove(self, key: str) -> None:
        """Delete an upload; other keys are left alone."""
        upload = UPLOAD_KEY.fullmatch(key)
        if upload:
            path = self.upload_path(upload[1])
            for file in (path, _name_file(path)):
                file.unlink(missing_ok=True)

    def upload_path(self, sha256: str) -> Path:
        return self._workspace.models / f"{sha256}.pt2"

    def _uploads(self) -> list[_Upload]:
        return [upload for path in self._workspace.models.glob("*.pt2") if (upload := _upload(path))]

    def _run_model(self, run_id: str) -> Path:
        return self._workspace.model_file(int(run_id))


def shortened(text: str, most: int = 60) -> str:
    """Text of an address, as much of it as a sentence can hold."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _name_file(path: Path) -> Path:
    """Beside an upload, the file with the name it came under; it changes when the upload is used."""
    return path.with_suffix(".name")


def _upload(path: Path) -> _Upload | None:
    """What lies at a path; None where it was just removed."""
    with suppress(FileNotFoundError):
        file = path.stat()
        key, named = f"upload-{path.stem}", _name_file(path)
        if not named.is_file():
            return _Upload(key, f"{path.stem[:8]}.pt2", file.st_mtime, file.st_mtime, file.st_size)
        name, used = named.read_text(encoding="utf-8"), named.stat().st_mtime
        return _Upload(key, name, file.st_mtime, max(used, file.st_mtime), file.st_size)
    return None

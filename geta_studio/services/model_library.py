"""What a model on screen is called: keys that are safe in an address, and the SPEC behind each."""

from __future__ import annotations

import os
import re
from pathlib import Path

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
        uploads = [{"value": f"upload-{path.stem}", "label": _upload_name(path)} for path in self._uploads()]
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
        if path.parent == self._workspace.models and UPLOAD_KEY.fullmatch(f"upload-{path.stem}"):
            return f"upload-{path.stem}"
        return f"run-{run.id}"

    def label(self, key: str) -> str:
        """What a person calls the model: a zoo name, the name of an upload, "model of run 7" or "run 7, compact"."""
        run, compact, upload = RUN_KEY.fullmatch(key), COMPACT_KEY.fullmatch(key), UPLOAD_KEY.fullmatch(key)
        if compact:
            return f"run {compact[1]}, compact"
        if run:
            return f"model of run {run[1]}"
        if key == GIVEN_KEY and self._given:
            return Path(self._given).name
        if upload and self.upload_path(upload[1]).is_file():
            return _upload_name(self.upload_path(upload[1]))
        return shortened(key)

    def add(self, part: Path, sha256: str, name: str) -> str:
        """Move a complete upload into the library under its hash; returns its key."""
        part.replace(self.upload_path(sha256))
        self.upload_path(sha256).with_suffix(".name").write_text(name[:100], encoding="utf-8")
        return f"upload-{sha256}"

    def remove(self, key: str) -> None:
        """Delete an upload; other keys are left alone."""
        upload = UPLOAD_KEY.fullmatch(key)
        if upload:
            for file in (self.upload_path(upload[1]), self.upload_path(upload[1]).with_suffix(".name")):
                file.unlink(missing_ok=True)

    def upload_path(self, sha256: str) -> Path:
        return self._workspace.models / f"{sha256}.pt2"

    def _uploads(self) -> list[Path]:
        return sorted(self._workspace.models.glob("*.pt2"), key=lambda path: path.stat().st_mtime, reverse=True)

    def _run_model(self, run_id: str) -> Path:
        return self._workspace.model_file(int(run_id))


def shortened(text: str, most: int = 60) -> str:
    """Text of an address, as much of it as a sentence can hold."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _upload_name(path: Path) -> str:
    name = path.with_suffix(".name")
    return name.read_text(encoding="utf-8") if name.is_file() else f"{path.stem[:8]}.pt2"

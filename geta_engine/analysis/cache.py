"""Analyses on disk: each a document under a key of all that decides it. No torch."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import cast

from geta_engine.config import HUGGING_FACE
from geta_engine.disk_budget import beyond_budget, files_of
from geta_engine.documents.analysis import AnalysisDocument
from geta_engine.errors import InputError
from geta_engine.zoo.names import ZOO

BUDGET = 1_000_000_000
"""Bytes; the analysis of BERT-base takes 3 million."""
_SHA256 = re.compile("[0-9a-f]{64}")


class AnalysisFiles:
    """A folder of `<key>.json`, and of `<key>.log` with what the process printed that made it."""

    def __init__(self, folder: Path, budget: int = BUDGET) -> None:
        self._folder = folder
        self._budget = budget

    def path(self, key: str) -> Path:
        """Where the analysis of a key lies, or will."""
        return self._folder / f"{key}.json"

    def log(self, key: str) -> Path:
        return self._folder / f"{key}.log"

    def read(self, key: str) -> AnalysisDocument | None:
        """The document, or None where there is none (any more)."""
        path = self.path(key)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            path.touch()
        except (OSError, ValueError):
            return None
        return cast(AnalysisDocument, document)

    def remove(self, key: str) -> None:
        """Remove the analysis of a key and its log, where there are such."""
        for path in (self.path(key), self.log(key)):
            path.unlink(missing_ok=True)

    def make_room(self, needed: Callable[[], Collection[str]] = frozenset) -> None:
        """Remove what was not used for longest while all takes more than the budget, but for the keys of `needed`.

        What an ended process left half written counts as any other file.
        """
        for name in beyond_budget(files_of(self._folder), self._budget, lambda: self._names(needed())):
            (self._folder / name).unlink(missing_ok=True)

    def _names(self, keys: Collection[str]) -> set[str]:
        return {path.name for key in keys for path in (self.path(key), self.log(key))}


def analysis_key(spec: str) -> str:
    """What names the analysis of `spec`, 64 hex digits: its model (name, or sha256 of the file), the engine's sources
    and the version of PyTorch. Raises InputError for a spec that is no model."""
    return hashlib.sha256(f"{_identity(spec)} {_engine_hash()}".encode()).hexdigest()


def _identity(spec: str) -> str:
    if spec in ZOO:
        return f"zoo {spec}"
    directory = spec.startswith(HUGGING_FACE)
    path = Path(spec.removeprefix(HUGGING_FACE)).expanduser() / "config.json" if directory else Path(spec)
    if not directory and path.suffix != ".pt2":
        raise InputError(f"{spec!r} is no model here: give one of {', '.join(ZOO)} or upload a .pt2 file")
    try:
        stat = path.stat()
        name = path.parent.name if directory else path.stem
        return f"file {name} {_file_hash(str(path), stat.st_size, stat.st_mtime_ns)}"
    except OSError:
        remedy = "hf: and a directory that has it" if directory else "a .pt2 written by `geta trace` or upload it again"
        raise InputError(f"there is no file {path.name!r}: give {remedy}") from None


@cache
def _file_hash(path: str, size: int, _modified: int) -> str:
    """The sha256 of a file; one that is named by its own, as uploads are, is not read for it."""
    if _SHA256.fullmatch(Path(path).stem):
        return f"{Path(path).stem} {size}"
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _engine_hash() -> str:
    root = Path(__file__).parent.parent
    digest = hashlib.sha256(version("torch").encode())
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}:{path.stat().st_size}:".encode() + path.read_bytes())
    return digest.hexdigest()

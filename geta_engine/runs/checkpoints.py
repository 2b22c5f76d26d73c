"""Checkpoints of a run on disk: a file is there whole or not at all, and the last two are kept."""

from __future__ import annotations

import logging
import os
import pickle
import re
import zipfile
from pathlib import Path

import torch

from geta_engine.training.loop import LoopState

KEEP = 2
_NAME = re.compile(r"step-(\d{9})\.pt")
_log = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints in `folder`, one file a step: `step-000000160.pt`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for unfinished in folder.glob("*.partial"):
            unfinished.unlink(missing_ok=True)

    def save(self, step: int, state: LoopState) -> Path:
        """Write `state` (tensors and plain data) for `step`: temporary name, synced, renamed, folder synced."""
        target = self._folder / f"step-{step:09d}.pt"
        partial = target.with_suffix(".partial")
        with open(partial, "wb") as file:
            torch.save({"step": step, "state": state}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
        _sync_folder(self._folder)
        for old in self.files()[KEEP:]:
            old.unlink(missing_ok=True)
        return target

    def newest(self) -> tuple[int, LoopState] | None:
        """(step, state) of the newest checkpoint that can be read, or None; never unpickles code."""
        for path in self.files():
            try:
                loaded = torch.load(path, map_location="cpu", weights_only=True)
                return int(loaded["step"]), loaded["state"]
            except (RuntimeError, EOFError, OSError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
                _log.warning("the checkpoint %s cannot be read (%s): trying the one before", path.name, error)
        return None

    def drop_after(self, step: int) -> None:
        """Remove the checkpoints past `step`, which could not be read."""
        for path in self.files():
            if _step_of(path) > step:
                path.unlink(missing_ok=True)

    def files(self) -> list[Path]:
        """The checkpoint files, newest first."""
        return sorted(
            (path for path in self._folder.iterdir() if _NAME.fullmatch(path.name)), key=_step_of, reverse=True
        )


def _step_of(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1])


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

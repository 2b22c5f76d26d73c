"""Layouts on disk, each in a file under the hash of all that decides it; the oldest make room for new ones."""

from __future__ import annotations

import logging
import os
import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import cast

import orjson

from geta_engine.disk_budget import beyond_budget, files_of
from geta_engine.documents.layout import LayoutDocument, StoredLayout

BUDGET = 200_000_000
"""Bytes; the layout of a large model with everything open takes 2 million, most take a hundredth of that."""
_KEY = re.compile("[0-9a-f]{64}")
log = logging.getLogger("geta_studio")


class LayoutFiles:
    """A folder of layouts by key, a SHA-256 in hex."""

    def __init__(self, folder: Path, budget: int = BUDGET) -> None:
        self._folder = folder
        self._budget = budget

    def read(self, key: str | None) -> StoredLayout | None:
        """The layout of a key, or None where there is none (any more). Keys come from browsers: any text may be
        asked for."""
        if key is None or not _KEY.fullmatch(key):
            return None
        file = self._folder / f"{key}.json"
        try:
            layout = orjson.loads(file.read_bytes())
            file.touch()
        except (OSError, ValueError):
            return None
        return cast(StoredLayout, layout)

    def add(self, key: str, layout: LayoutDocument) -> StoredLayout:
        """The layout with its "key"; it is kept where the disk has room for it."""
        stored: StoredLayout = {**layout, "key": key}
        part = self._folder / f"{key}.{os.getpid()}-{threading.get_ident()}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(orjson.dumps(stored))
            part.replace(self._folder / f"{key}.json")
            self._make_room()
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            log.warning("a layout could not be kept: %s", error)
        return stored

    def _make_room(self) -> None:
        """Remove the files that were not read for longest, those that a killed server left half written included."""
        for name in beyond_budget(files_of(self._folder), self._budget):
            (self._folder / name).unlink(missing_ok=True)

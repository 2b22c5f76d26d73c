"""`export`: a compact model as files in a directory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from geta_engine.errors import InputError
from geta_engine.trace import TracedModel

FORMATS = ("pt2",)


def export(
    compact: TracedModel, directory: str | os.PathLike[str], formats: Iterable[str] = FORMATS
) -> tuple[Path, ...]:
    """Write `compact.<format>` for each format and return the paths.

    "pt2" is read by `torch.export.load` in plain PyTorch. Raises InputError for a format that is not there.
    """
    chosen = tuple(formats)
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown:
        raise InputError(f"format {unknown[0]!r} is not known: give one or more of {', '.join(FORMATS)}")
    target = Path(directory) / "compact.pt2"
    compact.save(target)
    return (target,)

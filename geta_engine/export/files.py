"""`export`: a compact model as files in a directory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from geta_engine.export.formats import FORMATS, require_formats
from geta_engine.trace import TracedModel


def export(
    compact: TracedModel, directory: str | os.PathLike[str], formats: Iterable[str] = FORMATS
) -> tuple[Path, ...]:
    """Write `compact.<format>` for each format and return the paths.

    "pt2" is read by `torch.export.load` in plain PyTorch. Raises InputError for a format that is not there.
    """
    require_formats(formats)
    target = Path(directory) / "compact.pt2"
    compact.save(target)
    return (target,)

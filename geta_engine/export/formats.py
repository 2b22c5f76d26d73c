"""The formats that a compact model can be written in. No torch."""

from __future__ import annotations

from collections.abc import Iterable

from geta_engine.errors import InputError

FORMATS = ("pt2",)


def require_formats(formats: Iterable[str]) -> None:
    """Raises InputError for a format that is not there."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise InputError(f"format {unknown[0]!r} is not known: give one or more of {', '.join(FORMATS)}")

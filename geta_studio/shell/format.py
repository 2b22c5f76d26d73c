"""Numbers as people read them."""

from __future__ import annotations


def count(value: float | None) -> str:
    """272474 -> "272,474"."""
    return "–" if value is None else f"{value:,.0f}"


def percent(value: float | None, digits: int = 1) -> str:
    """0.974 -> "97.4 %"."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def metric(name: str | None, value: float | None) -> str:
    """A share as percent, 0.974 -> "97.4 %"; any other metric, R2 say, as it is: -0.0314 -> "-0.031"."""
    if value is None or is_share(name):
        return percent(value)
    return f"{value:.3f}"


def is_share(name: str | None) -> bool:
    """Whether the metric lies between 0 and 1: what part of something is right."""
    return name in ("accuracy", "agreement", "token accuracy")


def size(value: float) -> str:
    """Bytes: 1090000 -> "1.09 MB"."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value:.0f} B"


def duration(seconds: float | None) -> str:
    """Seconds: 25 -> "25 s", 192 -> "3 min 12 s", 7500 -> "2 h 5 min"."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"

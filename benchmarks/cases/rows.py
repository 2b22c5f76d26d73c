"""The numbers that a case of `benchmarks/services.py` gives, and how they are taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NotRequired, TypedDict


class Measurement(TypedDict):
    """One measured number; `budget` is the largest it may be."""

    what: str
    value: float
    unit: str
    budget: NotRequired[float]


def milliseconds(act: Callable[..., Any], *given: Any) -> float:
    """How long `act(*given)` takes."""
    started = time.perf_counter()
    act(*given)
    return 1e3 * (time.perf_counter() - started)


def forget_peak() -> None:
    """Let the peak of this process's memory count from now (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def memory_mb(field: str) -> float:
    """Resident memory of this process: "VmRSS" now, "VmHWM" at most (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(field))

"""Steps that may fail or take too long, timed in turn."""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

LIMIT_S = 120
"""Seconds after which a step counts as failed."""

SLOW_S = 10
"""A step that took longer than this to warm up is repeated at most three times."""


@dataclass
class Timed:
    """Seconds of each repeat by the clock and on all cores, the warm-up left out, and the error that ended them."""

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    error: str | None = None

    @property
    def median(self) -> float | None:
        return median(self.seconds) if self.seconds and not self.error else None

    @property
    def cpu_median(self) -> float | None:
        return median(self.cpu_seconds) if self.cpu_seconds and not self.error else None


def interleave(
    steps: Mapping[str, Callable[[], Any]], repeats: int, after_warm_up: Callable[[str], None] = lambda name: None
) -> Iterator[dict[str, Timed]]:
    """Run all steps in turn, once to warm up and then `repeats` times, so that a busy moment meets all of them.

    Yields the same dict after every round. A step that raised is not run again; `after_warm_up` hears each step's name
    when it has run once.
    """
    timed = {name: Timed() for name in steps}
    allowed = {}
    for name, step in steps.items():
        seconds, _ = _run(step, timed[name])
        allowed[name] = repeats if seconds < SLOW_S else min(repeats, 3)
        after_warm_up(name)
    yield timed
    for turn in range(repeats):
        for name, step in steps.items():
            if timed[name].error is None and turn < allowed[name]:
                seconds, cpu_seconds = _run(step, timed[name])
                timed[name].seconds.append(seconds)
                timed[name].cpu_seconds.append(cpu_seconds)
        yield timed


def _run(step: Callable[[], Any], timed: Timed) -> tuple[float, float]:
    gc.collect()
    started, cpu_started = time.perf_counter(), time.process_time()
    try:
        with _limited(LIMIT_S):
            step()
    except Exception as error:  # what a library raises here is a result of the benchmark
        timed.error = first_line(error)
    return time.perf_counter() - started, time.process_time() - cpu_started


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """TimeoutError after `seconds`, and again every five, should a bare `except` swallow the first."""

    def expire(*_: Any) -> None:
        raise TimeoutError(f"took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds, 5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def first_line(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0][:200]}" if text else type(error).__name__

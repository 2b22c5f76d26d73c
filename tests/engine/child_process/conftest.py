"""Real child processes that run `obliging_child`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from geta_engine.child_process.pool import ChildPool


@pytest.fixture(autouse=True)
def path_of_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children find the module of the tests."""
    previous = os.environ.get("PYTHONPATH")
    folder = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{previous}" if previous else folder)


@pytest.fixture
def make_pool() -> Iterator[Callable[..., ChildPool]]:
    """Makes pools that are closed at the end of the test."""
    pools: list[ChildPool] = []

    def make(size: int = 1, seconds: float = 60, memory_gb: float | None = None, reuse: bool = False) -> ChildPool:
        pools.append(ChildPool("obliging_child", size, seconds=seconds, memory_gb=memory_gb, reuse=reuse))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """until(condition) waits for it, and fails after half a minute."""

    def wait(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end, "it did not come about in half a minute"
            time.sleep(0.01)

    return wait


@pytest.fixture
def is_gone() -> Callable[[int], bool]:
    """is_gone(pid): no such process, or only its exit status is left, and no thread of it."""

    def gone(pid: int) -> bool:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            return state == "Z" and len(os.listdir(f"/proc/{pid}/task")) == 1
        except (FileNotFoundError, ProcessLookupError):
            return True

    return gone

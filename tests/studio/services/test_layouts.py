"""Layouts in real processes: progress and cancel of one drawing, and what happens to a caller that gives up."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import children

from geta_engine.errors import InputError
from geta_studio.services import layouts as module
from geta_studio.services.layouts import LayoutOptions, Layouts
from tests.coroutines import run_to_end

CHILD = "geta_engine.drawing.process"
FOLDED = LayoutOptions(frozenset(), "groups", False)


@pytest.fixture
def layouts(tmp_path: Path) -> Iterator[Layouts]:
    made = Layouts(tmp_path)
    yield made
    made.close()


@pytest.fixture
def halted(layouts: Layouts) -> list[int]:
    """The processes that lay out, stopped by the system's own means: a layout takes as long as wanted."""
    layouts.warm()
    actual = children(os.getpid(), CHILD)
    for process in actual:
        os.kill(process, signal.SIGSTOP)
    return actual


def continue_layouts() -> None:
    for process in children(os.getpid(), CHILD):
        os.kill(process, signal.SIGCONT)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition without holding the event loop; fail after half a minute."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def opened(*scopes: str) -> LayoutOptions:
    return LayoutOptions(frozenset(scopes), "groups", False)


def test_a_layout_is_computed_once(layouts: Layouts, report: Any) -> None:
    first = run_to_end(layouts.of(report("resnet8")["graph"], FOLDED))
    assert first["nodes"] and layouts.cached(first["key"]) == first
    layouts.close()
    assert run_to_end(layouts.of(report("resnet8")["graph"], FOLDED)) == first


def test_progress_and_cancel_are_of_one_drawing(layouts: Layouts, halted: list[int], report: Any) -> None:
    async def draw_two() -> tuple[Any, Any]:
        first = asyncio.ensure_future(layouts.of(report("resnet8")["graph"], opened("layer1.0"), drawing="first"))
        second = asyncio.ensure_future(
            layouts.of(report("resnet8")["graph"], opened("layer1.0", "layer2.0"), drawing="second")
        )
        await until(lambda: layouts.progress("first") == (0, 2) and layouts.progress("second") == (0, 3))
        assert layouts.progress("third") == (0, 0)
        layouts.cancel("third")
        layouts.cancel("first")
        cancelled = await asyncio.wait_for(asyncio.gather(first, return_exceptions=True), 30)
        assert layouts.progress("first") == (0, 0) and layouts.progress("second") == (0, 3)
        continue_layouts()
        return cancelled[0], await second

    cancelled, drawn = run_to_end(draw_two())
    assert isinstance(cancelled, InputError) and "was cancelled: the graph stays as it was" in str(cancelled)
    assert drawn["boxes"]


def test_a_caller_that_is_cancelled_takes_its_process_along(layouts: Layouts, halted: list[int], report: Any) -> None:
    async def draw_two() -> Any:
        going = asyncio.ensure_future(layouts.of(report("resnet8")["graph"], FOLDED, drawing="going"))
        staying = asyncio.ensure_future(layouts.of(report("resnet8")["graph"], opened("layer1.0"), drawing="staying"))
        await until(lambda: layouts.progress("going") == (0, 1) and layouts.progress("staying") == (0, 2))
        going.cancel()
        await until(lambda: len({*halted} & {*children(os.getpid(), CHILD)}) == 1)
        await until(lambda: layouts.progress("going") == (0, 0))
        continue_layouts()
        return await staying

    assert run_to_end(draw_two())["boxes"]


def test_one_that_takes_too_long_says_so(tmp_path: Path, report: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.001)
    layouts = Layouts(tmp_path)
    with pytest.raises(InputError, match="could not be laid out in a minute: close some modules"):
        run_to_end(layouts.of(report("resnet8")["graph"], FOLDED))
    layouts.close()


CANCEL_AT_ONCE = """
import asyncio, sys, tempfile
from pathlib import Path
from geta_studio.services.layouts import LayoutOptions, Layouts

layouts = Layouts(Path(tempfile.mkdtemp(dir=sys.argv[1])))

async def ask_and_cancel():
    empty = {"nodes": [], "edges": []}
    asked = asyncio.ensure_future(layouts.of(empty, LayoutOptions(frozenset(), "", False)))
    while layouts.progress("") == (0, 0):
        await asyncio.sleep(0)
    layouts.cancel("")
    await asyncio.gather(asked, return_exceptions=True)

asyncio.run(ask_and_cancel())
layouts.close()
print("alive")
"""


def test_a_layout_cancelled_before_its_process_is_up_leaves_the_server_alone(tmp_path: Path) -> None:
    """The server stands in a process group of its own: ending group 0 would end it, and not the tests."""
    command = [sys.executable, "-c", CANCEL_AT_ONCE, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, start_new_session=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "alive\n"), ended.stderr

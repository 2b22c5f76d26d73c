"""Many drawings at once on a real server: what else is asked is answered, and each has its own progress and cancel.

The processes that lay out are stopped by the system's own means, so that layouts are under way as long as wanted.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from serving import Server, children
from sockets import Socket

from geta_studio.graph import ids
from geta_studio.run_dock import ids as run_dock
from geta_studio.shell import ids as shared

LAYOUTS = "geta_engine.drawing.process"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has analysed its first model and not drawn it; each test draws another stage of it."""
    server = Server(tmp_path_factory.mktemp("many")).start()
    until(lambda: httpx.get(f"{server.url}/api/models/resnet20/graph.json").status_code == 200)
    yield server
    server.stop()


@pytest.fixture
def open_socket(ready: Server) -> Iterator[Callable[[], Socket]]:
    """Opens connections that are closed at the end of the test."""
    sockets: list[Socket] = []

    def made() -> Socket:
        sockets.append(Socket(ready.url))
        return sockets[-1]

    yield made
    for socket in sockets:
        socket.close()


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; fail after a minute."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come about in a minute"
        time.sleep(0.02)


def signal_layouts(server: Server, sent: signal.Signals) -> None:
    for process in children(server.pid, LAYOUTS):
        with suppress(ProcessLookupError):
            os.kill(process, sent)


def draw(socket: Socket, name: str, stage: str) -> str:
    """Ask for the first view of a stage of the model in a drawing."""
    values: dict[str, Any] = {"model_key": "resnet20", "graph_stage": stage, "graph_shape": 0, "graph_drawing": name}
    return socket.ask(f"{ids.GRAPH}.elements", f"{shared.MODEL_KEY}.data", **values)


def is_under_way(socket: Socket, name: str) -> bool:
    """Whether the page of a drawing says that it is being laid out."""
    request = socket.ask(f"{ids.GRAPH_PROGRESS}.children", f"{ids.GRAPH_POLL}.n_intervals", graph_drawing=name)
    return "Laying out the graph: 0 of" in str(socket.answer(request))


def tick(socket: Socket) -> str:
    return socket.ask(f"{run_dock.LIVE}.data", f"{run_dock.TICK}.n_intervals", tick=1)


def rows(answer: dict[str, Any]) -> int:
    """How many rows an answer draws."""
    elements = answer["data"]["response"][ids.GRAPH]["elements"]
    return sum("row" in element.get("classes", "").split() for element in elements)


def test_a_tick_is_answered_while_ten_layouts_are_under_way(ready: Server, open_socket: Callable[[], Socket]) -> None:
    signal_layouts(ready, signal.SIGSTOP)
    socket = open_socket()
    names = [f"drawing-{number}" for number in range(10)]
    drawings = [draw(socket, name, "groups") for name in names]
    until(lambda: all(is_under_way(socket, name) for name in names))
    assert socket.answer(tick(socket))["status"] == "ok"
    assert not any(map(socket.is_answered, drawings))
    signal_layouts(ready, signal.SIGCONT)
    assert [rows(socket.answer(drawing, 60)) for drawing in drawings] == [34] * 10


def test_cancel_ends_one_drawing_and_no_other(ready: Server, open_socket: Callable[[], Socket]) -> None:
    signal_layouts(ready, signal.SIGSTOP)
    socket = open_socket()
    first, second = (draw(socket, name, "trace") for name in ("first", "second"))
    until(lambda: is_under_way(socket, "first") and is_under_way(socket, "second"))
    socket.ask(f"{ids.GRAPH_CANCEL}.n_clicks", f"{ids.GRAPH_CANCEL}.n_clicks", graph_drawing="first")
    assert socket.answer(first)["status"] == "prevent_update"
    assert "the layout of the graph was cancelled" in str(socket.props[shared.NOTICES])
    assert not socket.is_answered(second)
    signal_layouts(ready, signal.SIGCONT)
    assert rows(socket.answer(second, 60)) > 10


def test_a_page_that_goes_away_takes_its_layout_along_and_no_other(
    ready: Server, open_socket: Callable[[], Socket]
) -> None:
    signal_layouts(ready, signal.SIGSTOP)
    stopped = set(children(ready.pid, LAYOUTS))
    going, staying = open_socket(), open_socket()
    draw(going, "going", "branches")
    until(lambda: is_under_way(going, "going"))
    kept = draw(staying, "staying", "branches")
    until(lambda: is_under_way(staying, "staying"))
    going.close()
    until(lambda: len(stopped & {*children(ready.pid, LAYOUTS)}) == 1)
    assert not is_under_way(staying, "going") and is_under_way(staying, "staying")
    signal_layouts(ready, signal.SIGCONT)
    assert rows(staying.answer(kept, 60)) > 10

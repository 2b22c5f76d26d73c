"""How long a tab waits for news while others lay out graphs, and what a page asks while nothing happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import dash
import numpy as np
import sqlalchemy as sa
import uvicorn
from playwright.sync_api import sync_playwright

from benchmarks.cases.rows import Measurement
from benchmarks.cases.stores import Sizes, analysis_of, open_services, store_url
from benchmarks.cases.tab import Answer, Tab
from geta_engine.drawing.opening import everything
from geta_engine.drawing.stages import graph_at
from geta_engine.runs.recorder import Heartbeat
from geta_engine.store import Store
from geta_studio.server.app import create_app
from geta_studio.server.security import Guard
from geta_studio.server.serve import listen
from geta_studio.services.services import Services
from tools.find_chromium import find
from tools.shaped_models import spec_of
from tools.studio import studio

TICK_S = 0.1
"""Between two ticks."""
QUIET_TICKS = 40
SETTLE_S, IDLE_S = 3, 10


def layouts(folder: Path, sizes: Sizes) -> list[Measurement]:
    """Ticks of a tab with a live run, before and while other tabs each lay out the whole graph another way."""
    folder /= "large"
    services = open_services(folder, sizes.large)
    model, newest = services.first_model, services.runs.heads()[0].id
    graph = graph_at(analysis_of(services), "groups")
    services.close()
    scopes = sorted(everything(graph, show_shape=True)[0])
    closed = [scope for scope in scopes if not any(other.startswith(f"{scope}.") for other in scopes)][: sizes.layouts]

    on_screen = {"model": model, "graph": "groups", "shape": True, "scopes": scopes, "layout": None}
    state = {
        "model-key.data": model,
        "graph-shape.n_clicks": 1,
        "graph-stage.value": "groups",
        "graph-open.data": on_screen,
    }
    store = Store(store_url(folder))
    with studio(spec_of(sizes.large, folder), folder) as (url, _), Heartbeat(store, newest), ExitStack() as opened:
        tab = opened.enter_context(Tab(url))
        others = opened.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
        others.submit(time.sleep, 0).result()
        quiet = tick_latencies(tab, newest, lambda ticks: ticks == QUIET_TICKS)
        drawn = others.submit(draw_others, url, state, closed)
        busy = tick_latencies(tab, newest, lambda _: drawn.done())
        seconds = drawn.result()
    store.close()
    under_way = f"tick, {len(closed)} layouts under way"
    return [
        {"what": "tick, nothing under way, p50", "value": float(np.median(quiet)), "unit": "ms"},
        {"what": f"{under_way}, p50", "value": float(np.median(busy)), "unit": "ms"},
        {"what": f"{under_way}, p95", "value": float(np.percentile(busy, 95)), "unit": "ms", "budget": 100},
        {"what": f"{under_way}, longest", "value": max(busy), "unit": "ms"},
        {"what": f"{len(closed)} layouts, until all are drawn", "value": seconds, "unit": "s"},
    ]


def draw_others(url: str, state: dict[str, Any], scopes: list[str]) -> float:
    """Seconds until as many tabs as there are scopes have drawn the graph, each with one of them closed.

    In a process of its own: who reads ten large drawings is late for a tick, and that is not the server's delay.
    """
    with ExitStack() as opened:
        tabs = [opened.enter_context(Tab(url)) for _ in scopes]
        started = time.perf_counter()
        drawn = [
            tab.call("graph.elements", {"graph-command.data": {"action": "toggle", "scope": scope}, **state})
            for scope, tab in zip(scopes, tabs, strict=True)
        ]
        wait(drawn)
        seconds = time.perf_counter() - started
    for scope, answer in zip(scopes, drawn, strict=True):
        if scope in answer.result().get("graph-open", {"data": state["graph-open.data"]})["data"]["scopes"]:
            raise SystemExit(f"the graph with {scope} closed was not drawn: run app.py to see why")
    return seconds


def tick_latencies(tab: Tab, run_id: int, is_over: Callable[[int], bool]) -> list[float]:
    """Milliseconds until each tick is answered that is sent until `is_over` of how many were sent.

    They are sent at their times, whether the one before was answered or not, as tabs do that do not know each other.
    """
    times: list[float] = []
    answers: list[Future[Answer]] = []
    while not is_over(len(answers)):
        sent = time.perf_counter()
        answers.append(tab.call("live.data", {"tick-due.data": 1, "run-id.data": run_id}))
        answers[-1].add_done_callback(taking_time(times, sent))
        time.sleep(TICK_S)
    for answer in answers:
        answer.result()
    return times


def taking_time(times: list[float], sent: float) -> Callable[[object], None]:
    """What adds the milliseconds since `sent` when it is called."""
    return lambda _: times.append(1e3 * (time.perf_counter() - sent))


def idle(folder: Path, sizes: Sizes) -> list[Measurement]:
    """What a page with a finished run in front asks in ten seconds."""
    services = open_services(folder / "light", sizes.light)
    analysis_of(services)
    done = services.runs.heads()[-1].id
    asked: list[str] = []
    statements: list[str] = []
    dash.hooks.websocket_message()(lambda _, message: note(asked, message))
    with serving(services) as url, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(f"{url}/?run={done}")
        page.wait_for_selector("#graph-panel[data-drawn]")
        page.wait_for_selector("#loss-figure .main-svg")
        page.wait_for_timeout(1000 * SETTLE_S)
        sa.event.listen(sa.Engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        asked.clear()
        page.wait_for_timeout(1000 * IDLE_S)
        calls, queries = list(asked), [text for text in statements if text.startswith("SELECT")]
        browser.close()
    services.close()
    hidden = [name for name in calls if name.startswith("runs-")]
    page_row = f"idle page, {IDLE_S} s"
    return [
        {"what": f"{page_row}, callbacks", "value": len(calls), "unit": "callbacks"},
        {"what": f"{page_row}, callbacks of the interval of the runs", "value": len(hidden), "unit": "callbacks"},
        {"what": f"{page_row}, queries", "value": len(queries), "unit": "queries"},
    ]


def note(asked: list[str], message: dict[str, Any]) -> None:
    """Keep what triggered a callback."""
    if message.get("type") == "callback_request":
        asked.append(" ".join(message["payload"].get("changedPropIds", ())))


@contextmanager
def serving(services: Services) -> Iterator[str]:
    """The studio in a thread of this process, so that what it does can be counted."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    app = Guard(create_app(services), host="127.0.0.1", port=port)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()

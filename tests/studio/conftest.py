"""What the studio's tests share: a small analysis, a real server process, a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import Server, chromium_path

from tools.shaped_models import spec_of


@pytest.fixture
def analysis() -> dict[str, Any]:
    """Two layers: 100 weights read by 1,000 multiply-adds, 50 read by 500; a prunable group of 10 between."""
    layer = {"macs": 1000, "params": 100, "weight_quantizer": "a.weight", "activation_quantizer": "act.x"}
    layer["products"] = [{"macs": 1000, "left": "a.weight", "right": "act.x"}]
    last = {"macs": 500, "params": 50, "weight_quantizer": "b.weight", "activation_quantizer": None}
    last["products"] = [{"macs": 500, "left": "b.weight", "right": None}]
    return {
        "model": {"name": "two", "params": 160, "macs": 1500},
        "prunable_units": 10,
        "total_units": 14,
        "max_zero_units": 9,
        "graph": {"nodes": [{"id": "na", "group": 1}, {"id": "nb", "group": 2}]},
        "groups": [
            {"id": 1, "name": "a", "size": 10, "prunable": True},
            {"id": 2, "name": "b", "size": 4, "prunable": False},
        ],
        "layers": [
            {"node": "na", "layer": "a", "in_group": None, "out_group": 1, **layer},
            {"node": "nb", "layer": "b", "in_group": 1, "out_group": 2, **last},
        ],
        "quantizers": [
            {"id": "a.weight", "layer": "a", "kind": "weight", "node": "na", "parameters": 100, "macs": 1000},
            {"id": "act.x", "layer": "a", "kind": "activation", "node": "x", "parameters": 0, "macs": 1000},
            {"id": "b.weight", "layer": "b", "kind": "weight", "node": "nb", "parameters": 50, "macs": 500},
        ],
    }


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers that are stopped at the end of the test."""
    servers: list[Server] = []

    def make(**environment: str) -> Server:
        servers.append(Server(tmp_path, **environment))
        return servers[-1].start()

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    return make_server()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave no run behind."""
    server = Server(tmp_path_factory.mktemp("server")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium with a profile on disk: it compiles the scripts of a server once, half the work of a page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=chromium_path(),
            args=["--no-sandbox"],
            viewport={"width": 1280, "height": 720},
            accept_downloads=True,
        )
        browser.set_default_timeout(60_000)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of 1280 x 720 that remembers nothing of those before; uncaught errors in it fail the test."""
    errors: list[str] = []
    blank, *_ = browser.pages
    page = browser.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    if page.url.startswith("http"):
        page.evaluate("() => localStorage.clear()")
    for opened in browser.pages:
        if opened is not blank:
            opened.close()
    assert errors == []


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """site("bert-base") is the address of a server with that model; each is started once."""
    servers: dict[str, Server] = {}

    def address(model: str) -> str:
        if model not in servers:
            folder = tmp_path_factory.mktemp(model)
            servers[model] = Server(folder, "--model", spec_of(model, folder)).start()
        return servers[model].url

    yield address
    for server in servers.values():
        server.stop()


@pytest.fixture
def show(site: Callable[[str], str], page: Any) -> Callable[[str], Any]:
    """show("resnet20") is a page with its first view."""
    page.emulate_media(reduced_motion="reduce")

    def on_screen(model: str) -> Any:
        page.goto(site(model))
        page.wait_for_selector("#graph-panel[data-drawn]")
        return page

    return on_screen

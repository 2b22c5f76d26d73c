"""Real analyses of the zoo, made once a session, and servers with the graphs that people open first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from serving import Server

from geta_engine.qadg.report import analysis_report
from geta_engine.trace import load
from tools.shaped_models import spec_of


@cache
def _report(model: str) -> dict[str, Any]:
    return analysis_report(load(model), activations=True)


@pytest.fixture(scope="session")
def report() -> Callable[[str], dict[str, Any]]:
    """report("resnet20") is its analysis, weights and activations quantized."""
    return _report


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

    def shown(model: str) -> Any:
        page.goto(site(model))
        page.wait_for_selector("#graph-panel[data-drawn]")
        return page

    return shown

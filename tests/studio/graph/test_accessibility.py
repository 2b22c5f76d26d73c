"""axe over the studio in both schemes: nothing serious on any screen, menus, search and presenting included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from finished import run_of
from screen import module
from serving import Server

SEVERE = {"serious", "critical"}


def severe(page: Any) -> list[str]:
    """The serious and critical violations on screen: rule, element, and what is wrong with it."""
    actual = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} ({node['failureSummary'].splitlines()[1].strip()[:160]})"
        for rule in actual
        if rule["impact"] in SEVERE
        for node in rule["nodes"]
    ]


def configure(page: Any) -> None:
    page.click("[role=tab]:has-text('Configure')")
    page.wait_for_selector("#bits-grid .ag-row")


def view_menu(page: Any) -> None:
    page.click("button:has-text('View ▾')")
    page.wait_for_selector("[role=menu] >> text=Present")


def node_selected(page: Any) -> None:
    page.keyboard.press("Escape")
    page.evaluate(f"async () => {module('selection')}.select({{kind: 'node', id: 'conv2d_1'}})")
    page.wait_for_selector("#inspect-head >> text=layer1.0.conv1")


def group_selected(page: Any) -> None:
    page.click(".legend-group >> nth=1")
    page.wait_for_selector("#inspect-head .group-number")


def searched(page: Any) -> None:
    page.fill("#graph-search", "op:conv")
    page.wait_for_selector("#graph-match-count:text-is('21')")


def node_menu(page: Any) -> None:
    node = "document.getElementById('graph')._cyreg.cy.getElementById('conv2d_1')"
    page.evaluate(f"async () => {module('menu')}.openMenu({node}, {node}.renderedPosition())")
    page.wait_for_selector("[role=menuitem]:has-text('Inspect')")


def coloured(page: Any) -> None:
    page.keyboard.press("Escape")
    page.click("#graph-overlay")
    page.click("[role=option]:has-text('Bits')")
    page.wait_for_selector("#graph-scale .scale-row")


def presenting(page: Any) -> None:
    page.click("button:has-text('View ▾')")
    page.click("[role=menuitem]:has-text('Present')")
    page.wait_for_selector("body.presenting")


def runs(page: Any) -> None:
    page.keyboard.press("Escape")
    page.click("#runs-link")
    page.wait_for_selector("#runs-grid .ag-header-row")


SCREENS: tuple[Callable[[Any], None], ...] = (
    *(configure, view_menu, node_selected, group_selected, searched, node_menu, coloured, presenting, runs),
)


def branches(page: Any) -> None:
    page.click("#graph-stage >> text=Branches")
    page.wait_for_selector(".note-branches")


def compact(page: Any) -> None:
    page.click("#graph-stage >> text=Compact")
    page.wait_for_selector(".note-branches", state="hidden")


def beside(page: Any) -> None:
    page.click("button:has-text('View ▾')")
    page.click("text=Beside it: compact model of run 1")
    page.wait_for_selector("#graph-panel[data-compared='compact-1']")


def look_at(page: Any, server: Server, address: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(f"{server.url}/?{address}")
    page.wait_for_selector("#graph-panel[data-drawn]")
    page.wait_for_selector("#dock-figures .js-plotly-plot", state="attached")


def assert_nothing_serious(page: Any, screens: tuple[Callable[[Any], None], ...]) -> None:
    problems: dict[str, str] = {}
    for show in screens:
        show(page)
        page.wait_for_timeout(400)
        problems = dict.fromkeys(severe(page), show.__name__) | problems
    assert not problems, "\n".join(f"{screen}: {problem}" for problem, screen in problems.items())


@pytest.mark.timeout(400)
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_nothing_serious_on_any_screen(shared_server: Server, page: Any, scheme: str) -> None:
    look_at(page, shared_server, "model=resnet20", scheme)
    assert_nothing_serious(page, SCREENS)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_while_a_run_is_shown(server: Server, page: Any, tmp_path: Path, scheme: str) -> None:
    run_of(server.store, tmp_path, "resnet8", "digits", 0.5)
    look_at(page, server, "model=resnet8&run=1", scheme)
    assert_nothing_serious(page, (branches, compact, beside))

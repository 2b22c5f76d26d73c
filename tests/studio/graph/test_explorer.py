"""The graph in a real browser: stages, search, the menu of a node, what can be saved, presenting, the address."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from serving import Server

CY = "document.getElementById('graph')._cyreg.cy"


@pytest.fixture
def shown(server: Server, page: Any) -> Any:
    page.goto(server.url)
    page.wait_for_selector("#graph-panel[data-drawn='resnet20']")
    return page


def place_of(page: Any, selector: str) -> tuple[float, float]:
    """Where on the page the first node of a kind is."""
    box = page.locator("#graph").bounding_box()
    at = page.evaluate(f"s => {CY}.nodes(s)[0].renderedPosition()", selector)
    return box["x"] + at["x"], box["y"] + at["y"]


@pytest.mark.timeout(300)
def test_the_construction_stage_by_stage_and_its_address(shown: Any, server: Server) -> None:
    shown.click("#graph-stage >> text=Branches")
    shown.wait_for_function(f"() => {CY}.nodes('.box.inserted').length > 3 && {CY}.nodes('.box.attached').length > 3")
    assert shown.locator(".note-branches").is_visible()
    titles = shown.evaluate(f"() => {CY}.nodes('.toggle.inserted').map(n => n.data('label'))")
    assert "inserted · conv1" in titles
    shown.wait_for_function("() => location.search.includes('stage=branches')")
    x, y = place_of(shown, ".row[quantizer = 'conv1.weight']")
    shown.mouse.click(x, y)
    shown.wait_for_function("() => location.search.includes('select=quantizer:conv1.weight')")
    shown.goto(f"{server.url}/?model=resnet20&stage=trace")
    shown.wait_for_function(f"() => document.getElementById('graph')?._cyreg && {CY}.nodes('.parameter').length > 3")
    assert shown.evaluate(f"() => {CY}.nodes('.box.branch').length") == 0
    shown.click("#graph-stage >> text=QADG")
    shown.wait_for_function(f"() => {CY}.nodes('.parameter').length === 0 && {CY}.nodes('.pill').length > 3")


@pytest.mark.timeout(300)
def test_search_filters_the_menu_and_the_grid(shown: Any) -> None:
    shown.fill("#graph-search", "op:conv bits>=8")
    shown.wait_for_selector("#graph-match-count:text-is('21')")
    shown.fill("#graph-search", "op:conv bits<8")
    shown.wait_for_selector("#graph-match-count:text-is('none')")
    shown.mouse.click(*place_of(shown, "#conv2d"), button="right")
    shown.wait_for_selector("#graph-menu >> text=Show group g1")
    shown.keyboard.press("ArrowDown")
    assert shown.evaluate("() => document.activeElement.textContent") == "Show group g1"
    shown.keyboard.press("Escape")
    assert shown.locator("#graph-menu").is_hidden()
    shown.mouse.click(*place_of(shown, "#conv2d_1"), button="right")
    shown.click("#graph-menu >> text=Set bits")
    shown.wait_for_function(
        "() => [...document.querySelectorAll('#bits-grid [col-id=layer].ag-cell')]"
        ".every(cell => cell.textContent === 'layer1.0.conv1')"
    )


@pytest.mark.timeout(300)
def test_what_is_on_screen_can_be_saved(shown: Any, tmp_path: Path) -> None:
    saved = {}
    for kind in ("png", "svg", "dot", "json"):
        saved[kind] = save(shown, kind, tmp_path / kind)
    assert saved["png"].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "conv1 + bn1 + relu" in "".join(ElementTree.parse(saved["svg"]).getroot().itertext())
    assert saved["dot"].read_text().startswith('digraph "resnet20"') and "layer1.0" in saved["dot"].read_text()
    assert len(json.loads(saved["json"].read_text())["groups"]) == 13
    shown.click("#graph-stage >> text=Branches")
    shown.wait_for_function(f"() => {CY}.nodes('.box.attached').length > 3")
    branches = save(shown, "dot", tmp_path / "branches").read_text()
    assert 'label="attached · conv1"' in branches and "flatten" not in branches
    shown.click("button:has-text('View ▾')")
    shown.click("#graph-shape")
    shown.wait_for_function(f"() => {CY}.getElementById('flatten').length === 1")
    assert "flatten" in save(shown, "dot", tmp_path / "shape").read_text()


def save(page: Any, kind: str, file: Path) -> Path:
    """Save the graph by the menu."""
    if not page.locator(f"[data-graph=save-{kind}]").is_visible():
        page.click("button:has-text('Save ▾')")
    with page.expect_download() as download:
        page.click(f"[data-graph=save-{kind}]")
    assert download.value.suggested_filename == f"resnet20-graph.{kind}"
    download.value.save_as(file)
    return file


@pytest.mark.timeout(300)
def test_presenting_leaves_the_graph_alone_until_escape(shown: Any) -> None:
    shown.click("button:has-text('View ▾')")
    shown.click("[data-graph=present]")
    shown.wait_for_selector("body.presenting")
    assert shown.locator(".side").is_hidden() and shown.locator("#graph").is_visible()
    shown.wait_for_function("() => document.getElementById('graph').clientWidth === innerWidth")
    shown.keyboard.press("Escape")
    shown.wait_for_selector(".side")
    assert not shown.locator("body.presenting").count()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("overlay", ["Sparsity", "Saliency"])
def test_an_overlay_without_a_run_says_so(shown: Any, overlay: str) -> None:
    shown.click("#graph-overlay")
    shown.click(f"[role=option]:has-text('{overlay}')")
    shown.wait_for_selector("#graph-scale:has-text('nothing yet')")
    shown.wait_for_function(f"() => location.search.includes('overlay={overlay.lower()}')")

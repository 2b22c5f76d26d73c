"""What a person does with the graph, on a small network and two large ones known by their shapes alone."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pygraphviz
import pytest
from serving import Server

from geta_engine.graph.layout import layout_graph
from tools.shaped_models import spec_of

pytestmark = pytest.mark.timeout(300)
CY = "document.getElementById('graph')._cyreg.cy"
DRAWS = "Number(document.getElementById('graph-panel').dataset.draws)"
MODELS = ("resnet20", "bert-base", "qwen3-8b")
FOLDED = {"resnet20": "layer1  ×3", "bert-base": "encoder.layer  ×12", "qwen3-8b": "layers  ×36"}
SMALLEST_TEXT = 11.0
"""px on screen."""
TOOLBAR = 58
"""px of the graph that lie under its toolbar."""
BOXES = f"""selector => {CY}.nodes(selector).map(node => {{
  const box = node.boundingBox({{ includeLabels: false, includeOverlays: false, includeUnderlays: false }});
  return {{ id: node.id(), x1: box.x1, y1: box.y1, x2: box.x2, y2: box.y2 }};
}})"""
TEXTS = f"""() => {CY}.nodes().filter(node => node.style('label')).map(node => {{
  const box = node.boundingBox({{ includeNodes: false, includeEdges: false, includeOverlays: false }});
  return {{ id: node.id(), row: node.data('host') || node.id(), x1: box.x1, y1: box.y1, x2: box.x2, y2: box.y2 }};
}})"""
PLACES = f"""() => {{
  const cy = {CY}, zoom = cy.zoom(), places = {{}};
  cy.nodes('.row').forEach(node => {{
    const at = node.renderedPosition();
    if (at.x > 0 && at.x < cy.width() && at.y > 0 && at.y < cy.height())
      places[node.id()] = [at.x, at.y, zoom * node.data('w'), zoom * node.data('h')];
  }});
  return places;
}}"""


EDGES = f"""() => {CY}.edges().map(edge => [edge.source().id(), edge.target().id()])"""
OPEN = f"""() => {CY}.nodes('.box').map(box => box.data('scope'))"""


@pytest.fixture(scope="module")
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


def redrawn(page: Any, act: Callable[[], Any]) -> None:
    """Do something that draws the graph anew, and wait for that."""
    before = page.evaluate(f"() => {DRAWS}")
    act()
    page.wait_for_function(f"() => {DRAWS} > {before}")


def toggle(page: Any, scope: str) -> None:
    redrawn(
        page, lambda: page.evaluate(f"scope => {{ {CY}.getElementById(`scope:${{scope}}|toggle`).emit('tap') }}", scope)
    )


def scroll_to(page: Any, node: str, height: float) -> None:
    """Move the graph up or down until the middle of a node is so many px below its upper edge."""
    move = f"{CY}.panBy({{ x: 0, y: to - {CY}.getElementById(id).renderedPosition('y') }})"
    page.evaluate(f"([id, to]) => {{ {move} }}", [node, height])


def assert_all_edges_are_drawn(page: Any) -> None:
    """What is on screen has the edges that its graph has, from and to what they join."""
    model = page.evaluate("() => document.getElementById('graph-panel').dataset.drawn")
    analysis = page.request.get(f"{page.url.split('?')[0]}api/models/{model}/graph.json").json()
    wanted = layout_graph(analysis["graph"], frozenset(page.evaluate(OPEN)))["edges"]
    assert sorted(page.evaluate(EDGES)) == sorted([edge["source"], edge["target"]] for edge in wanted)


def titles(page: Any) -> list[str]:
    return list(page.evaluate(f"() => {CY}.nodes('.toggle.close').map(node => node.data('label'))"))


def pointed_at(page: Any, node: str) -> tuple[float, float]:
    """Where on the page the middle of a node is."""
    frame = page.locator("#graph").bounding_box()
    at = page.evaluate(f"id => {CY}.getElementById(id).renderedPosition()", node)
    return frame["x"] + at["x"], frame["y"] + at["y"]


def crossings(boxes: list[dict[str, Any]], slack: float = 0.5) -> list[tuple[str, str]]:
    """Pairs that share more than `slack` px both ways, texts of one row aside: their lines are close."""
    found = []
    for place, one in enumerate(boxes):
        for other in boxes[:place]:
            wide = min(one["x2"], other["x2"]) - max(one["x1"], other["x1"])
            high = min(one["y2"], other["y2"]) - max(one["y1"], other["y1"])
            if wide > slack and high > slack and one.get("row", one["id"]) != other.get("row", other["id"]):
                found.append((one["id"], other["id"]))
    return found


@pytest.mark.parametrize("model", MODELS)
def test_the_first_view_is_readable(show: Callable[[str], Any], model: str) -> None:
    page = show(model)
    assert 15 <= page.evaluate(f"() => {CY}.nodes('.row').length") <= 60
    smallest = f"Math.min(...{CY}.nodes().filter(n => n.style('label')).map(n => n.numericStyle('font-size')))"
    assert page.evaluate(f"() => {smallest} * {CY}.zoom()") >= SMALLEST_TEXT - 1e-6
    assert crossings(page.evaluate(BOXES, ".row")) == []
    assert crossings(page.evaluate(BOXES, ".row, .pill")) == []
    assert crossings(page.evaluate(BOXES, ".diamond, .pill"), 1) == []
    assert crossings(page.evaluate(TEXTS), 2) == []
    assert FOLDED[model] in titles(page)


OPENED = {
    "resnet20": ("layer1.1", "conv2d_5"),
    "bert-base": ("bert.encoder.layer.0.attention.self", "linear_3"),
    "qwen3-8b": ("model.layers.0.self_attn", "mul_18"),
}
"""A block that is closed and opened again, and a node below it."""


@pytest.mark.parametrize("model", OPENED)
def test_a_block_moves_little_and_keeps_what_is_selected(show: Callable[[str], Any], model: str) -> None:
    page = show(model)
    scope, below = OPENED[model]
    toggle(page, scope)
    scroll_to(page, f"scope:{scope}", 280)
    before = page.evaluate(PLACES)
    toggle(page, scope)
    assert_all_edges_are_drawn(page)
    opened = page.evaluate(PLACES)
    (block,) = page.evaluate(BOXES, f"[id = 'scope:{scope}']")
    grown = [page.evaluate(f"() => {CY}.zoom()") * (block[f"{axis}2"] - block[f"{axis}1"]) for axis in "xy"]
    x, y, *_ = before[f"scope:{scope}"]
    stay = before.keys() & opened.keys()
    assert len(stay) >= 2
    for node in stay:
        (x0, y0, wide, high), (x1, y1, *_) = before[node], opened[node]
        assert abs(x1 - x0) <= wide + grown[0] * (abs(x0 - x) > grown[0] / 2), node
        assert abs(y1 - y0) <= high + grown[1] * (y0 > y), node
    toggle(page, scope)
    assert_all_edges_are_drawn(page)
    again = page.evaluate(PLACES)
    for node in before.keys() & again.keys():
        assert again[node] == pytest.approx(before[node], abs=1), node
    page.evaluate("id => dash_clientside.set_props('selection', {data: {kind: 'node', id}})", below)
    page.wait_for_function(f"() => {CY}.nodes('.row.chosen').length === 1")
    scroll_to(page, below, 400)
    toggle(page, scope)
    assert TOOLBAR < page.evaluate(PLACES)[below][1] < page.locator(".graph-legend").bounding_box()["y"]


def test_titles_out_of_view_are_named_and_lead_there(show: Callable[[str], Any]) -> None:
    page = show("qwen3-8b")
    page.evaluate(f"() => {{ {CY}.viewport({{ zoom: 1, pan: {{ x: -600, y: -500 }} }}) }}")
    crumbs = page.locator(".graph-crumb")
    page.wait_for_function("() => document.querySelectorAll('.graph-crumb').length === 4")
    assert [text.split("  ")[0] for text in crumbs.all_text_contents()] == ["model", "layers", "layers.0", "self_attn"]
    crumbs.nth(3).click()
    page.wait_for_function("() => document.querySelectorAll('.graph-crumb').length < 4")
    at = page.evaluate(f"() => {CY}.getElementById('scope:model.layers.0.self_attn|toggle').renderedPosition()")
    assert 0 < at["x"] < 100 and TOOLBAR < at["y"] < 160


def test_pointing_shows_the_blast_radius_and_a_click_inspects(show: Callable[[str], Any]) -> None:
    page = show("resnet20")
    at = pointed_at(page, "conv2d_1")
    page.mouse.move(at[0] - 2, at[1])
    page.mouse.move(*at)
    page.wait_for_selector("#graph-tip.on")
    lit = set(page.evaluate(f"() => {CY}.nodes('.member').map(node => node.id())"))
    assert lit == {"conv2d_1", "conv2d_2"}
    assert page.evaluate(f"() => {CY}.nodes('.row.faded').length") == 32
    tip = page.inner_text("#graph-tip")
    assert "g2 · 16 units" in tip
    assert re.search(r"removing it saves \d+ parameters and [\d.]+ % of the BOPs", tip)
    page.mouse.click(*at)
    page.wait_for_selector("#inspector:has-text('layer1.0.conv1') >> .group-chip >> nth=0")
    page.click("#inspector .group-chip:text-is('g1')")
    page.wait_for_selector("#inspector :text('Tied together because')")
    assert page.locator("#inspector .node-chip").count() >= 10
    page.click(".legend-group:has-text('g13')")
    page.wait_for_selector("#inspector .reason-box:has-text('what the model returns')")


def test_search_filters_and_steps_into_what_is_folded(show: Callable[[str], Any]) -> None:
    page = show("bert-base")
    found = "#graph-match-count:text-is('{}')"
    for query, count in (("op:linear", "74"), ("op:linear bits<6", "none"), ("op:linear bits>=8", "74")):
        page.fill("#graph-search", query)
        page.wait_for_selector(found.format(count))
    page.fill("#graph-search", "group:26 op:linear")
    page.wait_for_selector(found.format("2"))
    page.fill("#graph-search", "unprunable op:linear")
    page.wait_for_selector(found.format("1"))
    page.fill("#graph-search", "op:linear")
    page.wait_for_selector(found.format("74"))
    page.fill("#graph-search", "layer.7.attention.self.key")
    page.wait_for_selector(found.format("1"))
    assert "linear_43" not in page.evaluate(PLACES)
    redrawn(page, lambda: page.press("#graph-search", "Enter"))
    page.wait_for_selector(found.format("1 / 1"))
    page.wait_for_selector("#inspector:has-text('bert.encoder.layer.7.attention.self.key')")
    assert page.evaluate(f"() => {CY}.nodes('.current').map(node => node.id())") == ["linear_43"]
    assert "linear_43" in page.evaluate(PLACES)


def test_stages_overlays_and_the_address(show: Callable[[str], Any]) -> None:
    page = show("bert-base")
    offered = page.locator("#graph-stage label").all_inner_texts()
    assert offered == ["Trace", "Branches", "QADG", "Groups"]
    redrawn(page, lambda: page.click("#graph-stage >> text=Trace"))
    assert page.locator(".note-trace").is_visible()
    assert page.evaluate(f"() => {CY}.nodes('.diamond, .pill').length") == 0
    page.click("#graph-stage >> text=QADG")
    page.wait_for_function(f"() => {CY}.nodes('.diamond').length > 5 && {CY}.nodes('.pill').length > 5")
    page.click("#graph-overlay")
    page.click("[role=option]:has-text('Parameters')")
    page.wait_for_selector("#graph-scale:has-text('Parameters (log scale)')")
    assert page.inner_text("#graph-scale .scale-high").endswith("M")
    assert page.evaluate(f"() => {CY}.nodes('.row.painted').length") >= 10
    page.evaluate("dash_clientside.set_props('selection', {data: {kind: 'group', id: 2}})")
    wanted = ("stage=qadg", "overlay=params", "select=group:2")
    page.wait_for_function(f"() => {list(wanted)}.every(part => decodeURIComponent(location.search).includes(part))")
    page.reload()
    page.wait_for_selector("#inspector:has-text('group · 12 units')")
    page.wait_for_selector("#graph-scale:has-text('Parameters (log scale)')")
    assert page.locator("#graph-stage input:checked").get_attribute("value") == "qadg"


def saved(page: Any, kind: str, folder: Path) -> Path:
    if not page.locator(f"[data-graph=save-{kind}]").is_visible():
        page.click("button:has-text('Save ▾')")
    with page.expect_download() as download:
        page.click(f"[data-graph=save-{kind}]")
    download.value.save_as(folder / kind)
    return folder / kind


def test_what_is_saved_is_what_it_says(show: Callable[[str], Any], tmp_path: Path) -> None:
    page = show("qwen3-8b")
    picture = saved(page, "png", tmp_path).read_bytes()
    width, height = struct.unpack(">II", picture[16:24])
    assert picture[1:4] == b"PNG" and width > 1280 and height > 720
    drawing = ElementTree.parse(saved(page, "svg", tmp_path)).getroot()
    assert drawing.tag.endswith("svg") and {"q_proj", "layers.1–35"} <= set(drawing.itertext())
    rows = page.evaluate(f"() => {CY}.nodes('.row').length")
    assert len(pygraphviz.AGraph(saved(page, "dot", tmp_path).read_text()).nodes()) >= rows
    analysis = json.loads(saved(page, "json", tmp_path).read_text())
    assert len([group for group in analysis["groups"] if group["prunable"]]) == 73


def test_presenting_a_large_model(show: Callable[[str], Any]) -> None:
    page = show("qwen3-8b")
    page.click("button:has-text('View ▾')")
    page.click("[data-graph=present]")
    page.wait_for_function("() => document.getElementById('graph').clientWidth === innerWidth")
    assert page.locator(".header").is_hidden() and page.locator(".dock").is_hidden()
    page.keyboard.press("Escape")
    page.wait_for_selector(".header")
    assert page.locator(".dock").is_visible()


@pytest.mark.slow
def test_everything_opens_after_a_question(show: Callable[[str], Any]) -> None:
    page = show("qwen3-8b")
    page.evaluate("dash_clientside.set_props('graph-shape', {checked: true})")
    page.wait_for_function(f"() => {CY}.nodes('.row').length > 31")
    page.click("button:has-text('View ▾')")
    page.click("[data-graph=all]")
    page.wait_for_selector("#graph-question:has-text('All modules together have')")
    redrawn(page, lambda: page.click("button:has-text('Open everything')"))
    assert page.evaluate(f"() => {CY}.nodes('.row').length") > 2000
    assert crossings(page.evaluate(BOXES, ".row")[:400]) == []

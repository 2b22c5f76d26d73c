"""What a person does with the graph: each gesture on a small network and on two large ones known by their shapes."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pygraphviz
import pytest
from screen import CY, MODELS, PLACES, STATE, analysis_of, pointed_at, redrawn, scroll_to

pytestmark = [pytest.mark.timeout(300), pytest.mark.parametrize("model", MODELS)]
Show = Callable[[str], Any]
POINTED = {"resnet20": "conv2d_1", "bert-base": "linear", "qwen3-8b": "linear"}
"""A layer of the first block."""
DEEP = {
    "resnet20": ("layer3.2.conv2", "conv2d_20"),
    "bert-base": ("layer.7.attention.self.key", "linear_43"),
    "qwen3-8b": ("layers.20.mlp.up_proj", "linear_145"),
}
"""A part of a layer's name that no other has, and its node; in the large ones it is folded away at first."""
CLOSED = {"resnet20": "layer1", "bert-base": "bert.encoder.layer.0", "qwen3-8b": "model.layers.0"}
FOUND = "#graph-match-count:text-is('{}')"
FOCUSED = "document.activeElement"


def node_of(analysis: dict[str, Any], key: str) -> dict[str, Any]:
    return next(node for node in analysis["graph"]["nodes"] if node["id"] == key)


def members(page: Any, analysis: dict[str, Any], group: int) -> set[str]:
    """The rows on screen that hold a node of a group, or one that reads it."""
    tied = {node["id"] for node in analysis["graph"]["nodes"] if group in (node["group"], node["in_group"])}
    rows = page.evaluate(f"() => {CY}.nodes('.row').map(row => [row.id(), row.data('nodes')])")
    return {row for row, nodes in rows if tied & set(nodes)}


def test_pointing_shows_the_blast_radius_and_a_click_inspects(show: Show, model: str) -> None:
    page, key = show(model), POINTED[model]
    analysis = analysis_of(page)
    node = node_of(analysis, key)
    group = next(group for group in analysis["groups"] if group["id"] == node["group"])
    scroll_to(page, key, 280)
    at = pointed_at(page, key)
    page.mouse.move(at[0] - 2, at[1])
    page.mouse.move(*at)
    page.wait_for_selector("#graph-tip.on")
    lit = set(page.evaluate(f"() => {CY}.nodes('.member').map(node => node.id())"))
    assert lit == members(page, analysis, group["id"]) and len(lit) >= 2
    faded = set(page.evaluate(f"() => {CY}.nodes('.row.faded').map(node => node.id())"))
    assert faded == set(page.evaluate(f"() => {CY}.nodes('.row').map(node => node.id())")) - lit
    tip = page.inner_text("#graph-tip")
    assert f"g{group['id']} · {group['size']} units" in tip
    assert re.search(r"removing it saves [\d.,]+ ?[kMG]? parameters and (under )?[\d.]+ % of the BOPs", tip)
    page.mouse.click(*at)
    page.wait_for_selector(f"#inspector:has-text('{node['name']}') >> .group-chip >> nth=0")
    page.click(f"#inspector .group-chip:text-is('g{group['id']}')")
    page.wait_for_selector("#inspector :text('Tied together because')")
    assert page.locator("#inspector .node-chip").count() >= 2
    fixed = next(group for group in analysis["groups"] if not group["prunable"])
    page.evaluate(f"() => document.querySelector('.legend-group[data-id=\"{fixed['id']}\"]').click()")
    page.wait_for_selector(f"#inspector .reason-box:has-text({json.dumps(fixed['reason'][:40])})")


@pytest.mark.slow
def test_search_filters_and_steps_into_what_is_folded(show: Show, model: str) -> None:
    page = show(model)
    analysis = analysis_of(page)
    op = "conv" if model == "resnet20" else "linear"
    layers = [node for node in analysis["graph"]["nodes"] if op in node["op"]]
    group = node_of(analysis, POINTED[model])["group"]
    tied = [node for node in layers if group in (node["group"], node["in_group"])]
    fixed = {group["id"] for group in analysis["groups"] if not group["prunable"]} | {None}
    kept = [node for node in layers if node["group"] in fixed]
    queries = {
        f"op:{op}": len(layers),
        f"op:{op} bits<6": 0,
        f"op:{op} bits>=8": len(layers),
        f"group:{group} op:{op}": len(tied),
        f"unprunable op:{op}": len(kept),
    }
    for query, count in queries.items():
        page.fill("#graph-search", query)
        page.wait_for_selector(FOUND.format(count or "none"))
    part, key = DEEP[model]
    page.fill("#graph-search", part)
    page.wait_for_selector(FOUND.format("1"))
    page.press("#graph-search", "Enter")
    page.wait_for_selector(FOUND.format("1 / 1"))
    page.wait_for_selector(f"#inspector:has-text('{part}')")
    page.wait_for_function(f"id => {CY}.nodes('.current').map(node => node.id()).join() === id", arg=key)
    page.wait_for_function(f"id => (({PLACES})())[id] !== undefined", arg=key)


@pytest.mark.slow
def test_stages_overlays_and_the_address(show: Show, model: str) -> None:
    page = show(model)
    group = analysis_of(page)["groups"][1]
    offered = page.locator("#graph-stage label").all_inner_texts()
    assert offered == ["Trace", "Branches", "QADG", "Groups"]
    redrawn(page, lambda: page.click("#graph-stage >> text=Trace"))
    assert page.locator(".note-trace").is_visible()
    assert page.evaluate(f"() => {CY}.nodes('.diamond, .pill').length") == 0
    redrawn(page, lambda: page.click("#graph-stage >> text=Branches"))
    assert page.evaluate(f"() => {CY}.nodes('.branch').length") > 5
    page.click("#graph-stage >> text=QADG")
    page.wait_for_function(f"() => {CY}.nodes('.diamond').length > 5 && {CY}.nodes('.pill').length > 5")
    page.click("#graph-overlay")
    page.click("[role=option]:has-text('Parameters')")
    page.wait_for_selector("#graph-scale:has-text('Parameters (log scale)')")
    assert page.inner_text("#graph-scale .scale-high")[-1] in "kMG"
    assert page.evaluate(f"() => {CY}.nodes('.row.painted').length") >= 10
    page.evaluate("id => dash_clientside.set_props('selection', {data: {kind: 'group', id}})", group["id"])
    wanted = ("stage=qadg", "overlay=params", f"select=group:{group['id']}")
    page.wait_for_function(f"() => {list(wanted)}.every(part => decodeURIComponent(location.search).includes(part))")
    page.reload()
    page.wait_for_selector(f"#inspector:has-text('group · {group['size']} units')")
    page.wait_for_selector("#graph-scale:has-text('Parameters (log scale)')")
    assert page.locator("#graph-stage input:checked").get_attribute("value") == "qadg"


def test_the_menu_of_a_node(show: Show, model: str) -> None:
    page, key = show(model), POINTED[model]
    node = node_of(analysis_of(page), key)
    scroll_to(page, key, 280)
    page.mouse.click(*pointed_at(page, key), button="right")
    page.wait_for_selector("#graph-menu >> text=Copy link to this")
    assert page.locator("#graph-menu button").all_inner_texts() == [
        *("Inspect", f"Show group g{node['group']}", "Set bits", "Copy name", "Copy link to this")
    ]
    page.click("#graph-menu >> text=Set bits")
    cells = "[...document.querySelectorAll('#bits-grid [col-id=layer].ag-cell')].map(cell => cell.textContent)"
    page.wait_for_function(f"name => {cells}.length && {cells}.every(text => text === name)", arg=node["name"])
    page.mouse.click(*pointed_at(page, key), button="right")
    page.click("#graph-menu >> text=Show group")
    page.wait_for_selector(f"#inspect-head .group-number:has-text('g{node['group']}')")


def test_the_map_leads_to_where_it_is_pressed(show: Show, model: str) -> None:
    page = show(model)
    page.wait_for_selector("#graph-map.on")
    page.wait_for_timeout(200)
    size = page.evaluate(f"async () => [{STATE}.scene.width, {STATE}.scene.height]")
    box = page.locator("#graph-map").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    middle = f"{{ const e = {CY}.extent(); return [(e.x1 + e.x2) / 2, (e.y1 + e.y2) / 2]; }}"
    x, y = page.evaluate(f"() => {middle}")
    assert x == pytest.approx(size[0] / 2, abs=size[0] / 50) and y == pytest.approx(size[1] / 2, abs=size[1] / 50)


@pytest.mark.slow
def test_the_list_opens_selects_and_has_the_menu(show: Show, model: str) -> None:
    page, scope = show(model), CLOSED[model]
    item = f".tree-item[data-scope='{scope}']"
    page.wait_for_selector(item, state="attached")
    page.focus(item)
    assert page.locator("#graph-tree").is_visible()
    redrawn(page, lambda: page.keyboard.press("-"))
    page.wait_for_selector(f"{item}[aria-expanded=false]")
    page.wait_for_function(f"s => {FOCUSED}.dataset.scope === s", arg=scope)
    redrawn(page, lambda: page.keyboard.press("ArrowRight"))
    page.wait_for_selector(f"{item}[aria-expanded=true]")
    page.wait_for_function(f"s => {FOCUSED}.dataset.scope === s", arg=scope)
    page.keyboard.press("Enter")
    page.wait_for_function("s => location.search.includes(`select=scope:${s}`)", arg=scope)
    page.keyboard.press("ContextMenu")
    page.wait_for_selector("#graph-menu >> text=Close")
    page.keyboard.press("Escape")
    assert page.evaluate(f"() => {FOCUSED}.dataset.scope") == scope


def saved(page: Any, kind: str, folder: Path) -> Path:
    if not page.locator(f"[data-graph=save-{kind}]").is_visible():
        page.click("button:has-text('Save ▾')")
    with page.expect_download() as download:
        page.click(f"[data-graph=save-{kind}]")
    download.value.save_as(folder / kind)
    return folder / kind


@pytest.mark.slow
def test_what_is_saved_is_what_it_says(show: Show, tmp_path: Path, model: str) -> None:
    page = show(model)
    picture = saved(page, "png", tmp_path).read_bytes()
    width, height = struct.unpack(">II", picture[16:24])
    assert picture[1:4] == b"PNG" and width > 1280 and height > 720
    drawing = ElementTree.parse(saved(page, "svg", tmp_path)).getroot()
    labels = page.evaluate(f"() => {CY}.nodes('.row').map(row => row.data('label'))")
    assert drawing.tag.endswith("svg") and set(labels) <= set(drawing.itertext())
    rows = page.evaluate(f"() => {CY}.nodes('.row').length")
    assert len(pygraphviz.AGraph(saved(page, "dot", tmp_path).read_text()).nodes()) >= rows
    assert json.loads(saved(page, "json", tmp_path).read_text()) == analysis_of(page)


@pytest.mark.slow
def test_presenting(show: Show, model: str) -> None:
    page = show(model)
    before = page.evaluate(f"() => [{CY}.zoom(), {{...{CY}.pan()}}]")
    page.click("button:has-text('View ▾')")
    page.click("[data-graph=present]")
    page.wait_for_function("() => document.getElementById('graph').clientWidth === innerWidth")
    assert page.locator(".header").is_hidden() and page.locator(".dock").is_hidden()
    smallest = f"Math.min(...{CY}.nodes().filter(n => n.style('label')).map(n => n.numericStyle('font-size')))"
    page.wait_for_function(f"() => {smallest} * {CY}.zoom() >= 14 - 1e-6")
    page.keyboard.press("Escape")
    page.wait_for_selector(".header")
    assert page.locator(".dock").is_visible()
    page.wait_for_function(
        f"view => JSON.stringify([{CY}.zoom(), {{...{CY}.pan()}}]) === view",
        arg=json.dumps(before, separators=(",", ":")),
    )

"""What a person sees of a small network and of two large ones known by their shapes alone: the first view, and what
moves when a module opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from screen import (
    BOXES,
    CY,
    MODELS,
    PLACES,
    SMALLEST_TEXT,
    TEXTS,
    TOOLBAR,
    assert_all_edges_are_drawn,
    crossings,
    redrawn,
    scroll_to,
    titles,
    toggle,
)

pytestmark = pytest.mark.timeout(300)
FOLDED = {"resnet20": "layer1  ×3", "bert-base": "encoder.layer  ×12", "qwen3-8b": "layers  ×36"}


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


@pytest.mark.parametrize("model", MODELS)
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_everything_opens_after_a_question(show: Callable[[str], Any]) -> None:
    page = show("qwen3-8b")
    page.evaluate("dash_clientside.set_props('graph-shape', {n_clicks: 1})")
    page.wait_for_function(f"() => {CY}.nodes('.row').length > 31")
    page.click("button:has-text('View ▾')")
    page.click("[data-graph=all]")
    page.wait_for_selector("#graph-question:has-text('All modules together have')")
    redrawn(page, lambda: page.click("button:has-text('Open everything')"))
    assert page.evaluate(f"() => {CY}.nodes('.row').length") > 2000
    assert crossings(page.evaluate(BOXES, ".row")[:400]) == []

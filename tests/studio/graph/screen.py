"""What tests ask of the graph on screen, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from geta_engine.drawing.layout import layout_graph


def module(name: str) -> str:
    """JavaScript, in an async function: one of the graph's modules, the one that runs in the page."""
    return f"(await import(document.querySelector('script[type=module]').src.replace('main.js', 'graph/{name}.js')))"


CY = "document.getElementById('graph')._cyreg.cy"
DRAWS = "Number(document.getElementById('graph-panel').dataset.draws)"
MODELS = ("resnet20", *(pytest.param(large, marks=pytest.mark.slow) for large in ("bert-base", "qwen3-8b")))
"""What a journey of `make test` is made on; the others are `make test-all`'s."""
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


STATE = f"{module('state')}.state"
"""What Dash told the graph last, in an async function."""
EDGES = f"""() => {CY}.edges().map(edge => [edge.source().id(), edge.target().id()])"""
OPEN = f"""() => {CY}.nodes('.box').map(box => box.data('scope'))"""


def analysis_of(page: Any) -> dict[str, Any]:
    """The analysis of the model on screen, as it is saved."""
    model = page.evaluate("() => document.getElementById('graph-panel').dataset.drawn")
    return dict(page.request.get(f"{page.url.split('?')[0]}api/models/{model}/graph.json").json())


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
    wanted = layout_graph(analysis_of(page)["graph"], frozenset(page.evaluate(OPEN)))["edges"]
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
    actual = []
    for place, one in enumerate(boxes):
        for other in boxes[:place]:
            wide = min(one["x2"], other["x2"]) - max(one["x1"], other["x1"])
            high = min(one["y2"], other["y2"]) - max(one["y1"], other["y1"])
            if wide > slack and high > slack and one.get("row", one["id"]) != other.get("row", other["id"]):
                actual.append((one["id"], other["id"]))
    return actual

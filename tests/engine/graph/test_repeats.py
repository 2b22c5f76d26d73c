"""Repeated modules are folded by what they are made of, whatever their names."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from geta_engine.graph.hierarchy import build
from geta_engine.graph.layout import layout_graph
from geta_engine.graph.repeats import LEAST, folds, is_fold
from geta_engine.graph.shown import default_open, nodes_inside, scopes_around, scopes_inside, visible


def chain(blocks: int, odd: int | None = None, inner: str = "blocks.{}") -> dict[str, Any]:
    """`blocks.0` to `blocks.N-1`, each two layers; block `odd` has another shape."""
    nodes = []
    for block in range(blocks):
        for layer in ("one", "two"):
            size = 7 if block == odd else 4
            scope = inner.format(block)
            own = {
                "id": f"n{block}{layer}",
                "name": f"{scope}.{layer}",
                "label": layer,
                "op": "linear",
                "kind": "layer",
            }
            nodes.append({**own, "scope": scope, "detail": f"4 → {size}", "n_params": 16})
    edges = [{"source": a["id"], "target": b["id"], "quantizer": None} for a, b in pairwise(nodes)]
    return {"nodes": nodes, "edges": edges}


def test_all_but_the_first_are_folded_and_opening_reaches_every_one() -> None:
    graph = chain(6)
    tree = build(graph)
    assert "blocks.1..5" in tree.rows["n3one"].path and is_fold("blocks.1..5") and not is_fold("blocks.3")
    opened = default_open(graph)
    assert "blocks.1..5" not in opened
    shown = visible(graph, tree, opened)["nodes"]
    assert shown["scope:blocks.1..5"]["badge"] == "×5" and shown["scope:blocks.1..5"]["label"] == "blocks.1–5"
    wider = opened | scopes_around(graph, "n3two")
    assert "n3two" in visible(graph, tree, frozenset(wider))["nodes"]


@pytest.mark.parametrize(("blocks", "odd"), [(LEAST - 1, None), (6, 3)])
def test_few_or_unlike_modules_stay_as_they_are(blocks: int, odd: int | None) -> None:
    assert not any(is_fold(scope) for scope in build(chain(blocks, odd=odd)).scopes)


def test_names_do_not_matter_and_nesting_does() -> None:
    alike = {f"r{i}": ("net", f"net.{name}") for i, name in enumerate("abcd")}
    assert folds(alike, dict.fromkeys(alike, ("conv",))) == dict.fromkeys(("net.b", "net.c", "net.d"), "net.b..d")
    nested = {**alike, "r2": ("net", "net.c", "net.c.inner")}
    assert folds(nested, dict.fromkeys(nested, ("conv",))) == {}


def test_a_fold_holds_the_nodes_of_its_modules() -> None:
    graph = chain(6)
    expected = {node["id"] for node in graph["nodes"] if node["scope"] != "blocks.0"}
    assert nodes_inside(graph, "blocks.1..5") == expected
    assert nodes_inside(graph, "blocks.9") == frozenset()


def test_the_numbers_of_a_fold_are_where_its_modules_differ() -> None:
    """Experts that stand alone in their layers are drawn without them."""
    graph = chain(6, inner="net.layers.{}.experts")
    shown = visible(graph, build(graph), frozenset({"net.layers"}))["nodes"]
    labels = {key: entry["label"] for key, entry in shown.items()}
    assert labels == {"scope:net.layers.0.experts": "0.experts", "scope:net.layers.1..5.experts": "1–5.experts"}


def test_a_fold_is_no_part_of_the_names_in_it() -> None:
    graph = chain(6, inner="net.blocks.{}")
    graph["nodes"].append({**graph["nodes"][0], "id": "head", "scope": "net"})
    opened = frozenset({"net", "net.blocks", "net.blocks.1..5", "net.blocks.2"})
    layout = layout_graph(graph, opened)
    labels = {thing["id"]: thing["label"] for thing in (*layout["nodes"], *layout["boxes"])}
    assert labels["scope:net.blocks.2"] == "blocks.2" and labels["scope:net.blocks.3"] == "blocks.3"
    assert labels["scope:net.blocks.1..5"] == "blocks.1–5"
    parents = {box["id"]: box["parent"] for box in layout["boxes"]}
    assert parents["scope:net.blocks.2"] == "net.blocks.1..5" and parents["scope:net.blocks.1..5"] == "net.blocks"


def test_a_dash_in_a_users_name_makes_no_fold() -> None:
    graph = chain(3, inner="blocks.{0}–9")
    assert default_open(graph) == set(build(graph).scopes) == {"blocks", "blocks.0–9", "blocks.1–9", "blocks.2–9"}


def test_a_row_named_like_a_module_is_no_module() -> None:
    paths = {"a1": ("a",), "b1": ("b",), "c": (), "c1": ("c",), "d1": ("d",), "e1": ("e",), "f1": ("f",)}
    assert folds(paths, dict.fromkeys(paths, ("conv",))) == dict.fromkeys("def", "d..f")


def test_what_is_drawn_with_shape_ops_alone_is_found_among_them() -> None:
    """`flat` holds one layer and one shape op: two things to draw only where shape ops are drawn."""
    graph = chain(1, inner="flat")
    graph["nodes"][1] |= {"kind": "shape"}
    asked = [find(graph, "flat", show_shape=True) for find in (nodes_inside, scopes_inside)]
    assert asked == [{"n0one", "n0two"}, frozenset()] and not nodes_inside(graph, "flat")
    assert scopes_around(graph, "n0two", show_shape=True) == {"flat"} and not scopes_around(graph, "n0two")
    assert default_open(graph, every=True, show_shape=True) == {"flat"} and not default_open(graph, every=True)

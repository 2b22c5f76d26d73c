"""Repeated modules are folded by what they are made of, whatever their names."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from geta_engine.graph.hierarchy import build
from geta_engine.graph.repeats import LEAST, folds, is_fold
from geta_engine.graph.shown import default_open, nodes_inside, scopes_around, visible


def chain(blocks: int, op: str = "linear", odd: int | None = None) -> dict[str, Any]:
    """`blocks.0` to `blocks.N-1`, each two layers; block `odd` has another shape."""
    nodes = []
    for block in range(blocks):
        for layer in ("one", "two"):
            size = 7 if block == odd else 4
            scope = f"blocks.{block}"
            own = {"id": f"n{block}{layer}", "name": f"{scope}.{layer}", "label": layer, "op": op, "kind": "layer"}
            nodes.append({**own, "scope": scope, "detail": f"4 → {size}", "n_params": 16})
    edges = [{"source": a["id"], "target": b["id"], "quantizer": None} for a, b in pairwise(nodes)]
    return {"nodes": nodes, "edges": edges}


def test_all_but_the_first_are_folded_and_opening_reaches_every_one() -> None:
    graph = chain(6)
    tree = build(graph)
    assert "blocks.1–5" in tree.rows["n3one"].path and is_fold("blocks.1–5") and not is_fold("blocks.3")
    opened = default_open(graph)
    assert "blocks.1–5" not in opened
    shown = visible(graph, tree, opened)["nodes"]
    assert shown["scope:blocks.1–5"]["badge"] == "×5" and shown["scope:blocks.1–5"]["label"] == "blocks.1–5"
    wider = opened | scopes_around(graph, "n3two")
    assert "n3two" in visible(graph, tree, frozenset(wider))["nodes"]


@pytest.mark.parametrize(("blocks", "odd"), [(LEAST - 1, None), (6, 3)])
def test_few_or_unlike_modules_stay_as_they_are(blocks: int, odd: int | None) -> None:
    assert not any(is_fold(scope) for scope in build(chain(blocks, odd=odd)).scopes)


def test_names_do_not_matter_and_nesting_does() -> None:
    alike = {f"r{i}": ("net", f"net.{name}") for i, name in enumerate("abcd")}
    assert folds(alike, dict.fromkeys(alike, ("conv",))) == dict.fromkeys(("net.b", "net.c", "net.d"), "net.b–d")
    nested = {**alike, "r2": ("net", "net.c", "net.c.inner")}
    assert folds(nested, dict.fromkeys(nested, ("conv",))) == {}


def test_a_fold_holds_the_nodes_of_its_modules() -> None:
    graph = chain(6)
    expected = {node["id"] for node in graph["nodes"] if node["scope"] != "blocks.0"}
    assert nodes_inside(graph, "blocks.1–5") == expected
    assert nodes_inside(graph, "blocks.9") == frozenset()

"""Repeated modules are folded by what they are made of, whatever their names."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.analysis.report import analysis_report
from geta_engine.drawing.hierarchy import build
from geta_engine.drawing.layout import layout_graph
from geta_engine.drawing.opening import default_open, nodes_inside, scopes_around, scopes_inside
from geta_engine.drawing.repeats import LEAST, folds, is_fold
from geta_engine.drawing.visible import repeat_badge, visible


def chain(blocks: int, odd: int | None = None, inner: str = "blocks.{}") -> dict[str, Any]:
    """`blocks.0` to `blocks.N-1`, each two layers; block `odd` has another shape."""
    nodes = []
    for block in range(blocks):
        for layer in ("one", "two"):
            size = 7 if block == odd else 4
            scope = inner.format(block)
            nodes.append(
                {
                    "id": f"n{block}{layer}",
                    "name": f"{scope}.{layer}",
                    "label": layer,
                    "op": "linear",
                    "kind": "layer",
                    "scope": scope,
                    "detail": f"4 → {size}",
                    "n_params": 16,
                }
            )
    edges = [{"source": a["id"], "target": b["id"], "quantizer": None} for a, b in pairwise(nodes)]
    return {"nodes": nodes, "edges": edges}


def test_all_but_the_first_are_folded_and_opening_reaches_every_one() -> None:
    graph = chain(6)
    tree = build(graph)
    assert "blocks.1..5" in tree.rows["n3one"].path and is_fold("blocks.1..5") and not is_fold("blocks.3")
    opened = default_open(graph)
    assert "blocks.1..5" not in opened
    entries = visible(graph, tree, opened)["nodes"]
    assert entries["scope:blocks.1..5"]["badge"] == "×5" and entries["scope:blocks.1..5"]["label"] == "blocks.1–5"
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
    entries = visible(graph, build(graph), frozenset({"net.layers"}))["nodes"]
    labels = {key: entry["label"] for key, entry in entries.items()}
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


class Rms(nn.Module):
    """A norm, written out: three ops and a scale."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Attention(nn.Module):
    """Two modules of one make, the norms, among four projections and an op."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(8, 8) for _ in range(4))
        self.q_norm, self.k_norm = Rms(), Rms()

    def forward(self, x: Tensor) -> Tensor:
        q, k = self.q_norm(self.q_proj(x)), self.k_norm(self.k_proj(x))
        return self.o_proj(F.scaled_dot_product_attention(q, k, self.v_proj(x)))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = Attention()
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(x)
        return x + self.down(torch.relu(self.up(x)))


class Encoder(nn.Module):
    """Blocks, and two layers behind them."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block() for _ in range(blocks))
        self.last = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.last(x)


def badges(model: nn.Module) -> dict[str, str]:
    """What is written on each scope of a model."""
    graph = analysis_report(ge.trace(model, (torch.randn(2, 4, 8),)))["graph"]
    tree, nodes = build(graph), {node["id"]: node for node in graph["nodes"]}
    return {scope: repeat_badge(tree, nodes, scope) for scope in tree.scopes}


def test_norms_of_one_make_among_projections_are_no_repeated_blocks() -> None:
    badge_of = badges(nn.Sequential(*(Block() for _ in range(3)), nn.Linear(8, 4)))
    assert {scope: badge for scope, badge in badge_of.items() if scope.endswith("self_attn")} == {
        f"{block}.self_attn": "" for block in range(3)
    }
    assert badge_of["0"] == ""


@pytest.mark.parametrize(
    ("rows", "size", "badge"),
    [(0, 8, "×4"), (1, 8, "×4"), (2, 8, ""), (1, 900, "")],
    ids=["blocks alone", "a small layer beside them", "two layers", "a layer larger than a block"],
)
def test_a_small_row_beside_many_blocks_leaves_the_count(rows: int, size: int, badge: str) -> None:
    graph = chain(4)
    small = {**graph["nodes"][0], "scope": "blocks", "n_params": size}
    graph["nodes"] += [{**small, "id": f"last{row}", "name": f"blocks.last{row}"} for row in range(rows)]
    tree, nodes = build(graph), {node["id"]: node for node in graph["nodes"]}
    assert repeat_badge(tree, nodes, "blocks") == badge


@pytest.mark.parametrize(("blocks", "badge"), [(2, "×2"), (12, "×12")])
def test_blocks_of_one_make_are_counted(blocks: int, badge: str) -> None:
    badge_of = badges(Encoder(blocks))
    assert badge_of["layers"] == badge and badge_of["layers.0.self_attn"] == "" and badge_of["last"] == ""

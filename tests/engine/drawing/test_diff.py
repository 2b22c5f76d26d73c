"""The difference of two graphs, on a real network and what is left of it when half of a group is cut."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import geta_engine as ge
from geta_engine.analysis.report import analysis_report
from geta_engine.drawing.diff import Difference, differences, kind_of
from geta_engine.drawing.stages import graph_at


@pytest.fixture(scope="module")
def graphs() -> tuple[dict[str, Any], dict[str, Any]]:
    """resnet8 as it is, and with 4 of the 16 units between the first block's convolutions cut away."""
    traced = ge.load("resnet8")
    model = ge.prepare(traced, ge.analyze(traced))
    named = dict(model.program.named_parameters())
    with torch.no_grad():
        for name in ("conv1.weight", "bn1.weight", "bn1.bias"):
            named[f"layer1.0.{name}"][:4] = 0.0
    small = ge.compact(model, ge.analyze(traced))
    return analysis_report(traced)["graph"], analysis_report(small)["graph"]


def test_a_cut_group_changes_the_layers_that_have_it_and_no_others(graphs):
    pairs = {pair.before["id"]: pair for pair in differences(*graphs)}
    changed = {name for name, pair in pairs.items() if pair.kind == "changed"}
    assert changed == {"conv2d_1", "batch_norm_1", "relu_1", "conv2d_2"}
    assert {pair.kind for name, pair in pairs.items() if name not in changed} == {"same"}
    assert pairs["conv2d_1"].lines == [
        "B × 16 × 8 × 8 → B × 12 × 8 × 8",
        "2,304 → 1,728 parameters (-25 %)",
        "147,456 → 110,592 multiply-adds (-25 %)",
    ]
    assert pairs["conv2d"].lines == []


def test_nodes_that_only_one_graph_has(graphs):
    dense, small = graphs
    pairs = differences(dense, {"nodes": small["nodes"][:-3]})
    assert [pair.kind for pair in pairs[-3:]] == ["gone"] * 3 and pairs[-1].after is None
    assert pairs[-1].lines == ["not in the other graph"]
    assert [pair.kind for pair in differences({"nodes": []}, small)] == ["new"] * len(small["nodes"])


def test_numbers_in_ids_do_not_matter(graphs):
    dense, small = graphs
    renamed = [{**node, "id": f"renumbered_{i}"} for i, node in enumerate(small["nodes"])]
    assert [pair.kind for pair in differences(dense, {"nodes": renamed})] == [p.kind for p in differences(dense, small)]


def test_what_is_drawn_as_one(graphs):
    pairs = {pair.before["id"]: pair for pair in differences(*graphs)}
    same, changed = pairs["conv2d"], pairs["conv2d_1"]
    assert kind_of([same, pairs["batch_norm"]]) == "same" and kind_of([same, changed]) == "changed"
    assert kind_of([Difference(changed.before, None)]) == "gone"


class Normed(torch.nn.Module):
    """A residual of linear layers with a norm between them, whose channels can all be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = torch.nn.Linear(6, 12), torch.nn.LayerNorm(12)
        self.up, self.down, self.head = torch.nn.Linear(12, 20), torch.nn.Linear(20, 12), torch.nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return self.head(x + self.down(torch.relu(self.up(self.norm(x)))))


@pytest.fixture(scope="module")
def normed() -> tuple[dict[str, Any], dict[str, Any]]:
    """Analyses of a network with a norm, weights and activations quantized, and of what is left when 3 of the 12
    channels that the norm is over are cut away."""
    torch.manual_seed(0)
    traced = ge.trace(Normed(), (torch.randn(2, 6),))
    qadg = ge.analyze(traced, activations=True)
    model = ge.prepare(traced, qadg)
    named = dict(model.program.named_parameters())
    with torch.no_grad():
        for name in ("stem.weight", "stem.bias", "down.weight", "down.bias", "norm.weight", "norm.bias"):
            named[name][:3] = 0.0
    return analysis_report(traced, activations=True), analysis_report(ge.compact(model, qadg), activations=True)


@pytest.mark.parametrize("turned", [False, True], ids=["dense first", "compact first"])
def test_a_norm_that_is_written_out_is_one_difference(normed, turned):
    dense, small = (analysis["graph"] for analysis in normed)
    pairs = differences(small, dense) if turned else differences(dense, small)
    whole, out = ("after", "before") if turned else ("before", "after")
    (norm,) = (pair for pair in pairs if getattr(pair, whole) and getattr(pair, whole)["op"] == "layer_norm")
    assert len(norm.ids(whole)) == 1 and len(norm.ids(out)) == 14
    assert {node["scope"] for node in small["nodes"] if node["id"] in norm.ids(out)} == {"", "norm"}
    assert set(norm.lines) & {"24 → 18 parameters (-25 %)", "18 → 24 parameters (+33 %)"} and norm.kind == "changed"
    assert not [pair for pair in pairs if pair.kind in ("gone", "new")]
    for side, graph in ((whole, dense), (out, small)):
        assert sorted(key for pair in pairs for key in pair.ids(side)) == sorted(n["id"] for n in graph["nodes"])


@pytest.mark.parametrize("stage", ["trace", "branches"])
def test_ops_of_quantizers_are_paired_by_what_they_quantize(normed, stage):
    """The weights of a compact model are rounded already: their branches are gone, those of activations are not."""
    dense, small = (graph_at(analysis, stage) for analysis in normed)
    pairs = differences(dense, small)
    kinds = {"weight": "attached", "activation": "inserted"}
    for quantizer in normed[0]["quantizers"]:
        of_quantizer = [p for p in pairs if p.before and p.before["part_of"] == quantizer["id"]]
        assert [pair.before["op"] for pair in of_quantizer] == ["clamp", "div", "round", "mul"]
        if kinds[quantizer["kind"]] == "attached":
            assert {pair.kind for pair in of_quantizer} == {"gone"}
            continue
        (branch,) = (b for b in small["branches"] if b["layer"] == quantizer["layer"])
        assert [pair.after["id"] for pair in of_quantizer] == list(branch["nodes"])
        is_smaller = quantizer["layer"] in ("up", "head")
        assert {pair.kind for pair in of_quantizer} == {"changed" if is_smaller else "same"}
    assert not [pair for pair in pairs if pair.kind == "new"]


def test_an_op_that_was_put_between_others_is_new_and_the_others_keep_their_counterparts():
    shared = {"kind": "op", "scope": "norm", "shape": [4], "n_params": 0, "macs": 0}
    ops = ("pow", "mul", "add", "mul")
    with_new = [{**shared, "id": f"{i}", "name": op, "op": op} for i, op in enumerate(ops)]
    dense = [node for node in with_new if node["id"] != "1"]
    pairs = differences({"nodes": dense}, {"nodes": [{**node, "id": f"c{node['id']}"} for node in with_new]})
    assert [(p.before and p.before["id"], p.after["id"]) for p in pairs] == [
        ("0", "c0"),
        ("2", "c2"),
        ("3", "c3"),
        (None, "c1"),
    ]


def test_a_step_of_a_quantizer_that_is_gone_is_not_taken_for_another_op():
    shared = {"kind": "op", "scope": "mlp", "shape": [4], "n_params": 0, "macs": 0}
    nodes = [{**shared, "id": key, "name": op, "op": op} for key, op in (("q", "mul"), ("times", "mul"))]
    branch = {"kind": "attached", "layer": "mlp.up", "nodes": ["q"]}
    pairs = differences({"nodes": nodes, "branches": [branch]}, {"nodes": nodes[1:]})
    assert [(pair.before["id"], pair.kind) for pair in pairs] == [("q", "gone"), ("times", "same")]


class Between(nn.Module):
    """A norm without parameters between two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm, self.b = nn.Linear(8, 12), nn.RMSNorm(12, elementwise_affine=False), nn.Linear(12, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.norm(self.a(x)))


def test_a_norm_without_parameters_that_is_written_out_is_one_difference():
    traced = ge.trace(Between(), (torch.randn(2, 8),))
    model = ge.prepare(traced, ge.analyze(traced))
    named = dict(model.program.named_parameters())
    with torch.no_grad():
        named["a.weight"][:3] = named["a.bias"][:3] = 0.0
    small = analysis_report(ge.compact(model, ge.analyze(traced)))["graph"]
    pairs = differences(analysis_report(traced)["graph"], small)
    assert [(pair.kind, len(pair.ids("before")), len(pair.ids("after"))) for pair in pairs] == [
        *[("same", 1, 1), ("changed", 1, 1), ("changed", 1, 6), ("changed", 1, 1), ("same", 1, 1)]
    ]


class Namesakes(nn.Module):
    """A layer named as the node of another, which is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.linear = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.shared(torch.relu(self.shared(x))))


def test_a_layer_named_as_a_node_is_no_part_of_it():
    graph = analysis_report(ge.trace(Namesakes(), (torch.randn(2, 8),)))["graph"]
    pairs = differences(graph, graph)
    assert [pair.ids("before") for pair in pairs] == [(node["id"],) for node in graph["nodes"]]
    assert {pair.kind for pair in pairs} == {"same"}

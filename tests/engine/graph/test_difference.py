"""The difference of two graphs, on a real network and what is left of it when half of a group is cut."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import geta_engine as ge
from geta_engine.graph.difference import Difference, differences, kind_of
from geta_engine.qadg.report import analysis_report


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
    found = {pair.before["id"]: pair for pair in differences(*graphs)}
    changed = {name for name, pair in found.items() if pair.kind == "changed"}
    assert changed == {"conv2d_1", "batch_norm_1", "relu_1", "conv2d_2"}
    assert {pair.kind for name, pair in found.items() if name not in changed} == {"same"}
    assert found["conv2d_1"].lines == [
        "B × 16 × 8 × 8 → B × 12 × 8 × 8",
        "2,304 → 1,728 parameters (-25 %)",
        "147,456 → 110,592 multiply-adds (-25 %)",
    ]
    assert found["conv2d"].lines == []


def test_nodes_that_only_one_graph_has(graphs):
    dense, small = graphs
    pairs = differences(dense, {"nodes": small["nodes"][:-3]})
    assert [pair.kind for pair in pairs[-3:]] == ["gone"] * 3 and pairs[-1].after is None
    assert pairs[-1].lines == ["not in the compact graph"]
    assert [pair.kind for pair in differences({"nodes": []}, small)] == ["new"] * len(small["nodes"])


def test_numbers_in_ids_do_not_matter(graphs):
    dense, small = graphs
    renamed = [{**node, "id": f"other_{place}"} for place, node in enumerate(small["nodes"])]
    assert [pair.kind for pair in differences(dense, {"nodes": renamed})] == [p.kind for p in differences(dense, small)]


def test_what_is_drawn_as_one(graphs):
    pairs = {pair.before["id"]: pair for pair in differences(*graphs)}
    same, changed = pairs["conv2d"], pairs["conv2d_1"]
    assert kind_of([same, pairs["batch_norm"]]) == "same" and kind_of([same, changed]) == "changed"
    assert kind_of([Difference(changed.before, None)]) == "gone"

"""One quantizer a tensor: a layer that is called twice has one on its weight and one on each tensor that enters it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.analysis.report import analysis_report
from geta_engine.cost.model import CostModel
from geta_engine.quant.fake_quant import fake_quantize
from tests.engine.qadg.quantized_models import Lsq


class Quantized(nn.Linear):
    """A layer that quantizes its weight and its input by hand."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.on_weight, self.on_input = Lsq(), Lsq()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.on_input(x), self.on_weight(self.weight), self.bias)


class Twice(nn.Module):
    """A layer that is called on the input and again on what it made of it."""

    def __init__(self, shared: nn.Module) -> None:
        super().__init__()
        self.shared, self.head = shared, nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.shared(torch.relu(self.shared(x)))))


class OneInput(Twice):
    """A layer that is called twice on one tensor, beside a layer that reads it as it is."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(x)
        return self.head(y) + self.head(torch.relu(self.shared(y)) * torch.sigmoid(self.shared(y)))


class Aliased(nn.Module):
    """Two layers of one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.b(torch.relu(self.a(x)))))


def traced_of(model: nn.Module) -> ge.TracedModel:
    return ge.trace(model, (torch.randn(3, 8, generator=torch.Generator().manual_seed(0)),))


def quantizers_of(report: dict[str, Any]) -> dict[str, list[str]]:
    """Quantizer id -> the layers that read it; two of one id fail."""
    ids = [q["id"] for q in report["quantizers"]]
    assert len(ids) == len(set(ids)), ids
    return {q["id"]: q["readers"] for q in report["quantizers"]}


@pytest.mark.parametrize("layer", [nn.Linear, Quantized])
def test_a_layer_called_twice_has_one_weight_quantizer_and_two_of_what_enters_it(layer: type[nn.Linear]) -> None:
    report = analysis_report(traced_of(Twice(layer(8, 8))))
    assert quantizers_of(report) == {
        "shared.weight": ["linear", "linear_1"],
        "act.x": ["linear"],
        "act.relu": ["linear_1"],
        "head.weight": ["linear_2"],
        "act.relu_1": ["linear_2"],
    }
    edges = {(e["source"], e["target"]): e["quantizer"] for e in report["graph"]["edges"] if e["quantizer"]}
    assert edges == {("x", "linear"): "act.x", ("relu", "linear_1"): "act.relu", ("relu_1", "linear_2"): "act.relu_1"}


@pytest.mark.parametrize("layer", [nn.Linear, Quantized])
def test_a_tensor_that_layers_read_has_one_quantizer(layer: type[nn.Linear]) -> None:
    """Also where one of them reads it as it is, and the others through a branch each."""
    readers = quantizers_of(analysis_report(traced_of(OneInput(layer(8, 8)))))
    assert sorted(readers["act.relu"]) == ["linear", "linear_1", "linear_2"]
    assert {"shared.weight", "head.weight"} < set(readers)


def test_quantizers_that_are_there_already_are_read_by_those_alone_who_do() -> None:
    report = analysis_report(traced_of(OneInput(Quantized(8, 8))), weights=False, activations=False)
    assert quantizers_of(report) == {"shared.weight": ["linear_1", "linear_2"], "act.relu": ["linear_1", "linear_2"]}


def test_a_weight_of_two_names_has_one_quantizer() -> None:
    readers = quantizers_of(analysis_report(traced_of(Aliased()), activations=False))
    assert sorted(readers.values()) == [["linear", "linear_1"], ["linear_2"]]


@pytest.mark.parametrize("model", [Twice, OneInput])
def test_the_prepared_model_has_a_node_and_a_step_size_for_each(model: type[Twice]) -> None:
    traced = traced_of(model(Quantized(8, 8)))
    qadg = ge.analyze(traced, activations=True)
    prepared = ge.prepare(traced, qadg)
    ids = [q.id for q in qadg.quantizers]
    marked = [n.meta["quantizer"] for n in prepared.program.graph.nodes if n.target is fake_quantize]
    assert sorted(marked) == sorted(ids) == sorted(set(ids))
    assert list(prepared.bits_by_id()) == ids and len(prepared.quantizers.d) == len(ids)
    assert not any("round" in str(node.target) for node in prepared.program.graph.nodes)
    nodes = {node.name: node for node in prepared.program.graph.nodes}
    marks = {node.meta["quantizer"]: node for node in nodes.values() if node.target is fake_quantize}
    for quantizer in qadg.quantizers:
        assert all(marks[quantizer.id] in nodes[reader].all_input_nodes for reader in quantizer.readers), quantizer.id
    prepared(torch.ones(3, 8)).sum().backward()
    assert all(grad is not None for grad in (prepared.quantizers.d.grad, prepared.quantizers.q_m.grad))


class Attention(nn.Module):
    """Two heads of four features, written out or fused."""

    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.fused, self.qkv, self.out = fused, nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).view(*x.shape[:2], 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused:
            mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q @ k.transpose(-1, -2) / 2).softmax(-1) @ v
        return self.out(mixed.transpose(1, 2).flatten(2))


@pytest.mark.parametrize("fused", [True, False])
def test_what_activations_are_multiplied_by_is_quantized(fused: bool) -> None:
    """q, k, v, and outside a fused attention the probabilities, which have no sign; 3 positions of a sample."""
    traced = ge.trace(Attention(fused), (torch.randn(2, 3, 8),), dynamic_batch=False)
    qadg = ge.analyze(traced, activations=True)
    of_products = {q.readers: q.unsigned for q in qadg.quantizers if not {"linear", "linear_1"} & set(q.readers)}
    if fused:
        assert of_products == {("scaled_dot_product_attention",): False} and len(qadg.quantizers) == 7
    else:
        assert sorted(of_products.values()) == [False, True] or len(qadg.quantizers) == 8
        assert [q.source for q in qadg.quantizers if q.unsigned] == ["softmax"]
    plain = ge.analyze(traced, activations=True, attention=False)
    assert {q.id for q in plain.quantizers} == {
        q.id for q in qadg.quantizers if {"linear", "linear_1"} & set(q.readers)
    }
    scores = 2 * 3 * 3 * 4
    layers = 3 * 8 * 24 + 3 * 8 * 8
    bits = dict.fromkeys((q.id for q in qadg.quantizers), 4)
    probabilities = 32 if fused else 4
    assert ge.cost(traced, bits).bops == (layers + scores) * 16 + scores * 4 * probabilities
    model = ge.prepare(traced, qadg, "4:4")
    removed = np.zeros(qadg.total_units, bool)
    assert ge.cost(model, bits).bops == ge.cost(traced, bits).bops
    assert CostModel(traced.graph_module(), qadg).relative_bops(removed).of(np.full(len(bits), 4)) == pytest.approx(
        ge.cost(traced, bits).bops / ge.cost(traced).bops
    )


def test_a_product_with_what_no_input_reaches_is_left_alone() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix, self.fc = nn.Parameter(torch.randn(8, 8)), nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x @ self.mix.t())

    assert [q.id for q in ge.analyze(traced_of(Fixed()), activations=True).quantizers] == ["fc.weight", "act.matmul"]


def test_products_of_whole_numbers_are_left_alone() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            positive = (x > 0).long()
            return self.fc((positive @ positive.transpose(-2, -1)).float())

    traced = ge.trace(Counts(), (torch.randn(2, 3, 8),), dynamic_batch=False)
    assert {q.layer for q in ge.analyze(traced, activations=True).quantizers} == {"fc"}

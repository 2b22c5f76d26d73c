"""Multiply-adds of every op that has a formula, against the number worked out by hand for one sample."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import geta_engine as ge
from geta_engine.cost.layers import layer_costs
from geta_engine.cost.model import CostModel
from geta_engine.trace.fx_nodes import op_name


class Applied(nn.Module):
    """A function of the inputs and of one weight of the given shape."""

    def __init__(self, function: Callable[..., Tensor], *shape: int) -> None:
        super().__init__()
        self.function, self.weight = function, nn.Parameter(torch.ones(shape))

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs, self.weight)


def inputs(*shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    return tuple(torch.ones(shape) for shape in shapes)


# op, module, shapes of its inputs (two samples), multiply-adds of one sample
CASES: dict[str, tuple[str, nn.Module, tuple[tuple[int, ...], ...], int]] = {
    "linear": ("linear", nn.Linear(5, 7), ((2, 5),), 5 * 7),
    "linear over positions": ("linear", nn.Linear(5, 7), ((2, 3, 5),), 3 * 5 * 7),
    "conv1d": ("conv1d", nn.Conv1d(4, 6, 3), ((2, 4, 10),), 6 * 8 * 4 * 3),
    "conv2d": ("conv2d", nn.Conv2d(3, 8, 3, stride=2, padding=1), ((2, 3, 7, 7),), 8 * 16 * 3 * 9),
    "conv2d in groups": ("conv2d", nn.Conv2d(4, 6, 3, groups=2), ((2, 4, 5, 5),), 6 * 9 * 2 * 9),
    "conv3d": ("conv3d", nn.Conv3d(2, 3, 2), ((2, 2, 3, 4, 5),), 3 * (2 * 3 * 4) * 2 * 8),
    "conv_transpose1d": ("conv_transpose1d", nn.ConvTranspose1d(4, 6, 3), ((2, 4, 10),), 4 * 10 * 6 * 3),
    "conv_transpose2d": (
        *("conv_transpose2d", nn.ConvTranspose2d(3, 8, 4, stride=2, padding=1), ((2, 3, 5, 5),)),
        3 * 25 * 8 * 16,
    ),
    "conv_transpose2d in groups": (
        *("conv_transpose2d", nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2), ((2, 4, 5, 5),)),
        4 * 25 * 3 * 4,
    ),
    "conv_transpose3d": ("conv_transpose3d", nn.ConvTranspose3d(2, 3, 2), ((2, 2, 3, 4, 5),), 2 * 60 * 3 * 8),
    "matmul": ("matmul", Applied(torch.matmul, 5, 7), ((2, 3, 5),), 3 * 5 * 7),
    "bmm": ("bmm", Applied(lambda x, y, _: torch.bmm(x, y), 1), ((2, 3, 5), (2, 5, 7)), 3 * 5 * 7),
    "mm": ("mm", Applied(torch.mm, 5, 7), ((2, 5),), 5 * 7),
    "addmm": ("addmm", Applied(lambda x, w: torch.addmm(torch.ones(7), x, w), 5, 7), ((2, 5),), 5 * 7),
    "baddbmm": (
        *("baddbmm", Applied(lambda x, y, _: torch.baddbmm(torch.ones(1, 1, 1), x, y), 1), ((2, 3, 5), (2, 5, 7))),
        3 * 5 * 7,
    ),
    "attention": (
        "scaled_dot_product_attention",
        Applied(lambda q, k, v, _: F.scaled_dot_product_attention(q, k, v), 1),
        ((2, 4, 3, 8), (2, 4, 5, 8), (2, 4, 5, 6)),
        4 * 3 * 5 * 8 + 4 * 3 * 5 * 6,
    ),
    "einsum": ("einsum", Applied(partial(torch.einsum, "bij,jk->bik"), 5, 7), ((2, 3, 5),), 3 * 5 * 7),
}


@pytest.mark.parametrize("name", CASES)
def test_multiply_adds_by_hand(name: str) -> None:
    op, module, shapes, expected = CASES[name]
    traced = ge.trace(module, inputs(*shapes), dynamic_batch=False)
    ops = {node.name: op_name(node) for node in traced.graph_module().graph.nodes}
    (layer,) = layer_costs(traced.graph_module())
    assert ops[layer.node] == op and layer.macs == expected
    assert ge.cost(traced).macs == expected


class Mixed(nn.Module):
    """A layer, a product of its input with itself, and a product with the weight of the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + x @ x.transpose(1, 2) @ x + torch.matmul(x, self.layer.weight)


def test_only_layers_are_counted_at_the_bits_of_their_quantizers() -> None:
    """4 positions of 8 features: the layer is 4 * 8 * 8 multiply-adds at 4 x 5 bits, the products of activations are at
    5 x 5 where these have quantizers, the one with a weight that is no layer's is at 32 x 32."""
    traced = ge.trace(Mixed(), inputs((2, 4, 8)), dynamic_batch=False)
    layer, products, other = 4 * 8 * 8, 4 * 4 * 8 + 4 * 4 * 8, 4 * 8 * 8
    for attention, width in ((True, 5), (False, 32)):
        qadg = ge.analyze(traced, activations=True, attention=attention)
        bits = {q.id: {"weight": 4, "activation": 5}[q.kind] for q in qadg.quantizers}
        assert len(bits) == (4 if attention else 2)
        scores = 4 * 4 * 8 * (5 if attention else 32) * (5 if attention else 32)
        mixed = 4 * 4 * 8 * width * (5 if attention else 32)
        expected = layer * 4 * 5 + scores + mixed + other * 32 * 32
        bits_of_all = {**bits, "act.x": 5} if attention else {"layer.weight": 4, "act.x": 32}
        if attention:
            assert ge.cost(traced, bits_of_all).bops == expected
        removed = np.zeros(qadg.total_units, bool)
        cost = CostModel(traced.graph_module(), qadg).relative_bops(removed)
        widths = np.array([bits[q.id] for q in qadg.quantizers])
        assert cost.of(widths) == pytest.approx(expected / ((layer + products + other) * 32 * 32))


class TiedEnds(nn.Module):
    """An embedding whose matrix is the last layer's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.e, self.mid, self.o = nn.Embedding(50, 16), nn.Linear(16, 16), nn.Linear(16, 50, bias=False)
        self.o.weight = self.e.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.o(torch.relu(self.mid(self.e(tokens))))


def test_a_matrix_that_an_embedding_reads_is_stored_as_floats() -> None:
    """800 numbers at 32 bits, 256 weights at 4, 16 offsets at 32: before and after, and as a budget sees it."""
    traced = ge.trace(TiedEnds(), (torch.arange(8).view(2, 4),), dynamic_batch=False)
    qadg = ge.analyze(traced, activations=True)
    bits = dict.fromkeys((q.id for q in qadg.quantizers), 4)
    expected = 800 * 4 + 256 * 4 / 8 + 16 * 4
    model = ge.prepare(traced, qadg, "4:4")
    removed = np.zeros(qadg.total_units, bool)
    assert CostModel(traced.graph_module(), qadg).bytes(removed).of(np.full(len(bits), 4)) == pytest.approx(expected)
    assert ge.cost(traced, bits).bytes == ge.cost(model, bits).bytes == ge.cost(ge.compact(model, qadg), bits).bytes
    assert ge.cost(traced, bits).bytes == expected


class Contracted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.einsum("bij,bkj->bik", self.a(x), x) @ x)


def test_a_program_with_an_einsum_has_a_cost_model() -> None:
    traced = ge.trace(Contracted(), inputs((2, 4, 6)), dynamic_batch=False)
    qadg = ge.analyze(traced, activations=True)
    removed = np.zeros(qadg.total_units, bool)
    dense = np.full(len(qadg.quantizers), 32)
    assert CostModel(traced.graph_module(), qadg).relative_bops(removed).of(dense) == pytest.approx(1.0)


def test_a_model_that_brings_a_quantizer_along_has_its_products_counted_alike() -> None:
    from tests.engine.qadg.quantizers.test_placement import Attention, Quantized

    model = Attention(fused=False)
    model.qkv = Quantized(8, 24)
    traced = ge.trace(model, (torch.randn(2, 3, 8),), dynamic_batch=False)
    qadg = ge.analyze(traced, activations=True)
    removed, widths = np.zeros(qadg.total_units, bool), np.full(len(qadg.quantizers), 4)
    relative = CostModel(traced.graph_module(), qadg).relative_bops(removed).of(widths)
    assert relative == pytest.approx(4 * 4 / (32 * 32))

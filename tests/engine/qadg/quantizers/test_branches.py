"""Quantizer branches: recognised in exported programs, whoever wrote the quantizer, and nothing else taken for one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.ao.quantization import FusedMovingAvgObsFakeQuantize, get_default_qat_qconfig, prepare_qat
from torch.ao.quantization.observer import MovingAverageMinMaxObserver, MovingAveragePerChannelMinMaxObserver
from torch.fx import Graph
from torch.nn.utils import parametrize

import geta_engine as ge
from geta_engine.documents.qadg import Branch
from geta_engine.qadg.quantizers.branches import find_branches, folded
from geta_engine.qadg.quantizers.ops import quantizer_op
from tests.engine.qadg.quantized_models import (
    Affine,
    Asymmetric,
    ByFunction,
    DetachedFirst,
    Dorefa,
    FloorHalf,
    LargestMagnitude,
    LargestOfRow,
    Linear,
    Lsq,
    MeanMagnitude,
    Offset,
    Pact,
    Residual,
    Rounded,
    StraightThrough,
    Where,
    WithoutGradients,
)
from tests.models import images

ROWS = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
FIXED = ("clamp", "div", "round", "mul")
LEARNED = ("abs", "minimum", "pow", "div", "round", "mul", "sign", "mul")


def graph_of(model: nn.Module, *args: Tensor) -> Graph:
    """PyTorch's fake-quantize ops can be exported with sizes that are fixed only."""
    return ge.trace(model, args, dynamic_batch=False).graph_module().graph


def branches_of(model: nn.Module, *args: Tensor) -> tuple[Branch, ...]:
    return find_branches(graph_of(model, *args))


def ops_of(graph: Graph, branch: Branch) -> tuple[str, ...]:
    return tuple(quantizer_op(node) for node in graph.nodes if node.name in branch.nodes)


def prepared(model: nn.Module, x: Tensor, learn_t: bool) -> tuple[ge.TracedModel, nn.Module]:
    traced = ge.trace(model, (x,))
    return traced, ge.prepare(traced, ge.analyze(traced, activations=True), learn_t=learn_t)


@pytest.mark.parametrize(("learn_t", "ops"), [(False, FIXED), (True, LEARNED)])
def test_ours_counted_by_hand(learn_t, ops):
    x = images()
    graph = ge.trace(prepared(Residual(), x, learn_t)[1], (x,)).graph_module().graph
    branches = find_branches(graph)
    assert {(b.kind, b.source, b.layer, b.readers) for b in branches} == {
        ("attached", "program_stem_weight", "program.stem", ("conv2d",)),
        ("attached", "program_a_weight", "program.a", ("conv2d_1",)),
        ("attached", "program_b_weight", "program.b", ("conv2d_2",)),
        ("attached", "program_skip_weight", "program.skip", ("conv2d_3",)),
        ("attached", "program_fc_weight", "program.fc", ("linear",)),
        ("inserted", "args_0", "program.stem", ("conv2d",)),
        ("inserted", "relu", "program.a", ("conv2d_1", "conv2d_3")),
        ("inserted", "relu_1", "program.b", ("conv2d_2",)),
        ("inserted", "mean", "program.fc", ("linear",)),
    }
    assert {ops_of(graph, b) for b in branches} == {ops}
    bank = {"quantizers.d", "quantizers.q_m"} | ({"quantizers.t"} if learn_t else set())
    assert all(set(b.parameters) == bank and b.keeps_zero and not b.per_channel for b in branches)


@pytest.mark.parametrize("learn_t", [False, True])
def test_ours_in_a_program_that_still_writes_in_place(learn_t):
    x = images()
    model = prepared(Residual(), x, learn_t)[1]
    graph = torch.export.export(model, (x,), strict=False).module().graph
    assert any(str(node.target).startswith("aten.div_.") for node in graph.nodes)
    assert len(find_branches(graph)) == 9


@pytest.mark.parametrize("learn_t", [False, True])
def test_what_is_left_are_the_ops_of_the_network_and_its_groups(learn_t):
    x = images()
    plain, model = prepared(Residual(), x, learn_t)
    traced = ge.trace(model, (x,))
    graph = traced.graph_module().graph
    results, inner = folded(find_branches(graph))
    gone = inner | results.keys()
    left = [n.target for n in graph.nodes if n.op == "call_function" and n.name not in gone]
    assert left == [n.target for n in plain.graph_module().graph.nodes if n.op == "call_function"]
    assert groups(traced) == groups(plain)
    assert sum(prunable for *_, prunable in groups(traced)) == 2


def groups(traced: ge.TracedModel) -> set[tuple[int, frozenset[tuple[str, int]], bool]]:
    actual = ge.analyze(traced).groups
    return {
        (g.size, frozenset((m.parameter.removeprefix("program."), m.dim) for m in g.members), g.prunable)
        for g in actual
        if not all("quantizers." in m.parameter for m in g.members)
    }


HAND_WRITTEN = {
    Rounded: ("div clamp round mul", "s"),
    ByFunction: ("div clamp round mul", "s"),
    StraightThrough: ("div clamp round mul sub detach add", "s"),
    DetachedFirst: ("div clamp round mul detach detach sub add", "s"),
    WithoutGradients: ("mul round mul detach sub detach add", "s"),
    FloorHalf: ("div add floor mul", "s"),
    Lsq: ("div clamp round sub detach add mul", "s"),
    Asymmetric: ("div round add clamp sub mul", "s z"),
    Where: ("div round mul gt lt where where", "s"),
    Pact: ("abs sub abs sub add mul mul round div", "s"),
    LargestMagnitude: ("abs max div div round mul", ""),
    Offset: ("sub div round clamp mul add", "z s"),
    Dorefa: ("tanh abs max mul div add mul round div sub detach add mul sub", ""),
    LargestOfRow: ("abs amax div div round mul", ""),
    MeanMagnitude: ("abs mean div div round mul", ""),
}
MOVES_ZERO = (Offset, Dorefa, LargestOfRow, MeanMagnitude)
MOVES_ZERO_OR_SCALE = (*MOVES_ZERO, LargestMagnitude)
"""A weight is cut where it reads zeros, too: its largest magnitude may go with such a slice."""


@pytest.mark.parametrize("quantizer", HAND_WRITTEN, ids=lambda q: q.__name__)
@pytest.mark.parametrize("kind", ["attached", "inserted"])
def test_written_by_hand(quantizer, kind):
    ops, parameters = HAND_WRITTEN[quantizer]
    name = "weight" if kind == "attached" else "activation"
    graph = graph_of(Linear(**{name: quantizer()}), ROWS)
    (branch,) = find_branches(graph)
    assert ops_of(graph, branch) == tuple(ops.split())
    assert branch.parameters == tuple(f"{name}.{p}" for p in parameters.split())
    assert (branch.kind, branch.source) == (kind, "fc_weight" if kind == "attached" else "relu")
    assert (branch.layer, branch.readers) == ("fc", ("linear",))
    assert branch.keeps_zero == (quantizer not in (MOVES_ZERO if kind == "inserted" else MOVES_ZERO_OR_SCALE))
    read = {n.name for n in graph.nodes if n.name.startswith(name) and n.users}
    assert read <= set(branch.scalars), "its parameters are read by this branch only"


decomposed = torch.ops.quantized_decomposed


def _pair(x: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    quantized = decomposed.quantize_per_channel.default(x, scale, zero_point, 0, -128, 127, torch.int8)
    return decomposed.dequantize_per_channel.default(quantized, scale, zero_point, 0, -128, 127, torch.int8)


PYTORCHS = {
    "per tensor": lambda: Affine(lambda x, s, z: torch.fake_quantize_per_tensor_affine(x, s, z, -128, 127)),
    "per channel": lambda: Affine(lambda x, s, z: torch.fake_quantize_per_channel_affine(x, s, z, 0, -128, 127), 4),
    "learnable": lambda: Affine(
        lambda x, s, z: torch._fake_quantize_learnable_per_channel_affine(x, s, z, 0, -128, 127), 4, whole=False
    ),
    "quantize, dequantize": lambda: Affine(_pair, 4),
}


@pytest.mark.parametrize("name", PYTORCHS)
def test_pytorchs_ops_on_a_weight(name):
    (branch,) = branches_of(Linear(PYTORCHS[name]()), ROWS)
    assert (branch.kind, branch.source, branch.layer) == ("attached", "fc_weight", "fc")
    assert len(branch.nodes) == (2 if "," in name else 1)
    assert branch.parameters == ("weight.scale", "weight.zero_point") and branch.keeps_zero
    if name == "per tensor":
        assert branch.per_channel == () and set(branch.scalars) == {"weight_scale", "weight_zero_point"}
    else:
        assert branch.per_channel == (("weight_scale", 0), ("weight_zero_point", 0)) and branch.scalars == ()


def test_an_axis_that_is_not_the_first():
    quantizer = Affine(lambda x, s, z: torch.fake_quantize_per_channel_affine(x, s, z, 1, -128, 127), 8)
    (branch,) = branches_of(Linear(None, quantizer), ROWS)
    assert branch.per_channel == (("activation_scale", 1), ("activation_zero_point", 1))
    assert (branch.kind, branch.source) == ("inserted", "relu")


def test_a_scale_a_channel_by_broadcasting():
    (branch,) = branches_of(Linear(Lsq((4, 1))), ROWS)
    assert branch.per_channel == (("weight_s", 0),)
    assert "weight_s" not in branch.scalars and len(branch.scalars) == 4


def observed(observer: type, **kwargs: object) -> FusedMovingAvgObsFakeQuantize:
    module = FusedMovingAvgObsFakeQuantize(
        observer=observer, quant_min=-128, quant_max=127, dtype=torch.qint8, **kwargs
    )
    module(torch.randn(4, 8))
    return module


def test_observers_that_fake_quantize():
    channels = observed(MovingAveragePerChannelMinMaxObserver, qscheme=torch.per_channel_symmetric, ch_axis=0)
    weight, activation = sorted(
        branches_of(Linear(channels, observed(MovingAverageMinMaxObserver)), ROWS), key=lambda b: b.kind
    )
    assert {name for name, _ in weight.per_channel} == {
        "weight_scale",
        "weight_zero_point",
        "weight_activation_post_process_min_val",
        "weight_activation_post_process_max_val",
    }
    assert {dim for _, dim in weight.per_channel} == {0} and activation.per_channel == ()
    assert (weight.source, activation.source) == ("fc_weight", "relu")


def test_pytorchs_quantization_aware_training():
    model = Residual().train()
    model.qconfig = get_default_qat_qconfig("x86")
    model = prepare_qat(model)
    model(images())
    branches = branches_of(model.eval(), images())
    assert [(b.source, b.layer) for b in branches if b.kind == "attached"] == [
        (f"{layer}_weight", layer) for layer in ("stem", "a", "b", "skip", "fc")
    ]
    inserted = {b.source for b in branches if b.kind == "inserted"}
    assert inserted == {"conv2d", "batch_norm", "conv2d_1", "conv2d_2", "conv2d_3", "linear"}


class Written(nn.Module):
    """Two layers, a step and a scale for what a test puts between them."""

    def __init__(self, body: Callable[[Written, Tensor], object]) -> None:
        super().__init__()
        self.c, self.d = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)
        self.s, self.gamma = nn.Parameter(torch.tensor(0.1)), nn.Parameter(torch.ones(4, 1, 1))
        self.body = body

    def forward(self, x: Tensor) -> object:
        return self.body(self, x)

    def q(self, x: Tensor) -> Tensor:
        return (x / self.s).clamp(-8, 7).round() * self.s


def _read_on_the_way(m: Written, x: Tensor) -> object:
    levels = (m.c(x) / m.s).round()
    return m.d(levels * m.s), levels


@pytest.mark.parametrize(
    "body",
    [
        lambda m, x: m.d(torch.round(m.c(x))),
        lambda m, x: m.d(torch.round(m.c(x) / m.s)),
        lambda m, x: m.d(torch.round(m.c(x) * 10) * m.gamma),
        lambda m, x: m.d(m.c(x) - torch.floor(m.c(x))),
        _read_on_the_way,
    ],
    ids=["rounds", "keeps the levels", "another scale", "fraction", "levels are read"],
)
def test_the_networks_own_rounding_is_no_branch(body):
    assert branches_of(Written(body), images()) == ()


def _clip_is_read(m: Written, x: Tensor) -> object:
    clipped = m.c(x).clamp(-1, 1)
    return m.d(torch.round(clipped / m.s) * m.s), clipped


STAYS_OUTSIDE = {
    "relu": (lambda m, x: m.d(m.q(torch.relu(m.c(x)))), "relu", ("conv2d_1",)),
    "relu6": (lambda m, x: m.d(m.q(F.relu6(m.c(x)))), "relu6", ("conv2d_1",)),
    "its own factor": (lambda m, x: m.d(m.q(m.c(x) * 0.5)), "mul", ("conv2d_1",)),
    "its own clamp": (lambda m, x: m.d(m.q(m.c(x).clamp(0, 6))), "clamp", ("conv2d_1",)),
    "layer scale": (lambda m, x: m.d(m.q(m.c(x)) * m.gamma), "conv2d", ("mul_1",)),
    "layer scale on both sides": (lambda m, x: m.d(m.q(m.c(x) * m.gamma) * m.gamma), "mul", ("mul_2",)),
    "sum with what was quantized": (lambda m, x: (lambda y: m.d(m.q(y) + y))(m.c(x)), "conv2d", ("add",)),
    "a clip that is read": (_clip_is_read, "clamp", ("conv2d_1",)),
    "batch norm": (lambda m, x: m.d(m.q(F.batch_norm(m.c(x), m.s.new_zeros(4), m.s.new_ones(4)))), "batch_norm", ()),
}


@pytest.mark.parametrize("name", STAYS_OUTSIDE)
def test_what_is_the_networks_stays_outside(name):
    body, source, readers = STAYS_OUTSIDE[name]
    (branch,) = branches_of(Written(body), images())
    assert branch.source == source and branch.readers == (readers or ("conv2d_1",))
    assert branch.parameters == ("s",)


class QuantizedSum(Rounded):
    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return super().forward(x) + (x if y is None else y)


def test_a_sum_in_the_quantizers_own_module_stays_outside():
    model = Written(lambda m, x: m.d(m.sum(torch.relu(m.c(x)))))
    model.sum = QuantizedSum()
    (branch,) = branches_of(model, images())
    assert (branch.source, branch.readers) == ("relu", ("add",))


def test_a_quantized_weight_that_two_layers_share():
    model = Written(lambda m, x: (lambda w: F.conv2d(F.conv2d(m.c(x), w), w))(m.q(m.d.weight)))
    (branch,) = branches_of(model, images())
    assert (branch.kind, branch.source, branch.readers) == ("attached", "d_weight", ("conv2d_1", "conv2d_2"))


def test_a_quantized_activation_that_two_layers_read():
    model = Written(lambda m, x: (lambda y: m.d(y) + F.conv2d(y, m.d.weight))(m.q(m.c(x))))
    (branch,) = branches_of(model, images())
    assert (branch.kind, branch.source, branch.readers) == ("inserted", "conv2d", ("conv2d_1", "conv2d_2"))


def test_quantizers_that_follow_each_other_are_folded_to_the_end():
    model = Written(lambda m, x: m.d(m.q(m.q(m.c(x)))))
    branches = branches_of(model, images())
    assert [b.source for b in branches] == ["conv2d", branches[0].result]
    assert folded(branches).results == {branches[0].result: "conv2d", branches[1].result: branches[0].result}


def test_a_parametrized_weight_belongs_to_its_layer():
    layer = nn.Linear(8, 4)
    parametrize.register_parametrization(layer, "weight", Lsq())
    (branch,) = branches_of(nn.Sequential(layer), ROWS)
    assert (branch.kind, branch.layer) == ("attached", "0")
    assert branch.source == "_0_parametrizations_weight_original"


def test_a_table_that_enters_a_layer_as_its_input_is_an_activation():
    model = Written(lambda m, x: m.c(x).mean((2, 3)) + F.linear(m.q(m.gamma.view(1, 4)), m.d.weight.view(4, 4)))
    (branch,) = branches_of(model, images())
    assert (branch.kind, branch.source) == ("inserted", "view")


def test_each_copy_of_a_dequantize_op_is_a_branch_of_its_own():
    def body(m: Written, x: Tensor) -> Tensor:
        levels = decomposed.quantize_per_tensor.default(m.c(x), 0.1, 0, -128, 127, torch.int8)
        a, b = (decomposed.dequantize_per_tensor.default(levels, 0.1, 0, -128, 127, torch.int8) for _ in range(2))
        return m.d(a) + torch.relu(b)

    branches = branches_of(Written(body), images())
    assert [(b.source, b.nodes[0], b.readers) for b in branches] == [
        ("conv2d", "quantize_per_tensor", ("conv2d_1",)),
        ("conv2d", "quantize_per_tensor", ("relu",)),
    ]
    assert folded(branches).inner == {"quantize_per_tensor"}


def test_steps_over_more_than_one_dim_are_left_to_the_rules():
    class Grouped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.s = nn.Linear(8, 4), nn.Parameter(torch.full((4, 2, 1), 0.1))

        def forward(self, x: Tensor) -> Tensor:
            levels = torch.round(self.fc.weight.view(4, 2, 4) / self.s)
            return F.linear(x, (levels * self.s).view(4, 8))

    assert branches_of(Grouped(), ROWS) == ()


@pytest.mark.parametrize("model", ["lenet", "resnet8", "vit_tiny", "mobile_tiny", "dense_tiny"])
def test_a_network_without_quantizers_has_no_branches(model):
    assert find_branches(ge.load(model).graph_module().graph) == ()

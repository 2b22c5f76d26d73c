"""One small network a rule; each is proven by the certificate, or pinned with the right reason."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import geta_engine as ge
from geta_engine.errors import InputError
from tests.models import images, traced


class Net(nn.Module):
    """conv -> body -> conv -> pooled scores, so that what the body does to 8 channels is what is tested."""

    def __init__(self, body, channels: int = 8, after: int = 8, **layers: nn.Module) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, channels, 3, padding=1)
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.last = nn.Conv2d(after, 5, 1)
        self.body = body

    def forward(self, x):
        return self.last(self.body(self, self.first(x))).mean((2, 3))


def group_of(qadg: ge.Qadg, parameter: str) -> ge.Group:
    return next(g for g in qadg.groups for m in g.members if (m.parameter, m.dim, m.role) == (parameter, 0, "producer"))


def assert_exact(model: nn.Module, *inputs: torch.Tensor, units: int) -> ge.Qadg:
    made = traced(model, *inputs)
    qadg = ge.analyze(made)
    assert qadg.prunable_units == units
    for seed, sparsity in enumerate((0.3, 0.6)):
        certificate = ge.verify(made, qadg, sparsity, seed=seed, dtype=torch.float64)
        assert certificate.ok, certificate
        assert certificate.zero_units == int(sparsity * units + 1e-9) > 0
        assert certificate.params_compact < certificate.params_dense
    return qadg


@pytest.mark.parametrize(
    "function",
    [F.relu, F.gelu, F.silu, torch.tanh, F.hardswish, lambda x: x * 2, lambda x: x / 3, lambda x: x.clamp(-1, 1),
     lambda x: F.leaky_relu(x, 0.1), lambda x: x * torch.sigmoid(x), lambda x: x - x * 0.5],
)  # fmt: skip
def test_ops_that_map_zero_to_zero_keep_channels_prunable(function):
    assert_exact(Net(lambda net, x: function(x)), images(), units=8)


@pytest.mark.parametrize("function", [torch.sigmoid, torch.exp, torch.cos, F.softplus, lambda x: x + 1.0])
def test_ops_that_move_zero_pin_the_channels(function):
    qadg = ge.analyze(traced(Net(lambda net, x: function(x)), images()))
    group = group_of(qadg, "first.weight")
    assert not group.prunable
    assert "turns zeros into other numbers" in group.reason and "last" in group.reason


def test_inplace_activation_is_the_same_as_the_pure_one():
    assert_exact(Net(lambda net, x: x + F.relu_(x)), images(), units=8)


def test_batch_norm_makes_zeros_even_after_a_sigmoid():
    body = Net(lambda net, x: net.norm(torch.sigmoid(x)), norm=nn.BatchNorm2d(8))
    assert_exact(body, images(), units=8)


def test_residual_ties_two_convolutions():
    net = Net(lambda net, x: x + net.conv(F.relu(x)), conv=nn.Conv2d(8, 8, 3, padding=1))
    qadg = assert_exact(net, images(), units=8)
    assert {m.parameter for m in group_of(qadg, "first.weight").members if m.role == "producer"} == {
        "first.weight", "first.bias", "conv.weight", "conv.bias",
    }  # fmt: skip


def test_concat_with_itself_and_nested():
    nested = Net(lambda net, x: torch.cat([torch.cat([x, F.relu(x)], 1), x], 1), after=24)
    qadg = assert_exact(nested, images(), units=8)
    last = next(m for m in group_of(qadg, "first.weight").members if m.parameter == "last.weight")
    assert last.index[0].tolist() == [0, 8, 16]


@pytest.mark.parametrize(
    "split",
    [lambda x: torch.split(x, [3, 5], 1), lambda x: torch.split(x, 4, 1), lambda x: torch.chunk(x, 2, 1),
     lambda x: (x[:, :2], x[:, 2:]), lambda x: (x[:, ::2], x[:, 1::2])],
)  # fmt: skip
def test_splits_of_channels(split):
    def body(net, x):
        a, b = split(x)
        return torch.cat([F.relu(a), torch.tanh(b)], 1)

    assert_exact(Net(body, channels=8), images(), units=8)


def test_gated_halves_are_tied():
    def body(net, x):
        a, b = torch.chunk(x, 2, 1)
        return a * torch.sigmoid(b)

    assert_exact(Net(body, channels=16, after=8), images(), units=8)


def test_depthwise_goes_with_its_channel():
    net = Net(lambda net, x: net.depthwise(x), depthwise=nn.Conv2d(8, 8, 3, padding=1, groups=8))
    assert_exact(net, images(), units=8)


def test_grouped_convolution_loses_whole_groups():
    net = Net(lambda net, x: net.grouped(x), grouped=nn.Conv2d(8, 8, 3, padding=1, groups=4))
    qadg = assert_exact(net, images(), units=4)
    member = next(m for m in group_of(qadg, "first.weight").members if m.parameter == "grouped.weight")
    assert member.index.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_transposed_convolution():
    net = Net(lambda net, x: net.up(F.relu(x)), after=6, up=nn.ConvTranspose2d(8, 6, 2, stride=2))
    assert_exact(net, images(), units=14)


def test_squeeze_excite_gate_goes_with_its_channels():
    def body(net, x):
        gate = torch.sigmoid(net.up(F.relu(net.down(x.mean((2, 3), keepdim=True)))))
        return x * gate

    net = Net(body, down=nn.Conv2d(8, 4, 1), up=nn.Conv2d(4, 8, 1))
    assert_exact(net, images(), units=12)


def test_flatten_makes_blocks_of_columns():
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 6, 3, padding=1), nn.Linear(6 * 4 * 4, 5)

        def forward(self, x):
            return self.fc(F.max_pool2d(F.relu(self.conv(x)), 2).flatten(1))

    qadg = assert_exact(Flat(), images(), units=6)
    fc = next(m for m in qadg.groups[0].members if m.parameter == "fc.weight")
    assert fc.index[1].tolist() == list(range(16, 32))


class Attention(nn.Module):
    """Multi-head attention over 6 tokens, from matmul and softmax or from sdpa."""

    def __init__(self, fused: bool, dim: int = 16, heads: int = 4) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(dim, dim) for _ in range(3))
        self.out, self.norm, self.head = nn.Linear(dim, dim), nn.LayerNorm(dim), nn.Linear(dim, 3)
        self.embed = nn.Linear(5, dim)
        self.fused, self.heads = fused, heads

    def forward(self, x):
        x = self.embed(x)
        split = [f(self.norm(x)).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.q, self.k, self.v)]
        q, k, v = split
        if self.fused:
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, -1) @ v
        return self.head((x + self.out(mixed.transpose(1, 2).flatten(2))).mean(1))


@pytest.mark.parametrize("fused", [True, False])
def test_attention_prunes_heads_and_the_normed_stream(fused):
    x = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(0))
    qadg = assert_exact(Attention(fused), x, units=4 + 16)
    heads = group_of(qadg, "q.weight")
    assert heads.size == 4
    assert {m.parameter for m in heads.members if m.role == "producer"} == {
        f"{layer}.{part}" for layer in "qkv" for part in ("weight", "bias")
    }


def test_softmax_over_channels_pins():
    qadg = ge.analyze(traced(Net(lambda net, x: torch.softmax(x, 1)), images()))
    assert "normalises over it" in group_of(qadg, "first.weight").reason


@pytest.mark.parametrize("reduction", [torch.sum, torch.mean, torch.std, torch.var, torch.linalg.vector_norm])
def test_a_reduction_over_channels_keeps_its_divisor(reduction):
    assert_exact(Net(lambda net, x: reduction(x, dim=1, keepdim=True), after=1), images(), units=8)


@pytest.mark.parametrize("reduction", [torch.amax, torch.amin, torch.logsumexp])
def test_a_reduction_that_zeros_change_pins(reduction):
    qadg = ge.analyze(traced(Net(lambda net, x: reduction(x, dim=1, keepdim=True), after=1), images()))
    assert "compares it with others" in group_of(qadg, "first.weight").reason


def test_shared_layer_is_one_set_of_units():
    net = Net(lambda net, x: net.same(F.relu(net.same(x))), same=nn.Conv2d(8, 8, 3, padding=1))
    assert_exact(net, images(), units=8)


def test_raw_parameter_is_a_member():
    class Raw(nn.Module):
        def __init__(self):
            super().__init__()
            self.w, self.scale, self.shift = (nn.Parameter(torch.randn(s)) for s in ((5, 8), (8,), (8,)))
            self.out = nn.Linear(8, 3)

        def forward(self, x):
            return self.out(F.relu(x @ self.w) * self.scale + self.shift)

    qadg = assert_exact(Raw(), torch.randn(4, 5), units=8)
    roles = {(m.parameter, m.dim): m.role for m in group_of(qadg, "shift").members}
    assert roles == {
        ("w", 1): "producer", ("scale", 0): "producer", ("shift", 0): "producer", ("out.weight", 1): "consumer",
    }  # fmt: skip


@torch.library.custom_op("geta_tests::reversed", mutates_args=())
def invented(x: torch.Tensor) -> torch.Tensor:
    return x.flip(1) + 1


@invented.register_fake
def _(x):
    return torch.empty_like(x)


def test_an_unknown_op_pins_its_neighbourhood_only_and_is_counted():
    net = Net(lambda net, x: F.relu(net.second(invented(x))), after=6, second=nn.Conv2d(8, 6, 1))
    made = traced(net, images())
    qadg = ge.analyze(made)
    assert dict(qadg.pinned_ops) == {"geta_tests::reversed": 1}
    assert "operation without a rule" in group_of(qadg, "first.weight").reason
    assert not group_of(qadg, "first.weight").prunable
    assert group_of(qadg, "second.weight").prunable
    assert ge.verify(made, qadg, 0.5, dtype=torch.float64).ok


def test_protect_pins_by_layer_and_says_so():
    made = ge.load("resnet8")
    free, kept = ge.analyze(made), ge.analyze(made, protect=["layer1.*"])
    assert kept.prunable_units < free.prunable_units
    assert any("protected" in (g.reason or "") for g in kept.groups)
    with pytest.raises(InputError, match="matches no parameter"):
        ge.analyze(made, protect=["nothing.like.this"])

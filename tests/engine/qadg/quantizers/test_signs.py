"""Which tensors are proven never to be negative, against what they hold on inputs of both signs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx import Interpreter, Node

import geta_engine as ge
from geta_engine.qadg.quantizers.signs import nonnegative_nodes


class Applied(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.function(x))


PROVEN: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "relu in place": lambda x: F.relu(x * 2, inplace=True),
    "sigmoid": torch.sigmoid,
    "softmax": lambda x: x.softmax(-1),
    "square": lambda x: x**2,
    "product with itself": lambda x: x * x,
    "clamp": lambda x: x.clamp(min=0.0),
    "relu6": F.relu6,
    "softplus": F.softplus,
    "clamp between": lambda x: x.clamp(0.0, 1.0),
    "moved": lambda x: x.relu().view(2, 4, 2).transpose(1, 2).flatten(1),
    "sum of two": lambda x: x.relu() + x.sigmoid(),
    "scaled": lambda x: 3 * x.relu() + 0.5,
    "pooled": lambda x: F.max_pool1d(x.relu().unsqueeze(1), 3, 1, 1).squeeze(1),
    "cut": lambda x: torch.cat([part.relu() for part in x.chunk(2, 1)], 1),
    "a part of many": lambda x: x.relu().repeat(1, 2).split(8, 1)[1],
    "power of what is not negative": lambda x: x.relu() ** 1.5,
}
UNPROVEN: dict[str, Callable[[Tensor], Tensor]] = {
    "itself": lambda x: x,
    "gelu": F.gelu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "difference": lambda x: x.relu() - x.sigmoid(),
    "sum with what may be": lambda x: x.relu() + x,
    "with a negative number": lambda x: x.relu() + -1.0,
    "scaled by a negative number": lambda x: -2 * x.relu(),
    "subtracted twice": lambda x: torch.add(x.relu(), x.sigmoid(), alpha=-1),
    "cube": lambda x: x**3,
    "clamp above": lambda x: x.clamp(max=1.0),
    "clamp from below zero": lambda x: x.clamp(-1.0, 1.0),
    "times whole numbers": lambda x: x.relu() * torch.tensor([-1, 2] * 4),
    "changed afterwards": lambda x: x.relu().sub_(1.0),
    "one of two": lambda x: torch.cat([x[:, :4].relu(), x[:, 4:]], 1),
    "leaky": F.leaky_relu,
    "hard swish": F.hardswish,
    "softplus that falls": lambda x: F.softplus(x, beta=-1.0),
    "clamp to less than its floor": lambda x: x.clamp(0.0, -1.0),
}
X = torch.randn(2, 8, generator=torch.Generator().manual_seed(0)) * 3


@pytest.mark.parametrize("name", PROVEN)
def test_what_follows_from_the_ops_is_proven(name: str) -> None:
    traced = ge.trace(Applied(PROVEN[name]), (X,), dynamic_batch=False)
    (quantizer,) = [q for q in ge.analyze(traced, activations=True).quantizers if q.kind == "activation"]
    assert quantizer.unsigned


@pytest.mark.parametrize("name", UNPROVEN)
def test_what_may_be_negative_is_not(name: str) -> None:
    traced = ge.trace(Applied(UNPROVEN[name]), (X,), dynamic_batch=False)
    (quantizer,) = [q for q in ge.analyze(traced, activations=True).quantizers if q.kind == "activation"]
    assert not quantizer.unsigned


class Watcher(Interpreter):
    """The smallest number that each node ever held."""

    def __init__(self, module: torch.fx.GraphModule) -> None:
        super().__init__(module)
        self.least: dict[Node, float] = {}

    def run_node(self, n: Node) -> object:
        result = super().run_node(n)
        if isinstance(result, Tensor) and result.is_floating_point() and result.numel():
            self.least[n] = min(self.least.get(n, 0.0), result.min().item())
        return result


@pytest.mark.parametrize("model", ["resnet20", "vgg7", "mobile_tiny", "dense_tiny", "lenet"])
def test_nothing_that_is_proven_is_ever_negative(model: str) -> None:
    traced = ge.load(model)
    module = traced.graph_module()
    proven, watcher = nonnegative_nodes(module.graph), Watcher(module)
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        args = [torch.randn(a.shape, generator=generator) for a in traced.example_args]
        watcher.run(*args, enable_io_processing=False)
    assert proven and all(watcher.least.get(node, 0.0) >= 0 for node in proven)


def test_levels_are_twice_as_many_without_a_sign() -> None:
    traced = ge.trace(Applied(F.relu), (X,), dynamic_batch=False)
    qadg = ge.analyze(traced, activations=True)
    for unsigned, levels in ((True, 15), (False, 7)):
        bank = ge.prepare(traced, qadg, "4:4", unsigned=unsigned).quantizers
        steps = bank.step_sizes(bank.upper)
        (place,) = [i for i, q in enumerate(bank.quantizers) if q.kind == "activation"]
        assert float(bank.q_m[place] / steps[place]) == pytest.approx(levels)
        assert float(bank.q_m[1 - place] / steps[1 - place]) == pytest.approx(7)

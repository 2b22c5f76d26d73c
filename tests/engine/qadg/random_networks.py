"""Random networks as plain data: steps over a pool of earlier tensors, drawn by hypothesis and run by one module.

Any numbers make a valid network: a step takes what it needs modulo what there is. So hypothesis may shrink freely, and
a printed network is all that is needed to see a failure again: `check(Network(...))`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor, nn

T = TypeVar("T")
Family = Literal["image", "tokens"]


class Step(NamedTuple):
    """Apply `op` to the tensors `a` and `b` steps back in the pool; `n` and `m` choose among its variants."""

    op: str
    a: int = 0
    b: int = 1
    n: int = 0
    m: int = 0


class Network(NamedTuple):
    """`size` chooses the input's, `outputs` is 1 or 2; `granularity` is what attention loses."""

    family: Family
    steps: tuple[Step, ...]
    size: int = 0
    outputs: int = 1
    granularity: str = "head"


StepFunction = Callable[["Parts", Tensor, Tensor, int, int], Tensor]


ACTS = (
    F.relu, F.gelu, F.silu, torch.tanh, torch.sigmoid, F.hardswish, lambda x: F.leaky_relu(x, 0.1), F.relu6,
    lambda x: x * torch.sigmoid(x), torch.abs, lambda x: x + 0.5, F.softplus,
)  # fmt: skip


def registering(table: dict[str, StepFunction]) -> Callable[[StepFunction], StepFunction]:
    """A decorator that enters a step into `table` under its own name."""

    def step(function: StepFunction) -> StepFunction:
        assert function.__name__ not in table, function.__name__
        table[function.__name__] = function
        return function

    return step


def pick(options: Sequence[T], n: int) -> T:
    return options[n % len(options)]


class Parts:
    """The layers and parameters of one step, made the first time it runs and found again by their number later."""

    def __init__(self, net: nn.Module, prefix: str) -> None:
        self.net, self.prefix, self.count = net, prefix, 0

    def _name(self, kind: str) -> str:
        self.count += 1
        return f"{self.prefix}_{self.count}{kind}"

    def layer(self, make: Callable[[], nn.Module]) -> Any:
        name = self._name("")
        if not hasattr(self.net, name):
            self.net.add_module(name, lively(make()))
        return getattr(self.net, name)

    def parameter(self, *shape: int) -> Tensor:
        name = self._name("p")
        if not hasattr(self.net, name):
            self.net.register_parameter(name, nn.Parameter(torch.randn(shape) * shape[-1] ** -0.5))
        return getattr(self.net, name)

    def constant(self, make: Callable[[], Tensor]) -> Tensor:
        name = self._name("c")
        if not hasattr(self.net, name):
            self.net.register_buffer(name, make())
        return getattr(self.net, name)

    def linear(self, x: Tensor, out: int, bias: bool = True) -> Tensor:
        return self.layer(lambda: nn.Linear(x.shape[-1], out, bias))(x)

    def conv(self, x: Tensor, out: int, k: int = 1, groups: int = 1, bias: bool = True) -> Tensor:
        return self.layer(lambda: nn.Conv2d(x.shape[1], out, k, padding=k // 2, groups=groups, bias=bias))(x)


def lively(module: nn.Module) -> nn.Module:
    """Matrices and kernels of He's scale: in a faint branch a wrong number would not be seen."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=(2 / parameter[0].numel()) ** 0.5)
    return module


class Net(nn.Module):
    """Runs a network: the stem, its steps, and a head on every tensor that no step has read."""

    def __init__(self, network: Network, steps: dict[str, StepFunction], stem: Callable, head: Callable) -> None:
        super().__init__()
        self.network, self.functions, self.stem, self.head = network, steps, stem, head

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        pool, read = [self.stem(Parts(self, "stem"), x, self.network.size)], set()
        for i, step in enumerate(self.network.steps):
            a, b = ((len(pool) - 1 - back) % len(pool) for back in (step.a, step.b))
            pool.append(self.functions[step.op](Parts(self, f"s{i}"), pool[a], pool[b], step.n, step.m))
            read |= {a, b} if step.op in self.two else {a}
        scores = [self.head(Parts(self, f"h{i}"), y, i + len(pool)) for i, y in enumerate(pool) if i not in read]
        total = torch.stack(scores).sum(0) if len(scores) > 1 else scores[0]
        if self.network.outputs == 1:
            return total
        return total, self.head(Parts(self, "second"), pool[len(pool) // 2], self.network.size)

    @property
    def two(self) -> frozenset[str]:
        """Steps that read two tensors: they take a `y` that is used."""
        return frozenset(name for name, function in self.functions.items() if "y" in function.__code__.co_varnames)


def build(network: Network, seed: int = 0) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The network in eval mode, its layers made, and its example inputs."""
    from tests.engine.qadg import random_image_steps as image
    from tests.engine.qadg import random_token_steps as tokens

    steps = image if network.family == "image" else tokens
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        inputs = steps.example(network.size)
        net = Net(network, steps.STEPS, steps.stem, steps.head).eval()
        with torch.no_grad():
            net(*inputs)
    return net, inputs


def networks(family: Family | None = None, most: int = 9) -> st.SearchStrategy[Network]:
    """Networks of 1 to `most` steps; of both families, unless one is named."""
    if family is None:
        return st.one_of(networks("image", most), networks("tokens", most))
    from tests.engine.qadg import random_image_steps as image
    from tests.engine.qadg import random_token_steps as tokens

    names = list((image if family == "image" else tokens).STEPS)
    back = st.sampled_from((0, 0, 0, 1, 2, 3))
    number = st.integers(0, 11)
    step = st.builds(Step, st.sampled_from(names), back, st.sampled_from((1, 0, 2, 3)), number, number)
    return st.builds(
        Network,
        st.just(family),
        st.lists(step, min_size=1, max_size=most).map(tuple),
        number,
        st.sampled_from((1, 1, 1, 2)),
        st.sampled_from(("head", "head", "head_dim")),
    )

"""What a case is, and how it is proven: units counted by hand, pins by their reason, removal by the certificate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

import geta_engine as ge
from geta_engine.trace.fx_nodes import op_name
from tests.models import Made, randomize

aten = torch.ops.aten
Function = Callable[[Tensor, int], Tensor]
SPARSITIES = (0.3, 0.6)


@dataclass(frozen=True, eq=False)
class Case:
    """`units`: how many can be pruned. `pins`: producer -> part of the reason of a group of it that cannot be."""

    model: nn.Module
    inputs: tuple[Tensor, ...]
    units: int
    pins: Mapping[str, str] = field(default_factory=dict)


def net(function: Callable[..., Any], inputs: tuple[Tensor, ...], units: int, pins: dict[str, str], **parts) -> Case:
    return Case(Made(function, **parts), inputs, units, pins)


def weight(*shape: int) -> nn.Parameter:
    """A parameter; its values are drawn when the case is traced."""
    return nn.Parameter(torch.ones(shape))


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def rows(body, units: int, after: int = 8, width: int = 8, pins: str = "", **parts) -> Case:
    """[4, 5] -> `a` -> [4, width] -> body -> [4, after] -> `h` -> [4, 3]. `pins` is the reason that keeps `a`."""
    layers = {"a": nn.Linear(5, width), **parts, "h": nn.Linear(after, 3)}
    return net(lambda m, x: m.h(body(m, m.a(x))), (drawn(4, 5),), units, {"a.weight": pins} if pins else {}, **layers)


def tokens(body, units: int, after: int = 8, width: int = 8, pins: str = "", **parts) -> Case:
    """[2, 6, 5] -> `a` -> [2, 6, width] -> body -> [2, any, after] -> `h`, averaged over the tokens."""
    layers = {"a": nn.Linear(5, width), **parts, "h": nn.Linear(after, 3)}
    pinned = {"a.weight": pins} if pins else {}
    return net(lambda m, x: m.h(body(m, m.a(x))).mean(1), (drawn(2, 6, 5),), units, pinned, **layers)


_CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def images(body, units: int, after: int = 8, size: int = 8, dims: int = 2, pins: str = "", **parts) -> Case:
    """[2, 3, size, ..] -> `a` -> [2, 8, size, ..] -> body -> [2, after, ..] -> `h`, averaged over the places."""
    convolution = _CONVOLUTIONS[dims]
    layers = {"a": convolution(3, 8, 3, padding=1), **parts, "h": convolution(after, 5, 1)}
    pinned = {"a.weight": pins} if pins else {}
    inputs = (drawn(2, 3, *[size] * dims),)
    return net(lambda m, x: m.h(body(m, m.a(x))).flatten(2).mean(2), inputs, units, pinned, **layers)


def together(functions: Collection[Function], dim: int = 1) -> Case:
    """Tokens times the sum of all functions of them: each may do what it likes to zeros, but mixes no channels."""
    return tokens(lambda m, x: x * sum(f(x, dim) for f in functions), 8)


def apart(functions: Mapping[str, Function], reason: str, dim: int = 1) -> Case:
    """A layer of its own for each function over its channels, every one pinned for the same reason."""

    def forward(m, x):
        results = [f(getattr(m, name)(x), dim).flatten(1).sum(1) for name, f in functions.items()]
        return torch.stack(results, 1)

    layers = {name: nn.Linear(5, 8) for name in functions}
    return net(forward, (drawn(4, 5),), 0, {f"{name}.weight": reason for name in functions}, **layers)


@cache
def traced(case: Case) -> ge.TracedModel:
    """Each case is exported once, whoever asks; weights are drawn so that none hides anything."""
    made = randomize(ge.trace(case.model, case.inputs))
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name in made.program.graph_signature.parameters:
            value = made.program.state_dict[name]
            if value.ndim > 1:
                value.copy_(torch.randn(value.shape, generator=generator) * 0.4)
    return made


@cache
def decomposed(case: Case) -> ge.TracedModel:
    """The same program in core ATen."""
    made = traced(case)
    program: ExportedProgram = made.program.run_decompositions()
    return ge.TracedModel(program, f"{made.name}-core", made.example_args, made.example_kwargs)


def ops_of(made: ge.TracedModel) -> set[str]:
    """Names that rules are looked up by."""
    return {op_name(n) for n in made.template.graph.nodes if n.op == "call_function"} | {
        op_name(n) for n in made.program.graph.nodes if n.op == "call_function"
    }


def check(case: Case, made: ge.TracedModel | None = None) -> None:
    """Units as expected, pinned for the expected reason, and exact to remove."""
    made = made or traced(case)
    qadg = ge.analyze(made)
    reasons = {m.parameter: group.reason for group in qadg.groups for m in group.members if group.reason}
    for parameter, reason in case.pins.items():
        assert reason in reasons.get(parameter, "it is free"), (parameter, reason, reasons)
    assert qadg.prunable_units == case.units, (qadg.prunable_units, case.units, reasons)
    for seed, sparsity in enumerate(SPARSITIES):
        if wanted := int(sparsity * case.units + 1e-9):
            certificate = ge.verify(made, qadg, sparsity, seed=seed, dtype=torch.float64)
            assert certificate.ok, certificate
            assert certificate.zero_units == wanted
            assert certificate.params_compact < certificate.params_dense

"""The certificate: zeroing units and removing them give the same function (docs/method.md, section 3.4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.fx import GraphModule

from geta_engine.compact.cut import bake_quantizers, origin_of, remove_units_in_place, set_to_zero, zero_units
from geta_engine.compact.widen import ComputeIn, NoFloat64Form, cast, widen
from geta_engine.config import units_to_remove
from geta_engine.documents.analysis import PinnedOp
from geta_engine.documents.qadg import Qadg
from geta_engine.documents.runs import TOLERANCE
from geta_engine.errors import InputError
from geta_engine.quant.insert import PreparedModel
from geta_engine.torch_internals import tree_leaves
from geta_engine.trace import TracedModel
from geta_engine.trace.traced import retrace


@dataclass(frozen=True)
class Certificate:
    """What comparing the zeroed dense program with the compact one showed, in the dtype it was computed in."""

    ok: bool
    max_rel_diff: float
    max_abs_diff: float
    dtype: str
    zero_units: int
    prunable_units: int
    params_dense: int
    params_compact: int
    pinned_ops: tuple[PinnedOp, ...]

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "pinned_ops": list(self.pinned_ops)}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1)


def units_wanted(qadg: Qadg, sparsity: float) -> int:
    """K = floor(sparsity * |G|)."""
    if not 0 <= sparsity < 1:
        raise InputError(f"sparsity {sparsity} is not usable: give a share of units to remove, 0 <= sparsity < 1")
    return units_to_remove(sparsity, qadg.prunable_units)


def unit_budget(qadg: Qadg, sparsity: float) -> int:
    """K; raises InputError, naming the largest one, when groups would lose their last unit."""
    units = units_wanted(qadg, sparsity)
    if units > qadg.max_zero_units:
        raise InputError(
            f"sparsity {sparsity} asks for K = {units} zero units, but every group keeps one: the largest K is "
            f"{qadg.max_zero_units} of {qadg.prunable_units}, sparsity {largest_sparsity(qadg):.4f}"
        )
    return units


def largest_sparsity(qadg: Qadg) -> float:
    """The sparsity whose K is the largest that can be reached."""
    return qadg.max_zero_units / qadg.prunable_units if qadg.prunable_units else 0.0


def random_units(qadg: Qadg, sparsity: float, seed: int) -> NDArray[np.bool_]:
    """K random prunable units, every group keeping at least one. Shape [total_units]."""
    budget = unit_budget(qadg, sparsity)
    generator = np.random.default_rng(seed)
    spare = []
    for group in qadg.prunable:
        units = generator.permutation(np.arange(group.first_unit, group.first_unit + group.size))
        spare.append(units[1:])
    zero = np.zeros(qadg.total_units, bool)
    if budget:
        zero[generator.permutation(np.concatenate(spare))[:budget]] = True
    return zero


def verify(
    traced: TracedModel,
    qadg: Qadg,
    sparsity: float = 0.5,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    save: Callable[[TracedModel, TracedModel], None] | None = None,
) -> Certificate:
    """Zero random units, compact, and compare both on the traced example inputs.

    `save` is handed the zeroed dense and the compact model. Raises InputError for a sparsity out of reach, and
    NoFloat64Form, an InputError, when an op of the program computes in float32 only.
    """
    zero = random_units(qadg, sparsity, seed)
    if save is not None:
        zeroed = retrace(zeroed_copy(traced, qadg, zero), traced, f"{traced.name}-zeroed")
        compact = retrace(
            remove_units_in_place(zeroed_copy(traced, qadg, zero), qadg, zero), traced, f"{traced.name}-compact"
        )
        save(zeroed, compact)
    dense = widen(zeroed_copy(traced, qadg, zero), dtype)
    small = remove_units_in_place(widen(zeroed_copy(traced, qadg, zero), dtype), qadg, zero)
    return certify(dense, small, traced, qadg, int(zero.sum()), dtype)


def zeroed_copy(traced: TracedModel, qadg: Qadg, zero: NDArray[np.bool_]) -> GraphModule:
    """A copy of the program in which the marked units are zero."""
    module = traced.graph_module()
    set_to_zero(module, qadg, zero)
    return module


def certify_run(
    model: PreparedModel | TracedModel, small: TracedModel, qadg: Qadg, inputs: tuple[Tensor, ...] | None = None
) -> Certificate:
    """The certificate of a finished run, in float64: a rounding step of an activation quantizer may flip on the last
    bit of a float32 sum, which would hide what is compared here - the two programs. Float32 where an op of the program
    computes in nothing wider."""
    count = int(zero_units(model, qadg).sum())

    def certify_in(dtype: torch.dtype) -> Certificate:
        dense = bake_quantizers(model)
        return certify(dense, small.graph_module(), origin_of(model), qadg, count, dtype, inputs)

    try:
        return certify_in(torch.float64)
    except NoFloat64Form:
        return certify_in(torch.float32)


def certify(
    dense: GraphModule,
    small: GraphModule,
    origin: TracedModel,
    qadg: Qadg,
    zeros: int,
    dtype: torch.dtype,
    inputs: tuple[Tensor, ...] | None = None,
) -> Certificate:
    """Compare outputs of a dense and a compact module, which are used up; `inputs` default to the traced examples.

    Raises NoFloat64Form when `dtype` is float64 and an op of the programs computes in float32 only.
    """
    args, kwargs = (inputs, {}) if inputs is not None else (origin.example_args, dict(origin.example_kwargs))
    before, after = widen(dense, dtype), widen(small, dtype)
    args, kwargs = cast((args, kwargs), dtype)
    with torch.no_grad():
        absolute, relative = _differences(*(_outputs(module, args, kwargs, dtype) for module in (before, after)))
    name = str(dtype).removeprefix("torch.")
    return Certificate(
        ok=bool(np.isfinite(relative)) and relative <= TOLERANCE[name],
        max_rel_diff=relative,
        max_abs_diff=absolute,
        dtype=name,
        zero_units=zeros,
        prunable_units=qadg.prunable_units,
        params_dense=_count(dense),
        params_compact=_count(small),
        pinned_ops=tuple(PinnedOp(op=op, count=n) for op, n in sorted(qadg.pinned_ops.items())),
    )


def _outputs(module: nn.Module, args: Any, kwargs: Any, dtype: torch.dtype) -> list[Tensor]:
    with ComputeIn(dtype):
        return [leaf for leaf in tree_leaves(module(*args, **kwargs)) if isinstance(leaf, Tensor)]


def _differences(one: list[Tensor], two: list[Tensor]) -> tuple[float, float]:
    """Largest absolute and relative difference over the outputs, each relative to its own largest value.

    Infinite where there is nothing to compare, where shapes differ, and where a number is not finite.
    """
    if not one or [a.shape for a in one] != [b.shape for b in two]:
        return float("inf"), float("inf")
    absolute, relative = [], []
    for a, b in zip(one, two):
        difference = float((a.double() - b.double()).abs().max()) if a.numel() else 0.0
        scale = float(a.double().abs().max()) if a.numel() else 0.0
        finite = bool(np.isfinite(difference) and np.isfinite(scale))
        absolute.append(difference if finite else float("inf"))
        relative.append(absolute[-1] / scale if finite and scale else absolute[-1])
    return max(absolute), max(relative)


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())

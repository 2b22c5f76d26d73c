"""The quantizer's formulas compiled by Inductor, where there is a compiler."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geta_engine.quant import kernels
from geta_engine.torch_internals import can_compile, compile_formula

SMALLEST = 4096
WORTH_COMPILING = 5e9
"""Numbers quantized over a whole run from which on compiling (10 to 40 s the first time) pays: eagerly each costs about
10 ns more."""
_log = logging.getLogger(__name__)


def compiled_kernels(device: str = "cpu", learn_t: bool = False) -> kernels.Kernels | None:
    """The formulas compiled for float32 arrays on `device`, for `PreparedModel.use_kernels`.

    Compiling takes seconds, fewer once it is cached on disk. None where there is no compiler or it fails.
    """
    if not can_compile(device):
        return None
    formulas: tuple[Callable[..., Any], ...] = (
        kernels.forward,
        kernels.backward,
        kernels.forward_t,
        kernels.backward_t,
    )
    run = kernels.Kernels(*(_Compiled(formula, eager) for formula, eager in zip(formulas, kernels.EAGER)))
    try:
        _try(run, device, learn_t)
    except Exception as error:  # a compiler can fail in any way, and training goes on without it
        _log.warning("the quantizer runs eagerly: its compilation failed (%s)", str(error).splitlines()[0][:200])
        return None
    return run


class _Compiled:
    """A formula on flat arrays of any length, compiled once for each combination of dtypes. Small ones stay eager: they
    cost more to hand over than to compute.

    The compiled graph is called directly. `torch.compile` asks before each call whether it still fits: 0.1 ms between
    two layers, when the caches are cold, as much as the quantizer of a small layer takes.
    """

    def __init__(self, formula: Callable[..., Any], eager: Callable[..., Any]) -> None:
        self._formula = formula
        self._eager = eager
        self._made: dict[tuple[torch.dtype, ...], Callable[[list[Tensor]], Any]] = {}

    def __call__(self, *tensors: Tensor) -> Any:
        if tensors[0].numel() < SMALLEST:
            return self._eager(*tensors)
        key = tuple(tensor.dtype for tensor in tensors)
        if key not in self._made:
            self._made[key] = _compile(self._formula, tensors)
        result = self._made[key](list(tensors))
        return result[0] if len(result) == 1 else tuple(result)


def _compile(formula: Callable[..., Any], tensors: tuple[Tensor, ...]) -> Callable[[list[Tensor]], Any]:
    def as_tuple(*args: Tensor) -> tuple[Tensor, ...]:
        result = formula(*args)
        return result if isinstance(result, tuple) else (result,)

    return compile_formula(as_tuple, tensors)


def _try(run: kernels.Kernels, device: str, learn_t: bool) -> None:
    x = torch.linspace(-1, 1, 2 * SMALLEST + 1, device=device)
    d, q_m, t = (torch.tensor(v, device=device) for v in (0.1, 0.7, 1.0))
    with torch.no_grad():
        if learn_t:
            run.forward_t(x, d, q_m, t)
            run.backward_t(-x, x, d, q_m, t)
        else:
            run.forward(x, d, q_m)
            run.backward(-x, x, d, q_m)

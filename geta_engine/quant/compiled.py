"""The quantizer's formulas compiled by Inductor, where there is a compiler."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from geta_engine.quant import kernels

SMALLEST = 4096
WORTH_COMPILING = 5e9
"""Numbers quantized over a whole run from which on compiling (10 to 40 s the first time) pays: eagerly each costs about
10 ns more."""
_log = logging.getLogger(__name__)


def use_compiled(device: str = "cpu", learn_t: bool = False) -> bool:
    """Compile for float32 arrays on `device` and use it from now on in this process.

    It takes seconds, fewer once it is cached on disk. False, and everything as before, where there is no compiler or
    it fails.
    """
    if not _compiler_is_there(device):
        return False
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
        return False
    kernels.use(run)
    return True


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
    from torch._guards import TracingContext, tracing
    from torch._inductor import config
    from torch._inductor.compile_fx import compile_fx_inner
    from torch._inductor.decomposition import select_decomp_table
    from torch.fx.experimental.proxy_tensor import make_fx

    def as_tuple(*args: Tensor) -> tuple[Tensor, ...]:
        result = formula(*args)
        return result if isinstance(result, tuple) else (result,)

    config.compile_threads = 1
    with torch.no_grad():
        pure = torch.func.functionalize(as_tuple)
        graph = make_fx(pure, select_decomp_table(), tracing_mode="symbolic")(*(t.detach() for t in tensors))
    inputs = [node.meta["val"] for node in graph.graph.find_nodes(op="placeholder")]
    with tracing(TracingContext(inputs[0].fake_mode)):
        run: Callable[[list[Tensor]], Any] = compile_fx_inner(graph, inputs)
    return run


def _compiler_is_there(device: str) -> bool:
    if device != "cpu":
        return importlib.util.find_spec("triton") is not None
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        return bool(get_cpp_compiler())
    except InvalidCxxCompiler:
        return False


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

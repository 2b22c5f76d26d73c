"""A program in a wider float, and whether it has a form in float64 at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.overrides import TorchFunctionMode

from geta_engine.errors import InputError
from geta_engine.torch_internals import tree_map


class NoFloat64Form(InputError):
    """An op of the program computes in float32 only."""


def widen(module: GraphModule, dtype: torch.dtype) -> GraphModule:
    """The module in `dtype`, in place, casts and constants to narrower floats that are written in the program included.

    Run it under `ComputeIn(dtype)`.
    """
    for node in module.graph.nodes:
        if node.op == "call_function":
            node.args, node.kwargs = tree_map(lambda a: _wider(a, dtype), (node.args, node.kwargs))
    module.recompile()
    return module.to(dtype)


def cast(inputs: Any, dtype: torch.dtype) -> Any:
    """Nested inputs with their floating tensors in `dtype`."""
    return tree_map(
        lambda leaf: leaf.to(dtype) if isinstance(leaf, Tensor) and leaf.is_floating_point() else leaf, inputs
    )


class ComputeIn(TorchFunctionMode):
    """While it is active, ops that take their dtype from PyTorch's default (`arange`, a quotient of whole numbers) give
    `dtype`. The default itself belongs to the whole process and is left alone.

    An op that fails in float64 and works on the same numbers in float32 raises NoFloat64Form. Every other error is
    passed on as it is: the program or its inputs are at fault then, or memory ran out.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        try:
            return tree_map(self._widened, func(*args, **kwargs))
        except RuntimeError as error:
            if self._dtype != torch.float64 or _is_out_of_memory(error) or not _works_in_float32(func, args, kwargs):
                raise
            reason = str(error).strip().splitlines()[0][:200]
            raise NoFloat64Form(f"the program has no form in float64 ({reason}): verify it in float32") from error

    def _widened(self, result: Any) -> Any:
        narrow = isinstance(result, Tensor) and result.is_floating_point() and result.itemsize < self._dtype.itemsize
        return result.to(self._dtype) if narrow else result


def _wider(argument: Any, dtype: torch.dtype) -> Any:
    narrow = isinstance(argument, torch.dtype) and argument.is_floating_point and argument.itemsize < dtype.itemsize
    return dtype if narrow else argument


def _works_in_float32(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a call goes through once its float64 numbers, and a float64 that it asks for, are float32."""
    narrow_args, narrow_kwargs = tree_map(_narrower, (args, dict(kwargs)))
    try:
        func(*narrow_args, **narrow_kwargs)
    except Exception:
        return False
    return True


def _narrower(value: Any) -> Any:
    if isinstance(value, Tensor) and value.dtype == torch.float64:
        return value.float()
    return torch.float32 if value == torch.float64 else value


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Half as many bytes might do, which says nothing of the op. On a CPU PyTorch tells it by its text alone."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)

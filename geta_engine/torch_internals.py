"""Every private name of PyTorch that the engine uses, each with the reason why there is no public one.

Nothing else in the engine may use a private name of PyTorch; `tests/engine/test_torch_internals.py` runs each of these
and says which one a new PyTorch has taken away.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import Graph
from torch.utils._pytree import TreeSpec, tree_flatten, tree_leaves, tree_map, tree_unflatten

__all__ = [
    "OpOverload",
    "TreeSpec",
    "can_compile",
    "compile_formula",
    "copy_calling_convention",
    "foreach_add",
    "foreach_add_",
    "foreach_addcmul_",
    "foreach_div",
    "foreach_div_",
    "foreach_exp",
    "foreach_lerp_",
    "foreach_mul",
    "foreach_mul_",
    "foreach_norm",
    "foreach_sqrt",
    "has_meta_kernel",
    "is_op",
    "may_return_view",
    "overload_name",
    "schema_name",
    "size_hint",
    "tree_flatten",
    "tree_leaves",
    "tree_map",
    "tree_unflatten",
    "version_of",
    "weight_norm",
    "writes_into_operand",
]

foreach_add = torch._foreach_add
foreach_add_ = torch._foreach_add_
foreach_addcmul_ = torch._foreach_addcmul_
foreach_div = torch._foreach_div
foreach_div_ = torch._foreach_div_
foreach_exp = torch._foreach_exp
foreach_lerp_ = torch._foreach_lerp_
foreach_mul = torch._foreach_mul
foreach_mul_ = torch._foreach_mul_
foreach_norm = torch._foreach_norm
foreach_sqrt = torch._foreach_sqrt
"""One call for a list of tensors, as torch.optim itself does it: a loop in Python costs a launch a tensor."""

weight_norm = torch._weight_norm
"""`g * v / norm(v)`, the op that a traced weight norm is: computed by another formula the weight differs in its last
bits. The public function works on modules only."""


def is_op(target: object) -> TypeGuard[OpOverload]:
    """Whether the target of a graph's node is an overload of a PyTorch operator. The class has no public name."""
    return isinstance(target, OpOverload)


def schema_name(op: OpOverload) -> str:
    """`aten::relu_` of `aten.relu_.default`. The public `name()` has the overload in it where there is one."""
    return op._schema.name


def overload_name(op: OpOverload) -> str:
    """`Tensor` of `aten.add.Tensor`. The public `name()` leaves `default` out."""
    return op._overloadname


def writes_into_operand(op: OpOverload) -> bool:
    """Whether the op changes an operand in place. Only the schema says so."""
    return op._schema.is_mutable


def may_return_view(op: OpOverload) -> bool:
    """Whether a result may share memory with an operand (`Tensor(a)`). Only the schema says so."""
    return any(result.alias_info is not None for result in op._schema.returns)


def size_hint(size: int | torch.SymInt) -> int | None:
    """The example value of a size, None where it depends on data. `int()` of a symbolic size would fix it for good."""
    if isinstance(size, int):
        return size
    return int(size.node.hint) if size.node.has_hint() else None


def copy_calling_convention(source: Graph, target: Graph) -> None:
    """Let `target` take and return what `source` does (nested inputs, dictionaries). Graphs have no public getter."""
    target.set_codegen(source._codegen)


def has_meta_kernel(name: str) -> bool:
    """Whether `aten::name` computes shapes without data. Registering a second kernel is an error, so it is asked."""
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(f"aten::{name}", "Meta"))


def version_of(tensor: Tensor) -> int:
    """How often a tensor was written to. Nothing public tells that someone else wrote to a parameter."""
    return tensor._version


def can_compile(device: str) -> bool:
    """Whether Inductor finds what it compiles with: Triton on a GPU, a C++ compiler on a CPU."""
    if device != "cpu":
        return importlib.util.find_spec("triton") is not None
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        return bool(get_cpp_compiler())
    except InvalidCxxCompiler:
        return False


def compile_formula(
    formula: Callable[..., tuple[Tensor, ...]], examples: Sequence[Tensor]
) -> Callable[[list[Tensor]], Sequence[Tensor]]:
    """A function of tensors, compiled for any sizes and the dtypes of `examples`; the result takes a list.

    `torch.compile` asks before each call whether the compiled graph still fits, which costs as much as the quantizer of
    a small layer. Inductor's settings are the caller's again afterwards.
    """
    from torch._guards import TracingContext, tracing
    from torch._inductor import config
    from torch._inductor.compile_fx import compile_fx_inner
    from torch._inductor.decomposition import select_decomp_table
    from torch.fx.experimental.proxy_tensor import make_fx

    with config.patch(compile_threads=1):
        with torch.no_grad():
            pure = torch.func.functionalize(formula)
            detached = (tensor.detach() for tensor in examples)
            graph = make_fx(pure, select_decomp_table(), tracing_mode="symbolic")(*detached)
        inputs: list[Any] = [node.meta["val"] for node in graph.graph.find_nodes(op="placeholder")]
        with tracing(TracingContext(inputs[0].fake_mode)):
            run: Callable[[list[Tensor]], Sequence[Tensor]] = compile_fx_inner(graph, inputs)
    return run

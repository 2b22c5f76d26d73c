"""Numbers a program computes from its own constants alone: index tables, permutations, positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.fx import GraphModule, Node

from geta_engine.torch_internals import is_op, tree_map, writes_into_operand
from geta_engine.trace.fx_nodes import is_view

_LARGEST = 1_000_000
"""Elements: larger tables are not worth evaluating for the sake of a label."""


def whole_numbers(module: GraphModule, node: Node) -> NDArray[np.int64] | None:
    """The value of an integer tensor that depends on no input and no trained parameter; None when it does."""
    value = node.meta.get("val")
    if isinstance(value, Tensor) and value.is_floating_point():
        return None
    needed = _evaluated(module, node)
    return None if needed is None else needed.numpy().astype(np.int64)


def is_zero(module: GraphModule, node: Node) -> bool:
    """Whether a tensor is a constant of the program, all 0."""
    value = _evaluated(module, node)
    return value is not None and not bool(value.any())


def _evaluated(module: GraphModule, node: Node) -> Tensor | None:
    order = _ancestors(node)
    if order is None:
        return None
    computed: dict[Node, Any] = {}
    try:
        with torch.no_grad(), torch.device("cpu"):
            for step in order:
                if step.op == "get_attr":
                    computed[step] = _attribute(module, str(step.target))
                else:
                    args, kwargs = tree_map(
                        lambda a: computed.get(a, a) if isinstance(a, Node) else a,
                        (tuple(step.args), dict(step.kwargs)),
                        is_leaf=lambda a: isinstance(a, Node),
                    )
                    computed[step] = step.target(*args, **kwargs)  # type: ignore[operator]
    except (RuntimeError, TypeError, AttributeError, IndexError, NotImplementedError):
        return None
    value = computed[node]
    return value if isinstance(value, Tensor) and not value.is_meta else None


def _attribute(module: GraphModule, name: str) -> Tensor:
    owner, _, attribute = name.rpartition(".")
    value = getattr(module.get_submodule(owner), attribute)
    if not isinstance(value, Tensor) or isinstance(value, torch.nn.Parameter) or value.is_meta:
        raise TypeError(name)
    return value


def _is_written(node: Node) -> bool:
    """Whether an op writes into the tensor, or into a view of it."""
    waiting = list(node.users)
    while waiting:
        user = waiting.pop()
        if is_op(user.target) and writes_into_operand(user.target):
            return True
        if is_view(user):
            waiting.extend(user.users)
    return False


def _ancestors(node: Node) -> list[Node] | None:
    """What the node is computed from, in program order; None when an input, something large or
    something that is written into is among it."""
    needed: set[Node] = set()
    waiting = [node]
    while waiting:
        step = waiting.pop()
        if step in needed:
            continue
        value = step.meta.get("val")
        if step.op not in ("call_function", "get_attr") or not isinstance(value, Tensor):
            return None
        if any(not isinstance(size, int) for size in value.shape):
            return None
        if value.numel() > _LARGEST or _is_written(step):
            return None
        needed.add(step)
        waiting.extend(step.all_input_nodes)
    return sorted(needed)

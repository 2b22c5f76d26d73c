"""What the nodes of an exported program say about themselves: op, arguments, example shapes, layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Node

from geta_engine.torch_internals import is_op, may_return_view, schema_name, size_hint, writes_into_operand


def argument(node: Node, position: int, name: str, default: Any = None) -> Any:
    """An argument of an ATen call, given by position, by keyword, or left at its default."""
    if position < len(node.args):
        return node.args[position]
    return node.kwargs.get(name, default)


def shape_of(node: Node) -> tuple[int, ...]:
    """Example shape of a node's tensor, symbolic sizes replaced by their example values."""
    return _hints(node.meta["val"].shape)


def shapes_of(node: Node) -> list[tuple[int, ...]]:
    """Example shapes of a node with one or several tensor outputs."""
    value = node.meta.get("val")
    if isinstance(value, torch.Tensor):
        return [_hints(value.shape)]
    if isinstance(value, (tuple, list)):
        return [_hints(item.shape) if isinstance(item, torch.Tensor) else () for item in value]
    return []


def is_unsized(node: Node) -> bool:
    """Whether a size of the node's tensor depends on data, so that not even an example size is known."""
    value = node.meta.get("val")
    parts = value if isinstance(value, (tuple, list)) else (value,)
    sizes = [size for part in parts if isinstance(part, torch.Tensor) for size in part.shape]
    return any(size_hint(size) is None for size in sizes)


def _hints(shape: Sequence[Any]) -> tuple[int, ...]:
    return tuple(_hint(size) for size in shape)


def _hint(size: Any) -> int:
    hint = size_hint(size)
    if hint is None:
        raise ValueError(f"the size {size} depends on data and has no example value: ask is_unsized first")
    return hint


def layer_of(node: Node) -> str:
    """Dotted path of the module a node was traced from; "" at the root."""
    stack = node.meta.get("nn_module_stack")
    if not stack:
        return ""
    path = next(reversed(stack.values()))[0]
    return str(path).removeprefix("L__self__").lstrip(".")


def is_leaf_module(node: Node) -> bool:
    """Whether the node was traced from one of PyTorch's own modules (`nn.ReLU`, `nn.Conv2d`, ...)."""
    stack = node.meta.get("nn_module_stack")
    return (
        stack is not None and len(stack) > 0 and str(next(reversed(stack.values()))[1]).startswith("torch.nn.modules.")
    )


def op_name(node: Node) -> str:
    """`conv2d` for aten::conv2d; the qualified name for ops of other namespaces."""
    target = node.target
    if is_op(target):
        return schema_name(target).removeprefix("aten::")
    return getattr(target, "__name__", str(target))


def is_view(node: Node) -> bool:
    """Whether the result may share memory with an operand, by the op's own schema (`Tensor(a)`)."""
    target = node.target
    return is_op(target) and not writes_into_operand(target) and may_return_view(target)


def title(node: Node) -> str:
    """How a node is called in sentences: its layer and op."""
    layer = layer_of(node)
    return f"{layer} ({op_name(node)})" if layer else op_name(node)


def normal_dim(dim: int, rank: int) -> int:
    return dim + rank if dim < 0 else dim

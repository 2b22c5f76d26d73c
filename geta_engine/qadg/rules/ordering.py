"""Ops that compare the entries of a dim with one another: sorting, the largest few, where the largest stands."""

from __future__ import annotations

from torch.fx import Node

from geta_engine.qadg.labels.axes import not_zero, renumber
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.join import keep_rows
from geta_engine.qadg.labels.space import Value
from geta_engine.qadg.rules.contraction import pin_all
from geta_engine.qadg.rules.registry import rule
from geta_engine.trace.fx_nodes import argument, op_name, shapes_of, title


@rule("topk", "sort", "argsort", "argmax", "argmin", "cummax", "cummin", "kthvalue", "median", "mode", "multinomial")
def ordered(context: Context, node: Node) -> Value | tuple[Value, ...]:
    """What is compared with one another stays; other dims carry their labels on, without zeros."""
    value = context.input(node)
    position = 2 if op_name(node) in ("topk", "kthvalue") else 1
    dim = argument(node, position, "dim", None if "arg" in str(node.target) else -1)
    if dim is None or "multinomial" in str(node.target):
        return pin_all(context, node)
    dim = int(dim) % max(len(value.shape), 1)
    rows = [keep_rows(context, node, axes, {dim}, "compares it with others") for axes in value.axes]
    kept = [not_zero(axes) for axes in rows if axes is not None]
    lower = [renumber(axes, lambda d: d - (d > dim)) for axes in kept]
    results = tuple(
        Value(shape, tuple(kept if len(shape) == len(value.shape) else lower), cause=title(node))
        for shape in shapes_of(node)
    )
    return results if isinstance(node.meta["val"], (tuple, list)) else results[0]

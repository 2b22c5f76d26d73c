"""Softmax: what it normalises over stays."""

from __future__ import annotations

from torch.fx import Node

from geta_engine.qadg.labels.axes import not_zero
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.join import keep_rows
from geta_engine.qadg.labels.space import Value
from geta_engine.qadg.rules.registry import rule
from geta_engine.trace.fx_nodes import title


def normalized(context: Context, node: Node, value: Value, dim: int) -> Value:
    """The value after a softmax over `dim`: no zeros, and nothing that goes along that dim."""
    rows = [keep_rows(context, node, axes, {dim}, "normalises over it") for axes in value.axes]
    return Value(value.shape, tuple(not_zero(axes) for axes in rows if axes is not None), cause=title(node))


@rule("softmax", "log_softmax", "_softmax", "_log_softmax", "_safe_softmax", "special_softmax")
def softmax(context: Context, node: Node) -> Value:
    """Not zero at zero; a softmax over channels changes when one goes."""
    value = context.input(node)
    return normalized(context, node, value, int(node.args[1]) % max(len(value.shape), 1))  # type: ignore[arg-type, call-overload]

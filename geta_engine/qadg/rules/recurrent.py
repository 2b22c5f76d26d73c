"""LSTM, GRU and plain recurrent layers: one hidden size for all layers and directions of an op."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch.fx import Node

from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.space import Axes, Labels, Value
from geta_engine.qadg.rules.contraction import not_zero_reason, pin_inputs, reads_fixed
from geta_engine.qadg.rules.registry import rule
from geta_engine.trace.fx_nodes import op_name, shapes_of, title

_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
_CELL_GATES = {"lstm_cell": 4, "gru_cell": 3, "rnn_tanh_cell": 1, "rnn_relu_cell": 1}


@rule(*_GATES, sums=True)
def recurrent(context: Context, node: Node) -> tuple[Value, ...]:
    """Hidden index h of every gate, layer and direction is one unit (they share one hidden size).

    With weights and biases at zero, every cell keeps a state of zero: sigmoid(0) tanh(0) + sigmoid(0) 0 = 0 for an
    LSTM, (1 - sigmoid(0)) tanh(0) + sigmoid(0) 0 = 0 for a GRU. So the state must begin at zero.
    """
    shapes = shapes_of(node)
    states, weights, biased, layers, directions = _arguments(context, node)
    hidden = shapes[-1][-1]
    per_cell = 4 if biased else 2
    whole = len(weights) == layers * directions * per_cell and all(w is not None for w in weights)
    if not whole or not all(s is not None and _begins_at_zero(s) for s in states):
        pin_inputs(context, node, f"`{title(node)}` starts from a state that is not zero")
        return tuple(Value(shape) for shape in shapes)
    unit = context.space.allocate(hidden)
    for state in states:
        assert state is not None
        _read_whole(context, node, state)
        axes = state.on(len(state.shape) - 1)
        assert axes is not None
        context.space.tie(axes.labels, unit, node.name)
    value = context.input(node)
    _read_whole(context, node, value)
    for layer in range(layers):
        first = layer * directions * per_cell
        for cell in range(directions):
            tensors = [w for w in weights[first + cell * per_cell : first + (cell + 1) * per_cell] if w is not None]
            _cell(context, node, tensors, value if layer == 0 else None, np.tile(unit, directions), unit)
    outputs = [Value(shapes[0], (_on_last(shapes[0], np.tile(unit, directions)),))]
    outputs += [Value(shape, (_on_last(shape, unit),)) for shape in shapes[1:]]
    return tuple(outputs)


def _arguments(context: Context, node: Node) -> tuple[list[Value | None], list[Value | None], bool, int, int]:
    _, states, weights, biased, layers, _, _, bidirectional = node.args[:8]
    given = states if isinstance(states, (list, tuple)) else [states]
    return (
        [context.value(s) for s in given],
        [context.value(w) for w in weights],  # type: ignore[union-attr]
        bool(biased),
        int(layers),  # type: ignore[arg-type, call-overload]
        2 if bidirectional else 1,
    )


def _read_whole(context: Context, node: Node, value: Value) -> None:
    """Time and batch stay; what is read of parameters is zeroed with its unit."""
    last = len(value.shape) - 1
    for axes in value.axes:
        context.space.forbid_removal_along(
            axes, [d for d in axes.dims if d != last], f"`{title(node)}` steps over it", node.name
        )
    context.space.mark_produced(value)


def _begins_at_zero(state: Value) -> bool:
    axes = state.on(len(state.shape) - 1)
    return axes is not None and axes.is_expanded_copy and len(axes.dims) == 1 and bool(axes.zero.all())


def _on_last(shape: Sequence[int], labels: Labels) -> Axes:
    return Axes((len(shape) - 1,), labels, np.ones(labels.shape, bool))


def _cell(context: Context, node: Node, weights: list[Value], x: Value | None, below: Labels, unit: Labels) -> None:
    """One direction of one layer: rows of every gate are tied to the unit, columns to what is read."""
    space = context.space
    gates = np.tile(unit, {**_GATES, **_CELL_GATES}[op_name(node)])
    for weight in weights:
        rows = weight.on(0)
        if rows is None or rows.labels.shape != gates.shape:
            space.pin(unit, f"`{title(node)}` has a weight that cannot lose channels")
            continue
        space.tie(rows.labels, gates, node.name)
        space.produced.append(rows.labels.ravel())
    inner, hidden = weights[0].on(1), weights[1].on(1)
    if hidden is not None:
        space.tie(hidden.labels, unit, node.name)
    if inner is None:
        return
    if x is None:
        space.tie(inner.labels, below, node.name)
        return
    axes = x.on(len(x.shape) - 1)
    if axes is None or len(axes.dims) > 1:
        space.pin(inner.labels, reads_fixed(node))
        space.pin_value(x, reads_fixed(node))
        return
    space.tie(inner.labels, axes.labels, node.name)
    if not axes.zero.all():
        space.pin(axes.labels[~axes.zero], not_zero_reason(node, x.cause))


@rule(*_CELL_GATES, sums=True)
def cell(context: Context, node: Node) -> Value | tuple[Value, ...]:
    """One step of one layer: the state must be zero where the unit is, and then stays so."""
    shapes = shapes_of(node)
    states = [context.value(s) for s in (node.args[1] if isinstance(node.args[1], (list, tuple)) else [node.args[1]])]
    weights = [w for a in node.args[2:] if (w := context.value(a)) is not None]
    unit = context.space.allocate(shapes[0][-1])
    for read in (context.input(node), *states):
        if read is not None:
            _read_whole(context, node, read)
    for state in states:
        axes = state.on(len(state.shape) - 1) if state is not None else None
        if axes is None or len(axes.dims) > 1 or not axes.zero.all():
            pin_inputs(context, node, f"`{title(node)}` starts from a state that is not zero")
            return tuple(Value(shape) for shape in shapes) if len(shapes) > 1 else Value(shapes[0])
        context.space.tie(axes.labels, unit, node.name)
    _cell(context, node, weights, context.input(node), unit, unit)
    results = tuple(Value(shape, (_on_last(shape, unit),)) for shape in shapes)
    return results if isinstance(node.meta["val"], (tuple, list)) else results[0]

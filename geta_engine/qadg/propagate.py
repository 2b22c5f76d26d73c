"""Walk the program once, in order, and push labels through it (docs/method.md, section 3.2)."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.fx import GraphModule, Node

from geta_engine.documents.qadg import Branch
from geta_engine.qadg.labels.context import Context, Values
from geta_engine.qadg.labels.space import Axes, Labels, LabelSpace, Value
from geta_engine.qadg.rules import find
from geta_engine.qadg.rules.contraction import pin_all, pin_inputs
from geta_engine.qadg.rules.creation import filled
from geta_engine.qadg.rules.elementwise import is_pointwise, pointwise
from geta_engine.qadg.rules.registry import sums
from geta_engine.torch_internals import is_op, writes_into_operand
from geta_engine.trace.fx_nodes import is_unsized, op_name, shape_of, shapes_of, title


@dataclass(frozen=True)
class Source:
    """Labels of one dim of one parameter or buffer: `start` to `start + size` along `dim`."""

    name: str
    dim: int
    start: int
    size: int
    parameter: bool


@dataclass(frozen=True)
class Propagated:
    """All labels of a program: the space with its ties and pins, each node's values, each parameter's labels."""

    space: LabelSpace
    values: Mapping[Node, Values]
    sources: tuple[Source, ...]


def propagate(module: GraphModule, by_head: bool = True, branches: Sequence[Branch] = ()) -> Propagated:
    """Label every index of every parameter dim and visit each node once; nothing here aborts on an unknown op.

    Quantizer branches are passed by: what reads the end of one gets the labels of its source.
    """
    context = Context(module, by_head)
    sources: list[Source] = []
    parameters = dict(module.named_parameters(remove_duplicate=False))
    source_of = {name: branch.source for branch in branches for name in branch.nodes}
    scalars = {name for branch in branches for name in branch.scalars}
    by_name: dict[str, Values] = {}
    for node in module.graph.nodes:
        if node.name in source_of:
            context.values[node] = _inside_branch(node, by_name[source_of[node.name]])
        elif node.op == "get_attr":
            context.values[node] = _source(context, node, str(node.target) in parameters, sources)
        elif node.op == "placeholder":
            context.values[node] = Value(shape_of(node)) if _is_tensor(node) else None
        elif node.op == "call_function" and node.name not in scalars:
            context.values[node] = _visit(context, node)
        elif node.op == "output":
            for result in node.all_input_nodes:
                _pin_output(context, result)
        by_name[node.name] = context.values.get(node)
    for branch in branches:
        _tie_branch(context, branch, by_name)
    return Propagated(context.space, context.values, tuple(sources))


def _inside_branch(node: Node, source: Values) -> Values:
    """The source's labels on every tensor of its shape."""
    if isinstance(source, Value) and _is_tensor(node) and shape_of(node) == source.shape:
        return source
    return Value(shape_of(node)) if _is_tensor(node) else None


def _tie_branch(context: Context, branch: Branch, values: Mapping[str, Values]) -> None:
    """A scale a channel goes with its channel; a quantizer that turns zeros into other numbers keeps them all."""
    source = values[branch.source]
    assert isinstance(source, Value)
    if not branch.keeps_zero:
        context.space.pin_value(
            source, f"the quantizer of `{branch.layer}` does not leave zeros and what is beside them as they are"
        )
    for name, dim in branch.per_channel:
        scale, axes = values[name], source.on(dim)
        if not isinstance(scale, Value):
            continue
        for channels in scale.axes:
            if axes is not None and axes.dims == (dim,) and channels.labels.shape == axes.labels.shape:
                context.space.tie(axes.labels, channels.labels, branch.result)
            else:
                context.space.pin(channels.labels, f"the quantizer of `{branch.layer}` has one for every channel")
                context.space.pin_value(source, f"the quantizer of `{branch.layer}` has a scale for every channel")


def _is_tensor(node: Node) -> bool:
    return isinstance(node.meta.get("val"), torch.Tensor)


def _source(context: Context, node: Node, parameter: bool, sources: list[Source]) -> Value | None:
    if not _is_tensor(node):
        return None
    shape = shape_of(node)
    axes = []
    for dim, size in enumerate(shape):
        if size > 1:
            labels = context.space.allocate(size)
            sources.append(Source(str(node.target), dim, int(labels[0]), size, parameter))
            axes.append(Axes((dim,), labels, np.full(size, parameter)))
    return Value(shape, tuple(axes), parameter, None if parameter else f"{node.target} (a constant of the model)")


def _visit(context: Context, node: Node) -> Values:
    rule = find("getitem") if node.target is operator.getitem else find(op_name(node))
    if rule is None and is_pointwise(node) and _is_tensor(node):
        rule = pointwise
    if is_unsized(node):
        context.unsized.add(node)
        return _unknown(context, node)
    shapes = shapes_of(node)
    if not shapes or not (rule is filled or any(context.values.get(source) for source in node.all_input_nodes)):
        return Value(shapes[0]) if _is_tensor(node) else None
    if context.unsized and not context.unsized.isdisjoint(node.all_input_nodes):
        return pin_all(context, node)
    if rule is None or _writes(node):
        return _unknown(context, node)
    result = rule(context, node)
    if not sums(rule):
        _read_into_data(context, node, result)
    return result


def _read_into_data(context: Context, node: Node, result: Values) -> None:
    """What was made of parameters alone and now is data relies on being zeroed."""
    if any(value.constant for value in (result if isinstance(result, tuple) else (result,)) if value is not None):
        return
    for source in node.all_input_nodes:
        if (value := context.value(source)) is not None:
            context.space.mark_produced(value)


def _writes(node: Node) -> bool:
    """Whether the op still writes into its operand: into a view, where it cannot be made pure."""
    return is_op(node.target) and writes_into_operand(node.target)


def _unknown(context: Context, node: Node) -> Values:
    """Pin the neighbourhood, count the op if there was anything to pin, go on."""
    if pins := any(_carries_labels(context.values.get(source)) for source in node.all_input_nodes):
        name = op_name(node)
        context.space.unknown_ops[name] = context.space.unknown_ops.get(name, 0) + pins
    pin_inputs(context, node, f"`{title(node)}` is an operation without a rule")
    if is_unsized(node):
        return None
    return Value(shape_of(node)) if _is_tensor(node) else tuple(Value(shape) for shape in shapes_of(node))


def _carries_labels(values: Values) -> bool:
    return any(value.axes for value in (values if isinstance(values, tuple) else (values,)) if value is not None)


def _pin_output(context: Context, result: Node) -> None:
    values = context.values.get(result)
    for value in values if isinstance(values, tuple) else (values,):
        if value is not None:
            context.space.pin_value(
                value, f"output: what the model returns comes straight from `{_layer_behind(result)}`"
            )


def _layer_behind(node: Node) -> str:
    """The nearest layer upstream, for a sentence people recognise."""
    while node.op == "call_function" and not any(a.op == "get_attr" for a in node.all_input_nodes):
        if not node.all_input_nodes:
            break
        node = node.all_input_nodes[0]
    return title(node).split(" (")[0]


def protect_labels(propagated: Propagated, names: Mapping[str, str]) -> None:
    """Pin every dim of the named parameters; `names` maps a parameter to the pattern that named it."""
    for source in propagated.sources:
        if source.name in names:
            labels: Labels = np.arange(source.start, source.start + source.size, dtype=np.int32)
            propagated.space.pin(labels, f"protected: you asked for it with `{names[source.name]}`")

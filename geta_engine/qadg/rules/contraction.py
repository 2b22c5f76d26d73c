"""Linear, matmul, einsum: in-labels are tied to the input's channels, out-labels go to the result.

A removed index must contribute nothing to the sum: its input is zero there, or the contraction is pinned
(docs/method.md, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch.fx import Node

from geta_engine.qadg.labels.axes import align, renumber
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.join import Zero, all_zero, any_zero, join, sum_out
from geta_engine.qadg.labels.space import Axes, Value
from geta_engine.qadg.rules.registry import rule
from geta_engine.trace.fx_nodes import argument, shape_of, title


@rule("linear", sums=True)
def linear(context: Context, node: Node) -> Value:
    x, weight = context.input(node), context.input(node, 1)
    rank = len(x.shape)
    names = [*range(rank - 1), rank]
    out = contract(context, node, [(x, names), (weight, [rank - 1, rank])], [*range(rank - 1), rank - 1])
    return add(context, node, out, context.value(argument(node, 2, "bias")))


def contract(context: Context, node: Node, factors: Sequence[tuple[Value, Sequence[int]]], out: Sequence[int]) -> Value:
    """Multiply factors and sum over what `out` does not name: einsum with whole numbers as letters.

    Example: `[(q, (0, 1, 2, 4)), (k, (0, 1, 3, 4))], (0, 1, 2, 3)` are attention scores: heads (1) are tied one to
    one, head dims (4) are summed.
    """
    summed = sorted({name for _, names in factors for name in names} - set(out))
    position = {name: i for i, name in enumerate((*out, *summed))}
    values = [_in_common(value, names, position) for value, names in factors]
    for value in values:
        kept = [axes for axes in value.axes if min(axes.dims) < len(out)]
        context.space.mark_produced(value.with_axes(value.shape, kept))
    sizes = [max(value.shape[i] for value in values) for i in range(len(position))]
    _pin_read_fixed(context, node, values, len(out))
    constants = [value.constant for value in values]
    if all(constants):
        context.space.mark_produced(values[0])
        values[0] = Value(values[0].shape, values[0].axes, False, values[0].cause)
    gone = set(range(len(out), len(position)))
    reason = _not_zero(node, values)
    result = []
    for axes in join(context, node, values, sizes, any_zero, partial="tie"):
        if gone & set(axes.dims) and any(constants):
            axes = _data_zeros(values, axes)
        if (remaining := sum_out(context, node, axes, gone, reason)) is not None:
            result.append(remaining)
    return Value(tuple(sizes[: len(out)]), tuple(result), all(constants), _cause(values, result))


def _in_common(value: Value, names: Sequence[int], position: dict[int, int]) -> Value:
    """A factor over all dims of the product, of size 1 where it has none."""
    shape = [1] * len(position)
    for size, name in zip(value.shape, names):
        shape[position[name]] = size
    moved = [renumber(axes, lambda d: position[names[d]]) for axes in value.axes]
    return value.with_axes(tuple(shape), moved)


def _data_zeros(values: Sequence[Value], axes: Axes) -> Axes:
    """With a parameter as one factor, zeros of a sum must come from the data: consumers are not zeroed.

    Of parameters alone, the first factor is the data.
    """
    data = [a.zero for v in values if not v.constant for a in v.axes if a.dims == axes.dims]
    zero = np.logical_or.reduce(data) if data else np.zeros(axes.labels.shape, bool)
    return Axes(axes.dims, axes.labels, zero, axes.is_expanded_copy)


def _pin_read_fixed(context: Context, node: Node, values: Sequence[Value], first: int) -> None:
    """A summed dim that only one factor labels cannot lose anything."""
    for axes in (a for value in values for a in value.axes):
        for dim in axes.dims:
            if dim >= first and any(v.shape[dim] > 1 and v.on(dim) is None for v in values):
                context.space.forbid_removal_along(axes, [dim], reads_fixed(node), node.name)


def _cause(values: Sequence[Value], result: Sequence[Axes]) -> str | None:
    if all(axes.zero.all() for axes in result):
        return None
    return next((v.cause for v in values if v.cause), None)


def add(context: Context, node: Node, result: Value, bias: Value | None) -> Value:
    """A bias added to a result (right-aligned): tied to it, and not zero along the dims it does not have."""
    if bias is None:
        return result
    context.space.mark_produced(bias)
    return combine(context, node, [result, bias], all_zero)


def combine(context: Context, node: Node, operands: Sequence[Value], zero: Zero) -> Value:
    """Operands read index by index with broadcasting, by a known formula."""
    rank = max(len(o.shape) for o in operands)
    aligned = [align(o, rank) for o in operands]
    shape = tuple(np.broadcast_shapes(*(o.shape for o in aligned)))
    axes = join(context, node, aligned, shape, zero)
    cause = None if all(a.zero.all() for a in axes) else next((o.cause for o in operands if o.cause), title(node))
    return Value(shape, axes, all(o.constant for o in operands), cause)


@rule("matmul", "bmm", "mm", "mv", "dot", sums=True)
def matmul(context: Context, node: Node) -> Value:
    """Product over the last dim of one and the last but one of the other; a head that both share is one unit."""
    return product(context, node, context.input(node), context.input(node, 1))


def product(context: Context, node: Node, a: Value, b: Value) -> Value:
    """Batch dims are numbered from the right, below zero; rows are 0, columns 1, what is summed 2."""
    left = [*range(-(len(a.shape) - 2), 0), 0, 2] if len(a.shape) > 1 else [2]
    right = [*range(-(len(b.shape) - 2), 0), 2, 1] if len(b.shape) > 1 else [2]
    batch = range(-max(len(a.shape) - 2, len(b.shape) - 2, 0), 0)
    out = [*batch, *((0,) if len(a.shape) > 1 else ()), *((1,) if len(b.shape) > 1 else ())]
    return contract(context, node, [(a, left), (b, right)], out)


@rule("addmm", "baddbmm", "addmv", "addbmm", sums=True)
def matmul_add(context: Context, node: Node) -> Value:
    out = product(context, node, context.input(node, 1), context.input(node, 2))
    if len(out.shape) > len(shape_of(node)):
        return pin_all(context, node)
    return add(context, node, out, context.input(node))


@rule("outer", "ger", sums=True)
def outer(context: Context, node: Node) -> Value:
    return contract(context, node, [(context.input(node), [0]), (context.input(node, 1), [1])], [0, 1])


@rule("einsum", sums=True)
def einsum(context: Context, node: Node) -> Value:
    """The equation's letters as names, dots as names from the right; repeated letters within one operand are pinned."""
    equation = str(node.args[0]).replace(" ", "")
    values = [context.value(a) for a in node.args[1]]  # type: ignore[union-attr]
    inputs, arrow, out = equation.partition("->")
    terms = inputs.split(",")
    if any(len(set(t) - {"."}) < len(t.replace("...", "")) for t in terms) or any(v is None for v in values):
        return pin_all(context, node)
    if not arrow:
        once = sorted(c for c in set(inputs) - set(",.") if inputs.count(c) == 1)
        out = ("..." if "..." in inputs else "") + "".join(once)
    factors = [(v, _names(term, len(v.shape))) for v, term in zip(values, terms) if v is not None]
    dots = max(len(names) - len(term.replace("...", "")) for (_, names), term in zip(factors, terms))
    return contract(context, node, factors, _names(out, len(out.replace("...", "")) + dots * ("..." in out)))


def _names(term: str, rank: int) -> list[int]:
    """Letters as whole numbers; the dims that dots stand for count from -1 at their right end."""
    before, dots, after = term.partition("...")
    between = range(-(rank - len(before) - len(after)), 0) if dots else ()
    return [*map(ord, before), *between, *map(ord, after)]


@rule("embedding", sums=True)
def embedding(context: Context, node: Node) -> Value:
    weight = context.input(node)
    shape = shape_of(node)
    for axes in weight.axes:
        context.space.forbid_removal_along(axes, [0], f"`{title(node)}` looks its rows up by token", node.name)
    kept = [axes for axes in weight.axes if 0 not in axes.dims]
    context.space.mark_produced(weight.with_axes(weight.shape, kept))
    return Value(shape, tuple(renumber(axes, lambda d: d + len(shape) - 2) for axes in kept), cause=weight.cause)


def _not_zero(node: Node, values: Sequence[Value]) -> str:
    return not_zero_reason(node, next((v.cause for v in values if v.cause), None))


def not_zero_reason(node: Node, cause: str | None) -> str:
    culprit = f"`{cause}` turns zeros into other numbers" if cause else "its zeros do not stay zero"
    return f"{culprit} before `{title(node)}` sums over it"


def reads_fixed(node: Node) -> str:
    return f"input: `{title(node)}` reads channels that nothing in the model produces"


def pin_all(context: Context, node: Node) -> Value:
    """Pin whatever a node reads; its result carries no labels."""
    pin_inputs(context, node, f"`{title(node)}` cannot lose channels")
    return Value(shape_of(node))


def pin_inputs(context: Context, node: Node, reason: str) -> None:
    """Pin the labels of every operand, parameters included."""
    for source in node.all_input_nodes:
        values = context.values.get(source)
        for value in values if isinstance(values, tuple) else (values,):
            if value is not None:
                context.space.pin_value(value, reason)

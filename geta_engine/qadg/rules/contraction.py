"""Linear, convolution, matmul: in-labels are tied to the input's channels, out-labels go to the result.

A removed index must contribute nothing to the sum: its input is zero there, or the contraction is pinned
(METHOD, section 3.3)."""

from __future__ import annotations

import numpy as np
from torch.fx import Node

from geta_engine.qadg.axes import align, spread
from geta_engine.qadg.context import Context, argument, shape_of, title
from geta_engine.qadg.rules.registry import rule
from geta_engine.qadg.space import Axes, Labels, Value


@rule("linear")
def linear(context: Context, node: Node) -> Value:
    x, weight = _operands(context, node)
    if _is_joint(weight):
        return pin_all(context, node)
    contract(context, node, x, len(x.shape) - 1, weight, 1)
    biased = argument(node, 2, "bias") is not None
    return _produce(context, node, weight, 0, bias_position=2, out_dim=len(shape_of(node)) - 1, kept=_rows(x, biased))


def _rows(x: Value, biased: bool) -> tuple[Axes, ...]:
    """Labels of the dims that a linear layer leaves alone; a bias fills rows that were zero."""
    last = len(x.shape) - 1
    return tuple(not_zero(axes) if biased else axes for axes in x.axes if last not in axes.dims)


def not_zero(axes: Axes) -> Axes:
    """The same labels on a tensor that is not zero where its unit is."""
    return Axes(axes.dims, axes.labels, np.zeros_like(axes.zero))


def _is_joint(weight: Value) -> bool:
    return any(len(axes.dims) > 1 for axes in weight.axes)


@rule("conv1d", "conv2d", "conv3d")
def convolution(context: Context, node: Node) -> Value:
    x, weight = _operands(context, node)
    groups = argument(node, 6, "groups", 1)
    if _is_joint(weight) or len(x.shape) != len(weight.shape):
        return pin_all(context, node)
    _pin_taps(context, weight)
    _pin_others(context, node, x)
    if groups == 1:
        contract(context, node, x, 1, weight, 1)
    else:
        _grouped(context, node, x, weight, groups)
    return _produce(context, node, weight, 0, bias_position=2, out_dim=1)


def _grouped(context: Context, node: Node, x: Value, weight: Value, groups: int) -> None:
    """Whole groups go together: their in-channels, their out-channels; a depthwise group is one channel."""
    out_labels = _labels(weight, 0).reshape(groups, -1)
    context.space.tie(out_labels, out_labels[:, :1], node.name)
    inner = weight.on(1)
    if inner is not None:
        context.space.pin(inner.labels, f"`{title(node)}` shares it between its groups")
    axes = x.on(1)
    if axes is None or axes.dims != (1,):
        context.space.pin(out_labels, _reads_fixed(node))
        context.space.pin_value(x, _reads_fixed(node))
        return
    in_labels = axes.labels.reshape(groups, -1)
    context.space.tie(in_labels, in_labels[:, :1], node.name)
    context.space.tie(in_labels[:, 0], out_labels[:, 0], node.name)
    _require_zero(context, node, x, axes)


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed_convolution(context: Context, node: Node) -> Value:
    x, weight = _operands(context, node)
    grouped = argument(node, 6, "groups", 1) != 1
    if grouped or _is_joint(weight) or len(x.shape) != len(weight.shape):
        return pin_all(context, node)
    _pin_taps(context, weight)
    _pin_others(context, node, x)
    contract(context, node, x, 1, weight, 0)
    return _produce(context, node, weight, 1, bias_position=2, out_dim=1)


@rule("embedding")
def embedding(context: Context, node: Node) -> Value:
    weight = context.value(node.args[0])
    assert weight is not None
    vocabulary = weight.on(0)
    if vocabulary is not None:
        context.space.pin(vocabulary.labels, f"`{title(node)}` looks its rows up by token")
    shape = shape_of(node)
    axes = weight.on(1)
    if axes is None:
        return Value(shape)
    context.space.produced.append(axes.labels.ravel())
    return Value(shape, (Axes((len(shape) - 1,), axes.labels, axes.zero),))


@rule("matmul", "bmm", "mm")
def matmul(context: Context, node: Node) -> Value:
    """Product of two tensors of at least 2 dims; a head that both share is one unit."""
    a, b = (context.value(arg) for arg in node.args[:2])
    shape = shape_of(node)
    if a is None or b is None or len(a.shape) < 2 or len(b.shape) < 2:
        return pin_all(context, node)
    rank = len(shape)
    a, b = align(a, rank), align(b, rank)
    contract(context, node, a, rank - 1, b, rank - 2, batch_dims=rank - 2)
    for one, other in ((a, b), (b, a)):
        _pin_fixed_batch(context, node, one, other)
    return Value(shape, _merge(context, node, _outer(context, a, rank - 1), _outer(context, b, rank - 2)))


def _pin_fixed_batch(context: Context, node: Node, one: Value, other: Value) -> None:
    """Batch dims along which one factor has labels and the other has a full size without any."""
    for axes in one.axes:
        for dim in axes.dims:
            if dim < len(one.shape) - 2 and other.shape[dim] > 1 and other.on(dim) is None:
                context.space.pin(axes.labels, f"`{title(node)}` multiplies it with a tensor that cannot lose channels")


def _outer(context: Context, value: Value, contracted: int) -> list[Axes]:
    """What is left of the labels when one dim is summed away: joint blocks are tied along it."""
    kept = []
    for axes in value.axes:
        if contracted not in axes.dims:
            kept.append(axes)
        elif len(axes.dims) > 1:
            kept.append(collapse(context, axes, contracted))
        if value.constant:
            context.space.produced += [axes.labels.ravel() for axes in value.axes if contracted not in axes.dims]
    return kept


def collapse(context: Context, axes: Axes, dim: int, node: str = "") -> Axes:
    """Tie labels along `dim` (granularity: whole heads) and leave the dim out; zero only where all of it is."""
    position = axes.dims.index(dim)
    first = np.take(axes.labels, [0], position)
    context.space.tie(axes.labels, first, node)
    dims = tuple(d for d in axes.dims if d != dim)
    return Axes(dims, np.take(axes.labels, 0, position), np.asarray(axes.zero.all(axis=position)))


def _merge(context: Context, node: Node, left: list[Axes], right: list[Axes]) -> tuple[Axes, ...]:
    """Labels of a product: shared batch dims are tied, and zero where either factor is."""
    merged = list(left)
    for axes in right:
        clash = [other for other in merged if set(other.dims) & set(axes.dims)]
        for other in clash:
            merged.remove(other)
            dims = tuple(sorted(set(other.dims) | set(axes.dims)))
            sizes = [shape_of(node)[d] for d in dims]
            one, two = spread(other, dims, sizes), spread(axes, dims, sizes)
            context.space.tie(one.labels, two.labels, node.name)
            axes = Axes(dims, one.labels, one.zero | two.zero)
        merged.append(axes)
    return tuple(merged)


def contract(
    context: Context, node: Node, x: Value, x_dim: int, weight: Value, w_dim: int, batch_dims: int = 0
) -> None:
    """Tie the summed dims of two factors index by index; require zeros on one side.

    The first `batch_dims` dims are shared by both factors: along them labels are tied one to one.
    """
    left, right = x.on(x_dim), weight.on(w_dim)
    for value, axes in ((x, left), (weight, right)):
        if value.constant and axes is not None:
            context.space.consumed.append(axes.labels.ravel())
    if left is None or right is None:
        for axes in (left, right):
            if axes is not None:
                context.space.pin(axes.labels, _reads_fixed(node))
        return
    right = _renumber(right, w_dim, x_dim, batch_dims)
    dims = sorted(set(left.dims) | set(right.dims))
    context.space.tie(_broadcast(left, left.labels, dims), _broadcast(right, right.labels, dims), node.name)
    one, two = _broadcast(left, left.zero, dims), _broadcast(right, right.zero, dims)
    zero = _data_zero(x, one, two) if x.constant or weight.constant else one | two
    if not zero.all():
        labels = np.broadcast_to(_broadcast(left, left.labels, dims), zero.shape)
        context.space.pin(labels[~zero], _not_zero(node, x))


def _renumber(axes: Axes, dim: int, new: int, batch_dims: int) -> Axes:
    """Call `dim` by its number in the other factor; dims that are not shared get numbers of their own."""
    numbers = [new if d == dim else d if d < batch_dims else 1000 + d for d in axes.dims]
    order = np.argsort(numbers)
    return Axes(tuple(numbers[i] for i in order), axes.labels.transpose(order), axes.zero.transpose(order))


def _broadcast(axes: Axes, array: np.ndarray, dims: list[int]) -> np.ndarray:
    sizes = dict(zip(axes.dims, array.shape))
    return array.reshape([sizes.get(d, 1) for d in dims])


def _data_zero(x: Value, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """With a parameter as one factor, the zeros must come from the other (producers are zeroed, consumers are not)."""
    return two if x.constant else one


def _produce(
    context: Context,
    node: Node,
    weight: Value,
    w_dim: int,
    bias_position: int,
    out_dim: int,
    kept: tuple[Axes, ...] = (),
) -> Value:
    """Out-labels of the weight, tied to the bias, become the labels of the result; zeroed, they give zeros."""
    shape = shape_of(node)
    axes = weight.on(w_dim)
    bias = context.value(argument(node, bias_position, "bias"))
    if axes is None:
        return Value(shape, kept)
    zero = axes.zero
    context.space.produced.append(axes.labels.ravel())
    if bias is not None and bias.axes:
        context.space.tie(axes.labels, bias.axes[0].labels, node.name)
        context.space.produced.append(bias.axes[0].labels.ravel())
        zero = zero & bias.axes[0].zero
    elif bias is not None:
        context.space.pin(axes.labels, f"`{title(node)}` adds a bias that cannot lose channels")
    cause = None if zero.all() else title(node)
    return Value(shape, (*kept, Axes((out_dim,), axes.labels, zero)), cause=cause)


def _operands(context: Context, node: Node) -> tuple[Value, Value]:
    x, weight = context.value(node.args[0]), context.value(node.args[1])
    assert x is not None and weight is not None
    return x, weight


def _labels(value: Value, dim: int) -> Labels:
    axes = value.on(dim)
    return axes.labels if axes is not None else np.zeros(value.shape[dim], np.int32)


def _pin_taps(context: Context, weight: Value) -> None:
    for dim in range(2, len(weight.shape)):
        if (axes := weight.on(dim)) is not None:
            context.space.pin(axes.labels, "kernel taps are no channels")


def _pin_others(context: Context, node: Node, x: Value) -> None:
    for axes in x.axes:
        if 1 not in axes.dims:
            context.space.pin(axes.labels, f"`{title(node)}` slides over it")


def _require_zero(context: Context, node: Node, x: Value, axes: Axes) -> None:
    if not axes.zero.all():
        context.space.pin(axes.labels[~axes.zero], _not_zero(node, x))


def _not_zero(node: Node, x: Value) -> str:
    culprit = f"`{x.cause}` turns zeros into other numbers" if x.cause else "its zeros do not stay zero"
    return f"{culprit} before `{title(node)}` sums over it"


def _reads_fixed(node: Node) -> str:
    return f"input: `{title(node)}` reads channels that nothing in the model produces"


def pin_all(context: Context, node: Node) -> Value:
    """Pin whatever a node reads; its result carries no labels."""
    pin_inputs(context, node, f"`{title(node)}` cannot lose channels")
    return Value(shape_of(node))


def pin_inputs(context: Context, node: Node, reason: str) -> None:
    """Pin the labels of every operand, parameters included."""
    for source in node.all_input_nodes:
        found = context.values.get(source)
        for value in found if isinstance(found, tuple) else (found,):
            if value is not None:
                context.space.pin_value(value, reason)

"""Shape constants of a traced program, rewritten for what is left. One small function an op family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.fx import Graph, Node

from geta_engine.compact.removal import Removal
from geta_engine.qadg.context import argument, normal_dim, op_name, shape_of, shapes_of

Rewrite = Callable[[Node, Removal], None]
_aten = torch.ops.aten


def rewrite(graph: Graph, removal: Removal) -> None:
    """Rewrite every node that holds a size, a position or a divisor of a dim that shrinks."""
    for node in list(graph.nodes):
        action = _REWRITES.get(op_name(node)) if node.op == "call_function" else None
        if action is not None:
            action(node, removal)


def _sizes(position: int) -> Rewrite:
    """The op takes its whole output shape as an argument."""

    def apply(node: Node, removal: Removal) -> None:
        kept = removal.kept(node.name)
        if kept:
            sizes = list(node.args[position])  # type: ignore[arg-type]
            for dim, index in kept.items():
                if isinstance(sizes[dim], int) and sizes[dim] != -1:
                    sizes[dim] = len(index)
            node.update_arg(position, _free(node, sizes, kept))

    return apply


def _free(node: Node, sizes: list[Any], kept: Mapping[int, np.ndarray]) -> list[Any]:
    """A size that is computed (batch * heads) and shrinks is left to be inferred; it must be the only one."""
    computed = [dim for dim in kept if isinstance(sizes[dim], Node)]
    if not computed:
        return sizes
    shape = shape_of(node)
    for dim, size in enumerate(sizes):
        if size == -1 and dim not in computed:
            sizes[dim] = len(kept[dim]) if dim in kept else shape[dim]
    sizes[computed[0]] = -1
    return sizes


def _source(node: Node) -> Node:
    """The tensor an op reads first."""
    source = node.args[0]
    assert isinstance(source, Node)
    return source


def _unflatten(node: Node, removal: Removal) -> None:
    kept = removal.kept(node.name)
    start = normal_dim(node.args[1], len(shape_of(node.args[0])))  # type: ignore[arg-type]
    sizes = list(node.args[2])  # type: ignore[arg-type]
    for i in range(len(sizes)):
        if start + i in kept and isinstance(sizes[i], int) and sizes[i] != -1:
            sizes[i] = len(kept[start + i])
    node.update_arg(2, sizes)


def _expand(node: Node, removal: Removal) -> None:
    kept = removal.kept(node.name)
    sizes = list(node.args[1])  # type: ignore[arg-type]
    for dim, index in kept.items():
        if isinstance(sizes[dim], int) and sizes[dim] != -1:
            sizes[dim] = len(index)
    node.update_arg(1, sizes)


def _split(node: Node, removal: Removal) -> None:
    """Any split of a dim that shrinks becomes a split with explicit sizes."""
    source = _source(node)
    dim = normal_dim(argument(node, 2, "dim", 0), len(shape_of(source)))
    if dim not in removal.kept(source.name):
        return
    sizes = []
    for i, shape in enumerate(shapes_of(node)):
        index = removal.kept(node.name, i).get(dim)
        sizes.append(shape[dim] if index is None else len(index))
    node.target = _aten.split_with_sizes.default
    node.args, node.kwargs = (source, sizes, dim), {}


def _slice(node: Node, removal: Removal) -> None:
    source = _source(node)
    size_dim = normal_dim(argument(node, 1, "dim", 0), len(shape_of(source)))
    index = removal.kept(source.name).get(size_dim)
    if index is None:
        return
    size = shape_of(source)[size_dim]
    start, end, step = (argument(node, i, name) for i, name in ((2, "start"), (3, "end"), (4, "step")))
    picked = np.arange(size)[slice(start, end, step or 1)]
    positions = np.flatnonzero(np.isin(index, picked))
    if not len(positions):
        node.args, node.kwargs = (source, size_dim, 0, 0), {}
    elif (np.diff(positions) == 1).all():
        node.args, node.kwargs = (source, size_dim, int(positions[0]), int(positions[-1]) + 1), {}
    else:
        _gather(node, size_dim, positions)


def _gather(node: Node, dim: int, positions: np.ndarray) -> None:
    """A strided slice of what is left, written out as slices of one and a concatenation."""
    with node.graph.inserting_before(node):
        parts = [
            node.graph.call_function(_aten.slice.Tensor, (node.args[0], dim, int(p), int(p) + 1)) for p in positions
        ]
    node.target, node.args, node.kwargs = _aten.cat.default, (parts, dim), {}


def _select(node: Node, removal: Removal) -> None:
    source = _source(node)
    dim = normal_dim(argument(node, 1, "dim"), len(shape_of(source)))
    index = removal.kept(source.name).get(dim)
    if index is not None:
        position = normal_dim(argument(node, 2, "index"), shape_of(source)[dim])
        node.update_arg(2, int(np.searchsorted(index, position)))


def _squeeze(node: Node, removal: Removal) -> None:
    """A dim that shrank to 1 must not be squeezed away: name the dims that were 1 from the start."""
    source = _source(node)
    if node.target is _aten.squeeze.default and removal.kept(source.name):
        ones = [d for d, size in enumerate(source.meta["val"].shape) if isinstance(size, int) and size == 1]
        node.target, node.args = _aten.squeeze.dims, (source, ones)


def _convolution(node: Node, removal: Removal) -> None:
    """A grouped convolution that lost whole groups has fewer of them."""
    groups = argument(node, 6, "groups", 1)
    index = removal.kept(node.name).get(1)
    if groups != 1 and index is not None:
        left = len(index) * groups // shape_of(node)[1]
        defaults: tuple[Any, ...] = (None, None, None, 1, 0, 1, 1)
        node.args = (*node.args, *defaults[len(node.args) :])
        node.update_arg(6, left)


def _norm(node: Node, removal: Removal) -> None:
    """Sums over what is left, divided by the original count (METHOD, section 3.3): plain ATen in place of the norm.

    mean = sum(x) / D;  var = (sum((x - mean)^2) + removed * mean^2) / D, since what was removed was zero.
    """
    source = _source(node)
    last = len(shape_of(source)) - 1
    index = removal.kept(source.name).get(last)
    if index is None:
        return
    size = removal.qadg.exact_norms[node.name]
    if op_name(node) == "layer_norm":
        _layer_norm(node, source, size, size - len(index))
    else:
        _rms_norm(node, source, size)


def _layer_norm(node: Node, x: Node, size: int, removed: int) -> None:
    epsilon = argument(node, 4, "eps", 1e-5)
    weight, bias = argument(node, 2, "weight"), argument(node, 3, "bias")
    call = node.graph.call_function
    with node.graph.inserting_before(node):
        mean = call(_aten.div.Tensor, (call(_aten.sum.dim_IntList, (x, [-1], True)), size))
        centred = call(_aten.sub.Tensor, (x, mean))
        squares = call(_aten.sum.dim_IntList, (call(_aten.mul.Tensor, (centred, centred)), [-1], True))
        gone = call(_aten.mul.Tensor, (call(_aten.mul.Tensor, (mean, mean)), removed))
        variance = call(_aten.div.Tensor, (call(_aten.add.Tensor, (squares, gone)), size))
        scale = call(_aten.rsqrt.default, (call(_aten.add.Tensor, (variance, epsilon)),))
        result = call(_aten.mul.Tensor, (centred, scale))
        _affine(node, result, weight, bias)


def _rms_norm(node: Node, x: Node, size: int) -> None:
    weight, epsilon = argument(node, 2, "weight"), argument(node, 3, "eps")
    value = node.meta["val"]
    epsilon = torch.finfo(value.dtype).eps if epsilon is None else epsilon
    call = node.graph.call_function
    with node.graph.inserting_before(node):
        squares = call(_aten.sum.dim_IntList, (call(_aten.mul.Tensor, (x, x)), [-1], True))
        mean = call(_aten.add.Tensor, (call(_aten.div.Tensor, (squares, size)), epsilon))
        result = call(_aten.mul.Tensor, (x, call(_aten.rsqrt.default, (mean,))))
        _affine(node, result, weight, None)


def _affine(node: Node, result: Node, weight: Node | None, bias: Node | None) -> None:
    call = node.graph.call_function
    for target, parameter in ((_aten.mul.Tensor, weight), (_aten.add.Tensor, bias)):
        if parameter is not None:
            result = call(target, (result, parameter))
    result.meta = dict(node.meta)
    node.replace_all_uses_with(result)
    node.graph.erase_node(node)


_REWRITES: dict[str, Rewrite] = {
    **dict.fromkeys(("view", "reshape", "_unsafe_view"), _sizes(1)),
    "unflatten": _unflatten,
    "expand": _expand,
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "tensor_split"), _split),
    "slice": _slice,
    "select": _select,
    "squeeze": _squeeze,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(("layer_norm", "rms_norm"), _norm),
}

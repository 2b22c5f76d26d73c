"""Ops that name sizes: views, expansions, filled tensors."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.fx import Node

from geta_engine.compact.removal import Removal
from geta_engine.compact.rewrites.registry import kept_of, rewrites, source_of
from geta_engine.trace.fx_nodes import normal_dim, op_name, shape_of

_aten = torch.ops.aten


@rewrites("view", "reshape", "_unsafe_view", "view_copy")
def view(node: Node, removal: Removal) -> None:
    """The op takes its whole output shape as an argument."""
    kept = removal.kept(node.name)
    if isinstance(node.args[1], torch.dtype):
        return
    if kept:
        node.update_arg(1, _smaller(node, node.args[1], kept))  # type: ignore[arg-type]
    if op_name(node) != "reshape" and kept_of(source_of(node), removal):
        node.target = _aten.reshape.default


def _smaller(node: Node, sizes: Sequence[Any], kept: Mapping[int, NDArray[np.int64]]) -> list[Any]:
    """Sizes of a result that shrinks. One that is computed (batch * heads) shrinks in proportion."""
    smaller, shape = list(sizes), shape_of(node)
    for dim, index in kept.items():
        if isinstance(smaller[dim], Node):
            share = Fraction(len(index), shape[dim])
            with node.graph.inserting_before(node):
                times = node.graph.call_function(operator.mul, (smaller[dim], share.numerator))
                smaller[dim] = node.graph.call_function(operator.floordiv, (times, share.denominator))
        elif smaller[dim] != -1:
            smaller[dim] = len(index)
    return smaller


@rewrites("view_as", "reshape_as", "expand_as")
def as_another(node: Node, removal: Removal) -> None:
    """The sizes are written out: the tensor they were taken from need not shrink along."""
    other = node.args[1]
    assert isinstance(other, Node)
    kept, there = removal.kept(node.name), kept_of(other, removal)
    if not kept and not there:
        return
    sizes: list[Any] = list(node.meta["val"].shape)
    with node.graph.inserting_before(node):
        for dim, size in enumerate(sizes):
            if not isinstance(size, int):
                sizes[dim] = node.graph.call_function(_aten.sym_size.int, (other, dim))
    node.target = _aten.expand.default if op_name(node) == "expand_as" else _aten.reshape.default
    node.args = (
        source_of(node),
        _smaller(node, sizes, {d: i for d, i in kept.items() if d not in there or isinstance(sizes[d], int)}),
    )


@rewrites("unflatten")
def unflatten(node: Node, removal: Removal) -> None:
    kept = removal.kept(node.name)
    start = normal_dim(node.args[1], len(shape_of(node.args[0])))  # type: ignore[arg-type]
    sizes = list(node.args[2])  # type: ignore[arg-type]
    for i in range(len(sizes)):
        if start + i in kept and isinstance(sizes[i], int) and sizes[i] != -1:
            sizes[i] = len(kept[start + i])
    node.update_arg(2, sizes)


@rewrites("expand", "broadcast_to", "expand_copy")
def expand(node: Node, removal: Removal) -> None:
    node.update_arg(1, _smaller(node, node.args[1], removal.kept(node.name)))  # type: ignore[arg-type]


@rewrites("repeat", "tile")
def repeat(node: Node, removal: Removal) -> None:
    """A dim of size 1 that was repeated is an expansion: its copies are counted."""
    kept = removal.kept(node.name)
    if not kept:
        return
    shape = shape_of(source_of(node))
    times = list(node.args[1])  # type: ignore[arg-type]
    times = [1] * (len(shape) - len(times)) + times
    lead = len(times) - len(shape)
    for dim, index in kept.items():
        if dim < lead or shape[dim - lead] == 1:
            times[dim] = len(index)
    node.update_arg(1, times)


@rewrites("repeat_interleave")
def repeat_interleave(node: Node, removal: Removal) -> None:
    """Only a dim of size 1 changes its number of copies; a stated output size is left to be inferred."""
    source = source_of(node)
    if len(node.args) < 3:
        return
    dim = normal_dim(node.args[2], len(shape_of(source)))  # type: ignore[arg-type]
    index = removal.kept(node.name).get(dim)
    if index is not None:
        node.kwargs = {k: v for k, v in node.kwargs.items() if k != "output_size"}
        if shape_of(source)[dim] == 1:
            node.update_arg(1, len(index))


@rewrites("zeros", "ones", "full", "empty")
def filled(node: Node, removal: Removal) -> None:
    _resize(node, removal, 0)


@rewrites("new_zeros", "new_ones", "new_full", "new_empty")
def filled_like_dtype(node: Node, removal: Removal) -> None:
    _resize(node, removal, 1)


def _resize(node: Node, removal: Removal, position: int) -> None:
    kept = removal.kept(node.name)
    if kept:
        node.update_arg(position, _smaller(node, node.args[position], kept))  # type: ignore[arg-type]


@rewrites("squeeze", "squeeze_copy")
def squeeze(node: Node, removal: Removal) -> None:
    """A dim that shrank to 1 must not be squeezed away: name the dims that were 1 from the start."""
    source = source_of(node)
    if kept_of(source, removal):
        shape = source.meta["val"].shape
        given = node.args[1] if len(node.args) > 1 else list(range(len(shape)))
        dims = {normal_dim(d, len(shape)) for d in (given if isinstance(given, (list, tuple)) else [given])}  # type: ignore[arg-type]
        ones = [d for d in sorted(dims) if isinstance(shape[d], int) and shape[d] == 1]
        node.target, node.args = _aten.squeeze.dims, (source, ones)

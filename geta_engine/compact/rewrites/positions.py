"""Ops that name positions: slices, splits, single indices, rolls, paddings and constant index tables."""

from __future__ import annotations

import numpy as np
import torch
from torch.fx import Node

from geta_engine.compact.removal import Removal
from geta_engine.compact.rewrites.registry import kept_of, module_of, rewrites, source_of
from geta_engine.qadg.rules.indexing import known_positions
from geta_engine.trace.fx_nodes import argument, normal_dim, op_name, shape_of, shapes_of

_aten = torch.ops.aten


@rewrites(
    "split", "split_with_sizes", "chunk", "tensor_split", "unsafe_split", "unsafe_chunk", "split_copy",
    "split_with_sizes_copy",
)  # fmt: skip
def split(node: Node, removal: Removal) -> None:
    """Any split of a dim that shrinks becomes a split with explicit sizes."""
    source = source_of(node)
    dim = normal_dim(argument(node, 2, "dim", 0), len(shape_of(source)))
    if dim not in kept_of(source, removal):
        return
    sizes = []
    for i, shape in enumerate(shapes_of(node)):
        index = removal.kept(node.name, i).get(dim)
        sizes.append(shape[dim] if index is None else len(index))
    node.target = _aten.split_with_sizes.default
    node.args, node.kwargs = (source, sizes, dim), {}


@rewrites("slice", "slice_copy")
def slice_(node: Node, removal: Removal) -> None:
    source = source_of(node)
    dim = normal_dim(argument(node, 1, "dim", 0), len(shape_of(source)))
    start, end, step = (argument(node, i, name) for i, name in ((2, "start"), (3, "end"), (4, "step")))
    if dim in kept_of(source, removal):
        _read(node, removal, dim, np.arange(shape_of(source)[dim])[slice(start, end, step or 1)])


@rewrites("narrow")
def narrow(node: Node, removal: Removal) -> None:
    source = source_of(node)
    dim = normal_dim(node.args[1], len(shape_of(source)))  # type: ignore[arg-type]
    if dim in kept_of(source, removal):
        start = normal_dim(node.args[2], shape_of(source)[dim])  # type: ignore[arg-type]
        _read(node, removal, dim, np.arange(start, start + int(node.args[3])))  # type: ignore[call-overload, arg-type]
        node.target = _aten.slice.Tensor if node.target is _aten.narrow.default else node.target


def _read(node: Node, removal: Removal, dim: int, picked: np.ndarray) -> None:
    """What is left of the read positions, as one slice or, where that has holes, as slices of one joined."""
    source = source_of(node)
    index = kept_of(source, removal)[dim]
    positions = np.flatnonzero(np.isin(index, picked))
    if not len(positions):
        node.args, node.kwargs = (source, dim, 0, 0), {}
    elif (np.diff(positions) == 1).all():
        node.args, node.kwargs = (source, dim, int(positions[0]), int(positions[-1]) + 1), {}
    else:
        with node.graph.inserting_before(node):
            parts = [node.graph.call_function(_aten.slice.Tensor, (source, dim, int(p), int(p) + 1)) for p in positions]
        node.target, node.args, node.kwargs = _aten.cat.default, (parts, dim), {}


@rewrites("select", "select_copy")
def select(node: Node, removal: Removal) -> None:
    source = source_of(node)
    dim = normal_dim(argument(node, 1, "dim"), len(shape_of(source)))
    index = kept_of(source, removal).get(dim)
    if index is not None:
        position = normal_dim(argument(node, 2, "index"), shape_of(source)[dim])
        node.update_arg(2, int(np.searchsorted(index, position)))


@rewrites("index", "_unsafe_index", "index_select")
def index(node: Node, removal: Removal) -> None:
    """A constant permutation or choice of channels: a new table that counts in what is left."""
    source = source_of(node)
    kept = kept_of(source, removal)
    if op_name(node) != "index_select":
        given = [(d, i) for d, i in enumerate(node.args[1]) if i is not None]  # type: ignore[arg-type]
    else:
        given = [(normal_dim(node.args[1], len(shape_of(source))), node.args[2])]  # type: ignore[arg-type]
    if len(given) != 1 or given[0][0] not in kept:
        return
    dim, table = given[0]
    module = module_of(node)
    positions = known_positions(module, table, shape_of(source)[dim])
    assert positions is not None
    remaining = positions[np.isin(positions, kept[dim])]
    name = f"_{node.name}_positions"
    module.register_buffer(name, torch.from_numpy(np.searchsorted(kept[dim], remaining)))
    with node.graph.inserting_before(node):
        constant = node.graph.get_attr(name)
    node.target, node.args, node.kwargs = _aten.index_select.default, (source, dim, constant), {}


@rewrites("roll")
def roll(node: Node, removal: Removal) -> None:
    """What was wrapped around is what is left of it."""
    source = source_of(node)
    kept, shape = kept_of(source, removal), shape_of(source)
    dims = argument(node, 2, "dims", [])
    dims = list(dims) if isinstance(dims, (list, tuple)) else [dims]
    shifts = node.args[1]
    shifts = list(shifts) if isinstance(shifts, (list, tuple)) else [shifts]
    for i, dim in enumerate(normal_dim(d, len(shape)) for d in dims):
        if dim in kept:
            wrapped = shifts[i] % shape[dim]  # type: ignore[operator]
            shifts[i] = int(np.count_nonzero(kept[dim] >= shape[dim] - int(wrapped)))
    node.update_arg(1, shifts)


@rewrites("pad", "constant_pad_nd")
def pad(node: Node, removal: Removal) -> None:
    """Padded channels that are left, before and after."""
    kept, before = removal.kept(node.name), shape_of(source_of(node))
    amounts = list(node.args[1])  # type: ignore[arg-type]
    for dim, index in kept.items():
        i = 2 * (len(before) - 1 - dim)
        if i < len(amounts):
            first = amounts[i]
            amounts[i] = int((index < first).sum())
            amounts[i + 1] = int((index >= first + before[dim]).sum())
    node.update_arg(1, amounts)

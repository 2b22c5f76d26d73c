"""Norms and means over a dim that shrinks keep their divisor: plain ATen in place of the op.

See docs/method.md, section 3.4.

What was removed was zero, so with `ratio` = numbers left / numbers before, over the reduced dims,
mean = mean(x) * ratio;  variance = mean((x - mean)^2) * ratio + mean^2 * (1 - ratio).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Node

from geta_engine.compact.removal import Removal
from geta_engine.compact.rewrites.channels import groups_left
from geta_engine.compact.rewrites.registry import kept_of, module_of, put_in_place, rewrites, source_of
from geta_engine.qadg.rules.reduction import reduced_dims
from geta_engine.torch_internals import weight_norm as apply_weight_norm
from geta_engine.trace.fx_nodes import argument, op_name, shape_of

_aten = torch.ops.aten
WRITTEN_OUT = "geta_engine.compact.WrittenOut"
"""The class of a module whose one op is now several."""


def _ratio(source: Node, dims: Sequence[int], removal: Removal) -> float:
    """Share of the numbers over `dims` that is left."""
    shape, kept = shape_of(source), kept_of(source, removal)
    return math.prod(len(kept[d]) / shape[d] for d in dims if d in kept)


def _call(node: Node, target: Any, *args: Any) -> Node:
    """An op in the place of a node, or beside it: of the same module, which is no longer a single op."""
    made = node.graph.call_function(target, args)
    stack = node.meta.get("nn_module_stack")
    if stack:
        key, (path, _) = next(reversed(stack.items()))
        made.meta["nn_module_stack"] = {**stack, key: (path, WRITTEN_OUT)}
    return made


def _mean(node: Node, x: Node, dims: list[int], ratio: float) -> Node:
    return _call(node, _aten.mul.Tensor, _call(node, _aten.mean.dim, x, dims, True), ratio)


def _standardized(node: Node, x: Node, dims: list[int], ratio: float, epsilon: float) -> Node:
    """(x - mean) / sqrt(variance + epsilon) with the original divisor."""
    mean = _mean(node, x, dims, ratio)
    centred = _call(node, _aten.sub.Tensor, x, mean)
    spread = _mean(node, _call(node, _aten.mul.Tensor, centred, centred), dims, ratio)
    gone = _call(node, _aten.mul.Tensor, _call(node, _aten.mul.Tensor, mean, mean), 1 - ratio)
    variance = _call(node, _aten.add.Tensor, spread, gone)
    scale = _call(node, _aten.rsqrt.default, _call(node, _aten.add.Tensor, variance, epsilon))
    return _call(node, _aten.mul.Tensor, centred, scale)


@rewrites("layer_norm", "rms_norm", "native_layer_norm", "_fused_rms_norm")
def layer_norm(node: Node, removal: Removal) -> None:
    source = source_of(node)
    rank = len(shape_of(source))
    dims = list(range(rank - len(node.args[1]), rank))  # type: ignore[arg-type]
    ratio = _ratio(source, dims, removal)
    if ratio == 1:
        return
    rms = "rms" in op_name(node)
    weight, bias = argument(node, 2, "weight"), None if rms else argument(node, 3, "bias")
    epsilon = argument(node, 3 if rms else 4, "eps", 1e-5)
    with node.graph.inserting_before(node):
        if rms:
            square = _mean(node, _call(node, _aten.mul.Tensor, source, source), dims, ratio)
            scale = _call(node, _aten.rsqrt.default, _call(node, _aten.add.Tensor, square, epsilon))
            result = _call(node, _aten.mul.Tensor, source, scale)
        else:
            result = _standardized(node, source, dims, ratio, epsilon)
        result = _scaled(node, result, weight, bias)
    _replace(node, result)


def _scaled(node: Node, result: Node, weight: Node | None, bias: Node | None) -> Node:
    for target, parameter in ((_aten.mul.Tensor, weight), (_aten.add.Tensor, bias)):
        if parameter is not None:
            result = _call(node, target, result, parameter)
    return result


def _replace(node: Node, *results: Node) -> None:
    """Put `results` in the place of a node, or of the first outputs of one with several."""
    value = node.meta["val"]
    if isinstance(value, (tuple, list)):
        for user in list(node.users):
            position = user.args[1]
            assert isinstance(position, int)
            if position < len(results):
                put_in_place(results[position], user, value[position])
                user.replace_all_uses_with(results[position])
                node.graph.erase_node(user)
    else:
        put_in_place(results[0], node, value)
        node.replace_all_uses_with(results[0])
        node.graph.erase_node(node)


@rewrites("group_norm", "native_group_norm")
def group_norm(node: Node, removal: Removal) -> None:
    """Whole groups gone: fewer groups. Channels of every group gone: the norm is written out."""
    source = source_of(node)
    index = kept_of(source, removal).get(1)
    if index is None:
        return
    native = op_name(node) == "native_group_norm"
    at = 6 if native else 1
    groups, channels = int(node.args[at]), shape_of(source)[1]  # type: ignore[call-overload, arg-type]
    kept_groups = groups_left(index, channels, groups)
    if not native and len(index) == kept_groups * (channels // groups):
        node.update_arg(at, kept_groups)
        return
    weight, bias = node.args[1:3] if native else (argument(node, 2, "weight"), argument(node, 3, "bias"))
    epsilon = node.args[7] if native else argument(node, 4, "eps", 1e-5)
    rank = len(shape_of(source))
    with node.graph.inserting_before(node):
        apart = _call(node, _aten.unflatten.int, source, 1, [kept_groups, len(index) // kept_groups])
        ratio = len(index) / kept_groups / (channels // groups)
        result = _standardized(node, apart, list(range(2, rank + 1)), ratio, epsilon)  # type: ignore[arg-type]
        result = _call(node, _aten.flatten.using_ints, result, 1, 2)
        wide = [_call(node, _aten.reshape.default, p, [-1] + [1] * (rank - 2)) if p is not None else None
                for p in (weight, bias)]  # fmt: skip
        result = _scaled(node, result, *wide)
    _replace(node, result)


@rewrites("mean", "var", "std", "var_mean", "std_mean")
def mean(node: Node, removal: Removal) -> None:
    source = source_of(node)
    rank = len(shape_of(source))
    dims = sorted(reduced_dims(argument(node, 1, "dim"), rank))
    ratio = _ratio(source, dims, removal)
    if ratio == 1:
        return
    if op_name(node) == "mean":
        with node.graph.inserting_after(node):
            scaled = _call(node, _aten.mul.Tensor, node, ratio)
        put_in_place(scaled, node, node.meta["val"])
        node.replace_all_uses_with(scaled, delete_user_cb=lambda user: user is not scaled)
        return
    _variance(node, source, dims, ratio)


def _variance(node: Node, x: Node, dims: list[int], ratio: float) -> None:
    """var, std and var_mean with their correction: sums of squares / (numbers before - correction)."""
    shape = shape_of(x)
    before = math.prod(shape[d] for d in dims)
    given = (
        node.args[1] if len(node.args) > 1 and isinstance(node.args[1], bool) else argument(node, 2, "correction", 1)
    )
    correction = node.kwargs.get("correction", given)
    correction = 1.0 if correction is None else float(correction)  # type: ignore[arg-type]
    keep = bool(node.kwargs.get("keepdim", argument(node, 3, "keepdim", False)))
    with node.graph.inserting_before(node):
        average = _mean(node, x, dims, ratio)
        centred = _call(node, _aten.sub.Tensor, x, average)
        spread = _mean(node, _call(node, _aten.mul.Tensor, centred, centred), dims, ratio)
        gone = _call(node, _aten.mul.Tensor, _call(node, _aten.mul.Tensor, average, average), 1 - ratio)
        variance = _call(node, _aten.add.Tensor, spread, gone)
        variance = _call(node, _aten.mul.Tensor, variance, before / (before - correction))
        if op_name(node).startswith("std"):
            variance = _call(node, _aten.sqrt.default, variance)
        results = [variance, average] if op_name(node).endswith("_mean") else [variance]
        if not keep:
            results = [_call(node, _aten.squeeze.dims, r, dims) for r in results]
    _replace(node, *results)


@rewrites("_weight_norm")
def weight_norm(node: Node, removal: Removal) -> None:
    """The norm is over what is removed too: the weight is stored as it is, cut."""
    kept = removal.kept(node.name)
    module = module_of(node)
    if not kept or not all(isinstance(a, Node) and a.op == "get_attr" for a in node.args[:2]):
        return
    v, g = (module.get_parameter(str(a.target)) for a in node.args[:2])  # type: ignore[union-attr]
    with torch.no_grad():
        weight = apply_weight_norm(v, g, *node.args[2:])  # type: ignore[arg-type]
    for dim, index in kept.items():
        weight = weight.index_select(dim, torch.from_numpy(index))
    owner = str(node.args[0].target).split(".parametrizations.")[0]  # type: ignore[union-attr]
    name = f"{owner}.weight"
    module.get_submodule(owner).register_parameter("weight", torch.nn.Parameter(weight))
    with node.graph.inserting_before(node):
        stored = node.graph.get_attr(name)
    put_in_place(stored, node, node.meta["val"])
    node.replace_all_uses_with(stored)
    node.graph.erase_node(node)

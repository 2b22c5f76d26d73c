"""Ops that name how many groups or heads there are, or scale by how many there were."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch.fx import Node

from geta_engine.compact.removal import Removal
from geta_engine.compact.rewrites.registry import kept_of, rewrites, source_of
from geta_engine.trace.fx_nodes import argument, op_name, shape_of


@rewrites("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution")
def convolution(node: Node, removal: Removal) -> None:
    """A grouped convolution that lost whole groups has fewer of them."""
    position = 8 if op_name(node) == "convolution" else 6
    groups = argument(node, position, "groups", 1)
    index = removal.kept(node.name).get(1)
    if groups != 1 and index is not None:
        kept_groups = groups_left(index, shape_of(node)[1], groups)
        if op_name(node).startswith("conv_transpose"):
            defaults: tuple[Any, ...] = (None, None, None, 1, 0, 0, 1)
        else:
            defaults = (None, None, None, 1, 0, 1, 1)
        node.args = (*node.args, *defaults[len(node.args) :])
        node.update_arg(position, kept_groups)


def groups_left(kept: np.ndarray, channels: int, groups: int) -> int:
    """How many of `groups` equal runs of channels have any left."""
    return len(np.unique(kept // (channels // groups)))


@rewrites("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(node: Node, removal: Removal) -> None:
    source = source_of(node)
    index = kept_of(source, removal).get(1)
    if index is not None:
        node.update_arg(1, groups_left(index, shape_of(source)[1], node.args[1]))  # type: ignore[arg-type]


@rewrites("scaled_dot_product_attention")
def attention(node: Node, removal: Removal) -> None:
    """The scale is that of the original head dim."""
    size = shape_of(source_of(node))[-1]
    rank = len(shape_of(source_of(node)))
    if rank - 1 in kept_of(source_of(node), removal) and node.kwargs.get("scale") is None:
        node.kwargs = {**node.kwargs, "scale": 1 / math.sqrt(size)}

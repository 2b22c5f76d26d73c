"""BatchNorm and dropout switched between training and evaluation."""

from __future__ import annotations

import torch
from torch.fx import GraphModule, Node

_TRAIN_FLAG = {
    torch.ops.aten.batch_norm.default: 5,
    torch.ops.aten.dropout.default: 2,
    torch.ops.aten.native_dropout.default: 2,
    torch.ops.aten.feature_dropout.default: 2,
    torch.ops.aten.alpha_dropout.default: 2,
    torch.ops.aten.instance_norm.default: 5,
}
"""op -> position of its train flag: export writes the flag as a constant, so `.train()` has nothing to switch."""


_NORMS = (torch.ops.aten.batch_norm.default, torch.ops.aten.instance_norm.default)


def set_training(module: GraphModule, training: bool) -> None:
    """Write the train flag of every BatchNorm and dropout; dropout given as a sdpa argument is left as traced."""
    changed = False
    for node in module.graph.nodes:
        position = _TRAIN_FLAG.get(node.target)
        if position is not None and node.args[position] != training and not _always_batch(node):
            node.update_arg(position, training)
            changed = True
    if changed:
        module.recompile()


def _always_batch(node: Node) -> bool:
    """A norm without running statistics uses those of its input in eval mode too."""
    return node.target in _NORMS and node.args[3] is None

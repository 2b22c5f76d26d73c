"""The table op -> rewrite: what to do with a node that holds a size, a position or a divisor of a dim that shrinks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch.fx import GraphModule, Node

from geta_engine.compact.removal import Removal
from geta_engine.trace.fx_nodes import op_name

Rewrite = Callable[[Node, Removal], None]
_REWRITES: dict[str, Rewrite] = {}


def rewrites(*ops: str) -> Callable[[Rewrite], Rewrite]:
    """Register a rewrite for ops by schema name without namespace; a second one for an op raises."""

    def register(function: Rewrite) -> Rewrite:
        for op in ops:
            if op in _REWRITES:
                raise ValueError(f"two rewrites for {op}: {_REWRITES[op].__name__} and {function.__name__}")
            _REWRITES[op] = function
        return function

    return register


def rewrite(module: GraphModule, removal: Removal) -> None:
    """Rewrite every node whose arguments speak of a dim that shrinks."""
    for node in list(module.graph.nodes):
        action = _REWRITES.get(op_name(node)) if node.op == "call_function" else None
        if action is not None:
            action(node, removal)


def source_of(node: Node) -> Node:
    """The tensor an op reads first."""
    source = node.args[0]
    assert isinstance(source, Node)
    return source


def module_of(node: Node) -> GraphModule:
    """The module whose graph the node is in, for constants that a rewrite adds."""
    module = node.graph.owning_module
    assert module is not None
    return module


def kept_of(node: Node, removal: Removal) -> dict[int, NDArray[np.int64]]:
    """What is left of a tensor, of one too that a rewrite has put in the place of a traced node."""
    return removal.kept(node.meta.get("stands_for", node.name))


def put_in_place(result: Node, node: Node, value: object) -> None:
    """Mark `result`, whose tensor looks like `value`, as standing for a traced node from now on."""
    result.meta = {**node.meta, "val": value, "stands_for": node.name}

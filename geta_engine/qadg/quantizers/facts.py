"""What a search for quantizer branches must know of a program: computed in one pass, or asked for once and kept."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch.fx import Graph, Node

from geta_engine.qadg.quantizers.ops import ROUNDING, VOCABULARY, quantizer_op
from geta_engine.trace.fx_nodes import is_unsized, layer_of, shape_of


@dataclass(frozen=True)
class Affine:
    """`x op s` with a small s: "mul" or "div", "add" or "sub". `by` is the number s, or names where s comes from.

    `inverse` says that s is 1 over something (or minus it), as in `x * (1 / step)`.
    """

    op: str
    by: float | frozenset[str]
    inverse: bool = False

    def undone_by(self, other: Affine) -> bool:
        """Whether `other` takes this back: `x / s` and `* s`, `x * 15` and `/ 15`, `x - z` and `+ z`."""
        if isinstance(self.by, frozenset) and isinstance(other.by, frozenset):
            turned = (self.op != other.op) or self.inverse != other.inverse
            return turned and not self.by.isdisjoint(other.by)
        if isinstance(self.by, frozenset) or isinstance(other.by, frozenset):
            return False
        if self.op != other.op:
            return self.by == other.by
        return math.isclose(self.by * other.by, 1) if self.op in _SCALES else self.by + other.by == 0


_SCALES = ("mul", "div")
_KEEPERS = ("add", "sub", "detach", "alias")
_ONLOOKERS = ("sym_size", "sym_numel", "sym_stride")
_NUMBERS = (torch.SymInt, torch.SymFloat, torch.SymBool, int, float)


class Facts:
    """Per node: its position, its op, and, where no program input is behind it, the parameters it is made of.

    `leaves` names those parameters and buffers (None where a program input is behind the node); `root` is the one
    that the largest operands lead to: the weight, in what is computed from a weight. `whole` has the nodes that hold
    whole numbers.
    """

    def __init__(self, graph: Graph) -> None:
        self.position = {node: i for i, node in enumerate(graph.nodes)}
        self.op = {node: quantizer_op(node) for node in graph.nodes}
        self.leaves: dict[Node, frozenset[str] | None] = {}
        self.root: dict[Node, str | None] = {}
        self.attributes: dict[str, Node] = {}
        self.whole: set[Node] = set()
        self._mixed_scopes = {""}
        self._kept: dict[Hashable, object] = {}
        for node in graph.nodes:
            self._trace_parameters(node)
            self._note_scope(node)

    def is_inner(self, node: Node) -> bool:
        """Whether the node may lie inside a quantizer."""
        return node.op == "call_function" and self.op[node] in VOCABULARY

    def readers(self, node: Node) -> list[Node]:
        """What reads the node's values: not what asks for its shape."""
        return [user for user in node.users if self.op[user] not in _ONLOOKERS]

    def data(self, node: Node, origin: str | None) -> tuple[Node, ...]:
        """The operands that are not scalars: what is quantized, and what is computed from it."""
        kept = self._kept.get((node, origin))
        if kept is None:
            kept = tuple(a for a in node.all_input_nodes if not self.is_scalar(a, origin))
            self._kept[node, origin] = kept
        return kept  # type: ignore[return-value]

    def is_scalar(self, node: Node, origin: str | None) -> bool:
        """Whether the node is a number, or made of parameters only with one value, or one a channel.

        `origin` is the parameter that is quantized (None: an activation is); what derives from it is no scalar.
        """
        leaves = self.leaves[node]
        if leaves is None or origin in leaves:
            return False
        if not isinstance(node.meta.get("val"), torch.Tensor) or (size := self.size(node)) == 1:
            return True
        return max(self.shape(node)) == size and all(self.size(self.attributes[x]) in (1, size) for x in leaves)

    def scale(self, node: Node, origin: str | None) -> Affine | None:
        """`x * s` or `x / s` with a number, a scalar, or a tensor smaller than x."""
        op = self.op[node].replace("true_divide", "div")
        return self._affine(node, op, origin) if op in _SCALES else None

    def shift(self, node: Node, origin: str | None) -> Affine | None:
        """`x + z` or `x - z` with a number, a scalar, or a tensor smaller than x."""
        return self._affine(node, self.op[node], origin) if self.op[node] in ("add", "sub") else None

    def shape(self, node: Node) -> tuple[int, ...]:
        """Example shape; () for what is not a tensor, or has a size that depends on data."""
        kept = self._kept.get(node)
        if kept is None:
            value = node.meta.get("val")
            kept = tuple(value.shape) if isinstance(value, torch.Tensor) else ()
            if not all(type(size) is int for size in kept):
                kept = () if is_unsized(node) else shape_of(node)
            self._kept[node] = kept
        return kept  # type: ignore[return-value]

    def size(self, node: Node) -> int:
        return math.prod(self.shape(node))

    def scope(self, node: Node) -> str | None:
        """The module the node was traced from, where it has no children and holds quantizer ops only."""
        scope = layer_of(node)
        return None if scope in self._mixed_scopes else scope

    def _trace_parameters(self, node: Node) -> None:
        value = node.meta.get("val")
        leaves, root = None, None
        if node.op == "get_attr":
            root = str(node.target)
            leaves = frozenset({root})
            self.attributes.setdefault(root, node)
        elif isinstance(value, _NUMBERS):
            leaves = frozenset()
        elif node.op == "call_function":
            leaves, root = self._operands_parameters(node.all_input_nodes)
        self.leaves[node], self.root[node] = leaves, root
        if leaves is not None and self._is_whole(node, value):
            self.whole.add(node)

    def _operands_parameters(self, inputs: list[Node]) -> tuple[frozenset[str] | None, str | None]:
        operand_leaves = [self.leaves[a] for a in inputs]
        if None in operand_leaves:
            return None, None
        if len(inputs) == 1:
            return operand_leaves[0], self.root[inputs[0]]
        root = self.root[max(inputs, key=self.size)] if inputs else None
        return frozenset().union(*(leaves for leaves in operand_leaves if leaves is not None)), root

    def _is_whole(self, node: Node, value: object) -> bool:
        if isinstance(value, torch.Tensor) and not value.is_floating_point():
            return True
        op = self.op[node]
        return op in ROUNDING or (op in _KEEPERS and any(a in self.whole for a in node.all_input_nodes))

    def _note_scope(self, node: Node) -> None:
        stack = node.meta.get("nn_module_stack")
        if not stack:
            return
        paths = [str(path).removeprefix("L__self__").lstrip(".") for path, _ in stack.values()]
        self._mixed_scopes.update(paths[:-1])
        recognised = self.op[node] in VOCABULARY or self.op[node] in _ONLOOKERS
        if node.op == "call_function" and self.leaves[node] is None and not recognised:
            self._mixed_scopes.add(paths[-1])

    def _affine(self, node: Node, op: str, origin: str | None) -> Affine | None:
        if len(node.args) != 2 or node.kwargs:
            return None
        operands = node.args if op in ("mul", "add") else node.args[1:]
        for operand in operands:
            if isinstance(operand, int | float):
                return Affine(op, float(operand))
            if isinstance(operand, Node) and self._is_small(operand, node, origin):
                near = (operand, *operand.all_input_nodes)
                names = frozenset(a.name for a in near if self.size(a) < self.size(node))
                return Affine(op, (self.leaves[operand] or frozenset()) | names, any(map(self._inverts, near)))
        return None

    def _inverts(self, scalar: Node) -> bool:
        op = self.op[scalar]
        return op in ("reciprocal", "neg") or (op == "div" and not isinstance(scalar.args[0], Node))

    def _is_small(self, operand: Node, node: Node, origin: str | None) -> bool:
        return self.is_scalar(operand, origin) or self.size(operand) < self.size(node)

"""What a rule sees: the node, its operands' labels, and the space to write ties and pins into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch.fx import GraphModule, Node

from geta_engine.qadg.labels.space import LabelSpace, Value

Values = Value | tuple[Value, ...] | None


@dataclass
class Context:
    """One walk over the program. `values` holds the labels of every node visited so far.

    `by_head` says what attention loses: whole heads, or the same offsets of every head. `unsized` nodes have a size
    that depends on data.
    """

    module: GraphModule
    by_head: bool = True
    space: LabelSpace = field(default_factory=LabelSpace)
    values: dict[Node, Values] = field(default_factory=dict)
    unsized: set[Node] = field(default_factory=set)

    def value(self, argument: Any) -> Value | None:
        """The labelled tensor an argument stands for; None for numbers, None and multi-output nodes."""
        value = self.values.get(argument) if isinstance(argument, Node) else None
        return value if isinstance(value, Value) else None

    def input(self, node: Node, position: int = 0) -> Value:
        """The labelled tensor that an op reads at a position where it must read one."""
        value = self.value(node.args[position])
        assert value is not None
        return value

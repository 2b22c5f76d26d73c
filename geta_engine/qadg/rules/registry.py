"""The table op -> rule. A rule reads the labels of a node's operands and returns those of its result."""

from __future__ import annotations

from collections.abc import Callable

from torch.fx import Node

from geta_engine.qadg.context import Context, Values

Rule = Callable[[Context, Node], Values]
_RULES: dict[str, Rule] = {}


def rule(*ops: str) -> Callable[[Rule], Rule]:
    """Register a rule for ops by schema name without namespace (`conv2d`); a second rule for an op raises."""

    def register(function: Rule) -> Rule:
        for op in ops:
            if op in _RULES:
                raise ValueError(f"two rules for {op}: {_RULES[op].__name__} and {function.__name__}")
            _RULES[op] = function
        return function

    return register


def find(op: str) -> Rule | None:
    return _RULES.get(op)

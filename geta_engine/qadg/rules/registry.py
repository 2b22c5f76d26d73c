"""The table op -> rule. A rule reads the labels of a node's operands and returns those of its result."""

from __future__ import annotations

from collections.abc import Callable

from torch.fx import Node

from geta_engine.qadg.labels.context import Context, Values

Rule = Callable[[Context, Node], Values]
_RULES: dict[str, Rule] = {}
_SUMS: set[Rule] = set()


def rule(*ops: str, sums: bool = False) -> Callable[[Rule], Rule]:
    """Register a rule for ops by schema name without namespace (`conv2d`); a second rule for an op raises.

    A rule that `sums` over dims of its parameters says itself which of their labels a unit zeroes; for any other, what
    is read from parameters into data is zeroed.
    """

    def register(function: Rule) -> Rule:
        for op in ops:
            if op in _RULES:
                raise ValueError(f"two rules for {op}: {_RULES[op].__name__} and {function.__name__}")
            _RULES[op] = function
        if sums:
            _SUMS.add(function)
        return function

    return register


def find(op: str) -> Rule | None:
    return _RULES.get(op)


def sums(function: Rule) -> bool:
    return function in _SUMS

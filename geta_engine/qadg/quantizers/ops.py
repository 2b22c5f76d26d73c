"""Which ops quantizers are written in, and what such a program makes of zero."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from torch.fx import Node

from geta_engine.torch_internals import is_op, overload_name, schema_name, writes_into_operand

ROUNDING: dict[str, Callable[[float], float]] = {
    "round": round,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "fix": math.trunc,
}
"""Ops that a hand-written quantizer rounds with (`round` is half to even, as PyTorch's)."""

AXIS: dict[str, int | None] = {
    "fake_quantize_per_tensor_affine": None,
    "fake_quantize_per_tensor_affine_cachemask": None,
    "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams": None,
    "_fake_quantize_learnable_per_tensor_affine": None,
    "fake_quantize_per_channel_affine": 3,
    "fake_quantize_per_channel_affine_cachemask": 3,
    "_fake_quantize_learnable_per_channel_affine": 3,
    "fused_moving_avg_obs_fake_quant": 10,
    "_fused_moving_avg_obs_fq_helper": 10,
    "quantized_decomposed::quantize_per_tensor": None,
    "quantized_decomposed::quantize_per_channel": 3,
    "quantized_decomposed::dequantize_per_tensor": None,
    "quantized_decomposed::dequantize_per_channel": 3,
}
"""Ops that are a quantizer, or half of one -> position of their axis argument (None: one scale a tensor)."""

HALVES = frozenset({"quantized_decomposed::quantize_per_tensor", "quantized_decomposed::quantize_per_channel"})
"""Ops that quantize and leave it to another op to come back."""

WRAPPERS = frozenset({"detach", "alias", "clone", "contiguous", "to", "_to_copy", "type_as", "lift_fresh_copy"})
"""Ops that leave values as they are."""

SIGNS = frozenset({"sign", "sgn"})
CLAMPS = {
    "clamp": "both",
    "clip": "both",
    "clamp_min": "low",
    "maximum": "low",
    "max": "low",
    "clamp_max": "high",
    "minimum": "high",
    "min": "high",
}
"""Op -> which side it bounds, given a second operand."""

_COMPARISONS = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
    "eq": operator.eq,
    "ne": operator.ne,
}
_CHOICES = frozenset({f"quantized_decomposed::choose_qparams{kind}" for kind in ("", "_symmetric")})
_REDUCTIONS = frozenset(
    {"amax", "amin", "aminmax", "mean", "sum", "std", "var", "norm", "linalg_vector_norm"} | _CHOICES
)
_POINTWISE = frozenset(
    {"add", "sub", "rsub", "mul", "div", "true_divide", "neg", "abs", "copysign", "pow", "sqrt", "square"}
    | {"reciprocal", "exp2", "log2", "tanh", "where", "masked_fill"}
    | {"logical_and", "logical_or", "logical_not", "bitwise_and", "bitwise_or", "bitwise_not", "getitem"}
)
VOCABULARY = frozenset({*ROUNDING, *AXIS, *WRAPPERS, *SIGNS, *CLAMPS, *_COMPARISONS, *_REDUCTIONS, *_POINTWISE})
"""Ops a quantizer may hold. relu, sigmoid, norms and layers are the network's own."""


def quantizer_op(node: Node) -> str:
    """The op's name without the `_` of in-place writing; "" for what is not an ATen call, or rounds a quotient."""
    return _name(node.target)


@functools.cache
def _name(target: Any) -> str:
    if target is operator.getitem:
        return "getitem"
    if not is_op(target) or overload_name(target).endswith("_mode"):
        return ""
    name = schema_name(target).removeprefix("aten::")
    return name[:-1] if writes_into_operand(target) and name.endswith("_") else name


def bounds(node: Node) -> frozenset[str]:
    """Which sides an op clips its first operand on: of "low" and "high"; none for what is no clamp."""
    op = quantizer_op(node)
    side = CLAMPS.get(op)
    if side == "both":
        limits = [*node.args[1:], *[None] * 2][:2]
        low, high = limits[0], limits[1]
        given = {"low": node.kwargs.get("min", low), "high": node.kwargs.get("max", high)}
        return frozenset(name for name, value in given.items() if value is not None)
    two = len(node.args) == 2 and (op not in ("max", "min") or isinstance(node.args[1], Node))
    return frozenset({side}) if side and two else frozenset()


def reduces(node: Node) -> bool:
    """Whether an op computes a scale or the like from data."""
    op = quantizer_op(node)
    return op in _REDUCTIONS or (op in ("max", "min") and not bounds(node))


Term = tuple[float, str] | None
"""`(c, key)` stands for c times the scalar `key`, c times 1 where key is ""; None for what is not known."""

_UNDEFINED: Term = (1.0, "0 / 0")


def keeps_zero(
    region: Sequence[Node], scalars: Sequence[Node], entry: Node, whole: Collection[Node], weight: bool
) -> bool:
    """Whether a quantizer turns 0 into 0 for all values of its parameters, and other values alike after a cut.

    `region` and `scalars` (what its parameters go through) are in program order; nodes in `whole` hold whole numbers.
    Parameters are taken for positive, ranges to hold zero. From an activation only zeros are cut: a scale that is its
    largest magnitude, sum or norm stays, a mean or a minimum does not. A weight loses slices that read zeros too, which
    are not zero themselves, so no scale computed from it stays.
    Example: `(round(x / s) + z - z) * s` does for a whole z, `round((x - b) / s) * s + b` does not.
    """
    terms: dict[Node, Term] = {entry: (0.0, "")}
    for node in scalars:
        term = _evaluate(node, terms) if quantizer_op(node) != "getitem" else None
        terms[node] = term or (1.0, f"whole {node.name}" if node in whole else node.name)
    for node in region:
        terms[node] = _evaluate(node, terms)
    return terms[region[-1]] == (0.0, "") and not any(_changes(node, weight) for node in region)


def _changes(node: Node, weight: bool) -> bool:
    """Whether a cut may change a reduction."""
    op = quantizer_op(node)
    if not reduces(node) or weight:
        return reduces(node)
    if op in ("amax", "max"):
        return quantizer_op(node.all_input_nodes[0]) not in ("abs", "square")
    return op not in ("sum", "norm", "linalg_vector_norm", *_CHOICES)


def _term(argument: Any, terms: dict[Node, Term]) -> Term:
    if isinstance(argument, Node):
        return terms.get(argument)
    return (float(argument), "") if isinstance(argument, int | float) else None


def _evaluate(node: Node, terms: dict[Node, Term]) -> Term:
    op, operands = quantizer_op(node), [_term(argument, terms) for argument in node.args]
    first, second = (*operands, None, None)[:2]
    if _UNDEFINED in operands:
        return _UNDEFINED
    if op in AXIS or op in WRAPPERS or op == "getitem":
        return first
    if op == "where":
        return _chosen(*operands)
    if op in ("mul", "div", "true_divide"):
        return _product(op, first, second)
    if op in ("add", "sub", "rsub") and len(operands) == 2:
        left, right = (second, first) if op == "rsub" else (first, second)
        return _sum(left, right if op == "add" else _product("mul", right, (-1.0, "")))
    if op in _COMPARISONS:
        difference = _sum(first, _product("mul", second, (-1.0, "")))
        return None if difference is None else (float(_COMPARISONS[op](difference[0], 0)), "")
    if first is None:
        return None
    value, name = first
    if op in ROUNDING:
        return (float(ROUNDING[op](value)), "") if not name else _rounded(value, name)
    if op in _REDUCTIONS or (op in CLAMPS and len(operands) == 1):
        return first if value == 0 and any(size != 1 for size in node.meta["val"].shape) else None
    if op in CLAMPS:
        return _clamped(op, first, operands[1:])
    if op == "pow" and value == 0 and second is not None and not second[1] and second[0] <= 0:
        return _UNDEFINED if second[0] else (1.0, "")
    if op in ("abs", "neg", *SIGNS):
        return (abs(value) if op == "abs" else -value, name)
    return first if value == 0 and op in ("pow", "sqrt", "square", "tanh", "copysign") else None


def _rounded(value: float, name: str) -> Term:
    whole = name.startswith("whole") and value.is_integer()
    return (value, name) if whole else (1.0, f"whole {value} {name}")


def _chosen(condition: Term, first: Term, second: Term) -> Term:
    if first == second or condition is None:
        return first if first == second else None
    return first if condition[0] else second


def _product(op: str, first: Term, second: Term) -> Term:
    if op != "mul" and second is not None and not second[0]:
        return _UNDEFINED
    if (0.0, "") in ((first, second) if op == "mul" else (first,)):
        return (0.0, "")
    if first is None or second is None or (first[1] and second[1]) or (op != "mul" and second[1]):
        return None
    return (first[0] * second[0] if op == "mul" else first[0] / second[0], first[1] or second[1])


def _sum(first: Term, second: Term) -> Term:
    if first is None or second is None:
        return None
    if first[0] == 0 or second[0] == 0:
        return second if first[0] == 0 else first
    if first[1] != second[1]:
        return None
    total = first[0] + second[0]
    return (total, first[1] if total else "")


def _clamped(op: str, first: tuple[float, str], limits: Iterable[Term]) -> Term:
    """Numbers are clamped by numbers; a zero or a zero point is taken to lie within limits that are parameters."""
    value, name = first
    for position, limit in enumerate(limits):
        if name or limit is None or limit[1]:
            continue
        low = CLAMPS[op] == "low" or (CLAMPS[op] == "both" and position == 0)
        value = max(value, limit[0]) if low else min(value, limit[0])
    return (value, name)

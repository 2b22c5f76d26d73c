"""Every op with a rule is met in some case, and every core ATen op is known."""

from __future__ import annotations

import torch

from geta_engine.qadg.rules import find
from geta_engine.qadg.rules.registry import _RULES

from . import (
    test_attention,
    test_contraction,
    test_convolution,
    test_core,
    test_creation,
    test_elementwise,
    test_indexing,
    test_movement,
    test_norms,
    test_recurrent,
    test_reduction,
    test_spatial,
)
from .cases import decomposed, ops_of, traced

FAMILIES = (
    test_attention, test_contraction, test_convolution, test_creation, test_elementwise, test_indexing, test_movement,
    test_norms, test_recurrent, test_reduction, test_spatial,
)  # fmt: skip
NOT_ATEN = {"getitem", "fake_quantize"}
"""`operator.getitem`, and the engine's own quantizer."""
NEVER_EXPORTED: set[str] = set()
MADE_OF_NUMBERS = {"arange", "rand", "randn", "randperm", "scalar_tensor", "empty_strided", "sym_is_contiguous"}
NOT_OF_LAYERS: set[str] = set()


def seen() -> set[str]:
    written = [ops_of(traced(case)) for family in (*FAMILIES, test_core) for case in family.CASES.values()]
    return set().union(*written, *(ops_of(decomposed(case)) for case in test_core.CASES.values()))


def test_every_core_op_is_known():
    """Pointwise ops are told by PyTorch's tag; the rest of core ATen has rules, or makes tensors from numbers alone."""
    packets = [getattr(torch.ops.aten, name) for name in dir(torch.ops.aten)]
    overloads = [getattr(p, o) for p in packets if isinstance(p, torch._ops.OpOverloadPacket) for o in p.overloads()]
    core = {o._schema.name.removeprefix("aten::") for o in overloads if {torch.Tag.core} & set(o.tags)}
    pointwise = {o._schema.name.removeprefix("aten::") for o in overloads if torch.Tag.pointwise in o.tags}
    assert {op for op in core - pointwise if find(op) is None} == MADE_OF_NUMBERS | NOT_OF_LAYERS


def test_every_rule_is_for_an_op_that_exists():
    assert {op for op in _RULES if not hasattr(torch.ops.aten, op)} == NOT_ATEN


def test_every_rule_is_exercised():
    assert all(hasattr(torch.ops.aten, op) for op in NEVER_EXPORTED)
    assert set(_RULES) - seen() - NOT_ATEN - NEVER_EXPORTED == set()

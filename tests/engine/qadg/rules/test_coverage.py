"""Every op with a rule is met in some case, and every core ATen op is known."""

from __future__ import annotations

import pytest
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
NEVER_EXPORTED = {"lift_fresh", "requires_grad_", "fake_quantize_per_tensor_affine", "_native_batch_norm_legit"}
"""The first two leave no trace; `torch.export` refuses the third (no fake implementation)."""
MADE_OF_NUMBERS = {"arange", "empty_strided", "rand", "randn", "randperm", "scalar_tensor"}
SIZES = {"sym_is_contiguous", "sym_numel", "sym_size", "sym_storage_offset", "sym_stride", "_local_scalar_dense"}
PINNED = {
    "_embedding_bag",
    "resize_",
    "col2im",
    "diagonal",
    "_cdist_forward",
    "_fft_c2r",
    "_fft_r2c",
    "_pdist_forward",
    "as_strided",
    "masked_scatter",
}
"""Core ops that mix what they read, or move it in a way that is not told by shapes."""


def seen() -> set[str]:
    exported = [ops_of(traced(case)) for family in (*FAMILIES, test_core) for case in family.CASES.values()]
    return set().union(*exported, *(ops_of(decomposed(case)) for case in test_core.CASES.values()))


def name_of(overload: torch._ops.OpOverload) -> str:
    return overload._schema.name.removeprefix("aten::")


def test_every_core_op_is_known():
    """Pointwise ops are told by PyTorch's tag; the rest of core ATen has rules, or makes tensors from numbers alone."""
    packets = [getattr(torch.ops.aten, name) for name in dir(torch.ops.aten)]
    overloads = [getattr(p, o) for p in packets if isinstance(p, torch._ops.OpOverloadPacket) for o in p.overloads()]
    core = {name_of(o) for o in overloads if torch.Tag.core in o.tags}
    pointwise = {name_of(o) for o in overloads if torch.Tag.pointwise in o.tags}
    unknown = {op for op in core - pointwise if find(op) is None and not op.endswith("_backward")}
    assert unknown - MADE_OF_NUMBERS - SIZES - PINNED == set()


def test_every_rule_is_for_an_op_that_exists():
    assert {op for op in _RULES if not hasattr(torch.ops.aten, op)} == NOT_ATEN


@pytest.mark.slow
def test_every_rule_is_exercised():
    assert all(hasattr(torch.ops.aten, op) for op in NEVER_EXPORTED)
    assert set(_RULES) - seen() - NOT_ATEN - NEVER_EXPORTED == set()

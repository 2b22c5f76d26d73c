"""The end of a run: its constraints asserted, and the small model's certificate and size as plain data."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from geta_engine.compact.verify import certify_run
from geta_engine.cost import Cost, cost
from geta_engine.documents.runs import BudgetReport, FinalChecks, QuantizerRow
from geta_engine.errors import CheckFailed
from geta_engine.qasso import QASSO
from geta_engine.quant import PreparedModel
from geta_engine.trace import TracedModel


def final_bits(optimizer: QASSO) -> Tensor:
    """The whole bit widths that the quantizers end with, [quantizers]."""
    return optimizer.bank.bits().round() if optimizer.frozen_bits is None else optimizer.frozen_bits


def planned_budget(optimizer: QASSO) -> BudgetReport | None:
    """The budget at the shapes that the run is to end with; None where bits are not chosen."""
    if optimizer.config.rule != "chosen":
        return None
    budget = optimizer.bit_choice.budget
    return {
        "kind": budget.kind,
        "is_given": budget.is_given,
        "amount": optimizer.planned_limit().amount,
        "cost": None,
    }


def quantizer_rows(model: PreparedModel, bits: Tensor) -> list[QuantizerRow]:
    """One row a quantizer, with the given bits [quantizers]."""
    bank = model.quantizers
    columns = zip(bank.quantizers, bits.tolist(), bank.lower.tolist(), bank.upper.tolist())
    return [
        {"id": q.id, "layer": q.layer, "kind": q.kind, "bits": b, "lower": int(low), "upper": int(high)}
        for q, b, low, high in columns
    ]


def final_checks(model: PreparedModel, small: TracedModel, optimizer: QASSO) -> FinalChecks:
    """What is known of the finished run without its data.

    Raises:
        CheckFailed: K, a bit width or the budget does not hold, or the compact model is not the trained one.
    """
    optimizer.assert_constraints()
    certificate = certify_run(model, small, optimizer.qadg)
    if certificate.zero_units != optimizer.k_target:
        raise CheckFailed(f"{certificate.zero_units} units were cut, not K = {optimizer.k_target}")
    if not certificate.ok:
        raise CheckFailed(f"the compact model differs from the trained one by {certificate.max_rel_diff:.1e}, relative")
    whole = final_bits(optimizer)
    rows = quantizer_rows(model, whole)
    size = cost(small, {row["id"]: row["bits"] for row in rows})
    dense = cost(model.origin)
    return {
        "zero_units": certificate.zero_units,
        "budget": _budget_report(optimizer, whole, size),
        "quantizers": [{**row, "bits": int(row["bits"])} for row in rows],
        "params_dense": certificate.params_dense,
        "params_compact": certificate.params_compact,
        "macs_dense": dense.macs,
        "macs_compact": size.macs,
        "bytes_dense": dense.bytes,
        "bytes_compact": size.bytes,
        "verify": {
            "max_rel_diff": certificate.max_rel_diff,
            "max_abs_diff": certificate.max_abs_diff,
            "dtype": certificate.dtype,
        },
        "state_sha256": state_sha256(model),
    }


def _budget_report(optimizer: QASSO, bits: Tensor, small: Cost) -> BudgetReport | None:
    """The budget, counted once more on the compact program itself."""
    if optimizer.config.rule != "chosen":
        return None
    budget = optimizer.bit_choice.budget
    limit = budget.limit(optimizer.removed_units())
    if budget.kind == "bytes":
        counted = float(small.bytes)
    else:
        counted = optimizer.costs.relative_bops_of(small.layers).of(bits.numpy())
    if counted > limit.amount * (1 + 1e-6) + (budget.kind == "bytes"):
        raise CheckFailed(
            f"the compact program costs {counted:.6g} {budget.name}, above the budget of {limit.amount:.6g}: please "
            "report this model"
        )
    cost = limit.cost.of(bits.numpy())
    return {"kind": budget.kind, "is_given": budget.is_given, "amount": limit.amount, "cost": cost}


def state_sha256(model: PreparedModel) -> str:
    """sha256 over the names and values of all parameters and buffers, hex."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()

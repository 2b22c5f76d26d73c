"""What each quantizer would lose at each width, and each group without a share of its units: no training is needed."""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geta_engine.compact.cut import set_to_zero
from geta_engine.config import RunConfig
from geta_engine.documents.qadg import Group
from geta_engine.documents.sensitivity import BudgetRange, GroupSensitivity, QuantizerSensitivity, SensitivityReport
from geta_engine.qasso.bit_program import Widths, choose_bits
from geta_engine.quant.sensitivity import Sensitivity, sensitivity
from geta_engine.trace import TracedModel
from geta_engine.training.loop import SENSITIVITY_BATCHES, Loop


def sensitivity_report(traced: TracedModel, config: RunConfig) -> SensitivityReport:
    """Measure a traced model on the data of a configuration: its bounds, budget and sparsity count, its schedule does
    not.

    Raises:
        InputError: data, model, sparsity or budget do not go together.
    """
    started = time.perf_counter()
    loop = Loop(traced, config)
    torch.manual_seed(config.seed)
    batches = list(loop.training_data.calibration(SENSITIVITY_BATCHES))
    measured = sensitivity(loop.model, batches, loop.training_data.task.drawn_loss, loop.qadg)
    bits = _chosen(loop, measured)
    return {
        "model": traced.name,
        "data": config.data,
        "sparsity": config.sparsity,
        "examples": SENSITIVITY_BATCHES * loop.training_data.rows,
        "quantizers": _quantizers(loop, measured, bits),
        "groups": _groups(loop, measured, batches),
        "budget": _budget(loop, measured, bits),
        "seconds": round(time.perf_counter() - started, 2),
    }


def _chosen(loop: Loop, measured: Sensitivity) -> Widths:
    limit, budget = loop.optimizer.planned_limit(), loop.optimizer.bit_choice.budget
    return choose_bits(measured.losses, budget.lower, budget.upper, limit.cost, limit.amount)


def _quantizers(loop: Loop, measured: Sensitivity, bits: Widths) -> list[QuantizerSensitivity]:
    bank = loop.model.quantizers
    rows = zip(bank.quantizers, measured.losses, bits.tolist(), bank.lower.tolist(), bank.sign.tolist(), strict=True)
    return [
        {
            "id": quantizer.id,
            "layer": quantizer.layer,
            "kind": quantizer.kind,
            "unsigned": sign == 0,
            "widths": list(range(int(low), int(low) + len(losses))),
            "losses": losses.tolist(),
            "chosen": chosen,
        }
        for quantizer, losses, chosen, low, sign in rows
    ]


def _groups(loop: Loop, measured: Sensitivity, batches: list[tuple[Tensor, ...]]) -> list[GroupSensitivity]:
    """Each group loses what the sparsity asks of it, the units of the least loss first; then it has them back."""
    rows, first = [], 0
    for group, removed in zip(loop.qadg.prunable, loop.optimizer.planned, strict=True):
        losses = measured.units[first : first + group.size]
        order = np.argsort(losses, kind="stable")[:removed]
        first += group.size
        rows.append(
            GroupSensitivity(
                id=group.id,
                name=group.name,
                size=group.size,
                removed=removed,
                predicted=float(losses[order].sum()),
                measured=_divergence(loop, group, order, batches) if removed else 0.0,
            )
        )
    return rows


@torch.no_grad()
def _divergence(loop: Loop, group: Group, units: NDArray[np.int64], batches: list[tuple[Tensor, ...]]) -> float:
    """How far the outputs come from those of the whole model with these units at zero, nats an example."""
    model, task = loop.model, loop.training_data.task
    parameters = dict(model.program.named_parameters(remove_duplicate=False))
    kept = {m.parameter: parameters[m.parameter].clone() for m in group.members if m.role == "producer"}
    zero = np.zeros(loop.qadg.total_units, bool)
    zero[group.first_unit + units] = True
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model.quantize(False).train()
    total = 0.0
    for args in batches:
        whole = _outputs(loop, args)
        set_to_zero(model.program, loop.qadg, zero)
        total += float(task.divergence(whole, _outputs(loop, args)))
        for name, value in kept.items():
            parameters[name].copy_(value)
    model.quantize(True).eval()
    for name, buffer in model.named_buffers():
        buffer.copy_(buffers[name])
    return total / (len(batches) * loop.training_data.rows)


def _outputs(loop: Loop, args: tuple[Tensor, ...]) -> object:
    """Dropout draws the same each time."""
    torch.manual_seed(loop.config.seed)
    return loop.training_data.inputs.call_flat(loop.model, args)


def _budget(loop: Loop, measured: Sensitivity, bits: Widths) -> BudgetRange:
    budget, limit = loop.optimizer.bit_choice.budget, loop.optimizer.planned_limit()
    more = choose_bits(measured.losses, budget.lower, budget.upper, limit.cost, 1.01 * limit.amount)
    spared = _total(measured, bits, budget.lower) - _total(measured, more, budget.lower)
    return {
        "kind": budget.kind,
        "least": limit.cost.of(budget.lower),
        "most": limit.cost.of(budget.upper),
        "amount": limit.amount,
        "cost": limit.cost.of(bits),
        "price": max(0.0, spared),
    }


def _total(measured: Sensitivity, bits: Widths, lower: Widths) -> float:
    return float(sum(losses[place] for losses, place in zip(measured.losses, bits - lower)))

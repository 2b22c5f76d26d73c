"""QASSO: joint structured pruning and mixed-precision quantization as one optimizer (METHOD, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from geta_engine.compact.verify import unit_budget
from geta_engine.config import INITIAL_BITS, Schedule
from geta_engine.errors import CheckFailed
from geta_engine.graph.model import Qadg
from geta_engine.qasso.base import Base
from geta_engine.qasso.saliency import Allocation, SaliencyWeights, choose, quota, saliency
from geta_engine.qasso.schedule import Position, position, projected_share, units_due
from geta_engine.qasso.slices import UnitSlices
from geta_engine.qasso.updates import JointRule, JointSums, joint_rule, project_steps
from geta_engine.quant.formula import step_size
from geta_engine.quant.insert import PreparedModel

KEPT, REDUNDANT, ZERO = 0, 1, 2
_QUANTIZER_BASE = Base("adam")


@dataclass(frozen=True)
class QASSOConfig:
    """Target sparsity, stages, base method and the weights of the saliency scores."""

    sparsity: float = 0.5
    schedule: Schedule = field(default_factory=Schedule)
    base: Base = field(default_factory=Base)
    lr_quant: float = 1e-3
    saliency: SaliencyWeights = field(default_factory=SaliencyWeights)
    allocation: Allocation = "proportional"


class QASSO(torch.optim.Optimizer):
    """Runs the four stages of `config.schedule`, one `step()` a training step.

    At the end exactly K = floor(sparsity * |G|) units are zero and every bit width is an integer within its
    bounds; `check()` asserts both. `param_groups[0]` holds the network's parameters, `param_groups[1]` those of the
    quantizers (their own learning rate), so that `torch.optim.lr_scheduler` works on it. Quantizers always move by
    Adam's direction on the logarithms of d, q_m and t (**ours**: their gradients are sums over whole tensors, 1e5 and
    more for one layer, and d spans four decades, so a plain step has no scale; positive by construction). Raises
    InputError at construction, naming the largest K, when the sparsity cannot be reached.
    """

    def __init__(self, model: PreparedModel, qadg: Qadg, config: QASSOConfig = QASSOConfig(), lr: float = 1e-3) -> None:
        self.config = config
        self.qadg = qadg
        self.k_target = unit_budget(qadg, config.sparsity)
        self.bank = model.quantizers
        self._named = {n: p for n, p in model.model_parameters().items() if p.requires_grad}
        self.slices = UnitSlices(qadg, self._named)
        self.steps = 0
        self.unit_state = torch.zeros(self.slices.units, dtype=torch.uint8)
        self.saliency = torch.zeros(self.slices.units)
        self.frozen_bits: Tensor | None = None
        self.rule: tuple[list[str], JointSums, JointRule] | None = None
        quantizers = [self.bank.d, self.bank.q_m, *([self.bank.t] if self.bank.learn_t else [])]
        super().__init__(
            [{"params": list(self._named.values()), "lr": lr}, {"params": quantizers, "lr": config.lr_quant}],
            {"lr": lr},
        )
        self._quantizer_of = self._weight_quantizers()
        self._newly: dict[int, Tensor] = {}
        self._keep: dict[int, Tensor] = {}

    def _weight_quantizers(self) -> dict[int, int]:
        """Position of a parameter -> position of its quantizer, by the graph's own record."""
        order = {name: i for i, name in enumerate(self._named)}
        return {order[q.id]: i for i, q in enumerate(self.bank.quantizers) if q.kind == "weight" and q.id in order}

    @property
    def position(self) -> Position:
        """Where the next step stands."""
        return position(self.config.schedule, self.steps)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of the stage that is due; gradients must be there (missing ones count as zero)."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        at = self.position
        x: list[Tensor] = list(self._named.values())
        grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in x]
        if at.stage == "joint" and at.starts_period:
            self._mark_redundant(at, x, grads)
        lr = float(self.param_groups[0]["lr"])
        direction = self.config.base.direction(x, grads, [self.state[p] for p in x], self.steps + 1, lr)
        forget, ruled = self._forget(at, x, direction, lr) if at.stage == "joint" and self._newly else ({}, None)
        self._step_quantizers(at, ruled)
        torch._foreach_add_(x, direction, alpha=-lr)
        for parameter, amount in forget.items():
            x[parameter].sub_(amount)
        if at.stage == "joint" and at.ends_period:
            self._set_zero()
        self._hold_zeros(x)
        self.steps += 1
        if self.frozen_bits is None and self.position.stage == "cooldown":
            self._freeze_bits()
        return loss

    def _mark_redundant(self, at: Position, x: list[Tensor], grads: list[Tensor]) -> None:
        taken = self.unit_state > KEPT
        due = units_due(self.config.schedule, at, self.k_target)
        most = quota(self.slices.sizes, due, self.config.allocation)
        self.saliency = saliency(self.slices, x, grads, ~taken, self.config.saliency)
        chosen = choose(self.saliency, self.slices, taken, due - int(taken.sum()), most)
        self.unit_state[chosen] = REDUNDANT
        self._newly = self.slices.masks(chosen)

    def _forget(
        self, at: Position, x: list[Tensor], direction: list[Tensor], lr: float
    ) -> tuple[dict[int, Tensor], Tensor]:
        """gamma * x_Q on the newly redundant entries, tensor by tensor, and the rule's d a quantizer (NaN: no rule).

        x_Q is written c~ + d R~ with the residual R~ of the current d, as in the descent inequality.
        """
        chosen = list(self._newly)
        c, r = self._quantized_parts(x, chosen)
        g = [direction[i] for i in chosen]
        masks = [self._newly[i] for i in chosen]
        c = [a * m for a, m in zip(c, masks)]
        r = [a * m for a, m in zip(r, masks)]
        masked_g = [a * m for a, m in zip(g, masks)]
        sums = JointSums(*(_dots(a, b) for a, b in ((g, c), (g, r), (masked_g, g), (c, c), (r, r))))
        d_min, d_max = self._step_bounds(chosen)
        rule = joint_rule(sums, lr, at.length - at.offset, d_min, d_max)
        self.rule = ([self.slices.names[i] for i in chosen], sums, rule)
        steps = zip(chosen, c, r, rule.gamma.unbind(), rule.d.unbind())
        forget = {i: (ci + di * ri) * gamma for i, ci, ri, gamma, di in steps}
        return forget, self._by_quantizer(chosen, rule.d)

    def _quantized_parts(self, x: list[Tensor], chosen: list[int]) -> tuple[list[Tensor], list[Tensor]]:
        """c~ and R~ of the chosen parameters; x and 0 for those without a quantizer."""
        d, q_m, t = self.bank.d.detach(), self.bank.q_m.detach(), self.bank.t.detach()
        parts_c, parts_r = [], []
        for i in chosen:
            q = self._quantizer_of.get(i)
            if q is None:
                parts_c.append(x[i].detach())
                parts_r.append(torch.zeros_like(x[i]))
                continue
            c = torch.clamp(x[i].detach(), -q_m[q], q_m[q])
            if self.bank.learn_t:
                c = c.abs().pow(t[q]) * c.sign()
            ratio = c / d[q]
            parts_c.append(c)
            parts_r.append(ratio.round() - ratio)
        return parts_c, parts_r

    def _step_bounds(self, chosen: list[int]) -> tuple[Tensor, Tensor]:
        """d(b_u) and d(b_l) of the chosen parameters; 1 for those without a quantizer (their d is not used)."""
        bank = self.bank
        index = torch.tensor([self._quantizer_of.get(i, -1) for i in chosen])
        low = torch.cat([step_size(bank.upper, bank.q_m.detach(), bank.t.detach()), torch.ones(1)])
        high = torch.cat([step_size(bank.lower, bank.q_m.detach(), bank.t.detach()), torch.ones(1)])
        return low[index], high[index]

    def _by_quantizer(self, chosen: list[int], d: Tensor) -> Tensor:
        """d of the chosen parameters in the order of the quantizers, NaN elsewhere. Shape [quantizers]."""
        ruled = torch.full_like(self.bank.d.detach(), torch.nan)
        rows = [k for k, i in enumerate(chosen) if i in self._quantizer_of]
        if rows:
            ruled[torch.tensor([self._quantizer_of[chosen[k]] for k in rows])] = d[torch.tensor(rows)]
        return ruled

    def _step_quantizers(self, at: Position, ruled: Tensor | None) -> None:
        """Base update of d, q_m, t; then d as the stage has it (`ruled`: the joint rule's, NaN where it has none)."""
        bank = self.bank
        group = self.param_groups[1]["params"]
        if not len(bank.quantizers):
            return
        logs = [p * p.grad if p.grad is not None else torch.zeros_like(p) for p in group]
        lr = float(self.param_groups[1]["lr"])
        direction = _QUANTIZER_BASE.direction(group, logs, [self.state[p] for p in group], self.steps + 1, lr)
        torch._foreach_mul_(group, torch._foreach_exp(torch._foreach_mul(direction, -lr)))
        bank.t.clamp_(0.1, 10.0)
        if ruled is not None:
            bank.d.copy_(torch.where(ruled.isnan(), bank.d, ruled))
        if at.stage == "cooldown" and self.frozen_bits is not None:
            bank.d.copy_(step_size(self.frozen_bits, bank.q_m, bank.t))
        else:
            share = projected_share(self.config.schedule, at)
            upper = INITIAL_BITS - share * (INITIAL_BITS - bank.upper)
            project_steps(bank.d, bank.q_m, bank.t, bank.lower, upper)

    def _set_zero(self) -> None:
        self.unit_state[self.unit_state == REDUNDANT] = ZERO
        self._newly = {}
        self._keep = self._zero_masks()

    def _zero_masks(self) -> dict[int, Tensor]:
        """parameter -> 0 on the entries of zero units, 1 elsewhere."""
        return {i: (~mask).float() for i, mask in self.slices.masks(self.unit_state == ZERO).items()}

    def _hold_zeros(self, x: list[Tensor]) -> None:
        """Zero units stay exactly zero: values and the base method's memory."""
        for i, keep in self._keep.items():
            x[i].mul_(keep)
            for slot in self.config.base.slots():
                self.state[x[i]][slot].mul_(keep)

    def _freeze_bits(self) -> None:
        bank = self.bank
        self.frozen_bits = torch.clamp(bank.bits().round(), bank.lower, bank.upper)
        bank.d.copy_(step_size(self.frozen_bits, bank.q_m, bank.t))

    @torch.no_grad()
    def check(self) -> None:
        """Assert the promise: exactly K units of zeros, integer bits within bounds. Raises CheckFailed."""
        squares = self.slices.sum_over_units([p.abs() for p in self._named.values()])
        zeros = int((squares == 0).sum())
        if zeros != self.k_target or int((self.unit_state == ZERO).sum()) != self.k_target:
            raise CheckFailed(f"{zeros} units are zero, not K = {self.k_target}")
        bits = self.bank.bits()
        whole = bits.round()
        inside = (whole >= self.bank.lower) & (whole <= self.bank.upper) & ((bits - whole).abs() < 1e-3)
        if not bool(inside.all()):
            raise CheckFailed(f"{int((~inside).sum())} bit widths are not integers within their bounds")

    def unit_norms(self) -> Tensor:
        """L2 norm of each unit's producer entries, shape [units]."""
        with torch.no_grad():
            x: list[Tensor] = list(self._named.values())
            return self.slices.sum_over_units(torch._foreach_mul(x, x)).clamp_min(0).sqrt()

    def state_dict(self) -> dict[str, Any]:
        """Everything `step` reads: base slots, unit states, saliency, bits, the number of steps done."""
        own = {
            "steps": self.steps,
            "unit_state": self.unit_state.clone(),
            "saliency": self.saliency.clone(),
            "frozen_bits": None if self.frozen_bits is None else self.frozen_bits.clone(),
        }
        return {**super().state_dict(), "qasso": own}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        own = state_dict["qasso"]
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "qasso"})
        self.steps = own["steps"]
        self.unit_state = own["unit_state"].clone()
        self.saliency = own["saliency"].clone()
        self.frozen_bits = None if own["frozen_bits"] is None else own["frozen_bits"].clone()
        self._newly = self.slices.masks(self.unit_state == REDUNDANT)
        self._keep = self._zero_masks()


def _dots(a: list[Tensor], b: list[Tensor]) -> Tensor:
    return torch.stack([product.sum() for product in torch._foreach_mul(a, b)])

"""QASSO: joint structured pruning and mixed-precision quantization as one optimizer (docs/method.md, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geta_engine.compact.verify import units_wanted
from geta_engine.config import INITIAL_BITS, Rule, Schedule
from geta_engine.cost.model import CostModel
from geta_engine.documents.qadg import Qadg
from geta_engine.documents.snapshots import KEPT, REDUNDANT, ZERO
from geta_engine.errors import CheckFailed, InputError
from geta_engine.qasso.allocation import Allocation, counts_now, final_counts, require_reachable
from geta_engine.qasso.base import BaseOptimizer
from geta_engine.qasso.bit_choice import BitChoice, BitChoiceState
from geta_engine.qasso.bit_program import fits, require_affordable
from geta_engine.qasso.budget import Budget, BudgetKind, Limit
from geta_engine.qasso.joint import JointStep
from geta_engine.qasso.joint_program import JointProgram
from geta_engine.qasso.saliency import SaliencyWeights, lowest_units, saliency
from geta_engine.qasso.schedule import StageStep, projected_share, stage_at, units_due
from geta_engine.qasso.slices import IndexSlice, UnitSlices
from geta_engine.qasso.updates import JointRule, JointSums
from geta_engine.quant.insert import PreparedModel
from geta_engine.quant.sensitivity import Sensitivity
from geta_engine.torch_internals import foreach_add_, foreach_exp, foreach_mul, foreach_mul_, version_of


class QassoState(TypedDict):
    """What `QASSO.state_dict()` holds besides the base method's: everything else that `step` reads.

    unit_state [units] uint8, saliency [units]. planned: how many units each group is to have lost in the end,
    has_chosen: whether that and the bits are chosen. rule: the parameters that the joint rule last changed, and the
    fields of its JointSums and JointRule.
    """

    steps: int
    unit_state: Tensor
    saliency: Tensor
    bit_choice: BitChoiceState
    planned: list[int]
    has_chosen: bool
    rule: tuple[list[str], dict[str, Tensor], dict[str, Tensor]] | None


@dataclass(frozen=True)
class QASSOConfig:
    """Target sparsity, stages, base method, how units are scored and how they are spread over groups.

    Every group keeps a positive multiple of `group_divisible` units, or is left whole. With `rule="chosen"` bits are
    chosen under a budget of `bops` (relative BOPs of the compact model) or `bytes` (of packed weights), or without
    either that of `Budget`; with "paper" d follows the paper's rule.
    """

    sparsity: float = 0.5
    schedule: Schedule = field(default_factory=Schedule)
    base: BaseOptimizer = field(default_factory=BaseOptimizer)
    lr_quant: float = 1e-3
    saliency: SaliencyWeights = field(default_factory=SaliencyWeights)
    allocation: Allocation = "proportional"
    group_divisible: int = 1
    rule: Rule = "chosen"
    bops: float | None = None
    bytes: int | None = None


class QASSO(torch.optim.Optimizer):
    """Runs the stages of `config.schedule`, one `step()` a training step.

    At the end exactly K = floor(sparsity * |G|) units are zero, every bit width is an integer within its bounds, and
    the cost is within the budget; `assert_constraints()` checks all three. With `rule="chosen"` the caller gives
    `choose_bits` what it measured when the projection stage is over (`needs_bits`). `param_groups[0]` holds the
    network's parameters and the base method's settings, `param_groups[1]` the quantizers' parameters (with a learning
    rate of their own), so that `torch.optim.lr_scheduler` works on it. Quantizers always move by Adam's direction on
    the logarithms of d, q_m and t (**ours**: their gradients are sums over whole tensors, 1e5 and more for one layer,
    and d spans four decades, so a plain step has no scale; positive by construction). Raises InputError at construction
    when the sparsity or the budget cannot be reached, naming the largest K and the smallest cost.
    """

    def __init__(self, model: PreparedModel, qadg: Qadg, config: QASSOConfig = QASSOConfig(), lr: float = 1e-3) -> None:
        self.config = config
        self.qadg = qadg
        self.bank = model.quantizers
        named = {name: p for name, p in model.model_parameters(aliases=True).items() if p.is_floating_point()}
        self.slices = UnitSlices(qadg, named)
        self.k_target = units_wanted(qadg, config.sparsity)
        if self.k_target and not config.schedule.joint:
            raise InputError(
                f"sparsity {config.sparsity} needs a joint stage, which has 0 steps: give it a length or set sparsity 0"
            )
        self.steps = 0
        device = self.slices.group.device
        self.unit_state = torch.zeros(self.slices.units, dtype=torch.uint8, device=device)
        self.saliency = torch.zeros(self.slices.units, device=device)
        self.costs = CostModel(model.origin.graph_module(), qadg)
        kind: BudgetKind = "bops" if config.bytes is None else "bytes"
        budget = Budget(self.costs, self.bank, kind, config.bops if config.bytes is None else config.bytes)
        self.bit_choice = BitChoice(self.bank, budget)
        self._candidates = qadg.candidate_units()
        self._has_chosen = False
        self.rule: tuple[list[str], JointSums, JointRule] | None = None
        quantizers = [self.bank.d, self.bank.q_m, *([self.bank.t] if self.bank.learn_t else [])]
        settings = {"lr": lr, **config.base.settings()}
        super().__init__(
            [
                {"params": self.slices.parameters},
                {"params": quantizers, "lr": config.lr_quant, **BaseOptimizer("adam").settings()},
            ],
            settings,
        )
        weights = [(q.id, i) for i, q in enumerate(self.bank.quantizers) if q.kind == "weight"]
        self._quantizer_of = {self.slices.position_of[name]: i for name, i in weights}
        self._joint_step: JointStep | None = None
        self._zero_rows: list[IndexSlice] = []
        self._versions: list[int] | None = None
        self._start()

    @torch.no_grad()
    def _start(self) -> None:
        """Units that are zero already are so for good, and count. Raises InputError when K cannot be reached."""
        dead = self.slices.zero()
        config, sizes = self.config, self.slices.sizes
        require_reachable(sizes, self._counts(dead), self.k_target, config.group_divisible, config.sparsity)
        self.unit_state[dead] = ZERO
        self._zero_rows = self.slices.rows(dead)
        self._n_removed = int(dead.sum())
        share = self.k_target / max(1, sum(sizes))
        wanted = [size * share for size in sizes]
        self.planned = final_counts(sizes, self._counts(dead), wanted, self.k_target, config.group_divisible)
        if config.rule == "chosen":
            limit, budget = self.planned_limit(), self.bit_choice.budget
            if config.allocation == "chosen":
                budget.fix_amount(self._removed_shares(self.planned))
            require_affordable(limit.cost, budget.lower, limit.amount, budget.name)

    def planned_limit(self) -> Limit:
        """Cost and budget at the shapes that the run is to end with."""
        return self.bit_choice.budget.limit(self._removed_shares(self.planned))

    @property
    def needs_bits(self) -> bool:
        """Whether `choose_bits` is to be called before the next step."""
        schedule = self.config.schedule
        is_over = self.steps >= schedule.pretrain + schedule.warmup + schedule.projection
        decides = bool(self.bank.quantizers) or self.config.allocation == "chosen"
        return is_over and decides and self.config.rule == "chosen" and not self._has_chosen

    @torch.no_grad()
    def choose_bits(self, measured: Sensitivity) -> None:
        """Choose the width of every quantizer at the shapes that the run is to end with. From here on d follows q_m and
        t, which learn."""
        if self.config.allocation == "chosen":
            self.planned = self._chosen_counts(measured)
        if self.bank.quantizers:
            self.bit_choice.choose_bits(measured, self._removed_shares(self.planned), self.state)
        self._has_chosen = True

    def _chosen_counts(self, measured: Sensitivity) -> list[int]:
        """How many units each group loses in the end, by what they and the bits cost together."""
        sizes, budget, lost = self.slices.sizes, self.bit_choice.budget, self._counts(self.unit_state > KEPT)
        program = JointProgram(
            units=np.split(measured.units, np.cumsum(sizes)[:-1]),
            losses=measured.losses,
            lower=budget.lower,
            upper=budget.upper,
            limit_of=lambda counts: budget.limit(self._removed_shares(counts)),
            nearest=lambda wanted: final_counts(sizes, lost, wanted, self.k_target, self.config.group_divisible),
        )
        return program.counts(self.planned) if self.k_target else self.planned

    @property
    def frozen_bits(self) -> Tensor | None:
        """The whole widths that d follows, shape [quantizers]; None before there are any."""
        return self.bit_choice.bits

    def removed_units(self) -> NDArray[np.bool_]:
        """The units that are zero, over all units of the graph."""
        removed = np.zeros(self.qadg.total_units, bool)
        removed[self._candidates] = (self.unit_state == ZERO).cpu().numpy()
        return removed

    def _removed_shares(self, counts: Sequence[int]) -> NDArray[np.float64]:
        """Of each unit of the graph, the share of its group that is to go; `counts` has an element a prunable group."""
        shares = np.zeros(self.qadg.total_units)
        lost = [count / size for count, size in zip(counts, self.slices.sizes)]
        shares[self._candidates] = np.repeat(lost, self.slices.sizes)
        return shares

    @property
    def stage_step(self) -> StageStep:
        """Where the next step stands."""
        return stage_at(self.config.schedule, self.steps)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of the stage that is due; what has no gradient is left as it is, unless it is made zero."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self.needs_bits:
            raise RuntimeError("the projection stage is over and no bits are chosen: call choose_bits first")
        at, group = self.stage_step, self.param_groups[0]
        x: list[Tensor] = group["params"]
        moving = [i for i, p in enumerate(x) if p.grad is not None]
        grads = [p.grad if p.grad is not None else p.new_zeros(()).expand(p.shape) for p in x]
        self._clear_zero_units(x, self._externally_modified(x))
        self._clear_zero_units(grads, moving)
        if at.stage == "joint" and at.starts_period:
            self._mark_redundant(at, x, grads)
        lr = float(group["lr"])
        direction = self._direction(group, x, grads, moving)
        ruled = self._apply_joint_step(at, x, direction, lr)
        if at.stage != "pretrain" and self.bank.quantizers:
            self._step_quantizers(at, ruled)
        if moving:
            foreach_add_([x[i] for i in moving], [direction[i] for i in moving], alpha=-lr)
        if at.stage == "joint" and at.ends_period:
            self._set_zero(x)
        self._versions = [version_of(p) for p in x]
        self.steps += 1
        if at.stage != "cooldown" and self.stage_step.stage == "cooldown":
            self._freeze_bits()
        return loss

    def _direction(
        self, group: dict[str, Any], x: list[Tensor], grads: list[Tensor], moving: list[int]
    ) -> list[Tensor]:
        """The base method's direction for the parameters that move, zero for the others."""
        direction = list(grads)
        states = [self.state[x[i]] for i in moving]
        directions = BaseOptimizer.of(group).direction([x[i] for i in moving], [grads[i] for i in moving], states)
        for i, g in zip(moving, directions):
            direction[i] = g
        return direction

    def _apply_joint_step(self, at: StageStep, x: list[Tensor], direction: list[Tensor], lr: float) -> Tensor | None:
        """Take gamma * x_Q off the redundant entries; d of each quantizer by the joint rule (NaN: none)."""
        if self._joint_step is None:
            return None
        sums, rule = self._joint_step.apply(x, direction, lr, at.length - at.offset, self.config.rule)
        self.rule = ([self.slices.names[p] for p in self._joint_step.parameters], sums, rule)
        return self._joint_step.steps_by_quantizer(rule) if lr > 0 and self.config.rule == "paper" else None

    def _mark_redundant(self, at: StageStep, x: list[Tensor], grads: list[Tensor]) -> None:
        """Choose the units that the period makes zero: K * p / P in all, the lowest scores of each group."""
        taken = self.unit_state > KEPT
        self.saliency = saliency(self.slices, x, grads, ~taken, self.config.saliency)
        target = max(units_due(self.config.schedule, at, self.k_target), self._n_removed)
        lost = self._counts(taken)
        self.planned = self._final_counts(lost, self._wanted(taken))
        self.bit_choice.choose_again(self._removed_shares(self.planned))
        most = self.planned if self.config.allocation == "global" else counts_now(lost, self.planned, target)
        chosen = lowest_units(self.saliency, self.slices, taken, target - self._n_removed, most)
        self._n_removed = target
        self.unit_state[chosen] = REDUNDANT
        self._joint_step = self._make_joint_step()

    def _final_counts(self, lost: list[int], wanted: list[float]) -> list[int]:
        """What each group loses in the end: what is wanted, or as near to it as the budget can be kept."""
        sizes, budget = self.slices.sizes, self.bit_choice.budget
        for share in (1.0, 0.75, 0.5, 0.25, 0.0):
            mixed = [share * want + (1 - share) * before for want, before in zip(wanted, self.planned)]
            counts = final_counts(sizes, lost, mixed, self.k_target, self.config.group_divisible)
            limit = budget.limit(self._removed_shares(counts))
            if self.config.rule == "paper" or fits(limit.cost.of(budget.lower), limit.amount):
                break
        return counts

    def _counts(self, units: Tensor) -> list[int]:
        counts: list[int] = torch.bincount(self.slices.group[units], minlength=len(self.slices.sizes)).tolist()
        return counts

    def _wanted(self, taken: Tensor) -> list[float]:
        """How many units each group should have lost in the end, were K and divisors no matter."""
        sizes = self.slices.sizes
        if self.config.allocation == "proportional":
            return [size * self.k_target / sum(sizes) for size in sizes]
        if self.config.allocation == "chosen":
            return [float(count) for count in self.planned]
        most = [size - 1 for size in sizes]
        lowest = lowest_units(self.saliency, self.slices, taken, self.k_target - self._n_removed, most)
        return [float(n) for n in self._counts(lowest | taken)]

    def _make_joint_step(self) -> JointStep | None:
        entries = self.slices.entries(self.unit_state == REDUNDANT)
        return JointStep(entries, self._quantizer_of, self.bank, self.slices.parameters) if entries else None

    def _step_quantizers(self, at: StageStep, ruled: Tensor | None) -> None:
        """Base update of d, q_m, t; then d as the stage has it (`ruled`: the joint rule's, NaN where it has none)."""
        bank, group = self.bank, self.param_groups[1]
        parameters: list[Tensor] = group["params"]
        logs = [p * p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        if self.frozen_bits is not None:
            self._follow_steps(logs)
        direction = BaseOptimizer.of(group).direction(parameters, logs, [self.state[p] for p in parameters])
        foreach_mul_(parameters, foreach_exp(foreach_mul(direction, -float(group["lr"]))))
        bank.t.clamp_(0.1, 10.0)
        if ruled is not None:
            bank.d.copy_(torch.where(ruled.isnan(), bank.d, ruled))
        if self.frozen_bits is None:
            share = projected_share(self.config.schedule, at)
            bank.project_steps(INITIAL_BITS - share * (INITIAL_BITS - bank.upper))
        self.bit_choice.set_steps(bank)

    def _follow_steps(self, logs: list[Tensor]) -> None:
        """With the bits fixed, d = d(b) follows q_m and t: its gradient is theirs (**ours**)."""
        bank = self.bank
        logs[1] += bank.t * logs[0]
        if bank.learn_t:
            logs[2] += bank.t * bank.q_m.log() * logs[0]

    def _set_zero(self, x: list[Tensor]) -> None:
        """The period's units become zero, the base method's memory of them too.

        Where both are 0 and the gradient is, as `step` sees to, every base method's direction is 0: they stay so.
        """
        self.unit_state[self.unit_state == REDUNDANT] = ZERO
        self._joint_step = None
        self._zero_rows = self.slices.rows(self.unit_state == ZERO)
        for rows in self._zero_rows:
            for memory in filter(torch.is_tensor, self.state[x[rows.parameter]].values()):
                memory.index_fill_(rows.dim, rows.index, 0.0)
        self._clear_zero_units(x, range(len(x)))

    def _externally_modified(self, x: list[Tensor]) -> list[int]:
        """Parameters that someone else wrote to after the last step: an average, a hook."""
        return [i for i, p in enumerate(x) if self._versions is None or version_of(p) != self._versions[i]]

    def _clear_zero_units(self, tensors: list[Tensor], where: Sequence[int]) -> None:
        chosen = set(where)
        for rows in self._zero_rows:
            if rows.parameter in chosen:
                rows.clear(tensors)

    def _freeze_bits(self) -> None:
        """From here on the units that are gone are known: bits are chosen once more, or what the paper's rule left is
        rounded."""
        if self.config.rule == "chosen":
            self.bit_choice.choose_again(self.removed_units())
        else:
            self.bit_choice.round()

    @torch.no_grad()
    def project_onto_constraints(self, model: PreparedModel) -> None:
        """Make an average of the model's past (EMA) keep the constraints too: zero units at 0, d of the frozen bits."""
        named = model.model_parameters(aliases=True)
        parameters = {position: named[name] for name, position in self.slices.position_of.items()}
        self._clear_zero_units([parameters[i] for i in range(len(parameters))], range(len(parameters)))
        self.bit_choice.set_steps(model.quantizers)

    @torch.no_grad()
    def assert_constraints(self) -> None:
        """Raises CheckFailed unless exactly K units are zero, every bit width is an integer within its bounds, and the
        cost is within the budget where bits are chosen."""
        zeros = int(self.slices.zero().sum())
        if zeros != self.k_target or int((self.unit_state == ZERO).sum()) != self.k_target:
            raise CheckFailed(f"{zeros} units are zero, not K = {self.k_target}")
        bits = self.bank.bits()
        whole = bits.round()
        inside = (whole >= self.bank.lower) & (whole <= self.bank.upper) & ((bits - whole).abs() < 1e-3)
        if not bool(inside.all()):
            raise CheckFailed(f"{int((~inside).sum())} bit widths are not integers within their bounds")
        budget = self.bit_choice.budget
        limit = budget.limit(self.removed_units())
        price = limit.cost.of(whole.cpu().numpy())
        if self.config.rule == "chosen" and not fits(price, limit.amount):
            raise CheckFailed(f"the cost is {price:.6g} {budget.name}, above the budget of {limit.amount:.6g}")

    @torch.no_grad()
    def unit_norms(self) -> Tensor:
        """L2 norm of each unit's producer entries, shape [units]."""
        return self.slices.norms()

    def state_dict(self) -> dict[str, Any]:
        """Everything `step` reads: base slots, unit states, saliency, bits, the number of steps done; and `rule`."""
        qasso: QassoState = {
            "steps": self.steps,
            "unit_state": self.unit_state.clone(),
            "saliency": self.saliency.clone(),
            "bit_choice": self.bit_choice.state(),
            "planned": list(self.planned),
            "has_chosen": self._has_chosen,
            "rule": None if self.rule is None else (self.rule[0], self.rule[1]._asdict(), self.rule[2]._asdict()),
        }
        return {**super().state_dict(), "qasso": qasso}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        qasso: QassoState = state_dict["qasso"]
        if "bit_choice" not in qasso:
            raise InputError("the checkpoint is of a version that did not choose bits: start the run anew")
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "qasso"})
        self.steps = qasso["steps"]
        self.unit_state = qasso["unit_state"].clone()
        self.saliency = qasso["saliency"].clone()
        self.bit_choice.restore(qasso["bit_choice"])
        self.planned = list(qasso["planned"])
        self._has_chosen = qasso["has_chosen"]
        self._n_removed = int((self.unit_state > KEPT).sum())
        self.rule = None
        if qasso["rule"] is not None:
            names, sums, rule = qasso["rule"]
            self.rule = (names, JointSums(**sums), JointRule(**rule))
        self._joint_step = self._make_joint_step()
        self._versions = None
        self._zero_rows = self.slices.rows(self.unit_state == ZERO)

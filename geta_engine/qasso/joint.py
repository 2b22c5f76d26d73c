"""One step of the joint stage on the newly redundant units (METHOD, section 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from geta_engine.qasso.slices import Entries, Rows
from geta_engine.qasso.updates import JointRule, JointSums, joint_rule
from geta_engine.quant.bank import QuantizerBank
from geta_engine.quant.formula import step_size


class Redundant:
    """The entries of newly redundant units, one element a parameter, for the steps of one period.

    `quantizer_of` maps a parameter's position to that of its quantizer. Those with a quantizer come first. A step is a
    few operations a parameter, whatever its units are.
    """

    def __init__(self, entries: Sequence[Rows | Entries], quantizer_of: Mapping[int, int], bank: QuantizerBank) -> None:
        self._bank = bank
        self._quantized = [e for e in entries if e.parameter in quantizer_of]
        self._plain = [e for e in entries if e.parameter not in quantizer_of]
        self.parameters = [e.parameter for e in (*self._quantized, *self._plain)]
        rows = [quantizer_of[e.parameter] for e in self._quantized]
        self._quantizer = torch.tensor(rows, dtype=torch.long, device=bank.d.device)

    def forget(
        self, x: Sequence[Tensor], direction: Sequence[Tensor], lr: float, remaining: int
    ) -> tuple[JointSums, JointRule]:
        """x -= gamma * x_Q on the entries; gamma and d of each parameter, and the sums they came from.

        `remaining` is T - k. x_Q is written c~ + d R~ with the residual R~ of the current d, as in the descent
        inequality; without a quantizer it is x.
        """
        values = [e.read(x) for e in self._quantized]
        c, r = self._parts(values)
        sums = self._sums(c, r, [e.read(direction) for e in self._quantized], x, direction)
        rule = joint_rule(sums, lr, remaining, *self._step_bounds())
        gamma, d = rule.gamma.unbind(), rule.d.unbind()
        for entries, ci, ri, gi, di in zip(self._quantized, c, r, gamma, d):
            entries.subtract(x, ri.mul_(di).add_(ci).mul_(gi))
        for rows, gi in zip(self._plain, gamma[len(self._quantized) :]):
            rows.shrink(x, gi)
        return sums, rule

    def steps_by_quantizer(self, rule: JointRule) -> Tensor:
        """The rule's d in the order of the quantizers, NaN for those it does not touch. Shape [quantizers]."""
        ruled = torch.full_like(self._bank.d.detach(), torch.nan)
        return ruled.index_copy_(0, self._quantizer, rule.d[: len(self._quantized)])

    def _parts(self, x: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """c~ and R~ of the entries with a quantizer."""
        bank = self._bank
        d, q_m, t = (v.detach()[self._quantizer].unbind() for v in (bank.d, bank.q_m, bank.t))
        c = [torch.clamp(xi, -qi, qi) for xi, qi in zip(x, q_m)]
        if bank.learn_t:
            c = [ci.abs().pow(ti) * ci.sign() for ci, ti in zip(c, t)]
        ratio = [ci / di for ci, di in zip(c, d)]
        return c, [ri.round().sub_(ri) for ri in ratio]

    def _sums(
        self,
        c: list[Tensor],
        r: list[Tensor],
        g: list[Tensor],
        x: Sequence[Tensor],
        direction: Sequence[Tensor],
    ) -> JointSums:
        rows = [_products(*triple) for triple in zip(c, r, g)]
        none = self._bank.d.new_zeros(())
        for entries in self._plain:
            value, slope = entries.read(x), entries.read(direction)
            rows.append((_dot(slope, value), none, _dot(slope, slope), _dot(value, value), none))
        return JointSums(*(torch.stack(column) for column in zip(*rows)))

    def _step_bounds(self) -> tuple[Tensor, Tensor]:
        """d(b_u) and d(b_l) of each parameter; 1 for those without a quantizer (their d is not used)."""
        bank = self._bank
        q_m, t = bank.q_m.detach(), bank.t.detach()
        one = q_m.new_ones(len(self._plain))
        low, high = (step_size(bits, q_m, t)[self._quantizer] for bits in (bank.upper, bank.lower))
        return torch.cat([low, one]), torch.cat([high, one])


def _products(c: Tensor, r: Tensor, g: Tensor) -> tuple[Tensor, ...]:
    return _dot(g, c), _dot(g, r), _dot(g, g), _dot(c, c), _dot(r, r)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.dot(a, b).float()

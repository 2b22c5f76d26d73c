"""One step of the joint stage on the newly redundant units (docs/method.md, section 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from geta_engine.config import Rule
from geta_engine.qasso.slices import FlatIndex, IndexSlice
from geta_engine.qasso.updates import JointRule, JointSums, descent_rule, paper_rule
from geta_engine.quant.bank import QuantizerBank


class JointStep:
    """The entries of newly redundant units, one element a parameter of `parameters`, for the steps of one period.

    `quantizer_of` maps a parameter's position to that of its quantizer. Those with a quantizer come first. A step is a
    few operations a parameter, whatever its units are, in arrays that are made once: fresh memory costs more than the
    arithmetic.
    """

    def __init__(
        self,
        entries: Sequence[IndexSlice | FlatIndex],
        quantizer_of: Mapping[int, int],
        bank: QuantizerBank,
        parameters: Sequence[Tensor],
    ) -> None:
        self._bank = bank
        self._quantized = [e for e in entries if e.parameter in quantizer_of]
        self._plain = [e for e in entries if e.parameter not in quantizer_of]
        both = [*self._quantized, *self._plain]
        self.parameters = [e.parameter for e in both]
        self._values, self._slopes = ([e.empty_buffer(parameters) for e in both] for _ in range(2))
        self._residuals = [e.empty_buffer(parameters) for e in self._quantized]
        rows = [quantizer_of[e.parameter] for e in self._quantized]
        self._quantizer = torch.tensor(rows, dtype=torch.long, device=bank.d.device)

    def apply(
        self, x: Sequence[Tensor], direction: Sequence[Tensor], lr: float, remaining: int, rule_name: Rule
    ) -> tuple[JointSums, JointRule]:
        """x -= gamma * x_Q on the entries; gamma and d of each parameter, and the sums they came from.

        `remaining` is T - k. x_Q is written c~ + d R~ with the residual R~ of the current d, as in the descent
        inequality; without a quantizer it is x.
        """
        c, r = self._parts(x)
        sums = self._sums(c, r, x, direction)
        if rule_name == "paper":
            rule = paper_rule(sums, lr, remaining, *self._step_bounds())
        else:
            rule = descent_rule(sums, self._of_parameters(self._bank.d.detach()), lr, remaining)
        gamma, d = rule.gamma.unbind(), rule.d.unbind()
        for entries, ci, ri, gi, di in zip(self._quantized, c, r, gamma, d):
            entries.subtract(x, ci.addcmul_(ri, di).mul_(gi))
        first = len(self._quantized)
        kept = (1 - rule.gamma).unbind()
        for entries, value, share in zip(self._plain, self._values[first:], kept[first:]):
            entries.scale(x, value, share)
        return sums, rule

    def steps_by_quantizer(self, rule: JointRule) -> Tensor:
        """The rule's d in the order of the quantizers, NaN for those it does not touch. Shape [quantizers]."""
        ruled = torch.full_like(self._bank.d.detach(), torch.nan)
        return ruled.index_copy_(0, self._quantizer, rule.d[: len(self._quantized)])

    def _parts(self, x: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """c~ and R~ of the entries with a quantizer."""
        bank = self._bank
        d, q_m, t = (v.detach()[self._quantizer].unbind() for v in (bank.d, bank.q_m, bank.t))
        for entries, value, qi in zip(self._quantized, self._values, q_m):
            entries.read(x, value).clamp_min_(-qi).clamp_max_(qi)
        c = self._values[: len(self._quantized)]
        if bank.learn_t:
            for ci, ti in zip(c, t):
                ci.copy_(ci.abs().pow_(ti).mul_(ci.sign()))
        for ci, di, ratio, residual in zip(c, d, self._slopes, self._residuals):
            torch.div(ci, di, out=ratio)
            torch.round(ratio, out=residual).sub_(ratio)
        return c, self._residuals

    def _sums(self, c: list[Tensor], r: list[Tensor], x: Sequence[Tensor], direction: Sequence[Tensor]) -> JointSums:
        slopes = [
            e.read(direction, buffer).view(-1) for e, buffer in zip((*self._quantized, *self._plain), self._slopes)
        ]
        none, first = self._bank.d.new_zeros(()), len(c)
        rows = []
        for ci, ri, gi in zip(c, r, slopes):
            ci, ri = ci.view(-1), ri.view(-1)
            rows.append((gi.dot(ci), gi.dot(ri), gi.dot(gi), ci.dot(ci), ri.dot(ri)))
        for entries, buffer, gi in zip(self._plain, self._values[first:], slopes[first:]):
            value = entries.read(x, buffer).view(-1)
            rows.append((gi.dot(value), none, gi.dot(gi), value.dot(value), none))
        return JointSums(*(torch.stack([v.float() for v in column]) for column in zip(*rows)))

    def _step_bounds(self) -> tuple[Tensor, Tensor]:
        """d(b_u) and d(b_l) of each parameter."""
        low, high = (self._of_parameters(self._bank.step_sizes(bits)) for bits in (self._bank.upper, self._bank.lower))
        return low, high

    def _of_parameters(self, values: Tensor) -> Tensor:
        """Values of the quantizers, shape [quantizers], for each parameter; 1 for those without one."""
        return torch.cat([values[self._quantizer], values.new_ones(len(self._plain))])

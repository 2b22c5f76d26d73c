"""The whole bit widths that a run ends with, and what they were chosen by (docs/method.md, section 4.2)."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geta_engine.qasso.bit_program import Widths
from geta_engine.qasso.bit_program import choose_bits as best_widths
from geta_engine.qasso.budget import Budget
from geta_engine.quant.bank import QuantizerBank
from geta_engine.quant.sensitivity import Sensitivity, SensitivityTensors


class BitChoiceState(TypedDict):
    """What a checkpoint holds of it: bits [quantizers], the losses and clips of each quantizer, [widths], and the
    weights of the cost that the bits were chosen under, [terms]."""

    bits: Tensor | None
    sensitivity: SensitivityTensors | None
    weights: Tensor | None


class BitChoice:
    """The widths of all quantizers of `bank`: None until they are chosen or rounded; d follows them from then on."""

    def __init__(self, bank: QuantizerBank, budget: Budget) -> None:
        self.bank = bank
        self.budget = budget
        self.bits: Tensor | None = None
        self.sensitivity: Sensitivity | None = None
        self._weights: NDArray[np.float64] | None = None

    def choose_bits(
        self, measured: Sensitivity, removed: NDArray[np.generic], memory: MutableMapping[Any, dict[str, Any]]
    ) -> None:
        """Give every quantizer its width of the least loss within the budget, and the clip that suits it.

        `removed` is as in `CostModel`. `memory` is what the base method remembers of each parameter: of d and q_m
        nothing is left.
        """
        bank = self.bank
        self.sensitivity = measured
        widths = self._solved(removed)
        rows = zip(measured.clips, widths - self.budget.lower, strict=True)
        clips = bank.q_m.new_tensor([clips[place] for clips, place in rows])
        bank.q_m.copy_(torch.where(clips > 0, clips, bank.q_m))
        self._set(widths)
        for parameter in (bank.d, bank.q_m):
            memory[parameter].clear()

    def choose_again(self, removed: NDArray[np.generic]) -> None:
        """With the units that are really gone, where these cost something else than what was planned. A clip whose
        width changes keeps what it has learned since, as a factor."""
        if self.bits is None or self.sensitivity is None or self._weights is None:
            return
        if np.allclose(self.budget.limit(removed).cost.weights, self._weights, rtol=1e-9, atol=0):
            return
        widths, lower = self._solved(removed), self.budget.lower
        before = self.bits.cpu().numpy().astype(np.int64)
        rows = zip(self.sensitivity.clips, widths - lower, before - lower, strict=True)
        factors = [clips[new] / clips[old] if new != old and clips[old] > 0 else 1.0 for clips, new, old in rows]
        self.bank.q_m.mul_(self.bank.q_m.new_tensor(factors))
        self._set(widths)

    def round(self) -> None:
        """The nearest whole widths to those that the bank has come to."""
        bank = self.bank
        self.bits = torch.clamp(bank.bits().round(), bank.lower, bank.upper)
        self.set_steps(bank)

    def set_steps(self, bank: QuantizerBank) -> None:
        """d = d(b) in `bank`, this one's own or that of an average, once there are bits."""
        if self.bits is not None:
            bank.d.copy_(bank.step_sizes(self.bits))

    def _solved(self, removed: NDArray[np.generic]) -> Widths:
        assert self.sensitivity is not None
        budget, limit = self.budget, self.budget.limit(removed)
        self._weights = limit.cost.weights
        return best_widths(self.sensitivity.losses, budget.lower, budget.upper, limit.cost, limit.amount, budget.name)

    def _set(self, widths: Widths) -> None:
        self.bits = self.bank.lower.new_tensor(widths)
        self.set_steps(self.bank)

    def state(self) -> BitChoiceState:
        """Bits and sensitivities as tensors of their own."""
        return {
            "bits": None if self.bits is None else self.bits.clone(),
            "sensitivity": None if self.sensitivity is None else self.sensitivity.to_tensors(),
            "weights": None if self._weights is None else torch.from_numpy(self._weights).clone(),
        }

    def restore(self, state: BitChoiceState) -> None:
        """Go on from `state()`."""
        self.bits = None if state["bits"] is None else state["bits"].clone()
        self.sensitivity = None if state["sensitivity"] is None else Sensitivity.from_tensors(state["sensitivity"])
        self._weights = None if state["weights"] is None else state["weights"].numpy()

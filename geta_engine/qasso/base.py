"""Base methods: SGD, Adam and AdamW directions over lists of tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from geta_engine.errors import InputError
from geta_engine.torch_internals import (
    foreach_add,
    foreach_add_,
    foreach_addcmul_,
    foreach_div,
    foreach_div_,
    foreach_lerp_,
    foreach_mul_,
    foreach_sqrt,
)

Method = Literal["sgd", "adam", "adamw"]
_ADAM = ("method", "betas", "eps", "weight_decay")
_SETTINGS: dict[Method, tuple[str, ...]] = {
    "sgd": ("method", "momentum", "nesterov", "dampening", "weight_decay"),
    "adam": _ADAM,
    "adamw": _ADAM,
}


@dataclass(frozen=True)
class BaseOptimizer:
    """Hyperparameters of the base method; `momentum` is SGD's, `betas` and `eps` are Adam's."""

    method: Method = "sgd"
    momentum: float = 0.9
    nesterov: bool = False
    dampening: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        if self.method != "sgd" and not self.eps > 0:
            raise InputError(
                f"eps is {self.eps}, but {self.method} divides by it where a gradient is 0: give 1e-8, say"
            )

    @classmethod
    def of(cls, group: Mapping[str, Any]) -> BaseOptimizer:
        """The method of a parameter group, whose momentum or betas a scheduler may have changed."""
        return cls(**{key: group[key] for key in _SETTINGS[group["method"]]})

    def settings(self) -> dict[str, Any]:
        """What goes into a parameter group: names are those of torch.optim, and only what the method reads."""
        return {key: getattr(self, key) for key in _SETTINGS[self.method]}

    def slots(self) -> tuple[str, ...]:
        """Names of the state tensors, one a parameter."""
        if self.method == "sgd":
            return ("momentum",) if self.momentum else ()
        return ("exp_avg", "exp_avg_sq")

    def direction(self, x: Sequence[Tensor], grads: Sequence[Tensor], states: Sequence[dict[str, Any]]) -> list[Tensor]:
        """The direction g of x <- x - lr g, as torch.optim's method of that name has it; AdamW's decay is part of g.

        `states` holds what the method remembers of each tensor, made on its first step.
        """
        grad = list(grads)
        if not grad:
            return grad
        if self.weight_decay and self.method != "adamw":
            grad = list(foreach_add(grad, list(x), alpha=self.weight_decay))
        if self.method == "sgd":
            return self._sgd(grad, states)
        return self._adam(list(x), grad, states)

    def _sgd(self, grad: list[Tensor], states: Sequence[dict[str, Any]]) -> list[Tensor]:
        if not self.momentum:
            return grad
        started = [(state["momentum"], g) for state, g in zip(states, grad) if "momentum" in state]
        if started:
            self._accumulate(*([pair[i] for pair in started] for i in (0, 1)))
        for state, g in zip(states, grad):
            if "momentum" not in state:
                state["momentum"] = g.detach().clone()
        buffers = [state["momentum"] for state in states]
        return list(foreach_add(grad, buffers, alpha=self.momentum)) if self.nesterov else list(buffers)

    def _accumulate(self, memory: list[Tensor], grad: list[Tensor]) -> None:
        """memory <- momentum * memory + (1 - dampening) * grad. A CPU waits for memory, of which one pass needs least;
        elsewhere few launches are what counts."""
        if memory[0].is_cpu and not self.dampening:
            for buffer, g in zip(memory, grad):
                torch.add(g, buffer, alpha=self.momentum, out=buffer)
        else:
            foreach_mul_(memory, self.momentum)
            foreach_add_(memory, grad, alpha=1 - self.dampening)

    def _adam(self, x: list[Tensor], grad: list[Tensor], states: Sequence[dict[str, Any]]) -> list[Tensor]:
        first, second = self.betas
        for state, g in zip(states, grad):
            if "exp_avg" not in state:
                state["exp_avg"], state["exp_avg_sq"], state["step"] = torch.zeros_like(g), torch.zeros_like(g), 0
            state["step"] += 1
        mean = [state["exp_avg"] for state in states]
        square = [state["exp_avg_sq"] for state in states]
        foreach_lerp_(mean, grad, 1 - first)
        foreach_mul_(square, second)
        foreach_addcmul_(square, grad, grad, 1 - second)
        scale = foreach_sqrt(square)
        foreach_div_(scale, [(1 - second ** state["step"]) ** 0.5 for state in states])
        foreach_add_(scale, self.eps)
        direction = foreach_div(mean, scale)
        foreach_div_(direction, [1 - first ** state["step"] for state in states])
        if self.weight_decay and self.method == "adamw":
            foreach_add_(direction, x, alpha=self.weight_decay)
        return list(direction)

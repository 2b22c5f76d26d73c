"""The dense model, trained as long: what the compressed one is compared with."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from geta_engine.config import RunConfig
from geta_engine.errors import CheckFailed
from geta_engine.qasso.base import BaseOptimizer
from geta_engine.torch_internals import foreach_add_
from geta_engine.trace import TracedModel
from geta_engine.trace.passes.train_eval import set_training
from geta_engine.training.distributed import DistributedContext
from geta_engine.training.training_data import TrainingData, learning_rate_factor


def base_optimizer_from(config: RunConfig) -> BaseOptimizer:
    """The base method as configured."""
    return BaseOptimizer(
        config.optimizer,
        momentum=config.momentum,
        nesterov=config.nesterov,
        dampening=config.dampening,
        betas=config.betas,
        weight_decay=config.weight_decay,
    )


def train_dense(traced: TracedModel, config: RunConfig, training_data: TrainingData) -> float:
    """Train without quantizers or pruning on the batches of the run; the task's metric on the test split.

    In distillation the dense model is the teacher and is not trained: the metric is that of the teacher itself.
    Raises CheckFailed when a loss or the metric is not finite.
    """
    model = traced.graph_module()
    if training_data.dataset.task != "distill":
        _train(model, config, training_data)
    metric = training_data.evaluate(model)
    if not math.isfinite(metric):
        raise CheckFailed(f"the {training_data.task.metric} of the dense baseline is {metric}")
    return metric


def _train(model: torch.fx.GraphModule, config: RunConfig, training_data: TrainingData) -> None:
    base, total = base_optimizer_from(config), config.schedule.total
    parameters: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
    states: list[dict[str, Tensor]] = [{} for _ in parameters]
    set_training(model, True)
    for step in range(total):
        for parameter in parameters:
            parameter.grad = None
        loss = training_data.gradients(model, parameters, step, DistributedContext())
        if not math.isfinite(loss):
            raise CheckFailed(f"the loss of the dense baseline became {loss} at step {step + 1}")
        lr = config.lr * learning_rate_factor(step, total)
        grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        with torch.no_grad():
            direction = base.direction(parameters, grads, states)
            foreach_add_(parameters, direction, alpha=-lr)
    set_training(model, False)

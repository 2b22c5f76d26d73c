"""The dense model, trained as long: what the compressed one is compared with."""

from __future__ import annotations

import torch
from torch import Tensor

from geta_engine.config import RunConfig
from geta_engine.data.dataset import Dataset
from geta_engine.data.tasks import Task, batch_indices
from geta_engine.qasso.base import Base
from geta_engine.trace import TracedModel
from geta_engine.trace.modes import set_training


def train_dense(traced: TracedModel, config: RunConfig, dataset: Dataset, task: Task) -> float:
    """Train without quantizers or pruning on the batches of the run; the task's metric on the test split."""
    from geta_engine.runs.loop import learning_rate_factor

    model = traced.graph_module()
    base = Base(config.optimizer, momentum=config.momentum, weight_decay=config.weight_decay)
    parameters: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
    states: list[dict[str, Tensor]] = [{} for _ in parameters]
    total = config.schedule.total
    set_training(model, True)
    for step in range(total):
        rows = batch_indices(len(dataset.x_train), config.batch_size, config.seed, step)
        torch.manual_seed(config.seed + step)
        for parameter in parameters:
            parameter.grad = None
        task.loss(model(dataset.x_train[rows]), dataset.y_train[rows]).backward()
        lr = config.lr * learning_rate_factor(step, total)
        grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        with torch.no_grad():
            direction = base.direction(parameters, grads, states, step + 1, lr)
            torch._foreach_add_(parameters, direction, alpha=-lr)
    set_training(model, False)
    return task.evaluate(model, dataset)

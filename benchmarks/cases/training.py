"""Models and training steps of `benchmarks/step.py`: one batch again and again, with the optimizer in a given stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.config import Schedule
from geta_engine.data.tasks.drawn import of_classes
from geta_engine.qasso.base import BaseOptimizer
from geta_engine.quant.insert import PreparedModel
from geta_engine.quant.kernels import Kernels
from geta_engine.quant.sensitivity import sensitivity
from geta_engine.trace import TracedModel
from geta_engine.trace.passes.train_eval import set_training
from geta_engine.zoo import build

SPARSITY, LR, MOMENTUM = 0.5, 1e-3, 0.9
LONG = 1_000_000
STAGES = {
    "warm-up": Schedule(warmup=LONG, projection=0, projection_periods=0, joint=1, joint_periods=1, cooldown=0),
    "projection": Schedule(warmup=0, projection=LONG, projection_periods=1, joint=1, joint_periods=1, cooldown=0),
    "joint": Schedule(warmup=0, projection=0, projection_periods=0, joint=5 * LONG, joint_periods=5, cooldown=0),
    "cool-down": Schedule(warmup=0, projection=0, projection_periods=0, joint=1, joint_periods=1, cooldown=LONG),
}
"""Schedules that stay in one stage as long as anybody measures."""


@dataclass(frozen=True)
class Case:
    """A traced model and one batch of inputs and classes."""

    traced: TracedModel
    inputs: tuple[Tensor, ...]
    classes: Tensor

    def loss(self, model: nn.Module) -> Tensor:
        output = model(*self.inputs)
        return F.cross_entropy(output["logits"] if isinstance(output, dict) else output, self.classes)


def image_case(name: str, batch: int) -> Case:
    """A model of the zoo on 32 x 32 colour images."""
    model, example = build(name, in_channels=3, image_size=32)
    x = torch.randn(batch, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return Case(ge.trace(model, example), (x,), torch.arange(batch) % 10)


def bert_mini(batch: int, tokens: int = 128) -> Case:
    """BERT of 4 layers, 256 wide (Turc et al. 2019), over two classes."""
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024, num_labels=2
    )
    model = BertForSequenceClassification(config)
    ids = torch.randint(0, config.vocab_size, (batch, tokens))
    mask = torch.ones_like(ids)
    return Case(ge.trace(model, (ids[:2], mask[:2])), (ids, mask), torch.arange(batch) % 2)


def float_step(case: Case) -> Callable[[], None]:
    module = case.traced.graph_module()
    set_training(module, True)
    return _step(case, module, torch.optim.SGD(module.parameters(), LR, MOMENTUM))


def plain_step(case: Case, kernels: Kernels, activations: bool = True) -> Callable[[], None]:
    """The same quantizers under torch.optim.SGD, so slow that they stay what they are: at the network's rate plain
    SGD throws them out of range within a few steps, and a dead network is faster than one that works."""
    model, _ = _prepared(case, kernels, activations)
    scalars = [p for p in model.quantizers.parameters() if p.requires_grad]
    groups = [{"params": list(model.model_parameters().values())}, {"params": scalars, "lr": 1e-12}]
    return _step(case, model, torch.optim.SGD(groups, LR, MOMENTUM))


def qasso_step(case: Case, kernels: Kernels, stage: str) -> Callable[[], None]:
    """QASSO in a stage; in the joint one it is the last period, four fifths of K zero and the last fifth redundant."""
    model, qadg = _prepared(case, kernels, True)
    config = ge.QASSOConfig(SPARSITY, STAGES[stage], BaseOptimizer("sgd", momentum=MOMENTUM))
    optimizer = ge.QASSO(model, qadg, config, lr=LR)
    if optimizer.needs_bits:
        drawn_loss = lambda output: of_classes(output["logits"] if isinstance(output, dict) else output)  # noqa: E731
        optimizer.choose_bits(sensitivity(model, [case.inputs], drawn_loss))
    step = _step(case, model, optimizer)
    if stage == "joint":
        for period in range(1, 5):
            for optimizer.steps in ((period - 1) * LONG, period * LONG - 1, period * LONG):
                step()
    if stage == "cool-down":
        step()
    return step


def _prepared(case: Case, kernels: Kernels, activations: bool) -> tuple[PreparedModel, Any]:
    qadg = ge.analyze(case.traced, activations=activations)
    model = ge.prepare(case.traced, qadg).train()
    model.use_kernels(kernels)
    return model, qadg


def _step(case: Case, model: nn.Module, optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    def step() -> None:
        optimizer.zero_grad()
        case.loss(model).backward()
        optimizer.step()

    return step

"""What the tests of the optimizer train, and their own count of zero units and bits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.config import Bounds, Schedule
from geta_engine.data.tasks.classification import Classification
from geta_engine.qasso.base import BaseOptimizer
from geta_engine.quant import PreparedModel, calibrate
from geta_engine.quant.sensitivity import sensitivity
from tests.models import images, traced

SCHEDULE = Schedule(warmup=2, projection=4, projection_periods=2, joint=6, joint_periods=3, cooldown=3)


class Small(nn.Module):
    """Two tied convolutions with a norm, one inner, and a linear layer: 6 + 5 prunable units."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.bn = nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.b, self.c = nn.Conv2d(6, 5, 1), nn.Conv2d(5, 6, 1)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        x = torch.relu(self.bn(self.a(x)))
        return self.fc((x + self.c(torch.relu(self.b(x)))).mean((2, 3)))


class Crossed(nn.Module):
    """Producers along dim 1, and one weight that is used both ways, so that its entries belong to two units each:
    6 + 7 + 5 prunable units."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.mid = nn.ConvTranspose2d(1, 6, 2, stride=2), nn.Conv2d(6, 7, 1)
        self.shared = nn.Parameter(torch.randn(5, 7) / 3)
        self.fc = nn.Linear(7, 3)

    def forward(self, x):
        x = torch.relu(self.mid(torch.relu(self.up(x)))).mean((2, 3))
        h = torch.relu(nn.functional.linear(x, self.shared))
        return self.fc(torch.relu(nn.functional.linear(h, self.shared.t())) + x)


def crossed_program() -> ge.TracedModel:
    torch.manual_seed(0)
    return traced(Crossed(), images(1, 4))


def small_program() -> ge.TracedModel:
    torch.manual_seed(0)
    return traced(Small(), images(1, 4))


def start(
    program: ge.TracedModel,
    sparsity: float = 0.5,
    schedule: Schedule = SCHEDULE,
    base: BaseOptimizer | None = None,
    lr: float = 0.05,
    bits: str = "4:8",
    layer_bits: Mapping[str, Bounds] | None = None,
    learn_t: bool = False,
    weights: bool = True,
    activations: bool = True,
    unsigned: bool = True,
    **config,
) -> tuple[ge.Qadg, PreparedModel, ge.QASSO]:
    qadg = ge.analyze(program, weights, activations)
    model = ge.prepare(program, qadg, bits, layer_bits, learn_t, unsigned)
    calibrate(model, [(batch(program, -1)[0],)])
    made = ge.QASSOConfig(sparsity=sparsity, schedule=schedule, base=base or BaseOptimizer(), **config)
    return qadg, model, ge.QASSO(model, qadg, made, lr=lr)


def batch(program: ge.TracedModel, number: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(number + 1)
    shape = program.example_args[0].shape[1:]
    return torch.randn(8, *shape, generator=generator), torch.randint(0, 3, (8,), generator=generator)


def train(model: PreparedModel, opt: ge.QASSO, steps: int, accumulate: int = 1, clip: float | None = None) -> None:
    """Batches are a pure function of the step's number."""
    for _ in range(steps):
        choose_bits_where_due(model, opt)
        gradients(model, opt, accumulate)
        if clip is not None:
            nn.utils.clip_grad_norm_(opt.param_groups[0]["params"], clip)
        opt.step()
        choose_bits_where_due(model, opt)


def choose_bits_where_due(model: PreparedModel, opt: ge.QASSO) -> None:
    """From two batches that are always the same."""
    if opt.needs_bits:
        torch.manual_seed(0)
        batches = [(batch(model.origin, -number)[0],) for number in (2, 3)]
        opt.choose_bits(sensitivity(model, batches, Classification().drawn_loss, opt.qadg))


def gradients(model: PreparedModel, opt: ge.QASSO, accumulate: int = 1) -> None:
    model.quantize(opt.stage_step.stage != "pretrain").train()
    opt.zero_grad()
    for micro in range(accumulate):
        x, y = batch(model.origin, opt.steps * accumulate + micro)
        (nn.functional.cross_entropy(model(x), y) / accumulate).backward()


def units_of(qadg: ge.Qadg, parameters: Mapping[str, Tensor]) -> list[dict[str, np.ndarray]]:
    """Each prunable unit in run order: parameter -> mask of its producer entries."""
    units = []
    for group in qadg.prunable:
        for u in range(group.size):
            masks: dict[str, np.ndarray] = {}
            for member in group.members:
                if member.role == "producer":
                    mask = masks.setdefault(member.parameter, np.zeros(parameters[member.parameter].shape, bool))
                    np.moveaxis(mask, member.dim, 0)[member.index[u]] = True
            units.append(masks)
    return units


def zeros(model: PreparedModel, qadg: ge.Qadg) -> np.ndarray:
    """Which prunable units have nothing but zeros in their producer entries, number by number."""
    parameters = model.model_parameters(aliases=True)
    values = {name: p.detach().numpy() for name, p in parameters.items()}
    units = units_of(qadg, parameters)
    return np.array([all((values[n][m] == 0).all() for n, m in masks.items()) for masks in units], bool)


def bit_widths(model: PreparedModel) -> np.ndarray:
    """b = log2(q_m^t / d + 1) + s in float64, s = 1 where there is a sign."""
    bank = model.quantizers
    d, q_m, t, sign = (v.detach().double().numpy() for v in (bank.d, bank.q_m, bank.t, bank.sign))
    return np.log2(q_m**t / d + 1) + sign


def everything(model: PreparedModel, opt: ge.QASSO) -> dict[str, Tensor]:
    """All numbers that a run ends with."""
    actual = {f"model.{name}": value for name, value in model.state_dict().items()}
    actual["steps"] = torch.tensor(opt.steps)
    actual["units"], actual["saliency"] = opt.unit_state, opt.saliency
    actual["bits"] = torch.zeros(0) if opt.frozen_bits is None else opt.frozen_bits
    for g, group in enumerate(opt.param_groups):
        actual[f"lr.{g}"] = torch.tensor(group["lr"])
        for i, parameter in enumerate(group["params"]):
            actual |= {f"slot.{g}.{i}.{slot}": torch.as_tensor(value) for slot, value in opt.state[parameter].items()}
    for part in opt.rule[1:] if opt.rule is not None else ():
        actual |= {f"rule.{type(part).__name__}.{name}": value for name, value in part._asdict().items()}
    return actual


def memory(model: PreparedModel, qadg: ge.Qadg, opt: ge.QASSO, units: np.ndarray) -> list[np.ndarray]:
    """The base method's slots of the marked units' producer entries, an array a slot, parameter and unit."""
    parameters, masks = model.model_parameters(), units_of(qadg, model.model_parameters())
    return [
        value.numpy()[mask]
        for u in np.flatnonzero(units)
        for name, mask in masks[u].items()
        for value in opt.state[parameters[name]].values()
        if isinstance(value, Tensor) and value.shape == mask.shape
    ]

"""An average of the model's past keeps the promise once it is settled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import geta_engine as ge
from geta_engine.config import Bounds
from geta_engine.qasso.base import BaseOptimizer
from tests.engine.qasso.small import SCHEDULE, Small, bit_widths, start, train, zeros
from tests.models import images, traced

AVERAGES = {"ema": get_ema_multi_avg_fn(0.9), "mean": None}


@pytest.mark.parametrize("kind", AVERAGES)
@pytest.mark.parametrize("learn_t", [False, True])
def test_a_settled_average_has_k_zero_units_and_whole_bits(small, kind, learn_t):
    layer_bits = {"b.weight": Bounds(lower=2, upper=3), "act.relu": Bounds(lower=9, upper=9)}
    qadg, model, opt = start(
        small, 0.6, base=BaseOptimizer("adam"), lr=0.02, layer_bits=layer_bits, learn_t=learn_t, lr_quant=0.03
    )
    averaged = AveragedModel(model, multi_avg_fn=AVERAGES[kind])
    while opt.steps < SCHEDULE.total:
        train(model, opt, 1)
        averaged.update_parameters(model)
    mean = averaged.module
    bits = bit_widths(mean)
    assert zeros(mean, qadg).sum() == 0 and not np.allclose(bits, bits.round(), atol=1e-3)
    before = {name: p.detach().clone() for name, p in mean.model_parameters().items()}
    opt.project_onto_constraints(mean)
    assert zeros(mean, qadg).tolist() == zeros(model, qadg).tolist()
    assert zeros(mean, qadg).sum() == opt.k_target == 6
    np.testing.assert_allclose(bit_widths(mean), opt.frozen_bits.numpy(), atol=1e-5)
    bank = mean.quantizers
    assert bool(((opt.frozen_bits >= bank.lower) & (opt.frozen_bits <= bank.upper)).all())
    for name, p in mean.model_parameters().items():
        kept = p != 0
        assert bool(kept.any()) and torch.equal(p[kept], before[name][kept]), "only zero units are touched"
    assert any(not torch.equal(p, model.model_parameters()[name]) for name, p in mean.model_parameters().items())


def test_a_settled_average_is_cut_by_k_units_and_stays_the_same_function(small):
    qadg, model, opt = start(small, 0.6, lr=0.02)
    averaged = AveragedModel(model, multi_avg_fn=AVERAGES["ema"])
    while opt.steps < SCHEDULE.total:
        train(model, opt, 1)
        averaged.update_parameters(model)
    opt.project_onto_constraints(averaged.module)
    compact = ge.compact(averaged.module, qadg).graph_module()
    assert compact.get_parameter("a.weight").shape[0] + compact.get_parameter("b.weight").shape[0] == 11 - 6
    x = images(1, 4, 8)
    with torch.no_grad():
        torch.testing.assert_close(compact(x), averaged.module.eval()(x), rtol=1e-3, atol=1e-3)


class WithTable(Small):
    """A parameter of whole numbers ahead of the others: nothing an optimizer moves."""

    def __init__(self) -> None:
        super().__init__()
        self.order = nn.Parameter(torch.tensor([2, 0, 1]), requires_grad=False)

    def forward(self, x):
        return super().forward(x)[:, self.order]


def test_a_parameter_of_whole_numbers_is_left_alone():
    torch.manual_seed(0)
    program = traced(WithTable(), images(1, 4))
    qadg, model, opt = start(program, 0.6)
    assert next(iter(model.model_parameters())) == "order"
    averaged = AveragedModel(model, multi_avg_fn=lambda mean, now, _: [m.copy_(n) for m, n in zip(mean, now)])
    while opt.steps < SCHEDULE.total:
        train(model, opt, 1)
    opt.project_onto_constraints(averaged.module)
    assert zeros(averaged.module, qadg).sum() == opt.k_target == 6
    assert model.model_parameters()["order"].tolist() == [2, 0, 1]
    assert averaged.module.model_parameters()["order"].tolist() == [2, 0, 1]
    assert bool(averaged.module.model_parameters()["fc.weight"].all())

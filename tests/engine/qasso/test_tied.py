"""Weights that two layers share, under either name."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import geta_engine as ge
from geta_engine.data.tasks.drawn import of_classes
from geta_engine.quant.sensitivity import sensitivity
from tests.engine.qasso.small import SCHEDULE, zeros
from tests.models import traced


class Tied(nn.Module):
    """An embedding that is the classifier's weight; a residual stream of 16 and a hidden layer of 32 can be pruned."""

    def __init__(self, embedding_first: bool) -> None:
        super().__init__()
        if embedding_first:
            self.embedding, self.head = nn.Embedding(40, 16), nn.Linear(16, 40, bias=False)
        else:
            self.head, self.embedding = nn.Linear(16, 40, bias=False), nn.Embedding(40, 16)
        self.head.weight = self.embedding.weight
        self.up, self.down = nn.Linear(16, 32), nn.Linear(32, 16)

    def forward(self, tokens):
        x = self.embedding(tokens)
        return self.head(x + self.down(torch.relu(self.up(x))))


@pytest.mark.parametrize("embedding_first", [True, False])
def test_tied_weights_are_one_parameter_by_either_name(embedding_first):
    torch.manual_seed(0)
    tokens = torch.randint(0, 40, (4, 8))
    program = traced(Tied(embedding_first), tokens)
    qadg = ge.analyze(program, activations=True)
    assert qadg.prunable_units == 48
    model = ge.prepare(program, qadg).train()
    opt = ge.QASSO(model, qadg, ge.QASSOConfig(0.5, SCHEDULE), lr=0.05)
    assert len(opt.param_groups[0]["params"]) == 5
    for _ in range(SCHEDULE.total):
        if opt.needs_bits:
            opt.choose_bits(sensitivity(model, [(tokens,)], of_classes))
        opt.zero_grad()
        nn.functional.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten()).backward()
        opt.step()
    opt.assert_constraints()
    assert zeros(model, qadg).sum() == 24
    small = ge.compact(model, qadg)
    with torch.no_grad():
        torch.testing.assert_close(small(tokens), model.eval()(tokens), rtol=1e-4, atol=1e-4)

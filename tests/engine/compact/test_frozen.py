"""What a compact model is made of when weights are quantized: exact K, and shared weights left as they are."""

from __future__ import annotations

import torch
from torch import nn

import geta_engine as ge
from geta_engine.compact.cut import bake_quantizers, zero_units
from tests.models import traced


def test_small_weights_that_round_to_zero_are_no_zero_units():
    model = nn.Sequential(nn.Linear(5, 8, bias=False), nn.ReLU(), nn.Linear(8, 3))
    with torch.no_grad():
        model[0].weight[:4] *= 1e-4
    made = traced(model, torch.randn(4, 5))
    qadg = ge.analyze(made)
    prepared = ge.prepare(made, qadg, "2:2")
    with torch.no_grad():
        prepared.quantizers.d.copy_(prepared.quantizers.q_m)
    assert (bake_quantizers(prepared).get_parameter("0.weight")[:4] == 0).all()
    assert zero_units(prepared, qadg).sum() == 0
    assert ge.compact(prepared, qadg).graph_module().get_parameter("0.weight").shape == (8, 5)


def test_a_weight_that_is_also_read_as_it_is_keeps_its_values():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.hidden, self.out = nn.Embedding(11, 6), nn.Linear(6, 6), nn.Linear(6, 11, bias=False)
            self.out.weight = self.embed.weight

        def forward(self, x):
            return self.out(torch.relu(self.hidden(self.embed(x)))).mean(1)

    tokens = torch.randint(0, 11, (2, 4), generator=torch.Generator().manual_seed(0))
    made = traced(Tied(), tokens)
    qadg = ge.analyze(made)
    prepared = ge.prepare(made, qadg, "3:3")
    with torch.no_grad():
        prepared.quantizers.d.copy_(prepared.quantizers.q_m / 3)
        torch.testing.assert_close(bake_quantizers(prepared)(tokens), prepared(tokens))
        torch.testing.assert_close(ge.compact(prepared, qadg)(tokens), prepared(tokens))

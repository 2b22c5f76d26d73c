"""Groups of transformers against what the authors' analysis finds, and what chains and granularity say of them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import geta_engine as ge
from tests.models import traced


def bert(layers: int) -> ge.TracedModel:
    """BERT for question answering, of the base's width, without weights."""
    from transformers import BertConfig, BertForQuestionAnswering

    with torch.device("meta"):
        model = BertForQuestionAnswering(BertConfig(num_hidden_layers=layers)).eval()
        return ge.trace(model, (torch.zeros(2, 16, dtype=torch.long),))


@pytest.mark.parametrize(("layers", "groups", "units"), [(2, 5, 6_936), (12, 25, 37_776)])
def test_bert_has_the_units_of_the_authors(layers, groups, units):
    qadg = ge.analyze(bert(layers))
    assert len(qadg.prunable) == groups
    assert qadg.prunable_units == units == layers * 3_072 + layers * 12 + 768
    assert not qadg.pinned_ops


class Attention(nn.Module):
    """Rotary grouped-query attention between two linear layers: 6 query heads, 3 of keys and values, 8 numbers each."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(5, 12), nn.Linear(12, 4)
        self.q, self.k, self.v, self.o = nn.Linear(12, 48), nn.Linear(12, 24), nn.Linear(12, 24), nn.Linear(48, 12)
        self.q_norm = nn.RMSNorm(8, eps=1e-6)
        self.register_buffer("frequencies", 10.0 ** -torch.arange(4.0))

    def forward(self, x):
        x = self.enter(x)
        q, k, v = (f(x).unflatten(-1, (-1, 8)).transpose(1, 2) for f in (self.q, self.k, self.v))
        angles = torch.outer(torch.arange(x.shape[1]), self.frequencies).repeat(1, 2)
        q, k = (t * angles.cos() + self.turned(t) * angles.sin() for t in (self.q_norm(q), k))
        k, v = (t[:, :, None].expand(-1, 3, 2, -1, -1).flatten(1, 2) for t in (k, v))
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.leave(x + self.o(mixed.transpose(1, 2).flatten(2)))

    @staticmethod
    def turned(x):
        first, second = x.chunk(2, -1)
        return torch.cat([-second, first], -1)


TOKENS = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0))


def sizes(qadg: ge.Qadg) -> dict[str, int]:
    return {group.name: group.size for group in qadg.prunable}


def test_a_key_head_goes_with_its_query_heads():
    qadg = ge.analyze(traced(Attention(), TOKENS))
    assert sizes(qadg) == {"enter": 12, "q": 3}
    heads = next(g for g in qadg.groups if g.name == "q")
    rows = {(m.parameter, m.dim): m.index.shape for m in heads.members}
    assert rows["q.weight", 0] == (3, 16) and rows["k.weight", 0] == (3, 8) and rows["o.weight", 1] == (3, 16)


def test_the_same_offsets_of_every_head_go_with_their_rotated_partners():
    made = traced(Attention(), TOKENS)
    qadg = ge.analyze(made, granularity="head_dim")
    assert sizes(qadg) == {"enter": 12, "q": 4, "v": 8}
    rotated = next(g for g in qadg.groups if g.name == "q")
    rows = {(m.parameter, m.dim): m for m in rotated.members}
    assert rows["q.weight", 0].index[1].tolist() == [1, 5, 9, 13, 17, 21, 25, 29, 33, 37, 41, 45]
    assert rows["q_norm.weight", 0].index.tolist() == [[0, 4], [1, 5], [2, 6], [3, 7]]
    assert rows["frequencies", 0].role == "statistic"
    for sparsity in (0.3, 0.7):
        assert ge.verify(made, qadg, sparsity, dtype=torch.float64).ok


def test_every_member_is_tied_to_every_other_by_a_chain_of_ops():
    qadg = ge.analyze(ge.load("resnet20"))
    for group in qadg.groups:
        for number in range(1, len(group.members)):
            assert group.chain(0, number), (group.name, group.members[number].parameter)
            assert group.chain(0, number) == tuple(reversed(group.chain(number, 0)))
    stream = qadg.groups[0]
    names = [(m.parameter, m.dim) for m in stream.members]
    first, second = names.index(("conv1.weight", 0)), names.index(("layer1.0.conv2.weight", 0))
    assert stream.chain(first, second) == ("add",)
    with pytest.raises(IndexError, match="has members 0 to"):
        stream.chain(0, 99)

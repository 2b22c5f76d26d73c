"""Reading and writing at positions: known ones permute, others keep what they look up."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from .cases import aten, check, drawn, net, rows, tokens

ORDER = torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
SOME = torch.tensor([6, 0, 3, -1])
TWICE = torch.tensor([2, 2, 5])
PLACES = torch.tensor([0, 4, 2])


def each_channel(m, x):
    """Positions of tokens, the same for every channel."""
    return m.places.view(1, -1, 1).expand(2, -1, 8)


def put_transposed(put):
    def body(m, x):
        return put(x.transpose(0, 1), (m.places,), F.relu(x[:, :3]).transpose(0, 1)).transpose(0, 1)

    return body


def written_in_place(m, x):
    y = x * 2
    y[:, m.places] = torch.tanh(x[:, 1:4])
    return y


def written_slice(m, x):
    y = x * 2
    y[:, 1:4] = torch.tanh(x[:, :3])
    return y


def masked(value):
    def body(m, x):
        y = x * 2
        y[:, m.mask] = value
        return y

    return body


MASK = torch.tensor([True, False, True, False, False, True])
CASES = {
    "index: an order of channels": rows(lambda m, x: x[:, m.order], 8, order=ORDER),
    "index: some channels": rows(lambda m, x: x[:, m.some], 8, 4, some=SOME),
    "index: a channel twice": rows(lambda m, x: x[:, m.twice], 6, 3, twice=TWICE, pins="it has a single unit"),
    "index: a written table": rows(lambda m, x: x[:, [0, 2, 5]], 8, 3),
    "index: a computed table": rows(lambda m, x: x[:, torch.arange(7, -1, -1)], 8),
    "index: unsafe": rows(lambda m, x: aten._unsafe_index(x, [None, m.order]), 8, order=ORDER),
    "index: tokens": tokens(lambda m, x: x[:, m.places], 8, places=PLACES),
    "index: rows and tokens": tokens(lambda m, x: x[torch.arange(2), m.last].unsqueeze(1), 8,
                                     last=torch.tensor([3, 5])),
    "index: channels by a table of two dims": rows(lambda m, x: x[:, m.table].flatten(1), 0, 4,
                                                   table=torch.tensor([[0, 1], [5, 2]]), pins="looks it up"),
    "index: by what is compared": net(
        lambda m, x: m.h(m.a(x)) + m.table[m.b(x).argmax(1)], (drawn(4, 5),), 8, {"b.weight": "compares it"},
        a=nn.Linear(5, 8), b=nn.Linear(5, 7), table=drawn(7, 3), h=nn.Linear(8, 3)),
    "index_select: channels": rows(lambda m, x: x.index_select(1, m.order), 8, order=ORDER),
    "index_select: tokens": tokens(lambda m, x: x.index_select(-2, m.places), 8, places=PLACES),
    "gather: tokens": tokens(lambda m, x: x.gather(1, each_channel(m, x)), 8, places=PLACES),
    "gather: channels": rows(lambda m, x: x.gather(1, m.some.expand(4, -1)), 0, 4, some=SOME % 8, pins="looks it up"),
    "take_along_dim: tokens": tokens(lambda m, x: torch.take_along_dim(x, each_channel(m, x), 1), 8, places=PLACES),
    "take_along_dim: one position": tokens(
        lambda m, x: torch.take_along_dim(x, m.places.view(1, -1, 1), 1), 8, places=PLACES),
    "index_put": tokens(put_transposed(torch.index_put), 8, places=PLACES),
    "index_put: unsafe": tokens(put_transposed(aten._unsafe_index_put), 8, places=PLACES),
    "index_put: rows in place": tokens(written_in_place, 8, places=PLACES),
    "index_put: tokens masked with 0": tokens(masked(0.0), 8, mask=MASK),
    "index_put: tokens masked with 1": tokens(masked(1.0), 0, mask=MASK, pins="index_put"),
    "slice of tokens written": tokens(written_slice, 8),
    "scatter: tokens": tokens(lambda m, x: x.scatter(1, each_channel(m, x), F.relu(x[:, :3])), 8, places=PLACES),
    "scatter_add: tokens": tokens(
        lambda m, x: x.scatter_add(1, each_channel(m, x), F.relu(x[:, :3])), 8, places=PLACES),
    "scatter_reduce: tokens": tokens(
        lambda m, x: x.scatter_reduce(1, each_channel(m, x), F.relu(x[:, :3]), "sum"), 8, places=PLACES),
    "scatter: a number": tokens(lambda m, x: x.scatter(1, each_channel(m, x), 0.0), 8, places=PLACES),
    "a token written over": tokens(lambda m, x: torch.select_scatter(x, F.relu(x[:, 3]), 1, 2), 8),
    "index_add": tokens(lambda m, x: x.index_add(1, m.places, F.relu(x[:, :3])), 8, places=PLACES),
    "index_copy": tokens(lambda m, x: x.index_copy(1, m.places, F.relu(x[:, :3])), 8, places=PLACES),
    "index_add: channels": rows(lambda m, x: x.index_add(1, m.places, x[:, :3] * 2), 0, places=PLACES,
                                pins="writes into it by position"),
    "one_hot": rows(lambda m, x: F.one_hot((x > 0).long(), 2).float().flatten(1), 0, 16, pins="cannot lose channels"),
    "histc": rows(lambda m, x: torch.histc(x, 6).unsqueeze(0), 0, 6, pins="cannot lose channels"),
    "bincount": rows(lambda m, x: x.sum() * 0 + torch.bincount((x > 0).long().flatten()).sum() + x, 0, pins="bincount"),
    "nonzero": rows(lambda m, x: torch.nonzero(x > 0).sum() + x, 0, pins="nonzero"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_indexing(case):
    check(CASES[case])

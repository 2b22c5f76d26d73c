"""Tensors made from sizes: they lose what the channels beside them lose."""

from __future__ import annotations

import pytest
import torch

from .cases import aten, check, rows, tokens


def sums(m, x):
    return x + torch.zeros(8) + torch.full((8,), 0.0) + x.new_zeros(8) + x.new_full((8,), 0.0)


def factors(m, x):
    return x * torch.ones(8) * torch.full((8,), 2.0) * x.new_ones(8) * x.new_full((8,), 2.0)


def filled_later(m, x):
    return x * torch.empty(8).fill_(2.0) * x.new_empty(8).fill_(0.5) * torch.empty_like(x).fill_(0.5)


def copies(m, x):
    zeros = torch.zeros_like(x) + torch.full_like(x, 0.0)
    return (x + zeros) * torch.ones_like(x) * torch.full_like(x, 2.0)


def draws(m, x):
    """Numbers drawn anew in each run, of which only what is sure is used."""
    drawn = torch.rand_like(x) >= 0, torch.randn_like(x) < 100, torch.bernoulli(x.sigmoid()) >= 0
    for sure in drawn:
        x = x * sure
    return x


CASES = {
    "sums": rows(sums, 8),
    "factors": rows(factors, 8),
    "filled later": rows(filled_later, 8),
    "copies": rows(copies, 8),
    "draws": rows(draws, 8),
    "filled: not zero": rows(lambda m, x: x + torch.ones(8), 0, pins="`add` turns zeros into other numbers"),
    "copied: not zero": rows(lambda m, x: x + torch.ones_like(x), 0, pins="`add` turns zeros into other numbers"),
    "zeros joined": rows(lambda m, x: torch.cat([x, x.new_zeros(x.shape[0], 3)], 1), 8, 11),
    "ones joined": rows(lambda m, x: torch.cat([torch.ones(x.shape[0], 3), x], 1), 8, 11),
    "written into zeros": tokens(lambda m, x: aten.index_put(torch.zeros(2, 6, 8), [torch.arange(2)], x), 8),
    "sizes of the input": tokens(lambda m, x: x * torch.ones(x.shape[0], x.shape[1], x.shape[2]), 8),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_creation(case):
    check(CASES[case])

"""Reductions: over channels where removed zeros do not count, over other dims channel by channel."""

from __future__ import annotations

import pytest
import torch

from .cases import apart, aten, check, images, net, rows, tokens

SUMS = {
    "sum": lambda x, d: x.sum(d, keepdim=True),
    "nansum": lambda x, d: x.nansum(d, keepdim=True),
    "mean": lambda x, d: x.mean(d, keepdim=True),
    "linalg_vector_norm": lambda x, d: torch.linalg.vector_norm(x, 3, d, keepdim=True),
    "norm": lambda x, d: aten.norm.ScalarOpt_dim(x, 2, [d], True),
    "var": lambda x, d: x.var(d, keepdim=True),
    "std": lambda x, d: x.std(d, correction=0, keepdim=True),
    "var_mean": lambda x, d: sum(torch.var_mean(x, d, keepdim=True)),
    "std_mean": lambda x, d: sum(torch.std_mean(x, d, keepdim=True)),
    "any": lambda x, d: (x > 0).any(d, keepdim=True).float(),
}
COMPARISONS = {
    "amax": lambda x, d: x.amax(d, keepdim=True),
    "amin": lambda x, d: x.amin(d, keepdim=True),
    "max": lambda x, d: x.max(d, keepdim=True).values,
    "min": lambda x, d: x.min(d, keepdim=True).values,
    "aminmax": lambda x, d: sum(x.aminmax(dim=d, keepdim=True)),
}
CONJUNCTIONS = {
    "prod": lambda x, d: x.prod(d, keepdim=True),
    "all": lambda x, d: (x > 0).all(d, keepdim=True).float(),
}
RUNNING = {"cumsum": lambda x, d: x.cumsum(d), "cumprod": lambda x, d: x.cumprod(d)}
MOVED = "turns zeros into other numbers"


def over_channels(reduction, units: int, pins: str = ""):
    return rows(lambda m, x: reduction(x, 1), units, 1, pins=pins)


def over_tokens(reduction):
    return tokens(lambda m, x: reduction(x, 1), 8)


CASES = {
    **{f"{name} over channels": over_channels(f, 8) for name, f in SUMS.items()},
    "sums over places": images(lambda m, x: sum(f(f(x, 3), 2) for f in SUMS.values()), 8),
    "comparisons over places": images(lambda m, x: sum(f(f(x, 3), 2) for f in COMPARISONS.values()), 8),
    **{f"{name} over places": images(lambda m, x, f=f: f(f(x, 3), 2), 8) for name, f in CONJUNCTIONS.items()},
    "comparisons over channels": apart({**COMPARISONS, **CONJUNCTIONS}, "compares it with others"),
    **{f"{name} over tokens": over_tokens(f) for name, f in RUNNING.items()},
    "logsumexp over channels": over_channels(lambda x, d: x.logsumexp(d, True), 0, "compares it with others"),
    "logsumexp over places": images(lambda m, x: x.logsumexp((2, 3), True), 0, pins="before `h (conv2d)` sums over it"),
    "dims left out": images(lambda m, x: x.mean((2, 3))[..., None, None] * x.amax((-1, -2))[..., None, None], 8),
    "everything": net(lambda m, x: m.a(x).sum() + m.a(x).mean(), (torch.eye(4, 5),), 8, {}, a=torch.nn.Linear(5, 8)),
    "largest of everything": net(lambda m, x: m.a(x).max(), (torch.eye(4, 5),), 0, {"a.weight": "compares it"},
                                 a=torch.nn.Linear(5, 8)),
    "larger of two": rows(lambda m, x: torch.max(x, x * 2) + torch.min(x, -x), 8),
    "any, as a number": rows(lambda m, x: (x > 0).any(1, keepdim=True) * 1.0, 8, 1),
    "mean of a sigmoid": over_channels(lambda x, d: x.sigmoid().mean(d, keepdim=True), 0, MOVED),
    "norm that counts": over_channels(lambda x, d: torch.linalg.vector_norm(x, 0, d, keepdim=True), 8),
    "norm of the smallest": over_channels(
        lambda x, d: torch.linalg.vector_norm(x, -float("inf"), d, keepdim=True), 0, "compares it with others"),
    "cumsum over channels": rows(lambda m, x: x.cumsum(1), 0, pins=f"`cumsum` {MOVED}"),
    "cumsum over channels, gated": rows(lambda m, x: x * x.cumsum(1), 8),
    "cumprod over channels": rows(lambda m, x: x.cumprod(1), 0, pins="accumulates over it"),
    "logcumsumexp over tokens": tokens(lambda m, x: x.logcumsumexp(1), 0, pins=f"`logcumsumexp` {MOVED}"),
    "logcumsumexp over tokens, gated": tokens(lambda m, x: x * x.logcumsumexp(1), 8),
    "diff over tokens": tokens(lambda m, x: x.diff(dim=1), 8),
    "diff over channels": rows(lambda m, x: x.diff(), 0, 7, pins="takes differences along it"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_reduction(case):
    check(CASES[case])

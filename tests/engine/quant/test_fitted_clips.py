"""Clips that suit a width, against a slow search with the quantizer itself."""

from __future__ import annotations

import pytest
import torch

from geta_engine.quant.fake_quant import fake_quantize
from geta_engine.quant.fitted_clips import fitted_clips, sampled


def error(values, clip, width, t):
    """What the quantizer itself makes of the values, with d = d(b)."""
    clip = torch.tensor(float(clip))
    step = clip**t / (2 ** (width - 1) - 1)
    made = fake_quantize(values, step, clip, torch.tensor(t))
    return float((made - values.sign() * values.abs() ** t).double().square().sum())


@pytest.mark.parametrize("t", [1.0, 0.7, 1.4])
@pytest.mark.parametrize("width", [2, 3, 4, 8, 16])
def test_the_clip_is_the_best_of_a_slow_search(width, t):
    values = torch.randn(3, 700, generator=torch.Generator().manual_seed(width)) * 2.5
    peak = float(values.abs().max())
    (clip,) = fitted_clips(values, [width], t)
    slow = {share: error(values, share * peak, width, t) for share in (i / 100 for i in range(10, 101))}
    coarse = min((i / 10 for i in range(1, 11)), key=lambda share: slow[share])
    near = {share: slow[share] for share in slow if abs(share - coarse) < 0.1 + 1e-9}
    assert error(values, clip, width, t) == pytest.approx(min(near.values()), rel=1e-4)
    assert error(values, clip, width, t) <= error(values, peak, width, t) * (1 + 1e-6)


def test_few_bits_clip_more_than_many():
    values = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    clips = fitted_clips(values, [2, 4, 8, 16]) / values.abs().max()
    assert clips[0] < 0.6 < clips[2] and list(clips) == sorted(clips)


def test_zeros_and_a_single_number():
    assert fitted_clips(torch.zeros(4, 5), [2, 8]).tolist() == [0.0, 0.0]
    assert fitted_clips(torch.tensor([-3.0]), [2, 8]).tolist() == [3.0, 3.0]


def test_a_sample_takes_of_every_row_and_column():
    values = torch.arange(60 * 1000)
    taken = sampled(values, 1000)
    assert len(taken) <= 1000
    assert len({int(v) % 1000 for v in taken}) > 500 and len({int(v) // 1000 for v in taken}) == 60
    assert sampled(values, 10**6).equal(values)

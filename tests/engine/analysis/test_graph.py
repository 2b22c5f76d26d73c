"""What is written under the name of a node."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import geta_engine as ge
from geta_engine.analysis.report import analysis_report


@pytest.mark.parametrize(
    ("layer", "detail"),
    [
        (nn.Conv2d(4, 6, 3, stride=2), "4 → 6 · 3×3 /2"),
        (nn.Conv2d(4, 6, 3, groups=2), "4 → 6 · 3×3"),
        (nn.Conv2d(4, 4, 3, groups=4), "4 → 4 · 3×3 depthwise"),
        (nn.ConvTranspose2d(4, 6, 2, stride=2), "4 → 6 · 2×2 /2"),
        (nn.ConvTranspose2d(4, 6, 2, groups=2), "4 → 6 · 2×2"),
    ],
)
def test_a_convolution_says_what_it_maps_from_and_to(layer: nn.Module, detail: str) -> None:
    traced = ge.trace(nn.Sequential(layer), (torch.ones(2, 4, 8, 8),))
    nodes = analysis_report(traced)["graph"]["nodes"]
    assert [node["detail"] for node in nodes if node["kind"] == "layer"] == [detail]

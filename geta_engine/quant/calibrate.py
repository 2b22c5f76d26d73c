"""Clips of activation quantizers from the user's data (docs/method.md, section 2)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.fx import Interpreter, Node

from geta_engine.quant.fake_quant import fake_quantize
from geta_engine.quant.insert import PreparedModel, calibration_sources

QUANTILE = 0.9995
"""q_m is this quantile of |a| where a is not 0: a few outliers are clipped so that the rest keeps its resolution."""
_SAMPLES = 200_000


class _Watcher(Interpreter):
    """Runs the program without its quantizers, whose clips are not known yet, and notes the high quantile of each
    watched tensor."""

    def __init__(self, model: PreparedModel) -> None:
        super().__init__(model.program)
        self.watched: dict[Node, str] = {node: name for name, node in calibration_sources(model).items()}
        self.peaks: dict[str, list[float]] = {name: [] for name in self.watched.values()}

    def run_node(self, n: Node) -> Any:
        if n.target is fake_quantize:
            return self.env[n.all_input_nodes[0]]
        result = super().run_node(n)
        if n in self.watched:
            self.peaks[self.watched[n]].append(_high_quantile(result))
        return result


def _high_quantile(values: Tensor) -> float:
    """Over what is not zero, so that a sparse tensor keeps its few large values."""
    magnitude = values.detach().abs().flatten().float()
    magnitude = magnitude[magnitude > 0]
    if not len(magnitude):
        return 0.0
    stride = max(1, len(magnitude) // _SAMPLES)
    while math.gcd(stride, len(magnitude)) > 1:
        stride += 1
    sample = magnitude[::stride]
    return float(sample.kthvalue(max(1, round(QUANTILE * len(sample)))).values)


@torch.no_grad()
def calibrate(model: PreparedModel, batches: Iterable[tuple[Any, ...]]) -> None:
    """Set q_m of every activation quantizer to the mean over batches of a high quantile of |a|, zeros left out.

    d follows (b = 16).
    `batches` yields argument tuples of the model. The program runs in training mode, since BatchNorm's batch
    statistics are what training will see; its running statistics are put back. A tensor that is all zero gets a tiny
    positive clip.
    """
    watcher = _Watcher(model)
    if not watcher.watched:
        return
    training = model.training
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model.train()
    for args in batches:
        watcher.run(*args, enable_io_processing=False)
    model.train(training)
    for name, buffer in model.named_buffers():
        buffer.copy_(buffers[name])
    model.quantizers.set_clips({name: sum(p) / len(p) for name, p in watcher.peaks.items() if p})

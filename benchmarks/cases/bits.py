"""The runs of `benchmarks/bits.py`: one network compressed in the same steps to the same shapes, its bits had in four
ways at equal cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch

import geta_engine as ge
from benchmarks.cases.quality import schedule
from geta_engine.config import make_config
from geta_engine.documents.events import ResultEvent
from geta_engine.runs.process_tuning import tune_malloc
from geta_engine.trace import TracedModel
from geta_engine.training.loop import Loop
from geta_engine.zoo import build

Way = Literal["chosen", "uniform", "paper", "8 at both ends", "chosen at their cost"]
WAYS: tuple[Way, ...] = ("chosen", "uniform", "paper", "8 at both ends", "chosen at their cost")
SEEDS = (0, 1, 2, 3, 4)
WIDTHS = {"w2 a4": (2, 4), "w4 a4": (4, 4)}
STUDIES: dict[str, dict[str, Any]] = {
    "resnet20": {"image_size": 16, "steps": 450, "optimizer": "adam", "lr": 3e-3, "batch_size": 64},
    "vit_tiny": {"image_size": 12, "steps": 900, "optimizer": "adam", "lr": 2e-3, "batch_size": 64},
    "vgg7": {"image_size": 16, "steps": 225, "optimizer": "adam", "lr": 1e-3, "batch_size": 32},
}
"""Models of Fashion-MNIST, from scratch."""
SPARSITY = 0.5


@dataclass(frozen=True)
class BitRun:
    """One run; `key` names it in the results."""

    model: str
    widths: str
    way: Way
    seed: int

    @property
    def key(self) -> str:
        return f"{self.model}, {self.widths}, {self.way}, seed {self.seed}"


def planned() -> Iterator[BitRun]:
    """All runs, a seed of everything before the next seed."""
    for seed in SEEDS:
        for model in STUDIES:
            for widths in WIDTHS:
                yield from (BitRun(model, widths, way, seed) for way in WAYS)


def execute(run: BitRun) -> dict[str, Any]:
    """Do the run in this process, on one thread: the compact model's accuracy, cost and bits."""
    torch.set_num_threads(1)
    tune_malloc()
    model, example = build(run.model, image_size=STUDIES[run.model]["image_size"], seed=run.seed)
    traced = ge.trace(model, example, name=run.model)
    loop = Loop(traced, make_config(**_fields(run, traced)))
    *_, end = loop.events()
    assert isinstance(end, ResultEvent)
    result = end.summary
    bits = {kind: [q["bits"] for q in result["quantizers"] if q["kind"] == kind] for kind in ("weight", "activation")}
    return {
        "model": run.model,
        "widths": run.widths,
        "way": run.way,
        "seed": run.seed,
        "accuracy": result["metric"]["compact"],
        "relative_bops": result["relative_bops"],
        "bits": {kind: sum(values) / len(values) for kind, values in bits.items()},
        "zero_units": result["zero_units"],
        "seconds": result["seconds"],
    }


def _fields(run: BitRun, traced: TracedModel) -> dict[str, Any]:
    """The configuration. What is not chosen has bounds that leave no choice, but for the paper's rule."""
    weight, activation = WIDTHS[run.widths]
    fixed = _fixed_bits(traced, weight, activation, ends=None)
    with_ends = _fixed_bits(traced, weight, activation, ends=8)
    free = {"bits": {"lower": 2, "upper": 8}}
    by_way: dict[Way, dict[str, Any]] = {
        "chosen": {**free, "bops": _cost(run, traced, fixed)},
        "uniform": {"layer_bits": fixed},
        "paper": {"rule": "paper", "bits": {"lower": weight, "upper": activation}},
        "8 at both ends": {"layer_bits": with_ends},
        "chosen at their cost": {**free, "bops": _cost(run, traced, with_ends)},
    }
    return {**_common(run), **by_way[run.way]}


def _common(run: BitRun) -> dict[str, Any]:
    study = dict(STUDIES[run.model])
    steps = study.pop("steps")
    study.pop("image_size")
    return {
        "model": run.model,
        "data": "fashion-mnist",
        "sparsity": SPARSITY,
        "schedule": schedule(steps, "joint"),
        "seed": run.seed,
        "evaluations": 1,
        **study,
    }


def _cost(run: BitRun, traced: TracedModel, layer_bits: dict[str, dict[str, int]]) -> float:
    """Relative BOPs of these bits at the final shapes, the rounding of a sum above them."""
    loop = Loop(traced, make_config(**_common(run), layer_bits=layer_bits))
    return loop.optimizer.planned_limit().amount * (1 + 1e-9)


def _fixed_bits(traced: TracedModel, weight: int, activation: int, ends: int | None) -> dict[str, dict[str, int]]:
    """Bounds without a choice: one width for weights and one for activations, `ends` in the first and last layer."""
    quantizers = ge.analyze(traced, activations=True).quantizers
    weights = [q for q in quantizers if q.kind == "weight"]
    at_ends = {*weights[0].readers, *weights[-1].readers} if ends is not None else set()
    bits = {q.id: weight if q.kind == "weight" else activation for q in quantizers}
    bits |= {q.id: ends for q in quantizers if ends is not None and at_ends & set(q.readers)}
    return {name: {"lower": width, "upper": width} for name, width in bits.items()}

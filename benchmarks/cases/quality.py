"""The runs of `benchmarks/quality.py`: what is trained, on what, how long, and in which of four ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

import geta_engine as ge
from geta_engine.config import RunConfig, Schedule, make_config
from geta_engine.cost import cost
from geta_engine.documents.events import ResultEvent
from geta_engine.runs.process_tuning import tune_malloc
from geta_engine.trace import TracedModel
from geta_engine.training.loop import Loop
from geta_engine.zoo import build

Way = Literal["joint", "prune", "quantize", "prune, then quantize"]
SEEDS = (0, 1, 2)
SPARSITIES = (0.35, 0.7)


@dataclass(frozen=True)
class Study:
    """A model at an image size on some data; `common` are fields of the configuration, `length` its steps in all."""

    model: str
    image_size: int
    data: str
    length: int
    common: dict[str, Any] = field(default_factory=dict)

    def traced(self, seed: int) -> TracedModel:
        """The model from scratch."""
        model, example = build(self.model, image_size=self.image_size, seed=seed)
        return ge.trace(model, example, name=self.model)


@dataclass(frozen=True)
class Run:
    """One run of a study; `key` names it in the results."""

    study: str
    way: Way
    sparsity: float
    bits: str
    seed: int
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        more = "".join(f", {name} {value}" for name, value in self.extra.items())
        return f"{self.study}, {self.way}, sparsity {self.sparsity}, bits {self.bits}{more}, seed {self.seed}"


TAYLOR: dict[str, Any] = {
    "allocation": "global",
    "saliency": {"magnitude": 0, "average_magnitude": 0, "cosine": 0, "taylor_first": 1, "taylor_second": 0},
}
"""Units go wherever the first-order score is lowest: the residual stream, which every layer reads, then keeps more of
its units than the hidden layers do."""
STUDIES = {
    "digits resnet20": Study(
        "resnet20", 32, "digits", 450, {"optimizer": "sgd", "batch_size": 128, "momentum": 0.9, "weight_decay": 1e-4}
    ),
    "fashion resnet20": Study(
        "resnet20", 16, "fashion-mnist", 12000, {"optimizer": "adam", "lr": 3e-3, "batch_size": 64, **TAYLOR}
    ),
    "fashion vit_tiny": Study(
        "vit_tiny", 12, "fashion-mnist", 3000, {"optimizer": "adam", "lr": 2e-3, "batch_size": 64, **TAYLOR}
    ),
    "fashion vgg7": Study(
        "vgg7", 16, "fashion-mnist", 900, {"optimizer": "adam", "lr": 1e-3, "batch_size": 32, **TAYLOR}
    ),
    "pareto": Study(
        "resnet20", 16, "fashion-mnist", 450, {"optimizer": "adam", "lr": 3e-3, "batch_size": 64, **TAYLOR}
    ),
}
PARETO_SPARSITIES = (0.35, 0.5, 0.7, 0.85)
PARETO_BITS = ("8:8", "4:4", "3:3", "2:2")


def planned() -> Iterator[Run]:
    """All runs, the tables' first."""
    for seed in SEEDS:
        for lr in (0.01, 0.05):
            yield Run("digits resnet20", "joint", 0.35, "4:8", seed, {"lr": lr})
    for seed in SEEDS:
        for study in ("fashion resnet20", "fashion vit_tiny", "fashion vgg7"):
            for sparsity in SPARSITIES:
                yield Run(study, "joint", sparsity, "4:8", seed)
    for sparsity in PARETO_SPARSITIES:
        yield Run("pareto", "joint", sparsity, "4:8", 0)
        yield Run("pareto", "prune", sparsity, "32", 0)
        yield Run("pareto", "prune, then quantize", sparsity, "4:8", 0)
    for bits in PARETO_BITS:
        yield Run("pareto", "quantize", 0.0, bits, 0)


def schedule(steps: int, way: Way) -> Schedule:
    """In 45ths: 2 to warm up, 4 of projection, 8 joint ones, the rest to settle; a period is one of them."""
    period = steps // 45
    prune, quantize = way != "quantize", way != "prune"
    return Schedule(
        warmup=2 * period,
        projection=4 * period if quantize else 0,
        projection_periods=4 if quantize else 0,
        joint=8 * period if prune else 0,
        joint_periods=8 if prune else 0,
        cooldown=steps - period * (2 + 4 * quantize + 8 * prune),
    )


def execute(run: Run) -> dict[str, Any]:
    """Do the run in this process, on one thread; accuracy, relative BOPs and size, the dense model's with them."""
    torch.set_num_threads(1)
    tune_malloc()
    study = STUDIES[run.study]
    traced = study.traced(run.seed)
    if run.way == "prune, then quantize":
        return _in_sequence(run, study, traced)
    result, _ = _train(traced, _config(run, study, run.way, study.length))
    return _row(run, result, result["relative_bops"], result["metric"]["dense"])


def _in_sequence(run: Run, study: Study, traced: TracedModel) -> dict[str, Any]:
    """Half of the steps each; BOPs of the second half are related to the dense model before the first."""
    _, small = _train(traced, _config(run, study, "prune", study.length // 2))
    result, _ = _train(small, _config(run, study, "quantize", study.length // 2))
    share = cost(small).macs / cost(traced).macs
    return _row(run, result, result["relative_bops"] * share, None)


def _config(run: Run, study: Study, way: Way, steps: int) -> RunConfig:
    quantized = way != "prune"
    fields = {
        "model": study.model,
        "data": study.data,
        "sparsity": 0.0 if way == "quantize" else run.sparsity,
        "weights": quantized,
        "activations": quantized,
        "schedule": schedule(steps, way),
        "seed": run.seed,
        "evaluations": 1,
        "baseline": way == "joint" and run.sparsity == SPARSITIES[0] and "lr" not in run.extra,
        **study.common,
        **run.extra,
    }
    if quantized:
        lower, upper = run.bits.split(":")
        fields["bits"] = {"lower": int(lower), "upper": int(upper)}
    return make_config(**fields)


def _train(traced: TracedModel, config: RunConfig) -> tuple[dict[str, Any], TracedModel]:
    loop = Loop(traced, config)
    *_, end = loop.events()
    assert isinstance(end, ResultEvent)
    return end.summary, loop.compact()


def _row(run: Run, result: dict[str, Any], relative_bops: float, dense: float | None) -> dict[str, Any]:
    bits = [q["bits"] for q in result["quantizers"]]
    return {
        "study": run.study,
        "way": run.way,
        "sparsity": run.sparsity,
        "bits": run.bits,
        **run.extra,
        "seed": run.seed,
        "accuracy": result["metric"]["compact"],
        "dense": dense,
        "relative_bops": relative_bops,
        "mean_bits": sum(bits) / len(bits) if bits else 32.0,
        "zero_units": result["zero_units"],
        "total_units": result["total_units"],
        "params_compact": result["params_compact"],
        "seconds": result["seconds"],
    }

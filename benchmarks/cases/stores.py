"""Stores of many runs for `benchmarks/services.py`, with the documents and arrays that real runs write."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geta_engine.config import Bounds, RunConfig, Schedule
from geta_engine.documents.events import MarkerEvent, StepEvent
from geta_engine.documents.runs import QuantizerRow, RunSummary
from geta_engine.documents.snapshots import SnapshotEvent
from geta_engine.runs.workspace import Workspace
from geta_studio.services.services import Services
from tools.shaped_models import spec_of

UPLOADS = 10
ANALYSIS_S = 300.0
LONG = Schedule(warmup=50_000, projection=50_000, joint=100_000, cooldown=100_000)


@dataclass(frozen=True)
class Sizes:
    """What the cases are measured at: the stores "large" and "light" hold runs of these models, each a zoo name or one
    of `tools/shaped_models.py`."""

    large: str
    light: str
    runs: int
    steps: int
    layouts: int
    repeats: int


FULL = Sizes("qwen3-8b", "resnet20", runs=100, steps=200_000, layouts=10, repeats=40)
SMALL = Sizes("resnet8", "mlp", runs=3, steps=300, layouts=2, repeats=2)
"""To see that the cases run."""


def store_url(folder: Path) -> str:
    return f"sqlite:///{folder}/geta.db"


def open_services(folder: Path, model: str) -> Services:
    return Services(Workspace(store_url(folder)), spec_of(model, folder))


def analysis_of(services: Services) -> dict[str, Any]:
    """The analysis of the first model, computed where it is not there."""
    key, end = services.first_model, time.monotonic() + ANALYSIS_S
    while services.analyses.ensure_analysis(key).state == "working" and time.monotonic() < end:
        time.sleep(0.05)
    analysis = services.analyses.get(key)
    if analysis is None:
        raise SystemExit(f"the model was not analysed: {services.analyses.ensure_analysis(key).text}")
    return analysis


def fill(folder: Path, model: str, sizes: Sizes) -> None:
    """A store of `sizes.runs` runs of a model in `folder`, and some uploads beside it.

    All are done but two. The newest runs and has the snapshots of a whole run of default length; the one before it has
    `sizes.steps` steps.
    """
    services = open_services(folder, model)
    analysis, spec = analysis_of(services), services.library.spec(services.first_model)
    bounds = {quantizer["id"]: Bounds() for quantizer in analysis["quantizers"]}
    summary = summary_of(analysis)
    for _ in range(sizes.runs - 2):
        run_id = services.store.create_run(RunConfig(model=spec, layer_bits=bounds), spec, model)
        services.store.set_status(run_id, "done", stage="cooldown", summary=summary)
    long = services.store.create_run(RunConfig(model=spec, layer_bits=bounds, schedule=LONG), spec, model)
    services.store.append(long, [step_event(step) for step in range(1, sizes.steps + 1)])
    services.store.set_status(long, "stopped")
    newest = services.store.create_run(RunConfig(model=spec, layer_bits=bounds), spec, model)
    for step in snapshot_steps(Schedule().total):
        services.store.append(newest, snapshots_at(analysis, step, Schedule().total))
    services.store.append(newest, [MarkerEvent(0, "stage", "warmup"), step_event(1)])
    services.store.set_status(newest, "running")
    for number in range(UPLOADS):
        part = folder / "upload.part"
        part.write_bytes(b"")
        services.library.add(part, f"{number:064x}", f"model {number}.pt2")
    services.close()


def summary_of(analysis: Mapping[str, Any]) -> RunSummary:
    """What a done run has found out, as `training/loop.py` and `training/final_checks.py` write it."""
    rows: list[QuantizerRow] = [
        {"id": q["id"], "kind": q["kind"], "layer": q["layer"], "bits": 6, "lower": 4, "upper": 8}
        for q in analysis["quantizers"]
    ]
    units, params = analysis["prunable_units"], analysis["model"]["params"]
    return {
        "k_target": units // 2,
        "zero_units": units // 2,
        "total_units": units,
        "quantizers": rows,
        "metric": {"name": "accuracy", "dense": 0.97, "final": 0.95, "compact": 0.95},
        "relative_bops": 0.04,
        "params_dense": params,
        "params_compact": params // 3,
        "verify": {"max_rel_diff": 1e-6},
        "state_sha256": "0" * 64,
        "seconds": 600.0,
    }


def step_event(step: int) -> StepEvent:
    return StepEvent(step, 2.3 / step**0.5, 0.9 if step % 1000 == 0 else None, 3e-3, 0.5, 0.1)


def snapshot_steps(total: int) -> list[int]:
    """The steps of a run that are recorded whole, borders left out."""
    return [step for step in range(1, total + 1) if step == 1 or step % max(1, total // 200) == 0]


def snapshots_at(analysis: Mapping[str, Any], step: int, total: int) -> list[SnapshotEvent]:
    """units [units, (norm, state)], of which up to half are zero at the end, and quantizers [quantizers, 4]."""
    units, quantizers = analysis["prunable_units"], len(analysis["quantizers"])
    norms = np.random.default_rng(0).random(units, np.float32)
    zero = norms < 0.5 * step / total
    values = np.stack([np.where(zero, 0, norms), 2 * zero], axis=1).astype(np.float32)
    rows = np.tile(np.array([16 - 8 * step / total, 0.01, 1, 1], np.float32), (quantizers, 1))
    return [SnapshotEvent(step, "units", values), SnapshotEvent(step, "quantizers", rows)]

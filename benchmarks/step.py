"""What a training step costs: QASSO over plain fake-quant training, fake-quant over float, and the first step of a run.

All steps of a table are timed in turn, in one process, and compared as medians.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.cases.training import STAGES, Case, bert_mini, float_step, image_case, plain_step, qasso_step
from geta_engine.config import make_config
from geta_engine.documents.commands import Stop
from geta_engine.quant.compiled import compiled_kernels
from geta_engine.quant.fake_quant import fake_quantize
from geta_engine.quant.kernels import EAGER, Kernels
from geta_engine.runs import control
from geta_engine.runs.process_tuning import tune_malloc
from geta_engine.runs.workspace import Workspace
from geta_engine.store import Store
from geta_engine.zoo.names import DEMO

RESULTS = Path(__file__).parent / "results" / "step.json"
REPEATS = 21
CASES: dict[str, Callable[[], Case]] = {
    "resnet20, batch 128, 32 x 32": lambda: image_case("resnet20", 128),
    "vgg7, batch 16, 32 x 32": lambda: image_case("vgg7", 16),
    "BERT-mini, batch 16, 128 tokens": lambda: bert_mini(16),
    "BERT-mini, batch 32, 128 tokens": lambda: bert_mini(32),
}


def in_turn(steps: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Median seconds of each step, after one to warm up."""
    for step in steps.values():
        step()
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - started)
    return {name: median(times) for name, times in seconds.items()}


def show(title: str, seconds: Mapping[str, float], base: str, budgets: Mapping[str, float]) -> list[dict[str, Any]]:
    """Print a table of ratios to `base` and give it as rows."""
    rows = []
    for name, value in seconds.items():
        ratio, budget = value / seconds[base], budgets.get(name)
        verdict = "" if budget is None else f"<= {budget}: {'yes' if ratio <= budget else 'NO'}"
        print(f"| {title} | {name} | {1e3 * value:.1f} ms | {ratio:.3f} | {verdict} |", flush=True)
        rows.append({"case": title, "step": name, "seconds": value, "ratio": ratio, "budget": budget})
    return rows


def stages(repeats: int, fastest: Kernels) -> list[dict[str, Any]]:
    rows = []
    for title, make in CASES.items():
        case = make()
        plain = plain_step(case, fastest)
        steps = {"fake-quant, SGD": plain, **{stage: qasso_step(case, fastest, stage) for stage in STAGES}}
        rows += show(title, in_turn(steps, repeats), "fake-quant, SGD", dict.fromkeys(STAGES, 1.03))
    return rows


def over_float(repeats: int, fastest: Kernels) -> list[dict[str, Any]]:
    case = image_case("resnet20", 128)
    steps = {
        "float": float_step(case),
        "weights": plain_step(case, fastest, activations=False),
        "weights and activations": plain_step(case, fastest),
        "weights, eager": plain_step(case, EAGER, activations=False),
        "weights and activations, eager": plain_step(case, EAGER),
    }
    budgets = {"weights": 1.05, "weights and activations": 1.20, "weights and activations, eager": 1.8}
    return show("resnet20, batch 128, 32 x 32", in_turn(steps, repeats), "float", budgets)


def one_quantizer(repeats: int, fastest: Kernels) -> list[dict[str, Any]]:
    """A million numbers, forward and backward, beside PyTorch's quantizer without learnable numbers."""
    x, g = torch.randn(1_000_000, requires_grad=True), torch.randn(1_000_000)
    d, q_m = torch.tensor(0.1, requires_grad=True), torch.tensor(2.0, requires_grad=True)

    def ours(kernels: Kernels) -> Callable[[], Any]:
        return lambda: torch.autograd.grad(fake_quantize(x, d, q_m, kernels=kernels), (x, d, q_m), g)

    def theirs() -> None:
        torch.autograd.grad(torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -20, 20), x, g)

    steps = {
        "torch.fake_quantize_per_tensor_affine": theirs,
        "ours, compiled": ours(fastest),
        "ours, eager": ours(EAGER),
    }
    budgets = {"ours, compiled": 0.2, "ours, eager": 2.0}
    return show("1,000,000 numbers", in_turn(steps, 5 * repeats), "torch.fake_quantize_per_tensor_affine", budgets)


def first_step() -> float:
    """Seconds from the launch of the demo run to its first recorded step, in an empty workspace."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(f"sqlite:///{folder}/geta.db")
        store = Store(workspace.store_url)
        started = time.perf_counter()
        run_id = control.create(store, workspace, make_config(model=DEMO), name=DEMO)
        control.start(store, workspace, run_id)
        while store.get_run(run_id).step == 0:
            time.sleep(0.02)
        seconds = time.perf_counter() - started
        control.send(store, workspace, run_id, Stop())
        while not store.get_run(run_id).ended:
            time.sleep(0.1)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    given = parser.parse_args()
    tune_malloc()
    launch = median(first_step() for _ in range(3))
    print(f"first recorded step of the demo run: {launch:.1f} s after its launch (<= 8 s)", flush=True)
    started = time.perf_counter()
    compiled = compiled_kernels()
    fastest = compiled or EAGER
    compile_seconds = time.perf_counter() - started
    print(f"quantizer compiled: {compiled is not None}, in {compile_seconds:.1f} s\n")
    print("| case | step | median | ratio | budget |")
    print("|---|---|---|---|---|")
    tables = (one_quantizer, over_float, stages)
    rows = [row for table in tables for row in table(given.repeats, fastest)]
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "torch": version("torch")}
    result = {
        "machine": machine,
        "repeats": given.repeats,
        "compiled": compiled is not None,
        "compile_s": compile_seconds,
        "first_step_s": launch,
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

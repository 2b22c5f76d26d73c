"""Whole runs of `geta run` on digits, as a user starts them: accuracy, cost, size and time of each zoo model."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

MODELS = ("resnet20", "vgg7", "vit_tiny", "mobile_tiny", "dense_tiny")
RESULTS = Path(__file__).parent / "results"
FLAGS = ("--data", "digits", "--sparsity", "0.5", "--bits", "4:8", "--seed", "0", "--baseline", "--json", "-")


def measure(model: str) -> dict:
    """One run in an empty folder, so that no store is found there."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).parent / "geta"), "run", model, *FLAGS]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def row(model: str, result: dict) -> str:
    metric = result["metric"]
    return (
        f"| {model} | {metric['dense']:.4f} | {metric['final']:.4f} | {metric['compact']:.4f} "
        f"| {result['zero_units']} of {result['total_units']} | {100 * result['relative_bops']:.2f} % "
        f"| {result['params_dense']:,} → {result['params_compact']:,} | {result['verify']['max_rel_diff']:.0e} "
        f"| {result['seconds']:.0f} s |"
    )


def main() -> None:
    print("| model | dense | final | compact | zero units | relative BOPs | parameters | difference | time |")
    print("|---|---|---|---|---|---|---|---|---|")
    results = {}
    for model in MODELS:
        results[model] = measure(model)
        print(row(model, results[model]), flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "zoo.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()

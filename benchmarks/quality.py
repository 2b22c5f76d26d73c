"""How good the compressed models are: three seeds of each case against the dense model trained as long, and a picture.

Runs that are in the results file already are not done again (`--fresh` does); delete the file to start over.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.cases.pareto import draw
from benchmarks.cases.quality import SPARSITIES, Run, execute, planned

RESULTS = Path(__file__).parent / "results" / "quality.json"
PICTURE = Path(__file__).parent / "results" / "pareto.png"
POINTS = {"fashion resnet20": (0.5, 1.0), "fashion vgg7": (0.5, 1.0), "fashion vit_tiny": (1.5, 1.5)}
"""How far below the dense model each may be at the two sparsities, in points."""


def collect(runs: list[Run], done: dict[str, Any], jobs: int) -> dict[str, Any]:
    """Do what is missing, `jobs` at a time on one thread each, and write after every run."""
    missing = [run for run in runs if run.key not in done]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        under_way = {pool.submit(execute, run): run for run in missing}
        for future in as_completed(under_way):
            key = under_way[future].key
            done[key] = future.result()
            print(f"{key}: {done[key]['accuracy']:.4f}, {done[key]['seconds']:.0f} s", file=sys.stderr, flush=True)
            RESULTS.write_text(json.dumps({"cores": os.cpu_count(), "runs": done}, indent=1) + "\n")
    return done


def table(rows: list[dict[str, Any]]) -> list[str]:
    """One line a case: mean and spread over the seeds, beside the dense model."""
    cases: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    dense: dict[tuple[str, Any], list[float]] = defaultdict(list)
    for row in rows:
        if row["way"] == "joint":
            cases[row["study"], row.get("lr"), row["sparsity"]].append(row)
            if row["dense"] is not None:
                dense[row["study"], row.get("lr")].append(row["dense"])
    lines = [
        "| case | sparsity | dense | compressed | gap, points | relative BOPs | mean bits | goal |",
        "|" + "---|" * 8,
    ]
    for (study, lr, sparsity), group in cases.items():
        if len(group) < 3:
            continue
        accuracy, base = [row["accuracy"] for row in group], dense[study, lr]
        gap = 100 * (mean(base) - mean(accuracy)) if base else 0.0
        bops = mean(row["relative_bops"] for row in group)
        name = study if lr is None else f"{study}, lr {lr}"
        lines.append(
            f"| {name} | {sparsity} | {_spread(base)} | {_spread(accuracy)} | {gap:.2f} | {100 * bops:.2f} % "
            f"| {mean(row['mean_bits'] for row in group):.1f} "
            f"| {_goal(study, lr, sparsity, mean(accuracy), bops, gap)} |"
        )
    return lines


def _spread(values: list[float]) -> str:
    if not values:
        return "-"
    return f"{100 * mean(values):.2f} ({100 * min(values):.2f} to {100 * max(values):.2f})"


def _goal(study: str, lr: float | None, sparsity: float, accuracy: float, bops: float, gap: float) -> str:
    if study in POINTS:
        allowed = POINTS[study][SPARSITIES.index(sparsity)]
        return f"gap <= {allowed}: {'yes' if gap <= allowed else 'NO'}"
    wanted = 0.989 if lr == 0.01 else 0.98
    return f">= {100 * wanted:.1f} at <= 5 %: {'yes' if accuracy >= wanted and bops <= 0.05 else 'NO'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="runs whose name holds this")
    parser.add_argument("--fresh", action="store_true", help="do them again")
    given = parser.parse_args()
    chosen = [run for run in planned() if given.only in run.key]
    done = json.loads(RESULTS.read_text())["runs"] if RESULTS.exists() else {}
    if given.fresh:
        done = {key: row for key, row in done.items() if key not in {run.key for run in chosen}}
    done = collect(chosen, done, given.jobs)
    print("\n".join(table(list(done.values()))))
    points = [row for row in done.values() if row["study"] == "pareto"]
    if points:
        draw(points, PICTURE)


if __name__ == "__main__":
    main()

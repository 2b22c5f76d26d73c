"""What choosing bits is worth: five seeds of each way to have them, at equal cost, shapes and steps, compared in pairs.

Runs that are in the results file already are not done again; delete the file to start over.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from scipy.stats import t as student

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.cases.bits import BitRun, execute, planned

RESULTS = Path(__file__).parent / "results" / "bits.json"
PAIRS = (("chosen", "uniform"), ("chosen", "paper"), ("chosen at their cost", "8 at both ends"))


def collect(runs: list[BitRun], done: dict[str, Any], jobs: int) -> dict[str, Any]:
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
    """A line a pair of ways: mean accuracies and costs, and the mean difference with its 95 % interval."""
    by_key = {(row["model"], row["widths"], row["way"], row["seed"]): row for row in rows}
    lines = [
        "| model, budget of | way | against | seeds | accuracy | relative BOPs | difference, points |",
        "|" + "---|" * 7,
    ]
    for model, widths in dict.fromkeys((row["model"], row["widths"]) for row in rows):
        for one, other in PAIRS:
            seeds = sorted({k[3] for k in by_key if k[:3] == (model, widths, one)})
            pairs = [
                (by_key[model, widths, one, seed], by_key[model, widths, other, seed])
                for seed in seeds
                if (model, widths, other, seed) in by_key
            ]
            if pairs:
                lines.append(_line(f"{model}, {widths}", one, other, pairs))
    return lines


def _line(case: str, one: str, other: str, pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    differences = [100 * (a["accuracy"] - b["accuracy"]) for a, b in pairs]
    accuracies = " / ".join(f"{100 * mean(pair[i]['accuracy'] for pair in pairs):.2f}" for i in (0, 1))
    costs = " / ".join(f"{100 * mean(pair[i]['relative_bops'] for pair in pairs):.3f} %" for i in (0, 1))
    return f"| {case} | {one} | {other} | {len(pairs)} | {accuracies} | {costs} | {_interval(differences)} |"


def _interval(differences: list[float]) -> str:
    """Mean and 95 % interval by Student's t; one pair has no interval."""
    count = len(differences)
    if count < 2:
        return f"{mean(differences):+.2f}"
    reach = float(student.ppf(0.975, count - 1)) * stdev(differences) / count**0.5
    return f"{mean(differences):+.2f} ({mean(differences) - reach:+.2f} to {mean(differences) + reach:+.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="runs whose name holds this")
    given = parser.parse_args()
    done = json.loads(RESULTS.read_text())["runs"] if RESULTS.exists() else {}
    done = collect([run for run in planned() if given.only in run.key], done, given.jobs)
    print("\n".join(table(list(done.values()))))


if __name__ == "__main__":
    main()

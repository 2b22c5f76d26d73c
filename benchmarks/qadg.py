"""The analysis beside Torch-Pruning's dependency graph: seconds, groups and units, and the budgets of ours.

Each case runs in a process of its own, ours and theirs in turn; medians after a warm-up. Ours is `ge.trace` (export)
and `ge.analyze`; theirs is `DependencyGraph().build_dependency` and all groups. What cannot be done is a cell of
the table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "qadg.json"

CASES = (
    "resnet50",
    "bert",
    "vit",
    "gpt2",
    "llama",
    "densenet121",
    "qwen3_8b",
    "resnet50_wa",
    "bert_wa",
    "depth",
)
REPEATS, QUICK_REPEATS = 7, 2
CASE_LIMIT_S = 3600


@dataclass(frozen=True)
class Budget:
    """`key` of a row may not be above `limit`; `unit` is how both are printed."""

    key: str
    limit: float
    unit: str

    def check(self, row: dict[str, Any]) -> dict[str, Any]:
        value = row.get(self.key)
        return {"key": self.key, "limit": self.limit, "value": value, "ok": value is not None and value <= self.limit}

    def text(self, row: dict[str, Any]) -> str:
        check = self.check(row)
        said = "-" if check["value"] is None else f"{check['value']:.3g}"
        return f"{self.key.removesuffix('_s')} {said} of {self.limit:g}{self.unit}: {'pass' if check['ok'] else 'FAIL'}"


DOUBLING = Budget("doubling", 2.3, "")
"""Seconds of an analysis over those of a model half as deep."""

BUDGETS: dict[str, tuple[Budget, ...]] = {
    "resnet50": (Budget("analyze_s", 0.15, " s"),),
    "bert": (Budget("analyze_s", 0.25, " s"),),
    "qwen3_8b": (Budget("analyze_s", 3, " s"), Budget("peak_mb", 1536, " MB")),
    "resnet50_wa": (Budget("total_s", 3, " s"),),
    "resnet50_wa_expanded": (Budget("total_s", 3, " s"),),
    "bert_wa": (Budget("total_s", 4, " s"),),
    "bert_wa_expanded": (Budget("total_s", 4, " s"),),
    "depth_24": (DOUBLING,),
    "depth_48": (DOUBLING,),
    "depth_96": (DOUBLING,),
}

HEADER = (
    "| model | nodes | export | analyze (CPU) | groups | units | Torch-Pruning | groups | units | budget |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def measure(case: str, repeats: int) -> list[dict[str, Any]]:
    """The rows of one case, from a process that starts without torch in its parent: peak memory is inherited."""
    command = [sys.executable, "-m", "benchmarks.cases.measure", case, str(repeats)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=CASE_LIMIT_S)
        lines, reason = done.stdout.splitlines(), f"the process ended with {done.returncode}: {done.stderr[-200:]}"
    except subprocess.TimeoutExpired as expired:
        lines, reason = (expired.stdout or b"").decode().splitlines(), f"took longer than {CASE_LIMIT_S} s"
    rows = next((json.loads(line) for line in reversed(lines) if line.endswith("]")), None)
    return add_doublings(rows or [{"name": case, "error": reason}])


def add_doublings(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`doubling` for each row of the depth series but the first: its analysis over the one before."""
    for shallow, deep in pairwise(rows):
        if deep["name"].startswith("depth_") and shallow["analyze_s"] and deep["analyze_s"]:
            deep["doubling"] = deep["analyze_s"] / shallow["analyze_s"]
    return rows


def table_line(row: dict[str, Any]) -> str:
    theirs = row.get("torch_pruning", {})
    cells = [
        row["name"],
        number(row.get("nodes")),
        seconds(row.get("export_s")),
        row["error"] if row.get("error") else f"{seconds(row.get('analyze_s'))} ({seconds(row.get('analyze_cpu_s'))})",
        number(row.get("groups")),
        number(row.get("units")),
        theirs["error"] if theirs.get("error") else seconds(theirs.get("seconds")),
        number(theirs.get("groups")),
        number(theirs.get("units")),
        "; ".join(budget.text(row) for budget in BUDGETS.get(row["name"], ())),
    ]
    return f"| {' | '.join(clean(cell) for cell in cells)} |"


def clean(cell: str) -> str:
    """On one line, without the table's own sign, and not too long."""
    return " ".join(cell.replace("|", "/").split())[:120]


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} s"


def number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def about() -> dict[str, Any]:
    packages = ("torch", "transformers", "torch-pruning")
    return {"cores": os.cpu_count(), "load": os.getloadavg()[0], **{name: version(name) for name in packages}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_REPEATS} repeats in place of {REPEATS}")
    parser.add_argument(
        "--only", action="append", choices=CASES, help="these cases only; the results file stays as it is"
    )
    given = parser.parse_args()
    repeats = QUICK_REPEATS if given.quick else REPEATS
    machine, rows = about(), []
    print(HEADER)
    for case in given.only or CASES:
        for row in measure(case, repeats):
            print(table_line(row), flush=True)
            rows.append(row | {"budgets": [budget.check(row) for budget in BUDGETS.get(row["name"], ())]})
    if not given.only:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({"machine": machine, "repeats": repeats, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

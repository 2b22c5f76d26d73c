"""What the studio's services cost with many runs, long runs and large models: live status, figures, ticks, the table.

    python benchmarks/services.py
    python benchmarks/services.py --against DIR

`--against` measures another checkout of this project that has this benchmark, before or after a change, in the same
run: case by case in turn, so that both find the machine alike.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "services.json"
CASES = ("live_status", "series", "norms", "runs_page", "layouts", "idle")
CASE_LIMIT_S = 1200


def measure(tree: Path, case: str, folder: Path, size: str) -> list[dict[str, Any]]:
    """The rows of one case in a checkout; ends with a sentence where it fails."""
    command = [sys.executable, "-m", "benchmarks.cases.service_cases", case, str(folder), size]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=CASE_LIMIT_S)
    if done.returncode:
        raise SystemExit(f"the case {case} of {tree} ended with {done.returncode}: {done.stderr[-2000:]}")
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def table_line(row: dict[str, Any], other: dict[str, Any] | None) -> str:
    """`other` is the same number of the other checkout."""
    budget = row.get("budget")
    verdict = "" if budget is None else f"<= {budget:g}: {'yes' if row['value'] <= budget else 'NO'}"
    before = "" if other is None else f" {other['value']:,.4g} |"
    return f"| {row['what']} |{before} {row['value']:,.4g} | {row['unit']} | {verdict} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, metavar="DIR", help="another checkout, measured in turn with this one")
    parser.add_argument("--small", action="store_true", help="small stores; the results file stays as it is")
    parser.add_argument("--only", action="append", choices=CASES, help="these cases; the results file stays as it is")
    given = parser.parse_args()
    size = "small" if given.small else "full"
    trees = [ROOT, *([given.against.resolve()] if given.against else [])]
    rows: list[dict[str, Any]] = []
    print(f"| what |{' against |' if given.against else ''} measured | unit | budget |")
    print("|---" * (5 if given.against else 4) + "|")
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / str(number) for number in range(len(trees))]
        for tree, folder in zip(trees, folders, strict=True):
            folder.mkdir()
            measure(tree, "prepare", folder, size)
        for case in given.only or CASES:
            actual = [measure(tree, case, folder, size) for tree, folder in zip(trees, folders, strict=True)]
            others = {row["what"]: row for row in actual[-1]} if given.against else {}
            for row in actual[0]:
                other = others.get(row["what"])
                print(table_line(row, other), flush=True)
                rows.append(row | ({"against": other["value"]} if other else {}))
    if not given.only and not given.small:
        machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
        RESULTS.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""What the command line says about one run."""

from __future__ import annotations

from geta_engine.cli.output import display_value
from geta_engine.config import STAGES
from geta_engine.documents.runs import BudgetReport, RunRecord, RunReport
from geta_engine.errors import CheckFailed, InputError


def run_rows(run: RunRecord, report: RunReport) -> list[tuple[str, object]]:
    """What is worth telling about one run, as (name, value)."""
    metric, bits = report["metric"], [quantizer["bits"] for quantizer in report["quantizers"]]
    measured = [value for value in bits if value is not None]
    rows = [
        ("run", f"{run.id} ({run.name})"),
        ("status", run.status),
        ("step", f"{run.step} of {run.steps}" + (f" ({stage_title(run.stage)})" if run.stage else "")),
        (metric["name"] or "metric", metric["final"]),
        ("dense baseline", metric["dense"]),
        ("compact model", metric["compact"]),
        ("units removed", f"{display_value(report['zero_units'])} of {display_value(report['total_units'])}"),
        ("bits", f"{min(measured):g} to {max(measured):g} over {len(bits)} quantizers" if measured else None),
        ("relative BOPs", report["relative_bops"]),
        ("budget", _budget(report.get("budget"))),
        ("parameters", f"{display_value(report['params_dense'])} -> {display_value(report['params_compact'])}"),
        ("largest difference", report["verify"]["max_rel_diff"]),
        ("seconds", report["seconds"]),
    ]
    return [row for row in rows if row[1] is not None]


def _budget(budget: BudgetReport | None) -> str | None:
    """ "0.01254 of 0.0126 relative BOPs", "36,999 of 37,000 bytes"; None where none was given."""
    if budget is None or budget["cost"] is None or not budget["is_given"]:
        return None
    if budget["kind"] == "bytes":
        return f"{budget['cost']:,.0f} of {budget['amount']:,.0f} bytes"
    return f"{budget['cost']:.5g} of {budget['amount']:.5g} relative BOPs"


def stage_title(stage: str | None) -> str | None:
    """What people call a stage of a run."""
    return None if stage is None else STAGES[stage]


def require_done(run: RunRecord) -> None:
    """Raises CheckFailed with what happened and what to do unless the run is done."""
    if run.status == "done":
        return
    if run.status == "failed":
        refused = run.summary.get("refused", False)
        raise (InputError if refused else CheckFailed)(run.error or f"run {run.id} failed")
    if run.status == "stopped":
        raise CheckFailed(f"run {run.id} was stopped at step {run.step} of {run.steps}: `geta resume {run.id}` goes on")
    raise CheckFailed(f"the worker of run {run.id} died at step {run.step}: `geta resume {run.id}` goes on")

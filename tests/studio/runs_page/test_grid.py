"""Rows of the table of runs."""

from __future__ import annotations

from geta_engine.config import make_config
from geta_engine.documents.runs import RunRecord
from geta_engine.runs.report import run_report
from geta_studio.runs_page.grid import run_row


def test_the_table_of_runs_shows_the_metric_and_sorts_by_its_value() -> None:
    run = RunRecord(
        id=1,
        name="m",
        created=0.0,
        spec="m",
        config=make_config(model="m"),
        status="done",
        stage="cooldown",
        step=9,
        steps=9,
        error=None,
        pid=None,
        heartbeat=None,
        launcher="local",
        summary={"metric": {"name": "R2", "dense": 0.4321, "final": -0.2504, "compact": -0.2496}},
    )
    row = run_row(run_report(run))
    assert (row["metric"], row["metric_text"], row["metric_name"]) == (-0.2496, "-0.250", "R2")

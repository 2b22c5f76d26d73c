"""What is said about a run."""

from __future__ import annotations

from typing import Any

import pytest

from geta_engine.config import make_config
from geta_engine.documents.runs import RunRecord
from geta_studio.run_dock.status import (
    controls,
    cursor_style,
    model_summary,
    result_card,
    run_label,
    run_message,
    status_text,
    step_text,
)
from geta_studio.runs_page.grid import run_rows
from geta_studio.shell.format import duration, metric, size

LIVE = {"run": 7, "status": "running", "stage": "joint", "step": 372, "steps": 600, "error": None, "rate": 9.1}


def test_words_of_a_running_run() -> None:
    assert step_text(LIVE) == "step 372 of 600"
    assert status_text(LIVE) == "joint · 9.1 steps/s · 25 s left"
    assert status_text({**LIVE, "rate": None}) == "running · joint"
    assert cursor_style(LIVE) == {"left": "62.000%"}


def test_without_a_run_nothing_is_said() -> None:
    for live in (None, {"run": None}):
        assert (step_text(live), status_text(live), run_message(live)) == ("", "", "")
        assert cursor_style(live) == {"display": "none"}


@pytest.mark.parametrize(
    ("status", "usable"),
    [
        ("queued", "pause stop"),
        ("running", "pause stop"),
        ("paused", "resume step stop"),
        ("stopped", "resume"),
        ("failed", "resume"),
        ("dead", "resume"),
        ("done", ""),
        (None, ""),
    ],
)
def test_controls_follow_the_status(status: str | None, usable: str) -> None:
    assert " ".join(name for name, on in controls(status)._asdict().items() if on) == usable


def test_bad_ends_have_a_sentence() -> None:
    assert "Resume" in run_message({**LIVE, "status": "dead"})
    assert "loss is not finite" in run_message({**LIVE, "status": "failed", "error": "loss is not finite"})


def test_labels_and_numbers(analysis: dict[str, Any]) -> None:
    assert run_label(7, "paused", 372, 600) == "run 7 · paused at 372/600"
    assert run_label(7, "done", 600, 600) == "run 7 · done"
    assert model_summary(analysis) == "160 parameters · 1 groups · 10 units · 3 quantizers"
    assert (duration(25), duration(192), duration(7500)) == ("25 s", "3 min 12 s", "2 h 5 min")
    assert (size(1_090_000), size(512)) == ("1.09 MB", "512 B")


def test_the_result_card_says_before_and_after() -> None:
    summary = {
        "metric": {"name": "accuracy", "dense": None, "final": 0.978, "compact": 0.975},
        "relative_bops": 0.0213,
        "params_dense": 272_474,
        "params_compact": 98_222,
        "verify": {"max_rel_diff": 3e-7},
        "quantizers": [{"bits": 4}, {"bits": 8}],
    }
    text = str(result_card(summary).to_plotly_json())
    for part in ("97.5 %", "2.13 %", "272,474 → 98,222", "6.00 over 2 quantizers", "3.0e-07", "none"):
        assert part in text
    assert "No result yet" in str(result_card(None).to_plotly_json())
    assert "data-model='compact-7'" in str(result_card(summary, "compact-7").to_plotly_json())
    assert "compact-" not in text


R2 = {
    "metric": {"name": "R2", "dense": 0.4321, "final": -0.2504, "compact": -0.2496},
    "params_dense": 400,
    "params_compact": 200,
}


def test_a_metric_is_shown_as_what_it_is() -> None:
    assert [metric(name, 0.974) for name in ("accuracy", "agreement", "token accuracy", "R2")] == [
        *["97.4 %"] * 3,
        "0.974",
    ]
    assert (metric("R2", -1.23456), metric("R2", None), metric(None, None)) == ("-1.235", "–", "–")
    text = str(result_card(R2).to_plotly_json())
    assert all(part in text for part in ("0.432", "-0.250", "R2, compact")) and "43.2 %" not in text


def test_the_table_of_runs_shows_the_metric_and_sorts_by_its_value() -> None:
    run = RunRecord(
        id=1,
        name="m",
        created=0.0,
        spec="m",
        config=make_config(model="m").model_dump(mode="json"),
        status="done",
        stage="cooldown",
        step=9,
        steps=9,
        error=None,
        pid=None,
        heartbeat=None,
        summary=R2,
    )
    (row,) = run_rows([run], ["m"])
    assert (row["metric"], row["metric_text"], row["metric_name"]) == (-0.2496, "-0.250", "R2")


def test_a_lost_worker_names_a_full_disk() -> None:
    live = {"run": 1, "status": "dead", "error": "the disk is full"}
    assert "15 seconds (the disk is full): Resume" in run_message(live)

"""What is said about a run."""

from __future__ import annotations

from typing import Any

import pytest

from geta_studio.views.status import (
    controls,
    cursor_style,
    model_summary,
    result_card,
    run_label,
    run_message,
    status_text,
    step_text,
)
from geta_studio.views.text import duration, short_count, size

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
    assert (short_count(272_474), short_count(2304)) == ("0.272 M", "2,304")
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
    for part in ("97.5 %", "2.13 %", "272,474 → 98,222", "6.00 over 2 quantizers", "3.0e-07", "not trained"):
        assert part in text
    assert "No result yet" in str(result_card(None).to_plotly_json())


def test_a_lost_worker_names_a_full_disk() -> None:
    live = {"run": 1, "status": "dead", "error": "the disk is full"}
    assert "15 seconds (the disk is full): Resume" in run_message(live)

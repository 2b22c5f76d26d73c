"""What is said of the run on screen, and which controls it offers."""

from __future__ import annotations

import pytest

from geta_engine.documents.runs import LiveStatus, Status
from geta_studio.run_dock.controls import usable_controls
from geta_studio.run_dock.status_line import run_message, status_text, step_text
from geta_studio.run_dock.timeline import cursor_style
from geta_studio.services.runs import NO_RUN

LIVE: LiveStatus = {
    "run": 7,
    "status": "running",
    "stage": "joint",
    "step": 372,
    "steps": 600,
    "snapshot": 370,
    "error": None,
    "rate": 9.1,
}


def test_words_of_a_running_run() -> None:
    assert step_text(LIVE) == "step 372 of 600"
    assert status_text(LIVE) == "joint · 9.1 steps/s · 25 s left"
    assert status_text({**LIVE, "rate": None}) == "running · joint"
    assert status_text({**LIVE, "status": "paused"}) == "paused · joint"
    assert cursor_style(LIVE) == {"left": "62.000%"}


def test_without_a_run_nothing_is_said() -> None:
    for live in (None, NO_RUN):
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
def test_controls_follow_the_status(status: Status | None, usable: str) -> None:
    assert " ".join(name for name, on in usable_controls(status)._asdict().items() if on) == usable


def test_bad_ends_have_a_sentence() -> None:
    assert "Resume" in run_message({**LIVE, "status": "dead"})
    assert "loss is not finite" in run_message({**LIVE, "status": "failed", "error": "loss is not finite"})
    assert run_message({**LIVE, "status": "done"}) == ""


def test_a_lost_worker_names_a_full_disk() -> None:
    lost = run_message({**LIVE, "status": "dead", "error": "the disk is full"})
    assert "15 seconds (the disk is full): Resume" in lost

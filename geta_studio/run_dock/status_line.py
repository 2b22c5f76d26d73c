"""What is said of the run on screen in words: its step, its status, and how it ended."""

from __future__ import annotations

from geta_engine.config import STAGES
from geta_engine.documents.runs import DEAD_AFTER, LiveStatus
from geta_studio.shell.format import count, duration
from geta_studio.shell.run_words import STATUS_WORDS


def step_text(live: LiveStatus | None) -> str:
    """ "step 372 of 600", or nothing without a run."""
    return f"step {count(live['step'])} of {count(live['steps'])}" if live and live["run"] else ""


def status_text(live: LiveStatus | None) -> str:
    """ "joint · 9.1 steps/s · 25 s left" while running, the status in words otherwise."""
    if not live or not live["run"] or live["status"] is None:
        return ""
    stage = STAGES[live["stage"]] if live["stage"] else ""
    rate = live["rate"]
    if live["status"] != "running" or not rate:
        return " · ".join(part for part in (STATUS_WORDS[live["status"]], stage) if part)
    left = duration((live["steps"] - live["step"]) / rate)
    return f"{stage or 'running'} · {rate:.3g} steps/s · {left} left"


def run_message(live: LiveStatus | None) -> str:
    """The sentence for a run that did not end well, else ""."""
    if live and live["status"] == "dead":
        because = f" ({live['error']})" if live["error"] else ""
        again = "Resume starts it again from the last checkpoint."
        return f"This run's worker has been silent for {DEAD_AFTER:.0f} seconds{because}: {again}"
    if live and live["status"] == "failed":
        return f"The run failed: {live['error'] or 'its log says why'}."[:400]
    return ""

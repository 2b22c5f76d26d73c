"""What is said about a run in words: status line, step, controls, timeline, result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dash import html
from dash.development.base_component import Component

from geta_studio.views.figures import STAGE_LABELS, Stage
from geta_studio.views.text import count, duration, percent, short_count

ACTIVE = ("queued", "running", "paused")
RESUMABLE = ("paused", "stopped", "failed", "dead")
STATUS_WORDS = {
    "queued": "starting",
    "running": "running",
    "paused": "paused",
    "stopped": "stopped",
    "done": "done",
    "failed": "failed",
    "dead": "lost its worker",
}


class Controls(NamedTuple):
    """Which of the run controls can be used."""

    pause: bool
    resume: bool
    step: bool
    stop: bool


def controls(status: str | None) -> Controls:
    return Controls(
        pause=status in ("queued", "running"),
        resume=status in RESUMABLE,
        step=status == "paused",
        stop=status in ACTIVE,
    )


def step_text(live: Mapping[str, Any] | None) -> str:
    """ "step 372 of 600", or nothing without a run."""
    return f"step {count(live['step'])} of {count(live['steps'])}" if live and live.get("run") else ""


def status_text(live: Mapping[str, Any] | None) -> str:
    """ "joint · 9.1 steps/s · 25 s left" while running, the status in words otherwise."""
    if not live or not live.get("run"):
        return ""
    stage = STAGE_LABELS.get(live.get("stage") or "", "")
    if live["status"] != "running":
        return " · ".join(part for part in (STATUS_WORDS[live["status"]], stage) if part)
    rate = live.get("rate")
    if not rate:
        return " · ".join(part for part in ("running", stage) if part)
    left = duration((live["steps"] - live["step"]) / rate)
    return f"{stage or 'running'} · {rate:.3g} steps/s · {left} left"


def run_message(live: Mapping[str, Any] | None) -> str:
    """The sentence for a run that did not end well, else ""."""
    status = (live or {}).get("status")
    if status == "dead":
        return "The worker of this run has not been heard of for 15 seconds: Resume starts it again from the last checkpoint."
    if status == "failed":
        return f"The run failed: {live['error'] or 'its log says why'}."[:400] if live else ""
    return ""


def run_label(run: int, status: str, step: int, steps: int) -> str:
    """ "run 7 · paused at 372 / 600"."""
    at = f" at {step} / {steps}" if status in ("running", "paused", "stopped", "failed", "dead") else ""
    return f"run {run} · {STATUS_WORDS[status]}{at}"


def bands(stages: Sequence[Stage]) -> list[Component]:
    """The stages drawn to scale, as flex items."""
    return [
        html.Div(STAGE_LABELS[name], className=f"band stage-{name}", style={"flexGrow": end - start}, title=_span(name, start, end))
        for name, start, end in stages
    ]


def _span(name: str, start: int, end: int) -> str:
    return f"{STAGE_LABELS[name]}: steps {start + 1} to {end}"


def cursor_style(live: Mapping[str, Any] | None) -> dict[str, str]:
    """Where the cursor stands on the timeline."""
    if not live or not live.get("run"):
        return {"display": "none"}
    return {"left": f"{100 * live['step'] / max(1, live['steps']):.3f}%"}


def result_card(summary: Mapping[str, Any] | None) -> Component:
    """The end of a run on one card; says what to do while there is none."""
    if not summary or "params_compact" not in summary:
        text = "When a run is done, its accuracy, cost and size stand here, with the compact model to download."
        return html.Div([html.Strong("No result yet"), html.P(text)], className="empty")
    metric = summary.get("metric") or {}
    name = str(metric.get("name", "metric"))
    dense, compact = summary["params_dense"], summary["params_compact"]
    difference = (summary.get("verify") or {}).get("max_rel_diff")
    return html.Div(
        className="result-card",
        children=[
            html.Div(
                className="result-heads",
                children=[
                    _head(percent(metric.get("compact")), f"{name}, compact model"),
                    _head(percent(summary.get("relative_bops"), 2), "relative BOPs"),
                    _head(percent(compact / dense if dense else None), "of the parameters"),
                ],
            ),
            _table(
                [
                    (f"{name}, dense baseline", percent(metric.get("dense")) if metric.get("dense") is not None else "not trained"),
                    (f"{name}, before cutting", percent(metric.get("final"))),
                    (f"{name}, compact", percent(metric.get("compact"))),
                    ("parameters", f"{count(dense)} → {count(compact)}"),
                    ("zero units", f"{count(summary.get('zero_units'))} of {count(summary.get('total_units'))}, asked {count(summary.get('k_target'))}"),
                    ("mean bits", _mean_bits(summary)),
                    ("compact against zeroed", f"max relative difference {difference:.1e}" if difference is not None else "–"),
                    ("time", duration(summary.get("seconds"))),
                ]
            ),
            html.P(
                "Cut out and compared: the compact model gives the same outputs as the model with its zero units in place.",
                className="note",
            )
            if difference is not None and difference <= 1e-4
            else None,
        ],
    )


def _mean_bits(summary: Mapping[str, Any]) -> str:
    bits = [q["bits"] for q in summary.get("quantizers", ())]
    return f"{sum(bits) / len(bits):.2f} over {len(bits)} quantizers" if bits else "–"


def _head(value: str, text: str) -> Component:
    return html.Div([html.Div(value, className="result-value"), html.Div(text, className="result-name")])


def _table(rows: Sequence[tuple[str, str]]) -> Component:
    return html.Dl([part for name, value in rows for part in (html.Dt(name), html.Dd(value))], className="facts")


def model_summary(analysis: Mapping[str, Any] | None) -> str:
    """ "0.27 M parameters · 12 groups · 448 units · 43 quantizers"."""
    if analysis is None:
        return ""
    prunable = sum(group["prunable"] for group in analysis["groups"])
    parameters = short_count(analysis["model"]["params"])
    quantizers = len(analysis["quantizers"])
    return f"{parameters} parameters · {prunable} groups · {count(analysis['prunable_units'])} units · {quantizers} quantizers"

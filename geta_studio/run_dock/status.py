"""What is said about a run in words: status line, step, controls, timeline, result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dash import html
from dash.development.base_component import Component

from geta_engine.config import STAGES
from geta_engine.drawing.labels import short_count
from geta_studio.run_dock.figures import Stage
from geta_studio.shell.data_attributes import opens
from geta_studio.shell.format import count, duration, percent
from geta_studio.shell.format import metric as metric_text

ACTIVE = ("queued", "running", "paused")
RESUMABLE = ("paused", "stopped", "failed", "dead")
VERIFIED = 1e-5
"""Largest relative difference of outputs at which the compact model counts as the same."""
STATUS_WORDS = {
    "queued": "starting",
    "running": "running",
    "paused": "paused",
    "stopped": "stopped",
    "done": "done",
    "failed": "failed",
    "dead": "worker lost",
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
    stage = STAGES.get(live.get("stage") or "", live.get("stage") or "")
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
        again = "Resume starts it again from the last checkpoint."
        return f"This run's worker has been silent for 15 seconds{_because(live)}: {again}"
    if status == "failed":
        return f"The run failed: {live['error'] or 'its log says why'}."[:400] if live else ""
    return ""


def _because(live: Mapping[str, Any] | None) -> str:
    """ " (the disk is full)", or nothing."""
    return f" ({live['error']})" if live and live.get("error") else ""


def run_label(run: int, status: str, step: int, steps: int) -> str:
    """ "run 7 · paused at 372 / 600"."""
    at = f" at {step}/{steps}" if status in ("running", "paused", "stopped", "failed", "dead") else ""
    return f"run {run} · {STATUS_WORDS[status]}{at}"


def bands(stages: Sequence[Stage]) -> list[Component]:
    """The stages drawn to scale, as flex items."""
    return [band(name, end - start, _span(name, start, end)) for name, start, end in stages]


def band(stage: str, length: int, title: str) -> Component:
    """A stage as a flex item that grows with its length; its name is shown where there is room for all of it."""
    name = html.Span(STAGES[stage], className="band-name")
    return html.Div(name, className=f"band stage-{stage}", style={"flexGrow": length}, title=title)


def _span(name: str, start: int, end: int) -> str:
    return f"{STAGES[name]}: steps {start + 1} to {end}"


def cursor_style(live: Mapping[str, Any] | None) -> dict[str, str]:
    """Where the cursor stands on the timeline."""
    if not live or not live.get("run"):
        return {"display": "none"}
    return {"left": f"{100 * live['step'] / max(1, live['steps']):.3f}%"}


def result_card(summary: Mapping[str, Any] | None, compact_key: str | None = None) -> Component:
    """The end of a run on one card, with a way to its compact model; says what to do while there is none."""
    if not summary or "params_compact" not in summary:
        text = "When a run is done, its accuracy, cost and size stand here, with the compact model to download."
        return html.Div([html.Strong("No result yet"), html.P(text)], className="empty")
    metric = summary.get("metric") or {}
    dense, compact = summary["params_dense"], summary["params_compact"]
    heads = (
        (metric_text(metric.get("name"), metric.get("compact")), f"{metric.get('name', 'metric')}, compact model"),
        (percent(summary.get("relative_bops"), 2), "relative BOPs"),
        (percent(compact / dense if dense else None), "of the parameters"),
    )
    note = "The compact model was compared with the model that still has its zero units: same outputs."
    return html.Div(
        className="result-card",
        children=[
            html.Div([_head(*head) for head in heads], className="result-heads"),
            _table(_facts(summary, metric)),
            html.P(note, className="note") if _is_verified(summary) else None,
            _way_to(compact_key) if compact_key else None,
        ],
    )


def _way_to(key: str) -> Component:
    """To a compact model as the model on screen, beside which those of other runs can stand."""
    button = html.Button("Open the compact model", className="inspect-link", **opens(key))
    return html.P([button, ", to look at it alone or beside another run's."], className="note")


def _facts(summary: Mapping[str, Any], metric: Mapping[str, Any]) -> list[tuple[str, str]]:
    name = metric.get("name", "metric")
    dense, final, small = (metric_text(name, metric.get(key)) for key in ("dense", "final", "compact"))
    zero, total, asked = (count(summary.get(key)) for key in ("zero_units", "total_units", "k_target"))
    sizes = f"{count(summary['params_dense'])} → {count(summary['params_compact'])}"
    return [
        (f"{name}, dense baseline", "none" if metric.get("dense") is None else dense),
        (f"{name}, before cutting", final),
        (f"{name}, compact", small),
        ("parameters", sizes),
        ("zero units", f"{zero} of {total}, asked {asked}"),
        ("mean bits", _mean_bits(summary)),
        ("compact against zeroed", _difference(summary)),
        ("time", duration(summary.get("seconds"))),
    ]


def _is_verified(summary: Mapping[str, Any]) -> bool:
    difference = (summary.get("verify") or {}).get("max_rel_diff")
    return difference is not None and difference <= VERIFIED


def _difference(summary: Mapping[str, Any]) -> str:
    difference = (summary.get("verify") or {}).get("max_rel_diff")
    return "–" if difference is None else f"max relative difference {difference:.1e}"


def _mean_bits(summary: Mapping[str, Any]) -> str:
    bits = [q["bits"] for q in summary.get("quantizers", ())]
    return f"{sum(bits) / len(bits):.2f} over {len(bits)} quantizers" if bits else "–"


def _head(value: str, text: str) -> Component:
    return html.Div([html.Div(value, className="result-value"), html.Div(text, className="result-name")])


def _table(rows: Sequence[tuple[str, str]]) -> Component:
    return html.Dl([part for name, value in rows for part in (html.Dt(name), html.Dd(value))], className="facts")


def model_summary(analysis: Mapping[str, Any] | None) -> str:
    """ "272.5 k parameters · 12 groups · 448 units · 43 quantizers"."""
    if analysis is None:
        return ""
    facts = (
        (short_count(analysis["model"]["params"]), "parameters"),
        (count(sum(group["prunable"] for group in analysis["groups"])), "groups"),
        (count(analysis["prunable_units"]), "units"),
        (count(len(analysis["quantizers"])), "quantizers"),
    )
    return " · ".join(f"{number} {name}" for number, name in facts)

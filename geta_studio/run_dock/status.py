"""What is said about a run in words: status line, step, controls, timeline, result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dash import html
from dash.development.base_component import Component

from geta_engine.config import STAGES
from geta_engine.documents.runs import DEAD_AFTER, LiveStatus, MetricValues, RunSummary, Status
from geta_studio.run_dock.figures import Stage
from geta_studio.shell.data_attributes import opens
from geta_studio.shell.format import count, duration, percent, short_count
from geta_studio.shell.format import metric as metric_text

ACTIVE: tuple[Status, ...] = ("queued", "running", "paused")
RESUMABLE: tuple[Status, ...] = ("paused", "stopped", "failed", "dead")
VERIFIED = 1e-5
"""Largest relative difference of outputs at which the compact model counts as the same."""
STATUS_WORDS: dict[Status, str] = {
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


def controls(status: Status | None) -> Controls:
    return Controls(
        pause=status in ("queued", "running"),
        resume=status in RESUMABLE,
        step=status == "paused",
        stop=status in ACTIVE,
    )


def step_text(live: LiveStatus | None) -> str:
    """ "step 372 of 600", or nothing without a run."""
    return f"step {count(live['step'])} of {count(live['steps'])}" if live and live["run"] else ""


def status_text(live: LiveStatus | None) -> str:
    """ "joint · 9.1 steps/s · 25 s left" while running, the status in words otherwise."""
    if not live or live["status"] is None:
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


def run_label(run: int, status: Status, step: int, steps: int) -> str:
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


def cursor_style(live: LiveStatus | None) -> dict[str, str]:
    """Where the cursor stands on the timeline."""
    if not live or not live["run"]:
        return {"display": "none"}
    return {"left": f"{100 * live['step'] / max(1, live['steps']):.3f}%"}


def result_card(summary: RunSummary | None, compact_key: str | None = None) -> Component:
    """The end of a run on one card, with a way to its compact model; says what to do while there is none."""
    if not summary or not summary.get("params_compact"):
        text = "When a run is done, its accuracy, cost and size stand here, with the compact model to download."
        return html.Div([html.Strong("No result yet"), html.P(text)], className="empty")
    metric = summary["metric"]
    dense, compact = summary["params_dense"], summary["params_compact"]
    heads = (
        (metric_text(metric["name"], metric["compact"]), f"{metric['name'] or 'metric'}, compact model"),
        (percent(summary.get("relative_bops"), 2), "relative BOPs"),
        (percent(compact / dense if dense and compact else None), "of the parameters"),
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


def _facts(summary: RunSummary, metric: MetricValues) -> list[tuple[str, str]]:
    name = metric["name"] or "metric"
    dense, final, small = (metric_text(name, metric[key]) for key in ("dense", "final", "compact"))
    zero, total, asked = count(summary["zero_units"]), count(summary["total_units"]), count(summary["k_target"])
    sizes = f"{count(summary['params_dense'])} → {count(summary['params_compact'])}"
    return [
        (f"{name}, dense baseline", "none" if metric["dense"] is None else dense),
        (f"{name}, before cutting", final),
        (f"{name}, compact", small),
        ("parameters", sizes),
        ("zero units", f"{zero} of {total}, asked {asked}"),
        ("mean bits", _mean_bits(summary)),
        ("compact against zeroed", _difference(summary)),
        ("time", duration(summary.get("seconds"))),
    ]


def _is_verified(summary: RunSummary) -> bool:
    difference = (summary.get("verify") or {}).get("max_rel_diff")
    return difference is not None and difference <= VERIFIED


def _difference(summary: RunSummary) -> str:
    difference = (summary.get("verify") or {}).get("max_rel_diff")
    return "–" if difference is None else f"max relative difference {difference:.1e}"


def _mean_bits(summary: RunSummary) -> str:
    bits = [q["bits"] for q in summary.get("quantizers", ())]
    return f"{sum(bits) / len(bits):.2f} over {len(bits)} quantizers" if bits else "–"


def _head(value: str, text: str) -> Component:
    return html.Div([html.Div(value, className="result-value"), html.Div(text, className="result-name")])


def _table(rows: Sequence[tuple[str, str]]) -> Component:
    return html.Dl([part for name, value in rows for part in (html.Dt(name), html.Dd(value))], className="facts")


def model_summary(analysis: Mapping[str, Any] | None) -> str:
    """ "0.272 M parameters · 12 groups · 448 units · 43 quantizers"."""
    if analysis is None:
        return ""
    facts = (
        (short_count(analysis["model"]["params"]), "parameters"),
        (count(sum(group["prunable"] for group in analysis["groups"])), "groups"),
        (count(analysis["prunable_units"]), "units"),
        (count(len(analysis["quantizers"])), "quantizers"),
    )
    return " · ".join(f"{number} {name}" for number, name in facts)

"""The Result tab: a finished run on one card."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from geta_engine.documents.runs import TOLERANCE, MetricValues, RunSummary
from geta_studio.result import ids
from geta_studio.services.services import Services
from geta_studio.shell.data_attributes import opens
from geta_studio.shell.format import count, duration, percent, size
from geta_studio.shell.format import metric as metric_text
from geta_studio.shell.run_words import NO_METRIC


def result_panel() -> Component:
    """The tab, empty until the run on screen is known."""
    return html.Div(id=ids.RESULT)


def result_of_run(services: Services, run_id: int | None) -> Component:
    """The card of a run; says what to do while there is no result."""
    if run_id is None:
        return no_result()
    run = services.runs.get(run_id)
    if run.status != "done" or not run.summary.get("params_compact"):
        return no_result()
    return result_card(run.summary, f"compact-{run.id}" if services.runs.compact_file(run.id) is not None else None)


def no_result() -> Component:
    text = "When a run is done, its accuracy, cost and size stand here, with the compact model to download."
    return html.Div([html.Strong("No result yet"), html.P(text)], className="empty")


def result_card(summary: RunSummary, compact_key: str | None = None) -> Component:
    """The end of a run, with a way to its compact model, which `compact_key` names."""
    metric = summary.get("metric") or NO_METRIC
    dense, compact = summary["params_dense"], summary["params_compact"]
    heads = (
        (metric_text(metric["name"], metric["compact"]), f"{metric['name'] or 'metric'}, compact model"),
        (percent(summary.get("relative_bops"), 2), "relative BOPs"),
        (percent(compact / dense if dense and compact is not None else None), "of the parameters"),
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
    dense, final, small = (
        metric_text(metric["name"], value) for value in (metric["dense"], metric["final"], metric["compact"])
    )
    zero, total, asked = (
        count(units) for units in (summary.get("zero_units"), summary.get("total_units"), summary.get("k_target"))
    )
    return [
        (f"{name}, dense baseline", "none" if metric["dense"] is None else dense),
        (f"{name}, before cutting", final),
        (f"{name}, compact", small),
        ("parameters", f"{count(summary['params_dense'])} → {count(summary['params_compact'])}"),
        ("zero units", f"{zero} of {total}, asked {asked}"),
        ("mean bits", _mean_bits(summary)),
        *_budget(summary),
        ("compact against zeroed", _difference_text(_difference(summary))),
        ("time", duration(summary.get("seconds"))),
    ]


def _difference(summary: RunSummary) -> float | None:
    """The largest relative difference between the outputs of the compact and of the zeroed model."""
    verify = summary.get("verify")
    return verify.get("max_rel_diff") if verify else None


def _is_verified(summary: RunSummary) -> bool:
    verify, difference = summary.get("verify"), _difference(summary)
    return verify is not None and difference is not None and difference <= TOLERANCE.get(verify.get("dtype", ""), 0.0)


def _difference_text(difference: float | None) -> str:
    return "–" if difference is None else f"max relative difference {difference:.1e}"


def _budget(summary: RunSummary) -> list[tuple[str, str]]:
    """What the bits cost of what they might; no line where none was given."""
    budget = summary.get("budget")
    if budget is None or budget["cost"] is None or not budget["is_given"]:
        return []
    text = size if budget["kind"] == "bytes" else lambda amount: percent(amount, 3)
    return [("cost of budget", f"{text(budget['cost'])} of {text(budget['amount'])}")]


def _mean_bits(summary: RunSummary) -> str:
    bits = [quantizer["bits"] for quantizer in summary.get("quantizers", ())]
    return f"{sum(bits) / len(bits):.2f} over {len(bits)} quantizers" if bits else "–"


def _head(value: str, text: str) -> Component:
    return html.Div([html.Div(value, className="result-value"), html.Div(text, className="result-name")])


def _table(rows: Sequence[tuple[str, str]]) -> Component:
    return html.Dl([part for name, value in rows for part in (html.Dt(name), html.Dd(value))], className="facts")

"""The Runs page: every run of the store in a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dash_ag_grid as dag
from dash import html
from dash.development.base_component import Component

from geta_engine.documents.runs import RunRecord
from geta_studio.shell import ids
from geta_studio.shell.format import duration
from geta_studio.shell.format import metric as metric_text
from geta_studio.shell.icons import icon
from geta_studio.shell.run_words import NO_METRIC, RESUMABLE, STATUS_WORDS


def runs_grid() -> Component:
    return dag.AgGrid(
        id=ids.RUNS_GRID,
        columnDefs=_columns(),
        defaultColDef={
            "resizable": True,
            "sortable": True,
            "filter": True,
            "suppressHeaderMenuButton": True,
            "suppressHeaderFilterButton": True,
        },
        rowData=[],
        getRowId="params.data.id",
        dashGridOptions={
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
            "rowHeight": 34,
            "headerHeight": 34,
            "animateRows": False,
            "localeText": {"noRowsToShow": "No runs yet: launch one from the workspace, or with geta run."},
        },
        className="ag-theme-alpine geta-grid",
        style={"height": "100%", "width": "100%"},
    )


def _columns() -> list[dict[str, Any]]:
    def number(field: str, name: str, form: str, width: int = 100) -> dict[str, Any]:
        show = {"function": f"params.value == null ? '–' : d3.format('{form}')(params.value)"}
        return {"field": field, "headerName": name, "width": width, "type": "rightAligned", "valueFormatter": show}

    return [
        {"field": "run", "headerName": "run", "width": 64, "type": "rightAligned", "sort": "desc"},
        {
            "field": "status",
            "headerName": "status",
            "width": 168,
            "cellClassRules": _STATUS_CLASSES,
            "tooltipField": "error",
        },
        {"field": "model", "headerName": "model", "flex": 1, "minWidth": 120, "tooltipField": "model"},
        {"field": "data", "headerName": "data", "flex": 1, "minWidth": 100, "tooltipField": "data"},
        number("sparsity", "sparsity", ".2f", 84),
        {"field": "bits", "headerName": "bits", "width": 76},
        {
            "field": "metric",
            "headerName": "metric",
            "width": 84,
            "type": "rightAligned",
            "valueFormatter": {"function": "params.data.metric_text"},
            "tooltipField": "metric_name",
        },
        number("relative_bops", "relative BOPs", ".2%", 112),
        number("params", "parameters", ",", 104),
        {"field": "time", "headerName": "time", "width": 92, "type": "rightAligned", "sortable": False},
        {"field": "created", "headerName": "created", "flex": 1, "minWidth": 136},
    ]


_STATUS_CLASSES = {
    "status-active": "['running', 'starting'].includes(params.data.status.split(' ')[0])",
    "status-bad": "['failed', 'worker'].includes(params.data.status.split(' ')[0])",
    "status-done": "params.data.status === 'done'",
}


def run_rows(runs: Sequence[RunRecord], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the table; `labels` are the models' names as the studio shows them."""
    return [_row(run, label) for run, label in zip(runs, labels, strict=True)]


def _row(run: RunRecord, label: str) -> dict[str, Any]:
    bits, summary = run.config["bits"], run.summary
    metric = summary.get("metric") or NO_METRIC
    at = "" if run.status == "done" else f" {run.step}/{run.steps}"
    mixed = "*" if run.config.get("layer_bits") else ""
    return {
        "id": str(run.id),
        "run": run.id,
        "status": f"{STATUS_WORDS[run.status]}{at}",
        "state": run.status,
        "model": label,
        "data": run.config["data"],
        "sparsity": run.config["sparsity"],
        "bits": f"{bits['lower']}–{bits['upper']}{mixed}",
        "metric": metric.get("compact"),
        "metric_name": metric.get("name"),
        "metric_text": metric_text(metric.get("name"), metric.get("compact")),
        "relative_bops": summary.get("relative_bops"),
        "params": summary.get("params_compact"),
        "time": duration(summary.get("seconds")),
        "created": datetime.fromtimestamp(run.created).strftime("%Y-%m-%d %H:%M"),
        "error": run.error,
    }


def disabled_actions(
    selected: Sequence[dict[str, Any]] | None, rows: Sequence[dict[str, Any]] | None
) -> tuple[bool, bool, bool]:
    """(open, resume, delete) of the selected row: True where the button is off; no deleting while it goes."""
    states = {row["id"]: row["state"] for row in rows or ()}
    state = states.get(selected[0]["id"]) if selected else None
    if state is None:
        return True, True, True
    return False, state not in RESUMABLE, state in ("queued", "running", "paused")


def confirm_text(row: dict[str, Any]) -> str:
    """What deleting this run means."""
    return f"Run {row['run']} ({row['model']} on {row['data']}) and everything it recorded will be deleted."


def toolbar() -> Component:
    return html.Div(
        className="runs-bar",
        children=[
            html.H2("Runs"),
            html.Div(className="spacer"),
            html.Button([icon("open"), html.Span("Open")], id=ids.RUNS_OPEN, className="ghost", disabled=True),
            html.Button([icon("play"), html.Span("Resume")], id=ids.RUNS_RESUME, className="ghost", disabled=True),
            html.Button([icon("trash"), html.Span("Delete…")], id=ids.RUNS_DELETE, className="ghost", disabled=True),
        ],
    )

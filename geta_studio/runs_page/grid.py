"""The Runs page: every run of the store in a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

import dash_ag_grid as dag
from dash import html
from dash.development.base_component import Component

from geta_engine.documents.runs import RunReport, Status
from geta_studio.runs_page import ids
from geta_studio.shell.format import duration
from geta_studio.shell.format import metric as metric_text
from geta_studio.shell.icons import icon
from geta_studio.shell.run_words import RESUMABLE, STATUS_WORDS


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


class RunRow(TypedDict):
    """A row of the table: what its columns show, and `state`, the status that the buttons go by."""

    id: str
    run: int
    status: str
    state: Status
    model: str
    data: str
    sparsity: float
    bits: str
    metric: float | None
    metric_name: str | None
    metric_text: str
    relative_bops: float | None
    params: int | None
    time: str
    created: str
    error: str | None


def run_row(run: RunReport) -> RunRow:
    """The row of a run; times are local."""
    config, metric = run["config"], run["metric"]
    bits = config["bits"]
    at = "" if run["status"] == "done" else f" {run['step']}/{run['steps']}"
    mixed = "*" if config["layer_bits"] else ""
    return {
        "id": str(run["run"]),
        "run": run["run"],
        "status": f"{STATUS_WORDS[run['status']]}{at}",
        "state": run["status"],
        "model": config["model"],
        "data": config["data"],
        "sparsity": config["sparsity"],
        "bits": f"{bits['lower']}–{bits['upper']}{mixed}",
        "metric": metric["compact"],
        "metric_name": metric["name"],
        "metric_text": metric_text(metric["name"], metric["compact"]),
        "relative_bops": run["relative_bops"],
        "params": run["params_compact"],
        "time": duration(run["seconds"]),
        "created": datetime.fromisoformat(run["created"]).astimezone().strftime("%Y-%m-%d %H:%M"),
        "error": run["error"],
    }


def disabled_actions(selected: Sequence[RunRow] | None, rows: Sequence[RunRow] | None) -> tuple[bool, bool, bool]:
    """(open, resume, delete) of the selected row: True where the button is off; no deleting while it goes."""
    states = {row["id"]: row["state"] for row in rows or ()}
    state = states.get(selected[0]["id"]) if selected else None
    if state is None:
        return True, True, True
    return False, state not in RESUMABLE, state in ("queued", "running", "paused")


def confirm_text(row: RunRow) -> str:
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

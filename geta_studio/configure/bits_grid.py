"""The table of bit bounds: a row a quantizer, edited in place."""

from __future__ import annotations

from typing import Any, TypedDict

import dash_ag_grid as dag
from dash.development.base_component import Component

from geta_engine.config import INITIAL_BITS, MIN_BITS
from geta_engine.documents.analysis import AnalysisDocument
from geta_studio.configure import ids
from geta_studio.shell.bit_bounds import bounds_of
from geta_studio.shell.stores import BitBounds, TypedNumber

INVALID_PAIR = "!(params.data.b_l >= 2 && params.data.b_l <= params.data.b_u && params.data.b_u <= 16)"
SHORT = "params.value < 1e6 ? ',' : '.3s'"
"""589,824 in full, 16,777,216 as 16.8M: what the column has room for."""

QUOTED_MATCH = '`"${params.value}"`.includes(params.filterText)'
"""A part of a name; a quotation mark stands for its end: "conv1" in quotation marks is not layer1.0.conv1."""


class BitsRow(TypedDict):
    """A row of the table: one quantizer."""

    id: str
    layer: str
    kind: str
    """"W" or "A"."""
    kind_name: str
    parameters: int
    share: float
    """Of the multiply-adds of the model."""
    b_l: TypedNumber
    b_u: TypedNumber


def bits_grid() -> Component:
    """A row a quantizer; `b_l` and `b_u` are edited in place."""
    return dag.AgGrid(
        id=ids.BITS_GRID,
        columnDefs=_columns(),
        defaultColDef={
            "resizable": True,
            "sortable": True,
            "suppressHeaderMenuButton": True,
            "suppressHeaderFilterButton": True,
            "suppressMovable": True,
        },
        rowData=[],
        getRowId="params.data.id",
        dashGridOptions={
            "rowSelection": {"mode": "multiRow", "headerCheckbox": True, "enableClickSelection": False},
            "selectionColumnDef": {"width": 36, "maxWidth": 36, "resizable": False, "suppressHeaderMenuButton": True},
            "singleClickEdit": True,
            "stopEditingWhenCellsLoseFocus": True,
            "rowHeight": 26,
            "headerHeight": 28,
            "floatingFiltersHeight": 28,
            "tooltipShowDelay": 300,
            "localeText": {"noRowsToShow": "The layers stand here once the model is analysed."},
            "animateRows": False,
            "rowBuffer": 4,
        },
        className="ag-theme-alpine geta-grid",
        style={"height": "clamp(136px, 36cqh, 420px)", "width": "100%"},
    )


def _columns() -> list[dict[str, Any]]:
    bound = {
        "editable": True,
        "width": 46,
        "minWidth": 42,
        "type": "rightAligned",
        "cellEditor": "agNumberCellEditor",
        "cellEditorParams": {"precision": 0},
        "cellClass": "bound ag-right-aligned-cell",
        "cellClassRules": {"bound-invalid": INVALID_PAIR},
        "headerTooltip": f"Whole numbers, {MIN_BITS} <= b_l <= b_u <= {INITIAL_BITS}",
    }
    share = {"function": "d3.format('.1%')(params.value)"}
    return [
        {
            "field": "layer",
            "headerName": "layer",
            "flex": 1,
            "minWidth": 110,
            "filter": "agTextColumnFilter",
            "floatingFilter": True,
            "suppressFloatingFilterButton": True,
            "filterParams": {
                "filterPlaceholder": "find a layer",
                "buttons": [],
                "textMatcher": {"function": QUOTED_MATCH},
            },
            "tooltipField": "layer",
        },
        {
            "field": "kind",
            "headerName": "",
            "width": 30,
            "minWidth": 30,
            "headerTooltip": "W weights, A activations",
            "tooltipField": "kind_name",
        },
        {
            "field": "parameters",
            "headerName": "params",
            "width": 62,
            "minWidth": 50,
            "type": "rightAligned",
            "valueFormatter": {"function": f"params.value ? d3.format({SHORT})(params.value) : '–'"},
            "tooltipField": "parameters",
        },
        {
            "field": "share",
            "headerName": "MACs",
            "width": 58,
            "minWidth": 48,
            "type": "rightAligned",
            "valueFormatter": share,
        },
        {**bound, "field": "b_l", "headerName": "b_l"},
        {**bound, "field": "b_u", "headerName": "b_u"},
    ]


def bits_rows(analysis: AnalysisDocument | None, bits: BitBounds | None) -> list[BitsRow]:
    """Rows of the table, in the order of the analysis; none before there are an analysis and bounds."""
    if analysis is None or bits is None:
        return []
    total = max(1, analysis["model"]["macs"])
    bounds = bounds_of(bits, analysis)
    return [
        {
            "id": q["id"],
            "layer": q["layer"],
            "kind": q["kind"][0].upper(),
            "kind_name": f"{q['kind']} quantizer",
            "parameters": q["parameters"],
            "share": q["macs"] / total,
            "b_l": bounds[q["id"]][0],
            "b_u": bounds[q["id"]][1],
        }
        for q in analysis["quantizers"]
    ]

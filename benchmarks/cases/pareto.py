"""Accuracy against relative BOPs as a picture: plotly's figure, drawn by the browser that the tests use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from tools.find_chromium import find

COLOURS = {"joint": "#3056d3", "prune": "#c2571a", "quantize": "#2a8a57", "prune, then quantize": "#8a4fbf"}
SIZE = (960, 540)
REACH = 10.0
"""The picture ends this many points below the dense model; what is lower is drawn at its edge, with its number."""


def figure(rows: list[dict[str, Any]]) -> go.Figure:
    """One line a way of compressing, a dot a run, and the dense model as a dashed line."""
    made = go.Figure()
    dense = [100 * row["dense"] for row in rows if row["dense"] is not None]
    floor = (dense[0] if dense else 100.0) - REACH
    for way, colour in COLOURS.items():
        rows_of_way = sorted((row for row in rows if row["way"] == way), key=lambda row: row["relative_bops"])
        if rows_of_way:
            made.add_scatter(
                x=[100 * row["relative_bops"] for row in rows_of_way],
                y=[max(100 * row["accuracy"], floor) for row in rows_of_way],
                mode="lines+markers+text",
                text=[_label(row, floor) for row in rows_of_way],
                textposition="top center" if way == "joint" else "bottom center",
                name=way,
                line={"color": colour},
            )
    if dense:
        made.add_hline(dense[0], line_dash="dash", line_color="#888", annotation_text="dense")
    ticks = [0.2, 0.5, 1, 2, 5, 10, 20, 50]
    made.update_xaxes(title="relative BOPs, % of the dense model at 32 x 32 bits", type="log", tickvals=ticks)
    made.update_yaxes(title="test accuracy, %", range=[floor - 1, floor + REACH + 1])
    made.update_layout(
        template="plotly_white",
        title="ResNet20 on Fashion-MNIST at 16 x 16, as many steps each",
        width=SIZE[0],
        height=SIZE[1],
        legend={"x": 0.98, "y": 0.02, "xanchor": "right", "yanchor": "bottom"},
    )
    return made


def _label(row: dict[str, Any], floor: float) -> str:
    """Bit bounds or sparsity, and the accuracy of what lies below the picture."""
    label = row["bits"] if row["way"] == "quantize" else f"{100 * row['sparsity']:.0f} %"
    return label if 100 * row["accuracy"] >= floor else f"{label}, {100 * row['accuracy']:.0f} %"


def draw(rows: list[dict[str, Any]], target: Path) -> None:
    """Write the picture as PNG."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.set_content(figure(rows).to_html(include_plotlyjs=True, config={"staticPlot": True}))
        page.locator(".main-svg").first.wait_for()
        page.locator(".plotly-graph-div").screenshot(path=str(target))
        browser.close()

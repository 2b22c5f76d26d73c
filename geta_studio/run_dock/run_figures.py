"""From the store's columns and frames to the four figures of the run on screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from geta_engine.config import RunConfig
from geta_engine.store import RunRecord
from geta_studio.run_dock.figures import (
    Axis,
    BitLines,
    Figure,
    NormMap,
    bits_figure,
    cost_figure,
    empty_figure,
    loss_figure,
    norms_figure,
)
from geta_studio.services.series import Columns, Frames, sampled, thinned, within
from geta_studio.services.services import Services
from geta_studio.shell.format import count, metric, percent

MOST_ROWS = 384
MOST_NORM_CELLS = 60_000
TICK_SPACE = 0.1
"""Of the height of the figure: the room a label takes."""
ALL_GROUPS = "all"
METRIC = "accuracy"


def scalars_view(
    services: Services, live: Mapping[str, Any] | None, scheme: str, loss_zoom: Any, cost_zoom: Any
) -> tuple[Any, Any, str, str]:
    """(loss figure, cost figure, loss now, cost now) of the run on screen."""
    if not live or live.get("run") is None:
        return empty_figure(scheme), empty_figure(scheme), "", ""
    run = services.runs.get(live["run"])
    columns = services.series.columns(run.id, live["step"])
    axis = run_axis(run, scheme)
    loss = loss_curves(axis, columns, zoom_window(loss_zoom), metric_name(run))
    cost = cost_curves(axis, columns, zoom_window(cost_zoom))
    return zoomed(loss, loss_zoom), zoomed(cost, cost_zoom), loss_now(columns, metric_name(run)), cost_now(columns)


def run_axis(run: RunRecord, scheme: str) -> Axis:
    return Axis(RunConfig(**run.config).schedule.stages(), run.steps, scheme, f"run-{run.id}")


def metric_name(run: RunRecord) -> str:
    return str((run.summary.get("metric") or {}).get("name", METRIC))


def zoom_window(relayout: Mapping[str, Any] | None) -> tuple[float, float] | None:
    """The steps a figure was zoomed to, from Plotly's relayout event; None when it shows all."""
    first, last = ((relayout or {}).get(f"xaxis.range[{end}]") for end in (0, 1))
    if isinstance(first, (int, float)) and isinstance(last, (int, float)):
        return float(first), float(last)
    return None


def zoomed(figure: Figure, relayout: Mapping[str, Any] | None) -> Figure:
    """The figure with the axes as they were zoomed to. `uirevision` alone does not keep a zoom: Dash hands Plotly the
    zoomed layout once more, which from then on counts as ours, and the next figure would undo it.
    """
    for axis in ("xaxis", "yaxis", "yaxis2"):
        ends = [(relayout or {}).get(f"{axis}.range[{end}]") for end in (0, 1)]
        if axis in figure["layout"] and all(isinstance(end, (int, float)) for end in ends):
            figure["layout"][axis] |= {"range": ends, "autorange": False}
    return figure


def curve(step: np.ndarray, values: np.ndarray, window: tuple[float, float] | None) -> tuple[np.ndarray, np.ndarray]:
    """A long curve thinned as a whole, with full detail inside the window."""
    coarse, thin = thinned(step, values)
    if window is None:
        return coarse, thin
    inside = within(step, window)
    fine, detail = thinned(step[inside], values[inside])
    merged, first = np.unique(np.concatenate([coarse, fine]), return_index=True)
    return merged, np.concatenate([thin, detail])[first]


def loss_curves(axis: Axis, columns: Columns, window: tuple[float, float] | None, name: str) -> Figure:
    step, loss = curve(columns["step"], columns["loss"], window)
    measured = ~np.isnan(columns["metric"])
    return loss_figure(axis, (step, loss), (columns["step"][measured], columns["metric"][measured]), name)


def cost_curves(axis: Axis, columns: Columns, window: tuple[float, float] | None) -> Figure:
    bops = curve(columns["step"], columns["relative_bops"], window)
    return cost_figure(axis, bops, curve(columns["step"], columns["sparsity"], window))


def loss_now(columns: Columns, name: str) -> str:
    """ "0.081 · 97.4 %": the last loss and the last measured metric, which is called `name`."""
    if not len(columns["step"]):
        return ""
    measured = columns["metric"][~np.isnan(columns["metric"])]
    parts = [f"{columns['loss'][-1]:.3g}"] + ([metric(name, float(measured[-1]))] if len(measured) else [])
    return " · ".join(parts)


def cost_now(columns: Columns) -> str:
    """ "6.2 % · 34 %": relative BOPs and sparsity now."""
    if not len(columns["step"]):
        return ""
    return f"{percent(float(columns['relative_bops'][-1]), 2)} · {percent(float(columns['sparsity'][-1]))}"


def bits_view(
    services: Services, frame: Mapping[str, Any] | None, selection: Any, scheme: str, zoom: Any = None
) -> tuple[Any, str]:
    """(bits figure, mean bits now)."""
    if not frame or frame.get("run") is None or frame.get("frame") is None:
        return empty_figure(scheme), ""
    run = services.runs.get(frame["run"])
    frames = services.series.frames(run.id, "quantizers", run.steps)
    if not len(frames.step):
        return empty_figure(scheme), ""
    analysis = services.analyses.get(services.library.key_of(run))
    lines = bit_lines(frames, analysis)
    bounds = run.config["bits"]
    chosen = chosen_quantizer(analysis, selection)
    figure = bits_figure(run_axis(run, scheme), lines, (bounds["lower"], bounds["upper"]), chosen)
    return zoomed(figure, zoom), bits_now(lines, chosen)


def bits_now(lines: BitLines, chosen: int | None) -> str:
    """ "mean 6.10", or "layer1.0.conv1 W 6.00" where a quantizer is selected."""
    if chosen is None:
        return f"mean {lines.bits[-1].mean():.2f}"
    return f"{lines.names[chosen]} {lines.bits[-1, chosen]:.2f}"


def bit_lines(frames: Frames, analysis: Mapping[str, Any] | None) -> BitLines:
    """Column 0 of the quantizer frames is b."""
    chosen = sampled(len(frames.step), 120)
    bits = frames.values[chosen, :, 0]
    quantizers = (analysis or {}).get("quantizers", [])
    if len(quantizers) != bits.shape[1]:
        quantizers = [{"layer": f"quantizer {index}", "kind": "weight"} for index in range(bits.shape[1])]
    names = [f"{q['layer']} {q['kind'][0].upper()}" for q in quantizers]
    return BitLines(frames.step[chosen], bits, np.array([q["kind"] == "weight" for q in quantizers], bool), names)


def chosen_quantizer(analysis: Mapping[str, Any] | None, selection: Mapping[str, Any] | None) -> int | None:
    """The index of the quantizer that is selected, or that of the selected node; None where there is none."""
    quantizers = (analysis or {}).get("quantizers", [])
    field = {"quantizer": "id", "node": "node"}.get((selection or {}).get("kind", ""))
    if field is None or selection is None:
        return None
    return next((index for index, q in enumerate(quantizers) if q[field] == selection["id"]), None)


def norms_view(
    services: Services, frame: Mapping[str, Any] | None, group: str, scheme: str, zoom: Any = None
) -> tuple[Any, str]:
    """(norms figure, "11 of 32 zero")."""
    if not frame or frame.get("run") is None or frame.get("frame") is None:
        return empty_figure(scheme), ""
    run = services.runs.get(frame["run"])
    frames = services.series.frames(run.id, "units", run.steps)
    if not len(frames.step):
        return empty_figure(scheme), ""
    units = unit_names(services.analyses.get(services.library.key_of(run)), frames.values.shape[1])
    rows = rows_of(frames, units, group)
    figure = norms_figure(run_axis(run, scheme), norm_map(frames, units, rows))
    return zoomed(figure, zoom), zeros_now(frames, units, group)


def unit_names(analysis: Mapping[str, Any] | None, units: int) -> list[tuple[int, str]]:
    """(group id, name) of every unit, in the order of the frames: prunable groups by id, then by unit."""
    groups = sorted((g for g in (analysis or {}).get("groups", []) if g["prunable"]), key=lambda group: group["id"])
    names = [(group["id"], f"g{group['id']} unit {unit}") for group in groups for unit in range(group["size"])]
    return names if len(names) == units else [(0, f"unit {unit}") for unit in range(units)]


def members(units: list[tuple[int, str]], group: str) -> np.ndarray:
    """The rows of a group, or of all groups."""
    rows = [row for row, (identity, _) in enumerate(units) if group in (ALL_GROUPS, str(identity))]
    return np.array(rows or range(len(units)), int)


def rows_of(frames: Frames, units: list[tuple[int, str]], group: str) -> np.ndarray:
    """The rows to draw, at most `MOST_ROWS`: group by group, large norms first, the first to reach zero last."""
    rows = members(units, group)
    identity = np.array([units[row][0] for row in rows])
    zero_for = (frames.values[:, rows, 1] == 2).sum(axis=0)
    ordered = rows[np.lexsort((-frames.values[-1, rows, 0], zero_for, identity))]
    return ordered[sampled(len(ordered), MOST_ROWS)]


def norm_map(frames: Frames, units: list[tuple[int, str]], rows: np.ndarray) -> NormMap:
    """The picture of some units; each is measured by twice its own norm at the start, so that all begin half dark."""
    columns = sampled(len(frames.step), max(8, min(160, MOST_NORM_CELLS // max(1, len(rows)))))
    norms, states = (frames.values[np.ix_(columns, rows, np.array([kind]))][:, :, 0].T for kind in (0, 1))
    ticks = group_ticks(np.array([units[row][0] for row in rows]))
    return NormMap(frames.step[columns], norms, states, 2 * norms[:, :1], [units[row][1] for row in rows], ticks)


def group_ticks(identity: np.ndarray) -> list[tuple[float, str]]:
    """A label in the middle of each group's rows, where it does not run into the one before."""
    ticks: list[tuple[float, str]] = []
    for group in np.unique(identity):
        middle = float(np.flatnonzero(identity == group).mean())
        if not ticks or middle - ticks[-1][0] >= TICK_SPACE * len(identity):
            ticks.append((middle, f"g{group}"))
    return ticks


def zeros_now(frames: Frames, units: list[tuple[int, str]], group: str) -> str:
    """ "11 zero of 32 · 3 redundant" in the newest frame."""
    states = frames.values[-1, members(units, group), 1]
    zero, redundant = int((states == 2).sum()), int((states == 1).sum())
    return f"{count(zero)} zero of {count(len(states))}" + (f" · {redundant} redundant" if redundant else "")


def norms_options(analysis: Mapping[str, Any] | None, selection: Any, value: str) -> tuple[list[dict[str, str]], str]:
    """(choices, value) of the group chooser; it follows the selected group or the group of the selected node."""
    groups = [group for group in (analysis or {}).get("groups", []) if group["prunable"]]
    choices = [{"value": ALL_GROUPS, "label": "all groups"}]
    choices += [{"value": str(g["id"]), "label": f"g{g['id']} · {g['name']} · {g['size']}"} for g in groups]
    wanted = selected_group(analysis, selection)
    known = {choice["value"] for choice in choices}
    return choices, next((v for v in (wanted, value) if v in known), ALL_GROUPS)


def selected_group(analysis: Mapping[str, Any] | None, selection: Mapping[str, Any] | None) -> str | None:
    """The group that is selected, or that of the selected node, as text."""
    if not selection or analysis is None:
        return None
    if selection["kind"] == "group":
        return str(selection["id"])
    nodes = {node["id"]: node["group"] for node in analysis["graph"]["nodes"]}
    group = nodes.get(selection["id"])
    return None if group is None else str(group)

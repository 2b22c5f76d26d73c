"""From the store's columns and snapshots to the four figures of the run on screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from geta_engine.documents.analysis import AnalysisDocument, GroupDocument
from geta_engine.documents.runs import LiveStatus, RunRecord
from geta_engine.documents.snapshots import BITS, NORM, REDUNDANT, STATE, ZERO
from geta_studio.run_dock.figures import (
    Axis,
    BitLines,
    Curve,
    NormMap,
    bits_figure,
    cost_figure,
    loss_figure,
    norms_figure,
)
from geta_studio.services.sampling import sampled, thinned, within
from geta_studio.services.series import RunColumns, Snapshots
from geta_studio.services.services import Services
from geta_studio.shell.figure_style import Figure, empty_figure, scheme_of
from geta_studio.shell.format import count, metric, percent
from geta_studio.shell.run_words import Choice
from geta_studio.shell.stores import NewestSnapshot, Selection

MOST_ROWS = 384
MOST_NORM_CELLS = 60_000
TICK_SPACE = 0.1
"""Of the height of the figure: the room a label takes."""
ALL_GROUPS = "all"
METRIC = "accuracy"
"""What the metric is called before the run has said so."""
Zoom = Mapping[str, object]
"""Plotly's relayout event, such as {"xaxis.range[0]": 10.5, "xaxis.range[1]": 80.0}."""


class ScalarsView(NamedTuple):
    """The two figures of scalars and the numbers beside their titles, in the order of their callback's outputs."""

    loss: Figure
    cost: Figure
    loss_now: str
    cost_now: str


def scalars_view(
    services: Services,
    live: LiveStatus | None,
    scheme: str | None,
    loss_zoom: Zoom | None,
    cost_zoom: Zoom | None,
) -> ScalarsView:
    """Loss and cost of the run on screen."""
    if not live or live["run"] is None:
        return ScalarsView(empty_figure(scheme), empty_figure(scheme), "", "")
    run = services.runs.get(live["run"])
    columns = services.series.columns(run.id, live["step"])
    axis = run_axis(run, scheme)
    name = metric_name(run)
    loss = loss_curves(axis, columns, zoom_window(loss_zoom), name)
    cost = cost_curves(axis, columns, zoom_window(cost_zoom), bops_budget(run))
    return ScalarsView(zoomed(loss, loss_zoom), zoomed(cost, cost_zoom), loss_now(columns, name), cost_now(columns))


def run_axis(run: RunRecord, scheme: str | None) -> Axis:
    return Axis(run.config.schedule.stages(), run.steps, scheme_of(scheme), f"run-{run.id}")


def metric_name(run: RunRecord) -> str:
    values = run.summary.get("metric")
    return (values["name"] if values else None) or METRIC


def zoom_window(relayout: Zoom | None) -> tuple[float, float] | None:
    """The steps a figure was zoomed to, from Plotly's relayout event; None when it shows all."""
    first, last = ((relayout or {}).get(f"xaxis.range[{end}]") for end in (0, 1))
    if isinstance(first, (int, float)) and isinstance(last, (int, float)):
        return float(first), float(last)
    return None


def zoomed(figure: Figure, relayout: Zoom | None) -> Figure:
    """The figure with the axes as they were zoomed to. `uirevision` alone does not keep a zoom: Dash hands Plotly the
    zoomed layout once more, which from then on counts as ours, and the next figure would undo it.
    """
    for axis in ("xaxis", "yaxis", "yaxis2"):
        ends = [(relayout or {}).get(f"{axis}.range[{end}]") for end in (0, 1)]
        if axis in figure["layout"] and all(isinstance(end, (int, float)) for end in ends):
            figure["layout"][axis] |= {"range": ends, "autorange": False}
    return figure


def curve(step: np.ndarray, values: np.ndarray, window: tuple[float, float] | None) -> Curve:
    """A long curve thinned as a whole, with full detail inside the window."""
    coarse, thin = thinned(step, values)
    if window is None:
        return coarse, thin
    inside = within(step, window)
    fine, detail = thinned(step[inside], values[inside])
    merged, first = np.unique(np.concatenate([coarse, fine]), return_index=True)
    return merged, np.concatenate([thin, detail])[first]


def loss_curves(axis: Axis, columns: RunColumns, window: tuple[float, float] | None, name: str) -> Figure:
    step, loss = curve(columns["step"], columns["loss"], window)
    measured = ~np.isnan(columns["metric"])
    return loss_figure(axis, (step, loss), (columns["step"][measured], columns["metric"][measured]), name)


def cost_curves(
    axis: Axis, columns: RunColumns, window: tuple[float, float] | None, budget: float | None = None
) -> Figure:
    bops = curve(columns["step"], columns["relative_bops"], window)
    return cost_figure(axis, bops, curve(columns["step"], columns["sparsity"], window), budget)


def bops_budget(run: RunRecord) -> float | None:
    """The relative BOPs that the run may cost; None where its budget is in bytes or there is none."""
    budget = run.summary.get("budget")
    return budget["amount"] if budget is not None and budget["kind"] == "bops" else None


def loss_now(columns: RunColumns, name: str) -> str:
    """ "0.081 · 97.4 %": the last loss and the last measured metric, which is called `name`."""
    if not len(columns["step"]):
        return ""
    measured = columns["metric"][~np.isnan(columns["metric"])]
    parts = [f"{columns['loss'][-1]:.3g}"] + ([metric(name, float(measured[-1]))] if len(measured) else [])
    return " · ".join(parts)


def cost_now(columns: RunColumns) -> str:
    """ "6.2 % · 34 %": relative BOPs and sparsity now."""
    if not len(columns["step"]):
        return ""
    return f"{percent(float(columns['relative_bops'][-1]), 2)} · {percent(float(columns['sparsity'][-1]))}"


def bits_view(
    services: Services,
    newest: NewestSnapshot | None,
    selection: Selection | None,
    scheme: str | None,
    zoom: Zoom | None = None,
) -> tuple[Figure, str]:
    """(bits figure, mean bits now)."""
    if not newest or newest["run"] is None or newest["snapshot"] is None:
        return empty_figure(scheme), ""
    run = services.runs.get(newest["run"])
    snapshots = services.series.snapshots(run.id, "quantizers", newest["snapshot"], "all", np.arange)
    if not len(snapshots.step):
        return empty_figure(scheme), ""
    analysis = services.analyses.get(services.library.key_of(run))
    lines = bit_lines(snapshots, analysis)
    bounds = run.config.bits
    chosen = chosen_quantizer(analysis, selection)
    figure = bits_figure(run_axis(run, scheme), lines, (bounds.lower, bounds.upper), chosen)
    return zoomed(figure, zoom), bits_now(lines, chosen)


def bits_now(lines: BitLines, chosen: int | None) -> str:
    """ "mean 6.10", or "layer1.0.conv1 W 6.00" where a quantizer is selected."""
    if chosen is None:
        return f"mean {lines.bits[-1].mean():.2f}"
    return f"{lines.names[chosen]} {lines.bits[-1, chosen]:.2f}"


def bit_lines(snapshots: Snapshots, analysis: AnalysisDocument | None) -> BitLines:
    """The bit widths of snapshots of all quantizers."""
    chosen = sampled(len(snapshots.step), 120)
    bits = snapshots.values[chosen, :, BITS]
    names = [f"quantizer {index} W" for index in range(bits.shape[1])]
    is_weight = np.ones(bits.shape[1], bool)
    if analysis is not None and len(analysis["quantizers"]) == len(names):
        names = [f"{q['layer']} {q['kind'][0].upper()}" for q in analysis["quantizers"]]
        is_weight = np.array([q["kind"] == "weight" for q in analysis["quantizers"]], bool)
    return BitLines(snapshots.step[chosen], bits, is_weight, names)


def chosen_quantizer(analysis: AnalysisDocument | None, selection: Selection | None) -> int | None:
    """The index of the quantizer that is selected, or that of the selected node; None where there is none."""
    if analysis is None or selection is None or selection["kind"] not in ("quantizer", "node"):
        return None
    owners = [q["id"] if selection["kind"] == "quantizer" else q["node"] for q in analysis["quantizers"]]
    return owners.index(str(selection["id"])) if selection["id"] in owners else None


def norms_view(
    services: Services, newest: NewestSnapshot | None, group: str, scheme: str | None, zoom: Zoom | None = None
) -> tuple[Figure, str]:
    """(norms figure, "11 zero of 32")."""
    if not newest or newest["run"] is None or newest["snapshot"] is None:
        return empty_figure(scheme), ""
    run = services.runs.get(newest["run"])
    analysis = services.analyses.get(services.library.key_of(run))

    def rows_drawn(units: int) -> np.ndarray:
        return drawn_rows(unit_groups(analysis, units), group)

    snapshots = services.series.snapshots(run.id, "units", newest["snapshot"], group, rows_drawn)
    if not len(snapshots.step):
        return empty_figure(scheme), ""
    groups = unit_groups(analysis, len(snapshots.newest))
    figure = norms_figure(run_axis(run, scheme), norm_map(snapshots, groups))
    return zoomed(figure, zoom), zeros_now(snapshots.newest[members(groups, group), STATE])


def unit_groups(analysis: AnalysisDocument | None, units: int) -> np.ndarray:
    """The group id of every unit [units], in the order of the snapshots: prunable groups by id, then by unit.

    All 0 where the analysis is not of this model.
    """
    sizes = {group["id"]: group["size"] for group in _prunable(analysis)}
    groups = np.repeat(sorted(sizes), [sizes[group] for group in sorted(sizes)])
    return groups.astype(int) if len(groups) == units else np.zeros(units, int)


def members(groups: np.ndarray, group: str) -> np.ndarray:
    """The rows of a group, or of all groups; `groups` [units] holds the group of each row."""
    rows = np.flatnonzero(groups == int(group)) if group != ALL_GROUPS else groups[:0]
    return rows if len(rows) else np.arange(len(groups))


def drawn_rows(groups: np.ndarray, group: str) -> np.ndarray:
    """At most `MOST_ROWS` rows of a group, or of all groups, evenly spread: those that are kept of every snapshot."""
    rows = members(groups, group)
    return rows[sampled(len(rows), MOST_ROWS)]


def norm_map(snapshots: Snapshots, groups: np.ndarray) -> NormMap:
    """The picture of the units kept, group by group, large norms first, the first to reach zero last.

    Each is measured by twice its own norm at the start, so that all begin half dark.
    """
    group_of = groups[snapshots.rows]
    zero_for = (snapshots.values[:, :, STATE] == ZERO).sum(axis=0)
    order = np.lexsort((-snapshots.values[-1, :, NORM], zero_for, group_of))
    columns = sampled(len(snapshots.step), max(8, min(160, MOST_NORM_CELLS // max(1, len(order)))))
    picture = snapshots.values[np.ix_(columns, order)]
    norms, states = picture[:, :, NORM].T, picture[:, :, STATE].T
    names = unit_names(groups, snapshots.rows[order])
    return NormMap(snapshots.step[columns], norms, states, 2 * norms[:, :1], names, group_ticks(group_of[order]))


def unit_names(groups: np.ndarray, rows: np.ndarray) -> list[str]:
    """ "g3 unit 7": its group and its place in it; "unit 7" where the groups are not known."""
    first = np.searchsorted(groups, groups[rows])
    return [f"g{group} unit {place}" if group else f"unit {place}" for group, place in zip(groups[rows], rows - first)]


def group_ticks(identity: np.ndarray) -> list[tuple[float, str]]:
    """A label in the middle of each group's rows, where it does not run into the one before."""
    ticks: list[tuple[float, str]] = []
    for group in np.unique(identity):
        middle = float(np.flatnonzero(identity == group).mean())
        if not ticks or middle - ticks[-1][0] >= TICK_SPACE * len(identity):
            ticks.append((middle, f"g{group}"))
    return ticks


def zeros_now(states: np.ndarray) -> str:
    """ "11 zero of 32 · 3 redundant", from the states of some units now."""
    zero, redundant = int((states == ZERO).sum()), int((states == REDUNDANT).sum())
    return f"{count(zero)} zero of {count(len(states))}" + (f" · {redundant} redundant" if redundant else "")


def norms_choices(
    analysis: AnalysisDocument | None, selection: Selection | None, value: str
) -> tuple[list[Choice], str]:
    """(choices, value) of the group chooser; it follows the selected group or the group of the selected node."""
    choices: list[Choice] = [{"value": ALL_GROUPS, "label": "all groups"}]
    choices += [
        {"value": str(group["id"]), "label": f"g{group['id']} · {group['name']} · {group['size']}"}
        for group in _prunable(analysis)
    ]
    offered = {choice["value"] for choice in choices}
    wanted = selected_group(analysis, selection)
    return choices, next((group for group in (wanted, value) if group in offered), ALL_GROUPS)


def _prunable(analysis: AnalysisDocument | None) -> list[GroupDocument]:
    return [group for group in analysis["groups"] if group["prunable"]] if analysis is not None else []


def selected_group(analysis: AnalysisDocument | None, selection: Selection | None) -> str | None:
    """The group that is selected, or that of the selected node, as text."""
    if not selection or analysis is None:
        return None
    if selection["kind"] == "group":
        return str(selection["id"])
    groups = {node["id"]: node["group"] for node in analysis["graph"]["nodes"]}
    group = groups.get(str(selection["id"]))
    return None if group is None else str(group)

"""The four live figures: data in, Plotly dicts out. Arrays travel as base64 (`bdata`), small and quick to write."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from geta_engine.config import INITIAL_BITS
from geta_engine.documents.snapshots import REDUNDANT, ZERO
from geta_studio.shell.figure_style import Figure, Ink, ink, steps_layout, y_axis
from geta_studio.shell.format import is_share
from geta_studio.shell.stage_bands import StageSpan

Curve = tuple[np.ndarray, np.ndarray]
"""(steps, values)."""


class Axis(NamedTuple):
    """What every figure of a run shares: its stages, its length, the scheme and a key under which zoom is kept."""

    stages: Sequence[StageSpan]
    steps: int
    scheme: str
    revision: str


def loss_figure(axis: Axis, loss: Curve, metric: Curve, metric_name: str) -> Figure:
    """Loss on the left axis; the test metric, where it was measured, on the right."""
    colours = ink(axis.scheme)
    share = is_share(metric_name)
    form = "%{y:.1%}" if share else "%{y:.3f}"
    right = _share_axis(colours) if share else _plain_axis(colours, metric[1])
    traces = [
        _line(*loss, "loss", colours.dark, "%{y:.3g}"),
        _line(*metric, metric_name, colours.accent, form, yaxis="y2", width=2),
    ]
    return _figure(axis, traces, {**y_axis(colours), "rangemode": "tozero"}, right)


def cost_figure(axis: Axis, relative_bops: Curve, sparsity: Curve, budget: float | None = None) -> Figure:
    """Relative BOPs on the left axis (share of the 32-bit dense model), sparsity of units on the right; the budget of
    the bits as a dotted line."""
    colours = ink(axis.scheme)
    traces = [
        _line(*relative_bops, "relative BOPs", colours.accent, "%{y:.2%}", width=2),
        _line(*sparsity, "sparsity", colours.second, "%{y:.1%}", yaxis="y2", shape="hv", width=2),
    ]
    if budget is not None:
        ends = np.array([0, axis.steps]), np.array([budget, budget])
        traces.append({**_line(*ends, "budget", colours.accent, "%{y:.2%}"), "line": _dotted(colours.accent)})
    right = _share_axis(colours)
    return _figure(axis, traces, {**y_axis(colours), "rangemode": "tozero", "tickformat": "~%"}, right)


def _dotted(colour: str) -> dict[str, Any]:
    return {"color": colour, "width": 1, "dash": "dot"}


class BitLines(NamedTuple):
    """Bit widths over time: steps [snapshots], bits [snapshots, quantizers], which are of weights, and names."""

    step: np.ndarray
    bits: np.ndarray
    is_weight: np.ndarray
    names: Sequence[str]


def bits_figure(axis: Axis, lines: BitLines, bounds: tuple[int, int] | None, chosen: int | None = None) -> Figure:
    """One line a quantizer, weights and activations in two colours; `chosen` is drawn on top, `bounds` as a band."""
    colours = ink(axis.scheme)
    kinds = ((True, "weights", colours.accent), (False, "activations", colours.second))
    traces = [_bundle(lines, lines.is_weight == weight, name, colour) for weight, name, colour in kinds]
    if chosen is not None:
        traces.append(_line(lines.step, lines.bits[:, chosen], lines.names[chosen], colours.text, "%{y:.2f}", width=3))
    layout = {**y_axis(colours), "range": [0, INITIAL_BITS + 1], "tickvals": [2, 4, 8, 12, 16]}
    figure = _figure(axis, traces, layout)
    if bounds is not None:
        figure["layout"]["shapes"].append(
            _rectangle(0, 1, bounds[0], bounds[1], colours.bounds, xref="paper", yref="y")
        )
    return figure


def _bundle(lines: BitLines, members: np.ndarray, name: str, colour: str) -> Figure:
    """Many lines as one trace, with gaps between them: a browser draws one path far quicker than hundreds."""
    columns = np.flatnonzero(members).tolist()
    count = len(lines.step)
    x = np.tile(np.append(lines.step.astype(np.float32), np.nan), len(columns))
    y = np.vstack([lines.bits[:, columns], np.full((1, len(columns)), np.nan)]).T.reshape(-1)
    trace = _line(x, y, name, colour, "%{text}: %{y:.2f} bits", width=1.3)
    trace["text"] = [lines.names[column] for column in columns for _ in range(count + 1)]
    trace["connectgaps"] = False
    trace["opacity"] = 0.6
    return trace


class NormMap(NamedTuple):
    """Unit norms over time: steps [snapshots], norms and states [units, snapshots] (state 0 kept, 1 redundant, 2 zero).

    `scale` [units, 1] is the norm drawn darkest; `names` has one a unit; `ticks` are (row, label) pairs.
    """

    step: np.ndarray
    norms: np.ndarray
    states: np.ndarray
    scale: np.ndarray
    names: Sequence[str]
    ticks: Sequence[tuple[float, str]]


MOST_NAMED_CELLS = 6000
"""Hover names travel a cell each: only small pictures have them."""
ZERO_LEVEL, REDUNDANT_LEVEL, KEPT_LEVEL = 0, 1, 128
"""First level of each state in the eight-bit picture: 0 zero, 1..127 redundant, 128..255 kept."""


def norm_levels(norms: np.ndarray, states: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """[units, snapshots] norms and states -> uint8 levels; `scale` [units, 1] is the norm drawn darkest.

    A kept unit at half its scale: 128 + 0.5 * 127 = 191 (rounded down); a zero unit: 0.
    """
    share = np.clip(np.divide(norms, scale, out=np.zeros_like(norms), where=scale > 0), 0, 1)
    levels = np.where(states == REDUNDANT, REDUNDANT_LEVEL + share * 126, KEPT_LEVEL + share * 127)
    return np.where(states == ZERO, ZERO_LEVEL, levels).astype(np.uint8)


def norms_figure(axis: Axis, picture: NormMap) -> Figure:
    """A row a unit, a column a recorded step; dark is a norm that grew, orange is redundant, black is zero."""
    colours = ink(axis.scheme)
    rows, columns = picture.norms.shape
    named = rows * columns <= MOST_NAMED_CELLS
    heat = {
        "type": "heatmap",
        "x": _array(picture.step, "f4"),
        "z": _array(norm_levels(picture.norms, picture.states, picture.scale), "u1"),
        "zmin": 0,
        "zmax": 255,
        "showscale": False,
        "colorscale": _norm_scale(colours),
        "text": [[name] * columns for name in picture.names] if named else None,
        "hovertemplate": ("%{text} · " if named else "") + "step %{x}<extra></extra>",
    }
    ticks = {"tickvals": [row for row, _ in picture.ticks], "ticktext": [label for _, label in picture.ticks]}
    return _figure(axis, [heat], {**y_axis(colours), "range": [rows - 0.5, -0.5], "showgrid": False, **ticks})


def _norm_scale(colours: Ink) -> list[list[Any]]:
    edge, middle = 0.5 / 255, 127.5 / 255
    low, half, high = colours.kept
    return [
        [0, colours.zero],
        [edge, colours.zero],
        [edge, colours.redundant[0]],
        [middle, colours.redundant[1]],
        [middle, low],
        [(1 + middle) / 2, half],
        [1, high],
    ]


def _line(x: np.ndarray, y: np.ndarray, name: str, colour: str, value: str, width: float = 1.5, **extra: Any) -> Figure:
    line = {"color": colour, "width": width, **({"shape": extra.pop("shape")} if "shape" in extra else {})}
    hover = (
        f"{name} {value}<br>step %{{x}}<extra></extra>"
        if "%{text}" not in value
        else f"{value}<br>step %{{x}}<extra></extra>"
    )
    base = {"type": "scatter", "mode": "lines", "name": name, "x": _array(x, "f4"), "y": _array(y, "f4")}
    return {**base, "line": line, "hovertemplate": hover, **extra}


def _array(values: np.ndarray, kind: str) -> Figure:
    """A numpy array as Plotly's typed-array spec."""
    packed = np.ascontiguousarray(values, dtype=f"<{kind}")
    spec = {"dtype": kind, "bdata": base64.b64encode(packed.tobytes()).decode("ascii")}
    return spec if packed.ndim == 1 else {**spec, "shape": f"{packed.shape[0]}, {packed.shape[1]}"}


def _figure(axis: Axis, traces: list[Figure], left: Figure, right: Figure | None = None) -> Figure:
    """The traces before bands in the colours of the training stages."""
    layout = steps_layout(axis.scheme, axis.steps, axis.revision, left, right)
    layout["shapes"] += [
        _rectangle(start, end, 0, 1, ink(axis.scheme).stages[name], xref="x", yref="paper")
        for name, start, end in axis.stages
    ]
    return {"data": traces, "layout": layout}


def _share_axis(colours: Ink) -> Figure:
    """The right axis: a share from 0 to 100 %."""
    ticks = {"range": [0, 1.02], "tickvals": [0, 0.25, 0.5, 0.75, 1], "tickformat": ".0%"}
    return _right_axis(colours, **ticks)


def _plain_axis(colours: Ink, values: np.ndarray) -> Figure:
    """The right axis of a number of at most 1: from 0, or from below the lowest value."""
    lowest = float(values[np.isfinite(values)].min(initial=0.0))
    margin = 0.02 * (1 - lowest)
    return _right_axis(colours, range=[lowest - margin if lowest < 0 else 0.0, 1 + margin])


def _right_axis(colours: Ink, **extra: Any) -> Figure:
    return {**y_axis(colours), "overlaying": "y", "side": "right", "showgrid": False, **extra}


def _rectangle(x0: float, x1: float, y0: float, y1: float, colour: str, xref: str, yref: str) -> Figure:
    corners = {"x0": x0, "x1": x1, "y0": y0, "y1": y1, "xref": xref, "yref": yref}
    return {"type": "rect", "layer": "below", "line": {"width": 0}, "fillcolor": colour, **corners}

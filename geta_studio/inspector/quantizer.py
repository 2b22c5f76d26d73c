"""The inspector's page of a quantizer: its four numbers now, its bounds, the bit formula filled in, its staircase."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Any, NamedTuple

import numpy as np
from dash import html
from dash.development.base_component import Component

from geta_engine.documents.analysis import QuantizerDocument
from geta_studio.inspector.bit_losses import bit_losses
from geta_studio.inspector.parts import Subject, chips, facts, head, link
from geta_studio.shell.figure_style import FONT, Figure, ink
from geta_studio.shell.format import count
from geta_studio.shell.palette import Scheme

POINTS = 801


class Stairs(NamedTuple):
    """The quantizer's input, its output, and the clip, for drawing."""

    x: np.ndarray
    y: np.ndarray
    clip: float


def stairs(d: float, q_m: float, t: float, signed: bool = True, points: int = POINTS) -> Stairs:
    """x -> x_Q over 1.25 times the clip: c = min(|x|, q_m)^t, x_Q = sgn(x) d round(c / d).

    Worked: q_m = 1, t = 1, d = 1/7 takes x = 0.5 to 4/7 (round half to even).
    """
    x = np.linspace(-1.25 * q_m if signed else 0.0, 1.25 * q_m, points)
    c = np.minimum(np.abs(x), q_m) ** t
    return Stairs(x, np.sign(x) * d * np.round(c / d), q_m)


def quantizer_head(quantizer: QuantizerDocument) -> list[Component]:
    """What it quantizes."""
    kind = "weight quantizer" if quantizer["kind"] == "weight" else "activation quantizer"
    return head(quantizer["id"], kind, quantizer["layer"])


def quantizer_live(subject: Subject, quantizer: QuantizerDocument) -> list[Component]:
    """b, d, q_m, t now and the formula with them in it; without a run, the bounds alone."""
    bounds = subject.bounds.get(quantizer["id"])
    allowed = f"{bounds[0]} to {bounds[1]} bits" if bounds else "set under Configure"
    state = subject.state(quantizer["id"])
    if state is None:
        note = html.P("d, q_m and t appear once a run has recorded them.", className="muted")
        return [facts([("bounds", allowed)]), note]
    b, d, q_m, t = state
    losses = bit_losses(subject.losses_of(quantizer["id"]), round(b))
    numbers = [
        html.Div([html.Span(name, className="muted"), html.Strong(value)], className="big-number", title=meaning)
        for name, value, meaning in (
            ("b", f"{b:.3g}", "bit width"),
            ("d", f"{d:.3g}", "step size"),
            ("q_m", f"{q_m:.3g}", "clip: larger inputs are cut to it"),
            ("t", f"{t:.3g}", "exponent"),
        )
    ]
    return [html.Div(numbers, className="big-numbers"), facts([("bounds", allowed)]), formula(b, d, q_m, t), *losses]


def formula(b: float, d: float, q_m: float, t: float) -> Component:
    """b = log2(q_m^t / d + 1) + s with the numbers in it; s is what b has beside: a bit for the sign, or none."""
    levels = q_m**t / d
    sign = "" if round(b - log2(levels + 1)) == 0 else " + 1"
    lines = [
        f"b = log₂(q_mᵗ / d + 1){sign or '      (no sign)'}",
        f"  = log₂({q_m:.4g}^{t:.4g} / {d:.4g} + 1){sign}",
        f"  = log₂({levels + 1:.4g}){sign} = {b:.4g}",
    ]
    return html.Pre("\n".join(lines), className="formula")


def quantizer_body(subject: Subject, quantizer: QuantizerDocument) -> list[Component]:
    """Where it sits: what it reads, which layers read it, and their cost."""
    rows: list[tuple[str, Any]] = []
    if quantizer["kind"] == "weight":
        rows.append(("numbers quantized", count(quantizer["parameters"])))
    rows.append(("multiply-adds that use it", count(quantizer["macs"])))
    parts: list[Component] = [facts(rows)]
    if quantizer["node"] in subject.nodes:
        word = "Layer" if quantizer["kind"] == "weight" else "Tensor of"
        parts.append(html.Div([html.H3(word), chips(subject, [quantizer["node"]])], className="inspect-section"))
    readers = quantizer["readers"]
    if quantizer["kind"] == "activation" and readers:
        parts.append(html.Div([html.H3("Read by"), chips(subject, readers)], className="inspect-section"))
    weight_chips = _weight_of(subject, readers)
    if quantizer["kind"] == "activation" and weight_chips:
        met = html.Div(weight_chips, className="chip-row")
        parts.append(html.Div([html.H3("Weights it meets"), met], className="inspect-section"))
    return parts


def _weight_of(subject: Subject, readers: Sequence[str]) -> list[Component]:
    names = [subject.nodes[reader]["quantizer"] for reader in readers if reader in subject.nodes]
    return [link("quantizer", name, name, look="node-chip") for name in names if name]


def stairs_figure(d: float, q_m: float, t: float, signed: bool, scheme: Scheme) -> Figure:
    """The staircase, with the clip marked."""
    colours = ink(scheme)
    curve = stairs(d, q_m, t, signed)
    lines = [
        {
            "x": curve.x.tolist(),
            "y": curve.x.tolist(),
            "line": {"color": colours.grid, "width": 1},
            "hoverinfo": "skip",
        },
        {
            "x": curve.x.tolist(),
            "y": curve.y.tolist(),
            "line": {"color": colours.accent, "width": 2},
            "hovertemplate": "x %{x:.4g} → %{y:.4g}<extra></extra>",
        },
    ]
    axis = {"color": colours.muted, "gridcolor": colours.grid, "zeroline": False, "nticks": 5, "tickfont": {"size": 11}}
    clips = [curve.clip, -curve.clip] if signed else [curve.clip]
    clip_line = {"color": colours.second, "dash": "dot", "width": 1}
    reach = float(np.max(np.abs(curve.y))) * 1.15 or 1.0
    return {
        "data": [{"type": "scatter", "mode": "lines", **line} for line in lines],
        "layout": {
            "margin": {"l": 44, "r": 8, "t": 6, "b": 22},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "color": colours.text},
            "showlegend": False,
            "xaxis": axis,
            "yaxis": {**axis, "range": [-reach if signed else -0.04 * reach, reach]},
            "shapes": [
                {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": clip_line} for x in clips
            ],
        },
    }

"""What a quantizer would lose at each width, and why it got the one it has."""

from __future__ import annotations

from collections.abc import Mapping
from math import log10

from dash import html
from dash.development.base_component import Component


def bit_losses(losses: Mapping[int, float], chosen: int) -> list[Component]:
    """A bar a width, on a logarithmic scale, and why this one; nothing before bits are chosen."""
    if not losses or chosen not in losses:
        return []
    exponents = {width: log10(max(loss, 1e-12)) for width, loss in losses.items()}
    low, high = min(exponents.values()) - 0.3, max(exponents.values())
    rows = [
        html.Div(
            [
                html.Span(f"{width} bits", className="loss-width"),
                html.Span(
                    style={"width": f"{100 * (exponents[width] - low) / (high - low):.1f}%"}, className="loss-bar"
                ),
                html.Span(f"{loss:.2g}", className="loss-value"),
            ],
            className="loss-row chosen" if width == chosen else "loss-row",
        )
        for width, loss in losses.items()
    ]
    title = html.H3("What it would lose", title="nats an example, second order, when the bits were chosen; log scale")
    return [
        html.Div([title, *rows, html.P(_why(losses, chosen), className="muted")], className="inspect-section losses")
    ]


def _why(losses: Mapping[int, float], chosen: int) -> str:
    """ "5 bits: one less would lose 0.0021 nats more, one more would save 0.0004." """
    parts = []
    if chosen - 1 in losses:
        parts.append(f"one less would lose {losses[chosen - 1] - losses[chosen]:.2g} nats more")
    if chosen + 1 in losses:
        parts.append(f"one more would save {losses[chosen] - losses[chosen + 1]:.2g}")
    return f"{chosen} bits: {', '.join(parts)}." if parts else f"{chosen} bits: the bounds leave no other width."

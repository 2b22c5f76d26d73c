"""What the pages of the inspector are built from: the model and run looked at, links, tables of facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from dash import html
from dash.development.base_component import Component

from geta_engine.documents.analysis import AnalysisDocument, NodeDocument, QuantizerDocument
from geta_studio.services.unit_state import GroupUnits, units_by_group
from geta_studio.shell.data_attributes import selects
from geta_studio.shell.format import count, percent
from geta_studio.shell.palette import group_slots
from geta_studio.shell.stores import TypedNumber

SHOWN_LINKS = 10


class Subject:
    """An analysis, and where there is one the run on screen: its newest frames and its bounds.

    `bounds` maps quantizer ids to (b_l, b_u); `units` is [n_units, 2] and `quantizers` [n_quantizers, 4] with columns
    b, d, q_m, t, as in the frames of a run, or None; `losses` is [n_quantizers, widths], what the bits were chosen by.
    """

    def __init__(
        self,
        analysis: AnalysisDocument,
        bounds: Mapping[str, tuple[TypedNumber, TypedNumber]] | None = None,
        units: np.ndarray | None = None,
        quantizers: np.ndarray | None = None,
        losses: np.ndarray | None = None,
    ) -> None:
        self.analysis = analysis
        self.bounds = bounds or {}
        self.nodes = {node["id"]: node for node in analysis["graph"]["nodes"]}
        self.groups = {group["id"]: group for group in analysis["groups"]}
        self.quantizers = {quantizer["id"]: quantizer for quantizer in analysis["quantizers"]}
        self.units: dict[int, GroupUnits] = units_by_group(analysis, units)
        fits = quantizers is not None and len(quantizers) == len(self.quantizers)
        self._frames = dict(zip(self.quantizers, quantizers, strict=True)) if fits and quantizers is not None else {}

        self._losses = losses if losses is not None and len(losses) == len(self.quantizers) else None

    def losses_of(self, quantizer: str) -> dict[int, float]:
        """Width -> nats an example that the quantizer would lose; empty before bits are chosen."""
        if self._losses is None:
            return {}
        row = self._losses[list(self.quantizers).index(quantizer)]
        return {width: float(loss) for width, loss in enumerate(row) if not np.isnan(loss)}

    @cached_property
    def slots(self) -> dict[int, int]:
        return group_slots(self.analysis)

    def state(self, quantizer: str) -> tuple[float, float, float, float] | None:
        """(b, d, q_m, t) now, or None where no run has recorded them."""
        row = self._frames.get(quantizer)
        return None if row is None else (float(row[0]), float(row[1]), float(row[2]), float(row[3]))

    def bits(self, quantizer: str) -> float | None:
        state = self.state(quantizer)
        return None if state is None else state[0]

    def reason_of(self, group: int | None) -> str | None:
        return None if group is None else self.groups[group]["reason"]

    def quantizers_of(self, node: NodeDocument) -> list[QuantizerDocument]:
        """The quantizers a node reads through: its weight's, and those on the edges into it."""
        edges = self.analysis["graph"]["edges"]
        marks = [edge["quantizer"] for edge in edges if edge["target"] == node["id"] and edge["quantizer"]]
        names = [node["quantizer"], *dict.fromkeys(marks)]
        return [self.quantizers[key] for key in names if key is not None and key in self.quantizers]

    def group_link(self, group: int) -> Component:
        """A link to a group in the group's colour."""
        entry = self.groups[group]
        look = f"slot{self.slots[group]}" if entry["prunable"] else "grey"
        return link("group", group, f"g{group}", look=f"group-chip {look}", title=entry["name"])


def link(kind: str, identity: str | int, text: str, look: str = "", title: str | None = None) -> Component:
    """A button that selects something; assets/js/graph/buttons.js listens to it and brings a node into view."""
    return html.Button(text, className=f"inspect-link {look}".strip(), title=title or "", **selects(kind, identity))


def chips(subject: Subject, nodes: Sequence[str], arrow: bool = False) -> Component:
    """Nodes as links; a long list ends in one that opens the rest."""
    made = [_chip(subject, node) for node in nodes if node in subject.nodes]
    between = html.Span("→", className="chip-arrow")
    if arrow:
        made = [part for chip in made for part in (between, chip)][1:]
    limit = SHOWN_LINKS * (2 if arrow else 1)
    if len(made) <= limit + 2:
        return html.Div(made, className="chip-row")
    hidden = html.Div(made[limit:], className="chip-row")
    more_links = html.Details([html.Summary(f"{len(nodes) - SHOWN_LINKS} more"), hidden])
    return html.Div([html.Div(made[:limit], className="chip-row"), more_links])


def _chip(subject: Subject, node: str) -> Component:
    entry = subject.nodes[node]
    text = entry["name"] if entry["kind"] == "layer" else ".".join(p for p in (entry["scope"], entry["label"]) if p)
    return link("node", node, text, look="node-chip", title=entry["op"])


def head(title: str, kind: str, where: str) -> list[Component]:
    """Title, with what it is and where."""
    words = f"{kind} · in {where}" if where else kind
    return [html.H2(title, className="inspect-title"), html.P(words, className="muted inspect-kind")]


def facts(pairs: Sequence[tuple[str, Any]], title: str | None = None) -> Component:
    """Names and values in two columns."""
    rows = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in pairs]
    return html.Dl(rows, className="inspect-facts", title=title or "")


def reason_box(title: str, reason: str) -> Component:
    """Why something cannot be pruned."""
    return html.Div([html.Strong(title), html.P(reason)], className="reason-box")


def share(value: float | None, total: float) -> str:
    """share(2304, 272474) is "2,304 · 0.8 % of the model"."""
    if not value:
        return "none"
    return f"{count(value)} · {percent(value / total)} of the model" if total else count(value)

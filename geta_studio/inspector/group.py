"""The inspector's page of a group: how much of it is left, what is tied together and why, and what a unit costs."""

from __future__ import annotations

import numpy as np
from dash import html
from dash.development.base_component import Component

from geta_engine.documents.analysis import GroupDocument, MemberDocument
from geta_engine.documents.snapshots import REDUNDANT, ZERO
from geta_studio.inspector.parts import Subject, chips, facts, reason_box
from geta_studio.services.unit_state import GroupUnits
from geta_studio.shell.data_attributes import named
from geta_studio.shell.figure_style import FONT, Figure, ink
from geta_studio.shell.format import count, percent
from geta_studio.shell.palette import THEMES, Scheme

ROLES = {"producer": "makes it", "consumer": "reads it", "statistic": "counts over it"}


def group_head(subject: Subject, group: GroupDocument) -> list[Component]:
    """`g3 layer1.0.conv1`, and its size."""
    look = f"slot{subject.slots[group['id']]}" if group["prunable"] else "grey"
    size = f"{group['size']} units that can be removed" if group["prunable"] else f"{group['size']} units, not prunable"
    return [
        html.H2(
            [html.Span(f"g{group['id']}", className=f"group-number {look}"), html.Span(group["name"])],
            className="inspect-title",
        ),
        html.P(f"group · {size}", className="muted inspect-kind"),
    ]


def group_live(subject: Subject, group: GroupDocument) -> list[Component]:
    """Kept, redundant and zero units now, in words and as a bar."""
    units = subject.units.get(group["id"])
    if units is None:
        return []
    kept, redundant, zero = units.counts
    look = f"slot{subject.slots[group['id']]}"
    parts = [("kept", kept, look), ("redundant", redundant, "redundant"), ("zero", zero, "zero")]
    bar = [html.Span(className=f"unit-part {name}", style={"flexGrow": number}) for _, number, name in parts if number]
    words = [html.Span([html.Strong(str(n)), f" {name}"], className=f"unit-count {look}") for name, n, look in parts]
    line = html.Div([*words, html.Span(f"{zero}/{group['size']} zero")], className="unit-words")
    return [html.Div([html.Div(bar, className="unit-bar"), line], className="inspect-section")]


def group_body(subject: Subject, group: GroupDocument) -> list[Component]:
    """Why it cannot be pruned (if so), what a unit saves, the chain that ties it, its members."""
    model = subject.analysis["model"]
    parts: list[Component] = []
    if group["reason"]:
        parts.append(reason_box("Cannot be pruned", group["reason"]))
    elif group["unit_params"]:
        saved = f"{count(group['unit_params'])} parameters · {count(group['unit_macs'])} multiply-adds"
        shares = [(group["unit_params"], model["params"]), (group["unit_macs"], model["macs"])]
        of = " · ".join(percent(part / max(whole, 1), 2) for part, whole in shares)
        parts.append(facts([("removing one unit saves", saved), ("of the model", of)]))
    if group["via"]:
        why = html.P(
            "Along this chain, index i is the same unit everywhere: all of it goes together.", className="muted"
        )
        chain = [html.H3("Tied together because"), why, chips(subject, group["via"], arrow=True)]
        parts.append(html.Div(chain, className="inspect-section"))
    parts.append(html.Div([html.H3(f"Members ({len(group['members'])})"), members(group)], className="inspect-section"))
    return parts


def members(group: GroupDocument) -> Component:
    """One row a (parameter, dim): its role and how many indices a unit owns."""
    header = html.Tr([html.Th(text) for text in ("parameter", "dim", "role", "per unit")])
    rows = [
        html.Tr(
            [
                html.Td(html.Code(m["parameter"]), title=_shape(m)),
                html.Td(f"{m['dim']} of {_shape(m)}"),
                html.Td(m["role"], title=ROLES[m["role"]]),
                html.Td(str(m["per_unit"])),
            ]
        )
        for m in group["members"]
    ]
    table = html.Table([html.Thead(header), html.Tbody(rows)], className="inspect-table")
    return html.Div(table, className="table-scroll", tabIndex=0, role="region", **named("Members of the group"))


def _shape(member: MemberDocument) -> str:
    return "×".join(map(str, member["shape"]))


def sorted_norms(units: GroupUnits) -> tuple[np.ndarray, np.ndarray]:
    """Norms, largest first, and the states in the same order."""
    order = np.argsort(-units.norms, kind="stable")
    return units.norms[order], units.states[order]


def norms_figure(units: GroupUnits, slot: int, scheme: Scheme) -> Figure:
    """The norms of a group's units as bars, largest first, coloured by state."""
    theme, colours = THEMES[scheme], ink(scheme)
    norms, states = sorted_norms(units)
    fill = [theme.zero if s == ZERO else theme.redundant if s == REDUNDANT else theme.slots[slot] for s in states]
    trace = {
        "type": "bar",
        "y": norms.tolist(),
        "marker": {"color": fill, "line": {"width": 0}},
        "hovertemplate": "rank %{x}: norm %{y:.3g}<extra></extra>",
    }
    axis = {"color": colours.muted, "gridcolor": colours.grid, "zeroline": False, "tickfont": {"size": 11}}
    return {
        "data": [trace],
        "layout": {
            "margin": {"l": 40, "r": 8, "t": 6, "b": 20},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "color": colours.text},
            "bargap": 0.15,
            "showlegend": False,
            "xaxis": {**axis, "showgrid": False},
            "yaxis": {**axis, "rangemode": "tozero", "nticks": 4},
        },
    }

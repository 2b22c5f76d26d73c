"""The rules for shapes: how large things are, where their text stands, and their colours without groups."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any
from urllib.parse import quote

from geta_studio.graph.cytoscape import DEPTHS, Rule
from geta_studio.shell.figure_style import FONT
from geta_studio.shell.palette import Theme, mix

NAME_SIZE, DETAIL_SIZE = 13.5, 12
"""In px of the graph; assets/js/graph/camera_geometry.js knows the smaller one as TEXT_PX."""
BOX_OPACITY, BRANCH_OPACITY = 0.055, 0.1


def rule(selector: str, **style: Any) -> Rule:
    """A rule; a style is named as Cytoscape names it, with underscores for dashes."""
    return {"selector": selector, "style": {key.replace("_", "-"): value for key, value in style.items()}}


def shape_rules(theme: Theme) -> list[Rule]:
    """Rows, their text, marks, boxes and edges, for all stages."""
    return [*_rows(theme), *_text(theme), *_marks(theme), *_boxes(theme), *_edges(theme)]


def _rows(theme: Theme) -> list[Rule]:
    return [
        rule("node", label="", font_family=FONT, color=theme.ink, text_events="no", overlay_opacity=0),
        rule(
            ".row",
            shape="round-rectangle",
            width="data(w)",
            height="data(h)",
            background_color=theme.surface,
            border_width=1.4,
            border_color=theme.line,
            z_index=10,
        ),
        rule(
            ".stack",
            shape="round-rectangle",
            width="data(w)",
            height="data(h)",
            background_color=theme.surface,
            border_width=1.2,
            border_color=theme.line,
            z_index=9,
            events="no",
        ),
        rule(".row.input, .row.output", border_style="dashed"),
    ]


def _text(theme: Theme) -> list[Rule]:
    left = {"text_halign": "right", "text_wrap": "ellipsis"}
    return [
        rule(
            ".row",
            label="data(label)",
            font_size=NAME_SIZE,
            font_weight=600,
            text_valign="center",
            text_margin_x="data(tx)",
            text_margin_y=-8,
            text_max_width="data(tw)",
            **left,
        ),
        rule(
            ".bar",
            label="data(label)",
            width="data(w)",
            height=4,
            shape="round-rectangle",
            background_opacity=0,
            font_size=DETAIL_SIZE,
            color=theme.muted,
            text_valign="top",
            text_margin_x="data(tx)",
            text_margin_y=-2,
            text_max_width="data(tw)",
            z_index=12,
            events="no",
            **left,
        ),
        rule(
            ".bar[on = 1]",
            background_opacity=1,
            background_fill="linear-gradient",
            background_gradient_direction="to-right",
            background_gradient_stop_positions="data(stops)",
        ),
        rule(
            ".tag",
            label="data(label)",
            width=22,
            height=14,
            background_opacity=0,
            font_size=DETAIL_SIZE,
            font_weight=700,
            text_halign="left",
            text_valign="center",
            text_margin_x=12,
            z_index=13,
        ),
        rule(
            ".badge",
            label="data(label)",
            width=1,
            height=1,
            background_opacity=0,
            font_size=DETAIL_SIZE,
            font_weight=600,
            color=theme.muted,
            text_halign="left",
            text_valign="center",
            z_index=13,
            events="no",
        ),
    ]


def _marks(theme: Theme) -> list[Rule]:
    mark = {"label": "data(label)", "font_weight": 600, "text_valign": "center", "text_halign": "center"}
    return [
        rule(
            ".diamond",
            shape="diamond",
            width="data(across)",
            height=27,
            background_color=theme.surface,
            border_width=1.3,
            border_color=theme.ink,
            font_size=DETAIL_SIZE,
            z_index=20,
            **mark,
        ),
        rule(
            ".pill",
            shape="polygon",
            shape_polygon_points=_stadium(34, 18),
            width=34,
            height=18,
            background_color=theme.surface,
            border_width=1.3,
            border_color=theme.accent,
            font_size=DETAIL_SIZE,
            z_index=20,
            **mark,
        ),
        rule(".pill[wide = 1]", width=54, shape_polygon_points=_stadium(54, 18)),
        rule(
            ".toggle",
            shape="round-rectangle",
            width=15,
            height=15,
            background_color=theme.surface,
            border_width=1,
            border_color=theme.line,
            background_image_containment="over",
            background_fit="contain",
            z_index=14,
        ),
        rule(".toggle.open", background_image=_sign("M4 8h8M8 4v8", theme.muted)),
        rule(
            ".toggle.close",
            background_image=_sign("M4 8h8", theme.muted),
            label="data(label)",
            font_size=DETAIL_SIZE,
            font_weight=600,
            color=theme.muted,
            text_halign="right",
            text_valign="center",
            text_margin_x=5,
            text_background_opacity=1,
            text_background_padding=2,
        ),
    ]


def _stadium(width: float, height: float, steps: int = 8) -> str:
    """Points of a box with half circles at its ends, as Cytoscape wants them: x and y from -1 to 1."""
    flat = 1 - height / width
    turns = [pi * (step / steps - 0.5) for step in range(steps + 1)]
    right = [(flat + (1 - flat) * cos(turn), sin(turn)) for turn in turns]
    return " ".join(f"{x:.3f} {y:.3f}" for x, y in right + [(-x, -y) for x, y in right])


def _sign(path: str, colour: str) -> str:
    pen = f'stroke="{colour}" stroke-width="1.6" stroke-linecap="round"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16"><path d="{path}" {pen}/></svg>'
    return "data:image/svg+xml;utf8," + quote(svg)


def _boxes(theme: Theme) -> list[Rule]:
    frame = rule(
        ".box",
        shape="round-rectangle",
        width="data(w)",
        height="data(h)",
        background_color=theme.box,
        background_opacity=BOX_OPACITY,
        border_width=1,
        border_color=theme.box_line,
        z_index=0,
    )
    depths = (rule(f".box.depth{depth}", z_index=depth) for depth in range(DEPTHS))
    titles = (_title(theme, depth) for depth in range(DEPTHS))
    outlined = {"background_opacity": BRANCH_OPACITY, "border_width": 2.2, "z_index": 5}
    branches = [
        styled
        for kind, colour, line in (("attached", theme.attached, "solid"), ("inserted", theme.accent, "dashed"))
        for styled in (
            rule(f".box.{kind}", background_color=colour, border_color=colour, border_style=line, **outlined),
            rule(f".toggle.close.{kind}", color=colour, text_background_color=mix(theme.page, colour, BRANCH_OPACITY)),
            rule(f".row.{kind}", border_color=colour, border_style=line, border_width=2.2, color=colour),
        )
    ]
    return [frame, *depths, *titles, *branches, rule(".row.parameter", shape="cut-rectangle")]


def _title(theme: Theme, depth: int) -> Rule:
    """A box's title hides the edges behind it: it lies on the colour that so many boxes in each other come to."""
    behind = mix(theme.page, theme.box, 1 - (1 - BOX_OPACITY) ** (depth + 1))
    return rule(f".toggle.close.depth{depth}", text_background_color=behind)


def _edges(theme: Theme) -> list[Rule]:
    return [
        rule(
            "edge",
            width=1.4,
            line_color=theme.edge,
            target_arrow_color=theme.edge,
            target_arrow_shape="triangle",
            arrow_scale=0.75,
            source_endpoint="data(from)",
            target_endpoint="data(to)",
            curve_style="straight",
            z_index=6,
            events="no",
            overlay_opacity=0,
        ),
        rule(
            "edge.curved",
            curve_style="unbundled-bezier",
            edge_distances="endpoints",
            control_point_weights="data(weights)",
            control_point_distances="data(distances)",
        ),
    ]

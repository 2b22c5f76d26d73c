"""The Cytoscape stylesheet of a scheme and a stage. Live values come in through `data(...)`, see
assets/js/graph/painting.js."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any
from urllib.parse import quote

from geta_studio.shell.palette import THEMES, Scheme, Theme, mix, shades

Rule = dict[str, Any]
FONT = 'Inter, "Segoe UI", system-ui, -apple-system, Roboto, "DejaVu Sans", sans-serif'
NAME_SIZE, DETAIL_SIZE = 13.5, 12
"""In px of the graph; assets/js/graph/camera_geometry.js knows the smaller one as TEXT_PX."""
STRIPE = 3.2
"""Width of a row's coloured left edge, in percent of the row."""
DEPTHS = 4
BOX_OPACITY, BRANCH_OPACITY = 0.055, 0.1


def stylesheet(scheme: Scheme, stage: str = "groups") -> list[Rule]:
    """Rules for "groups" (coloured), "compact" (what is cut away is left empty), or an earlier stage (not coloured)."""
    theme = THEMES[scheme]
    coloured = _slots(scheme, theme, stage) if stage in ("groups", "compact") else _uncoloured(theme)
    plain = [*_rows(theme), *_text(theme), *_marks(theme), *_boxes(theme), *_edges(theme)]
    return [*plain, *coloured, *_states(theme)]


def _rule(selector: str, **style: Any) -> Rule:
    return {"selector": selector, "style": {key.replace("_", "-"): value for key, value in style.items()}}


def _rows(theme: Theme) -> list[Rule]:
    return [
        _rule("node", label="", font_family=FONT, color=theme.ink, text_events="no", overlay_opacity=0),
        _rule(
            ".row",
            shape="round-rectangle",
            width="data(w)",
            height="data(h)",
            background_color=theme.surface,
            border_width=1.4,
            border_color=theme.line,
            z_index=10,
        ),
        _rule(
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
        _rule(".row.input, .row.output", border_style="dashed"),
    ]


def _text(theme: Theme) -> list[Rule]:
    left = {"text_halign": "right", "text_wrap": "ellipsis"}
    return [
        _rule(
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
        _rule(
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
        _rule(
            ".bar[on = 1]",
            background_opacity=1,
            background_fill="linear-gradient",
            background_gradient_direction="to-right",
            background_gradient_stop_positions="data(stops)",
        ),
        _rule(
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
        _rule(
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
        _rule(
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
        _rule(
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
        _rule(".pill[wide = 1]", width=54, shape_polygon_points=_stadium(54, 18)),
        _rule(
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
        _rule(".toggle.open", background_image=_sign("M4 8h8M8 4v8", theme.muted)),
        _rule(
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
    frame = _rule(
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
    depths = (_rule(f".box.depth{depth}", z_index=depth) for depth in range(DEPTHS))
    titles = (_title(theme, depth) for depth in range(DEPTHS))
    outlined = {"background_opacity": BRANCH_OPACITY, "border_width": 2.2, "z_index": 5}
    branches = [
        rule
        for kind, colour, line in (("attached", theme.attached, "solid"), ("inserted", theme.accent, "dashed"))
        for rule in (
            _rule(f".box.{kind}", background_color=colour, border_color=colour, border_style=line, **outlined),
            _rule(f".toggle.close.{kind}", color=colour, text_background_color=mix(theme.page, colour, BRANCH_OPACITY)),
            _rule(f".row.{kind}", border_color=colour, border_style=line, border_width=2.2, color=colour),
        )
    ]
    return [frame, *depths, *titles, *branches, _rule(".row.parameter", shape="cut-rectangle")]


def _title(theme: Theme, depth: int) -> Rule:
    """A box's title hides the edges behind it: it lies on the colour that so many boxes in each other come to."""
    behind = mix(theme.page, theme.box, 1 - (1 - BOX_OPACITY) ** (depth + 1))
    return _rule(f".toggle.close.depth{depth}", text_background_color=behind)


def _edges(theme: Theme) -> list[Rule]:
    return [
        _rule(
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
        _rule(
            "edge.curved",
            curve_style="unbundled-bezier",
            edge_distances="endpoints",
            control_point_weights="data(weights)",
            control_point_distances="data(distances)",
        ),
    ]


def _slots(scheme: Scheme, theme: Theme, stage: str) -> list[Rule]:
    rules = [
        _rule(".row.grey", background_color=theme.grey, border_color=theme.grey_line, color=theme.muted),
        _rule(".tag.grey", color=theme.muted),
    ]
    for slot, shade in enumerate(shades(scheme)):
        stripe = f"{shade.line} {shade.line} {shade.tint} {shade.tint}"
        body = {
            "background_fill": "linear-gradient",
            "background_gradient_direction": "to-right",
            "background_gradient_stop_colors": stripe,
            "background_gradient_stop_positions": f"0 {STRIPE} {STRIPE} 100",
        }
        rules += [
            _rule(f".row.slot{slot}", border_color=shade.line, **body),
            _rule(f".tag.slot{slot}", color=shade.text),
            _rule(f".stack.slot{slot}", background_color=shade.tint, border_color=mix(shade.line, theme.surface, 0.35)),
            _rule(
                f".bar.slot{slot}[on = 1]",
                background_gradient_stop_colors=_bar_colours(theme, shade.line),
            ),
        ]
        if stage == "compact":
            kept = mix(shade.line, theme.surface, 0.7)
            cut = f"{shade.line} {shade.line} {kept} {kept} {theme.surface} {theme.surface}"
            rules.append(
                _rule(
                    f".row.slot{slot}[cut]",
                    background_gradient_stop_colors=cut,
                    background_gradient_stop_positions="data(cut)",
                )
            )
    return rules


def _bar_colours(theme: Theme, kept: str) -> str:
    return f"{kept} {kept} {theme.redundant} {theme.redundant} {theme.zero} {theme.zero}"


def _uncoloured(theme: Theme) -> list[Rule]:
    return [
        _rule(".tag", text_opacity=0, events="no"),
        _rule(".bar[on = 1]", background_gradient_stop_colors=_bar_colours(theme, theme.muted)),
        _rule(
            ".diamond, .pill",
            border_width=2,
            border_color=theme.accent,
            background_color=mix(theme.accent, theme.surface, 0.82),
        ),
    ]


def _states(theme: Theme) -> list[Rule]:
    return [
        _rule(
            ".row.blank",
            background_fill="solid",
            background_color=theme.surface,
            border_color=theme.line,
            color=theme.muted,
        ),
        _rule(
            ".row.painted, .stack.painted",
            background_fill="solid",
            background_color="data(fill)",
            border_color="data(fill)",
            color="data(ink)",
        ),
        _rule(".bar.painted, .tag.painted, .badge.painted", color="data(ink)"),
        _rule(".faded", opacity=0.22),
        _rule("edge.faded", opacity=0.16),
        _rule("edge.lit", width=2.6, line_color=theme.accent, target_arrow_color=theme.accent),
        _rule(".row.match", underlay_color="#f2a516", underlay_opacity=0.45, underlay_padding=6),
        _rule(".row.current", underlay_color="#f2a516", underlay_opacity=0.9, underlay_padding=6),
        _rule(".row.chosen, .diamond.chosen, .pill.chosen", border_width=3, border_color=theme.accent),
        _rule(".row.chosen", underlay_color=theme.accent, underlay_opacity=0.25, underlay_padding=5),
        _rule(".row.member", border_width=2.6),
        _rule(".row.changed", border_width=2.6, border_color=theme.redundant),
        _rule(".row.gone, .row.new", border_width=2.6, border_style="dashed", border_color=theme.redundant),
        _rule(".box.chosen", border_color=theme.accent, border_width=2),
    ]

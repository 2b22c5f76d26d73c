"""The Cytoscape stylesheet of a scheme and a stage. Live values come in through `data(...)`, see
assets/js/graph/painting.js."""

from __future__ import annotations

from geta_studio.graph.cytoscape import Rule
from geta_studio.graph.shapes import rule, shape_rules
from geta_studio.shell.palette import THEMES, Scheme, Theme, mix, shades

STRIPE = 3.2
"""Width of a row's coloured left edge, in percent of the row."""


def stylesheet(scheme: Scheme, stage: str = "groups") -> list[Rule]:
    """Rules for "groups" (coloured), "compact" (what is cut away is left empty), or an earlier stage (not coloured)."""
    theme = THEMES[scheme]
    coloured = _slots(scheme, theme, stage) if stage in ("groups", "compact") else _uncoloured(theme)
    return [*shape_rules(theme), *coloured, *_states(theme)]


def _slots(scheme: Scheme, theme: Theme, stage: str) -> list[Rule]:
    rules = [
        rule(".row.grey", background_color=theme.grey, border_color=theme.grey_line, color=theme.muted),
        rule(".tag.grey", color=theme.muted),
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
            rule(f".row.slot{slot}", border_color=shade.line, **body),
            rule(f".tag.slot{slot}", color=shade.text),
            rule(f".stack.slot{slot}", background_color=shade.tint, border_color=mix(shade.line, theme.surface, 0.35)),
            rule(
                f".bar.slot{slot}[on = 1]",
                background_gradient_stop_colors=_bar_colours(theme, shade.line),
            ),
        ]
        if stage == "compact":
            kept = mix(shade.line, theme.surface, 0.7)
            removed_colors = f"{shade.line} {shade.line} {kept} {kept} {theme.surface} {theme.surface}"
            rules.append(
                rule(
                    f".row.slot{slot}[cut]",
                    background_gradient_stop_colors=removed_colors,
                    background_gradient_stop_positions="data(cut)",
                )
            )
    return rules


def _bar_colours(theme: Theme, kept: str) -> str:
    return f"{kept} {kept} {theme.redundant} {theme.redundant} {theme.zero} {theme.zero}"


def _uncoloured(theme: Theme) -> list[Rule]:
    return [
        rule(".tag", text_opacity=0, events="no"),
        rule(".bar[on = 1]", background_gradient_stop_colors=_bar_colours(theme, theme.muted)),
        rule(
            ".diamond, .pill",
            border_width=2,
            border_color=theme.accent,
            background_color=mix(theme.accent, theme.surface, 0.82),
        ),
    ]


def _states(theme: Theme) -> list[Rule]:
    return [
        rule(
            ".row.blank",
            background_fill="solid",
            background_color=theme.surface,
            border_color=theme.line,
            color=theme.muted,
        ),
        rule(
            ".row.painted, .stack.painted",
            background_fill="solid",
            background_color="data(fill)",
            border_color="data(fill)",
            color="data(ink)",
        ),
        rule(".bar.painted, .tag.painted, .badge.painted", color="data(ink)"),
        rule(".faded", opacity=0.22),
        rule("edge.faded", opacity=0.16),
        rule("edge.lit", width=2.6, line_color=theme.accent, target_arrow_color=theme.accent),
        rule(".row.match", underlay_color="#f2a516", underlay_opacity=0.45, underlay_padding=6),
        rule(".row.current", underlay_color="#f2a516", underlay_opacity=0.9, underlay_padding=6),
        rule(".row.chosen, .diamond.chosen, .pill.chosen", border_width=3, border_color=theme.accent),
        rule(".row.chosen", underlay_color=theme.accent, underlay_opacity=0.25, underlay_padding=5),
        rule(".row.member", border_width=2.6),
        rule(".row.changed", border_width=2.6, border_color=theme.redundant),
        rule(".row.gone, .row.new", border_width=2.6, border_style="dashed", border_color=theme.redundant),
        rule(".box.chosen", border_color=theme.accent, border_width=2),
    ]

"""The legend of the graph: its groups, its marks, and the scale of the overlay."""

from __future__ import annotations

from collections.abc import Iterable

from dash import html
from dash.development.base_component import Component

from geta_engine.documents.analysis import AnalysisDocument, GroupDocument, QuantizerDocument
from geta_studio.graph import ids
from geta_studio.shell.data_attributes import selects
from geta_studio.shell.html_tree import Plain, plain
from geta_studio.shell.palette import THEMES, group_slots, ramp_css, shades

STAGE_NOTES = {
    "trace": "The traced program, op by op: a quantizer looks like layers of its own. Shape ops are hidden, see View.",
    "branches": "Each quantizer is a branch of ops: attached to the weight of a layer, or inserted before its input.",
    "qadg": "Branches folded: an attached one is a mark on its layer, an inserted one a mark on the edge.",
}
"""What the stages before the groups show, in one sentence."""


def palette_variables() -> str:
    """CSS custom properties of the palette for both schemes, such as `--slot0-line`."""
    blocks = []
    for scheme, theme in THEMES.items():
        rules = [
            f"--slot{slot}-line:{shade.line};--slot{slot}-text:{shade.text};--slot{slot}-tint:{shade.tint};"
            for slot, shade in enumerate(shades(scheme))
        ]
        rules.append(
            f"--bar-redundant:{theme.redundant};--bar-zero:{theme.zero};--graph-page:{theme.page};--branch-attached:{theme.attached};"
        )
        blocks.append(f'[data-mantine-color-scheme="{scheme}"]{{{"".join(rules)}}}')
    return "\n".join(blocks)


def legend(analysis: AnalysisDocument) -> list[Plain]:
    """Groups (those that can be pruned first), then what the marks mean."""
    slots = group_slots(analysis)
    prunable = [group for group in analysis["groups"] if group["prunable"]]
    fixed = [group for group in analysis["groups"] if not group["prunable"]]
    rows = [*(group_row(g, slots[g["id"]]) for g in prunable), *(group_row(g, None) for g in fixed)]
    notes = [plain("p", text, class_=f"stage-note note-{stage}") for stage, text in STAGE_NOTES.items()]
    return [*notes, plain("div", *rows, class_="legend-groups"), marks(analysis["quantizers"])]


def group_row(group: GroupDocument, slot: int | None) -> Plain:
    """A group as a button that selects it; pointing at it lights its members up. While a run is on screen the size is
    followed by how many of its units are zero."""
    look = "grey" if slot is None else f"slot{slot}"
    size = str(group["size"])
    title = f"g{group['id']} {group['name']}: " + (group["reason"] or f"{size} units that can be removed")
    return plain(
        "button",
        plain("span", class_=f"swatch {look}"),
        plain("span", f"g{group['id']}", class_="legend-id"),
        plain("span", size, class_="legend-size", data_zero_of=str(group["id"]), data_size=size),
        class_="legend-group",
        title=title,
        **selects("group", group["id"]),
    )


def marks(quantizers: Iterable[QuantizerDocument]) -> Plain:
    """What diamonds, pills, grey and the bar mean."""
    kinds = {quantizer["kind"] for quantizer in quantizers}
    entries = []
    if "weight" in kinds:
        entries.append(_mark("diamond", "weight bits"))
    if "activation" in kinds:
        entries.append(_mark("pill", "activation bits"))
    entries += [_mark("attached", "attached branch"), _mark("inserted", "inserted branch")]
    entries += [_mark("dashed", "cannot be pruned"), _mark("bar3", "kept · redundant · zero")]
    return plain("div", *entries, class_="legend-marks")


def _mark(kind: str, text: str) -> Plain:
    return plain("span", plain("span", class_=f"mark {kind}"), text, class_="legend-mark")


def scale() -> Component:
    """The overlay's scale; assets/js/graph/overlay.js writes its ends, and shows it while an overlay has one."""
    return html.Div(
        [
            html.Span("", className="scale-name"),
            html.Div(
                [
                    html.Span("", className="scale-low"),
                    html.Span(className="scale-ramp", style={"background": ramp_css()}),
                    html.Span("", className="scale-high"),
                ],
                className="scale-row",
            ),
        ],
        id=ids.GRAPH_SCALE,
        className="graph-scale",
        hidden=True,
    )

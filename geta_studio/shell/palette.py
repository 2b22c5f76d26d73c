"""Colours of the graph: a categorical palette that colour-blind readers can tell apart, and a sequential scale."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from geta_engine.documents.analysis import AnalysisDocument
from geta_engine.drawing.palette import GROUP_COLOURS

Scheme = Literal["light", "dark"]


@dataclass(frozen=True)
class Theme:
    """Colours of a scheme: page, a row without a group, lines, text, and the parts of a zero bar."""

    page: str
    surface: str
    box: str
    box_line: str
    line: str
    ink: str
    muted: str
    grey: str
    grey_line: str
    edge: str
    accent: str
    attached: str
    redundant: str
    zero: str
    slots: tuple[str, ...]
    tint: float
    text: float


SLOT_NAMES = ("blue", "orange", "green", "magenta", "indigo", "brown", "pink", "wine")
"""Chosen so that any two stay apart for normal sight and under protanopia, deuteranopia and tritanopia."""
THEMES: dict[Scheme, Theme] = {
    "light": Theme(
        page="#f6f8fa",
        surface="#ffffff",
        box="#64748b",
        box_line="#d3dae6",
        line="#94a3b8",
        ink="#1b2530",
        muted="#566373",
        grey="#f1f3f7",
        grey_line="#a3afc0",
        edge="#8696ad",
        accent="#0b7285",
        attached="#8a5a00",
        redundant="#f2a516",
        zero="#26303d",
        slots=GROUP_COLOURS,
        tint=0.11,
        text=0.34,
    ),
    "dark": Theme(
        page="#12161b",
        surface="#1f252c",
        box="#94a3b8",
        box_line="#39414e",
        line="#64748b",
        ink="#e3e8ee",
        muted="#9ba8b7",
        grey="#23282f",
        grey_line="#66717f",
        edge="#75859b",
        accent="#4cc3d6",
        attached="#e0b050",
        redundant="#f5b342",
        zero="#05070a",
        slots=("#5b9be6", "#f08a3e", "#7fcf8f", "#dc62ad", "#7a5ff0", "#b87a55", "#f0b6d6", "#b5476c"),
        tint=0.14,
        text=0.42,
    ),
}
RAMP = ("#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725")
"""Viridis, low to high: perceptually uniform, and grows in lightness throughout."""


@dataclass(frozen=True)
class Shade:
    """How things of one group are drawn: edge and border, body, and text on the body."""

    line: str
    tint: str
    text: str


def shades(scheme: Scheme) -> tuple[Shade, ...]:
    """The shades of each slot."""
    theme = THEMES[scheme]
    return tuple(
        Shade(line, mix(line, theme.surface, 1 - theme.tint), mix(line, theme.ink, theme.text)) for line in theme.slots
    )


def group_slots(analysis: AnalysisDocument) -> dict[int, int]:
    """A palette slot for each group, by id: greedy, so that groups that meet in a node or over an edge never share one
    and otherwise the least used slot is taken."""
    neighbours = _neighbours(analysis)
    used: Counter[int] = Counter()
    slots: dict[int, int] = {}
    for group in sorted(g["id"] for g in analysis["groups"]):
        taken = {slots[other] for other in neighbours[group] if other in slots}
        free = [slot for slot in range(len(SLOT_NAMES)) if slot not in taken] or list(range(len(SLOT_NAMES)))
        slots[group] = min(free, key=lambda slot: (used[slot], slot))
        used[slots[group]] += 1
    return slots


def _neighbours(analysis: AnalysisDocument) -> dict[int, set[int]]:
    """Groups that a layer leads from and to, and groups at the two ends of an edge."""
    near: dict[int, set[int]] = defaultdict(set)
    group_of = {node["id"]: node["group"] for node in analysis["graph"]["nodes"]}
    pairs = [(node["group"], node["in_group"]) for node in analysis["graph"]["nodes"]]
    pairs += [(group_of.get(e["source"]), group_of.get(e["target"])) for e in analysis["graph"]["edges"]]
    for one, other in pairs:
        if one is not None and other is not None and one != other:
            near[one].add(other)
            near[other].add(one)
    return near


def mix(one: str, other: str, share: float) -> str:
    """`share` of `other` in `one`, in sRGB: mix("#000000", "#ffffff", 0.5) is "#808080"."""
    pairs = zip(_rgb(one), _rgb(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two colours, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def ramp_css(stops: Iterable[str] = RAMP) -> str:
    """The sequential scale as a CSS background, low at the left."""
    return f"linear-gradient(to right, {', '.join(stops)})"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    linear = [v / 12.92 if (v := c / 255) <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for c in _rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

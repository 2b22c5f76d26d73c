"""What all figures share: font, colours of both schemes, and a frame without data. Figures are Plotly's plain dicts."""

from __future__ import annotations

from typing import Any, NamedTuple

from geta_studio.shell.palette import Scheme

Figure = dict[str, Any]
"""A figure of Plotly, or a part of one."""

FONT = "Inter, 'Segoe UI', system-ui, -apple-system, Roboto, 'DejaVu Sans', sans-serif"


class Ink(NamedTuple):
    """Colours of one scheme; every text colour has at least 4.5:1 on the panel."""

    text: str
    muted: str
    grid: str
    accent: str
    second: str
    dark: str
    bounds: str
    zero: str
    stages: dict[str, str]
    kept: tuple[str, str, str]
    redundant: tuple[str, str]


LIGHT = Ink(
    text="#1b2530",
    muted="#566373",
    grid="#e6eaef",
    accent="#0b7285",
    second="#a8480a",
    dark="#3d4857",
    bounds="rgba(86,99,115,0.12)",
    zero="#0a0d12",
    stages={
        "pretrain": "#f5f3ee",
        "warmup": "#eef1f5",
        "projection": "#e3ecfa",
        "joint": "#fcefdc",
        "cooldown": "#e2f2e7",
    },
    kept=("#e8f3f5", "#4fa9bd", "#063f56"),
    redundant=("#fbd9a6", "#c2570c"),
)
DARK = Ink(
    text="#e3e8ee",
    muted="#9ba8b7",
    grid="#29313a",
    accent="#4cc3d6",
    second="#f0a35e",
    dark="#b9c4d0",
    bounds="rgba(155,168,183,0.14)",
    zero="#000000",
    stages={
        "pretrain": "#24221e",
        "warmup": "#1f252d",
        "projection": "#1c2839",
        "joint": "#332819",
        "cooldown": "#182c22",
    },
    kept=("#1f3f4b", "#2f93a8", "#c6f1f7"),
    redundant=("#6b3c12", "#f4a24f"),
)


def ink(scheme: str | None) -> Ink:
    return DARK if scheme == "dark" else LIGHT


def scheme_of(forced: str | None) -> Scheme:
    """The scheme that the page is in; light until the browser has said which it prefers."""
    return "dark" if forced == "dark" else "light"


def y_axis(colours: Ink, **extra: Any) -> Figure:
    axis = {"gridcolor": colours.grid, "zeroline": False, "nticks": 5, "automargin": False, "fixedrange": False}
    return {**axis, **extra}


def steps_layout(scheme: str | None, steps: int, revision: str, left: Figure, right: Figure | None = None) -> Figure:
    """The layout of a figure over the steps of a run; a zoom is kept as long as `revision` stays the same."""
    colours = ink(scheme)
    layout = {
        "margin": {"l": 38, "r": 36 if right else 10, "t": 2, "b": 20},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 11, "color": colours.muted},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": "zoom",
        "uirevision": revision,
        "xaxis": {
            "range": [0, steps],
            "showgrid": False,
            "zeroline": False,
            "ticks": "outside",
            "ticklen": 3,
            "tickcolor": colours.grid,
            "nticks": 6,
            "linecolor": colours.grid,
        },
        "yaxis": left,
        "shapes": [],
    }
    return {**layout, "yaxis2": right} if right else layout


def empty_figure(scheme: str | None) -> Figure:
    """Axes without data."""
    return {"data": [], "layout": steps_layout(scheme, 1, "empty", y_axis(ink(scheme), visible=False))}

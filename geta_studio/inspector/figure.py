"""The one figure of the inspector: norms of a group's units, or the staircase of a quantizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import no_update

from geta_studio.inspector.group import norms_figure
from geta_studio.inspector.page import figure_kind
from geta_studio.inspector.parts import Subject
from geta_studio.inspector.quantizer import stairs_figure
from geta_studio.shell.figure_style import Figure, empty_figure
from geta_studio.shell.palette import Scheme
from geta_studio.shell.stores import Selection

HIDDEN = {"display": "none"}
SHOWN = {"height": "168px"}


def figure_now(
    subject: Subject | None, selection: Selection | None, scheme: Scheme, style: Mapping[str, str] | None
) -> tuple[Any, dict[str, str]]:
    """The figure for the selection and its style; hidden where the selection has none."""
    kind = figure_kind(selection, subject)
    if kind is None or subject is None or selection is None:
        return no_update if style == HIDDEN else empty_figure(scheme), HIDDEN
    return _figure(kind, subject, selection, scheme), SHOWN


def _figure(kind: str, subject: Subject, selection: Selection, scheme: Scheme) -> Figure:
    if kind == "norms":
        group = int(selection["id"])
        return norms_figure(subject.units[group], subject.slots[group], scheme)
    state = subject.state(str(selection["id"]))
    assert state is not None
    _, d, q_m, t = state
    is_signed = not subject.quantizers[str(selection["id"])]["unsigned"]
    return stairs_figure(d, q_m, t, is_signed, scheme)

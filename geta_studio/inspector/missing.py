"""The inspector's page of what an address or another model's selection asks for and this model does not have."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from geta_studio.inspector.parts import Subject
from geta_studio.shell.stores import Selection

LONGEST = 80
"""Characters of a name that are written out."""
SEARCH = "search for a part of its name above the graph"
WORDS = {
    "node": ("node", f"click a node, or {SEARCH}"),
    "scope": ("module", f"click a module, or {SEARCH}"),
    "group": ("group", "choose one of {first} to {last} in the legend"),
    "quantizer": ("quantizer", "click a diamond (weights) or a pill (activations)"),
}
"""Kind -> what it is called, and how to get to one that is there."""


def missing_head(subject: Subject, selection: Selection) -> list[Component]:
    """A title and a sentence."""
    folded = selection["kind"] in ("node", "scope") and _is_folded(subject, str(selection["id"]))
    title = "Folded at this stage" if folded else "Not in this model"
    return [html.H2(title), html.P(missing(subject, selection), role="status")]


def missing(subject: Subject, selection: Selection) -> str:
    """What was asked for, that it is not there, and what to do.

    Worked: "“layers.9” was asked for, and resnet20 has no such module: click a module, or search ..."
    """
    kind, name, model = selection["kind"], str(selection["id"]), subject.analysis["model"]["name"]
    if kind not in WORDS:
        asked = _short(f"{kind}:{name}" if name else kind)
        return f"{asked} was asked for, and that is no node, module, group or quantizer: click one in the graph."
    if kind in ("node", "scope") and _is_folded(subject, name):
        return f"{_short(name)} was asked for, and it is folded into a quantizer: look at stage Trace or Branches."
    word, remedy = WORDS[kind]
    if kind == "group" and not subject.groups:
        return f"{_short(name)} was asked for, and {model} has no groups: nothing in it has channels to prune."
    first_and_last = {"first": f"g{min(subject.groups, default=0)}", "last": f"g{max(subject.groups, default=0)}"}
    return f"{_short(name)} was asked for, and {model} has no such {word}: {remedy.format(**first_and_last)}."


def _short(name: str) -> str:
    return f"“{name if len(name) <= LONGEST else name[: LONGEST - 1] + '…'}”"


def _is_folded(subject: Subject, name: str) -> bool:
    """Whether it is a node, or a module with nodes, of the program with its quantizers expanded."""
    nodes = subject.analysis["trace"]["nodes"] if "trace" in subject.analysis else ()
    return any(name == node["id"] or f"{node['scope']}.".startswith(f"{name}.") for node in nodes)

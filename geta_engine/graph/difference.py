"""What differs between two graphs of one network, such as the dense one and what was left of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

Graph = Mapping[str, Any]
Kind = Literal["same", "changed", "gone", "new"]


class Difference(NamedTuple):
    """One node in both graphs: its ids (None where it is missing), and its facts before and after."""

    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    @property
    def kind(self) -> Kind:
        if self.after is None:
            return "gone"
        if self.before is None:
            return "new"
        told = ("shape", "n_params", "macs")
        return "same" if all(self.before[name] == self.after[name] for name in told) else "changed"

    @property
    def lines(self) -> list[str]:
        """What changed, a line each: the shape, parameters and multiply-adds."""
        before, after = self.before, self.after
        if before is None or after is None:
            return ["only in the compact graph" if before is None else "not in the compact graph"]
        lines = []
        if before["shape"] != after["shape"]:
            lines.append(f"{_sizes(before['shape'])} → {_sizes(after['shape'])}")
        for name, words in (("n_params", "parameters"), ("macs", "multiply-adds")):
            was, now = before[name] or 0, after[name] or 0
            if was != now:
                lines.append(f"{was:,} → {now:,} {words} ({_change(was, now)})")
        return lines


def differences(before: Graph, after: Graph) -> list[Difference]:
    """The nodes of both graphs, paired: layers by name, ops by their module, kind and order in it.

    Node ids do not pair them: they are numbered anew when a program is exported again.
    """
    old, new = _keyed(before["nodes"]), _keyed(after["nodes"])
    paired = [Difference(node, new.get(key)) for key, node in old.items()]
    return paired + [Difference(None, node) for key, node in new.items() if key not in old]


def kind_of(members: Sequence[Difference]) -> Kind:
    """Of things that are drawn as one: what they all are, else changed."""
    kinds = {member.kind for member in members}
    return kinds.pop() if len(kinds) == 1 else "changed"


def _keyed(nodes: Sequence[Mapping[str, Any]]) -> dict[tuple[str, ...], Mapping[str, Any]]:
    seen: Counter[tuple[str, ...]] = Counter()
    keyed: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for node in nodes:
        what = node["name"] if node["kind"] in ("layer", "input") else ""
        key = (node["scope"], node["op"], what)
        keyed[(*key, str(seen[key]))] = node
        seen[key] += 1
    return keyed


def _sizes(shape: Sequence[Any] | None) -> str:
    return " × ".join(str(size) for size in shape or ())


def _change(was: int, now: int) -> str:
    return f"{100 * (now - was) / was:+.0f} %" if was else "new"

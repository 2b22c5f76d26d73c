"""One case of `benchmarks/qadg.py` in a process of its own: `python -m benchmarks.cases.measure CASE REPEATS`.

Writes one JSON line a round to stdout, each with the rows of the case so far, so that a killed process leaves the
rounds that it finished.
"""

from __future__ import annotations

import dataclasses
import json
import resource
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import torch

import geta_engine as ge
from benchmarks.cases.models import MODELS, Built, prenorm, quantize_layers
from benchmarks.cases.timing import Timed, first_line, interleave

CaseRow = dict[str, Any]

DEPTHS = (12, 24, 48, 96)


class Ours:
    """Export, then analysis of what was exported. The flat graph that is analyzed is made with the export."""

    def __init__(self, build: Callable[[], Built], **options: bool) -> None:
        self._build, self._options = build, options
        self.traced: ge.TracedModel | None = None
        self.qadg: ge.Qadg | None = None
        self.peak_mb: float | None = None

    def export(self) -> None:
        self.traced = None
        built = self._build()
        self.traced = ge.trace(built.model, built.args, built.kwargs, dynamic_batch=built.free_batch)

    def analyze(self) -> None:
        if self.traced is None:
            raise LookupError("there is no traced model")
        self.qadg = ge.analyze(self.traced, **self._options)

    def note_peak(self) -> None:
        self.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    def figures(self) -> CaseRow:
        if self.qadg is None:
            return {}
        return {
            "nodes": self.qadg.nodes,
            "groups": len(self.qadg.prunable),
            "units": self.qadg.prunable_units,
            "quantizers": len(self.qadg.quantizers),
            "unknown_ops": dict(self.qadg.pinned_ops),
            "peak_mb": self.peak_mb,
        }


class TorchPruning:
    """Its dependency graph and all groups, of the same model and inputs.

    Groups that hold channels of an output are left out of the counts, as they are pinned in ours. A unit is one channel
    of the layer that a group starts from.
    """

    def __init__(self, build: Callable[[], Built]) -> None:
        self._build = build
        self._graph: Any = None
        self._groups: list[Any] | None = None

    def run(self) -> None:
        import torch_pruning as tp

        built = self._build()
        inputs = built.kwargs | built.extra or built.args
        self._graph = tp.DependencyGraph().build_dependency(built.model, inputs, verbose=False)
        self._groups = list(self._graph.get_all_groups())

    def figures(self) -> CaseRow:
        if self._groups is None:
            return {}
        inner = [group for group in self._groups if not any(self._is_output(dep) for dep, _ in group)]
        return {"groups": len(inner), "units": sum(len(group[0].idxs) for group in inner)}

    def _is_output(self, dependency: Any) -> bool:
        """Whether it cuts what nothing reads any more."""
        return not dependency.target.outputs and self._graph.is_out_channel_pruning_fn(dependency.handler)


Pair = tuple[Ours, TorchPruning | None]


def measure(case: str, repeats: int) -> Iterator[list[CaseRow]]:
    """The rows of a case after each round."""
    if case == "depth":
        pairs = {f"depth_{depth}": _pair(partial(prenorm, depth)) for depth in DEPTHS}
    elif case.endswith("_wa"):
        pairs = _quantized(case.removesuffix("_wa"))
    else:
        pairs = {case: _pair(MODELS[case])}
    return _rounds(pairs, repeats)


def _pair(make: Callable[[], Built]) -> Pair:
    build = cache(lambda: _seeded(make))
    return Ours(build), TorchPruning(build)


def _seeded(make: Callable[[], Built]) -> Built:
    torch.manual_seed(0)
    built = make()
    built.model.eval()
    return built


def _quantized(name: str) -> dict[str, Pair]:
    """Quantizers placed by the analysis; the prepared model exported again; quantizers written into the layers.

    The prepared model is a program without modules, where Torch-Pruning has nothing to start from; so it gets
    the third form, which is what its users would train.
    """
    build = cache(lambda: _seeded(MODELS[name]))
    return {
        f"{name}_wa": (Ours(build, activations=True), None),
        f"{name}_wa_expanded": (Ours(cache(lambda: _prepared(build()))), None),
        f"{name}_wa_layers": _pair(lambda: _by_hand(MODELS[name]())),
    }


def _prepared(built: Built) -> Built:
    traced = ge.trace(built.model, built.args, built.kwargs)
    prepared = ge.prepare(traced, ge.analyze(traced, activations=True)).eval()
    return dataclasses.replace(
        built, model=prepared.program, free_batch=False
    )  # its own forward takes any *args, **kwargs


def _by_hand(built: Built) -> Built:
    return dataclasses.replace(built, model=quantize_layers(built.model))


def _rounds(pairs: Mapping[str, Pair], repeats: int) -> Iterator[list[CaseRow]]:
    steps: dict[str, Callable[[], None]] = {}
    for name, (ours, theirs) in pairs.items():
        steps |= {f"{name} export": ours.export, f"{name} analyze": ours.analyze}
        if theirs is not None:
            steps[f"{name} tp"] = theirs.run

    def after_warm_up(step: str) -> None:
        name, _, kind = step.partition(" ")
        if kind == "analyze":
            pairs[name][0].note_peak()

    for timed in interleave(steps, repeats, after_warm_up):
        yield [_row(name, *pair, timed) for name, pair in pairs.items()]


def _row(name: str, ours: Ours, theirs: TorchPruning | None, timed: Mapping[str, Timed]) -> CaseRow:
    export, analysis = timed[f"{name} export"], timed[f"{name} analyze"]
    row: CaseRow = {"name": name, "export_s": export.median, "analyze_s": analysis.median}
    row |= {"export_cpu_s": export.cpu_median, "analyze_cpu_s": analysis.cpu_median}
    row["error"] = export.error or analysis.error
    if export.median is not None and analysis.median is not None:
        row["total_s"] = export.median + analysis.median
    row |= ours.figures() | {"repeats": {"export_s": export.seconds, "analyze_s": analysis.seconds}}
    if theirs is not None:
        tp = timed[f"{name} tp"]
        row["torch_pruning"] = {
            "seconds": tp.median,
            "cpu_s": tp.cpu_median,
            "error": tp.error,
            "repeats": tp.seconds,
        } | theirs.figures()
    return row


def main() -> None:
    case, repeats = sys.argv[1], int(sys.argv[2])
    warnings.simplefilter("ignore")
    try:
        for rows in measure(case, repeats):
            print(json.dumps(rows), flush=True)
    except Exception as error:  # a failure is a cell of the table
        print(json.dumps([{"name": case, "error": first_line(error)}]), flush=True)


if __name__ == "__main__":
    main()

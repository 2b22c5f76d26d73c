"""`geta models`, `trace`, `analyze`, `verify`: one model, no training."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geta_engine.cli.options import (
    Activations,
    Granularity,
    Inputs,
    JsonPath,
    Meta,
    Precision,
    Protect,
    Spec,
    Weights,
)
from geta_engine.cli.output import Output, require_folder, require_writable
from geta_engine.cli.sensitivity import measured, show
from geta_engine.documents.analysis import AnalysisDocument
from geta_engine.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from geta_engine.trace import TracedModel


def models(json_path: JsonPath = None) -> None:
    """List the zoo."""
    output = Output(json_path)
    zoo = zoo_names()
    output.write_json({"models": [{"name": name, "description": text} for name, text in zoo.items()]})
    output.table(("name", "what it is"), zoo.items())


def trace(
    spec: Spec,
    out: Annotated[str, typer.Option("-o", "--out", metavar="M.pt2", help="The file to write.")],
    input: Inputs = None,
    json_path: JsonPath = None,
) -> None:
    """Trace a model and write it as .pt2."""
    output = Output(json_path)
    if not out.endswith(".pt2"):
        raise InputError(f"--out was given as {out!r}: give a file name that ends in .pt2")
    require_writable(Path(out), "--out")
    traced, seconds = load_model(spec, input)
    traced.save(out)
    output.write_json({"name": traced.name, "hash": traced.hash, "out": out, "seconds": {"trace": seconds}})
    output.text(f"{traced.name}: traced in {seconds:.1f} s, written to {out}")


def analyze(
    spec: Spec,
    weights: Weights = True,
    activations: Activations = True,
    protect: Protect = None,
    granularity: Granularity = "head",
    meta: Meta = False,
    input: Inputs = None,
    dot: Annotated[str | None, typer.Option(metavar="F", help="Write the graph in Graphviz's language.")] = None,
    svg: Annotated[str | None, typer.Option(metavar="F", help="Write the graph as a drawing.")] = None,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Also what fewer bits and units would cost.")
    ] = False,
    data: Annotated[str | None, typer.Option(help="For --sensitivity: what the model is measured on (digits).")] = None,
    bits: Annotated[str | None, typer.Option(metavar="LOWER:UPPER", help="For --sensitivity: bounds (2:8).")] = None,
    sparsity: Annotated[float | None, typer.Option(help="For --sensitivity: share of units that goes (0.5).")] = None,
    json_path: JsonPath = None,
) -> None:
    """Find what can be pruned together and what is quantized."""
    output = Output(json_path)
    if not sensitivity and (data, bits, sparsity) != (None, None, None):
        raise InputError("--data, --bits and --sparsity were given without --sensitivity, which alone measures: add it")
    for option, path in (("--dot", dot), ("--svg", svg)):
        if path is not None:
            require_writable(Path(path), option)
    traced, seconds = load_model(spec, input, meta)
    from geta_engine.analysis.report import analysis_report

    report = analysis_report(
        traced, weights, activations, tuple(protect or ()), seconds_trace=seconds, spec=spec, granularity=granularity
    )
    _draw(report, dot, svg)
    losses = measured(traced, spec, data, bits, sparsity, tuple(protect or ())) if sensitivity else None
    output.write_json({**report, "sensitivity": losses} if losses else report)
    groups = report["groups"]
    output.table(
        ("group", "name", "units", "prunable"),
        [
            (group["id"], group["name"], group["size"], "yes" if group["prunable"] else group["reason"])
            for group in groups
        ],
    )
    output.text(
        f"{report['nodes']} nodes, {sum(group['prunable'] for group in groups)} prunable groups, "
        f"{report['prunable_units']} of {report['total_units']} units prunable, {len(report['quantizers'])} quantizers"
    )
    if losses:
        show(losses, output)


def _draw(report: AnalysisDocument, dot: str | None, svg: str | None) -> None:
    if dot is None and svg is None:
        return
    from geta_engine.drawing.dot import to_dot, to_svg

    source = to_dot(report)
    if dot is not None:
        Path(dot).write_text(source)
    if svg is not None:
        drawing = to_svg(source)
        Path(svg).write_bytes(drawing if isinstance(drawing, bytes) else drawing.encode())


def verify(
    spec: Spec,
    sparsity: Annotated[float, typer.Option(help="Share of the prunable units to remove, 0 <= S < 1.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Which units are removed.")] = 0,
    dtype: Precision = "float32",
    granularity: Granularity = "head",
    save: Annotated[Path | None, typer.Option(metavar="DIR", help="Write zeroed.pt2 and compact.pt2 there.")] = None,
    input: Inputs = None,
    json_path: JsonPath = None,
) -> None:
    """Remove random units and prove that the small model equals the one with them set to zero."""
    output = Output(json_path)
    if not 0 <= sparsity < 1:
        raise InputError(f"--sparsity was given as {sparsity}: give a share of units to remove, 0 <= sparsity < 1")
    if save is not None:
        require_folder(save, "--save")
    traced, _ = load_model(spec, input)
    import torch

    from geta_engine.compact import verify as certify
    from geta_engine.qadg import analyze as find_groups

    qadg = find_groups(traced, granularity=granularity)
    certificate = certify(traced, qadg, sparsity, seed, dtype=getattr(torch, dtype), save=_saver(save))
    document = certificate.to_dict()
    output.write_json(document)
    output.table(("what", "value"), [(key, value) for key, value in document.items() if not isinstance(value, list)])
    if not certificate.ok:
        raise CheckFailed(f"{spec}: the compact model differs from the zeroed one by {document['max_rel_diff']}")


def _saver(folder: Path | None) -> Any:
    if folder is None:
        return None

    def save(zeroed: TracedModel, compact: TracedModel) -> None:
        zeroed.save(folder / "zeroed.pt2")
        compact.save(folder / "compact.pt2")

    return save


def load_model(spec: str, input: list[str] | None, meta: bool = False) -> tuple[Any, float]:
    """The traced model and the seconds it took; an unknown name is refused before torch is imported."""
    check_spec(spec)
    from geta_engine.trace import load

    started = time.perf_counter()
    return load(spec, input, meta=meta), time.perf_counter() - started


def check_spec(spec: str) -> None:
    if spec.endswith(".pt2"):
        if not Path(spec).is_file():
            raise InputError(f"there is no file {spec!r}: give the path of a .pt2, as `geta trace` writes it")
    elif ":" not in spec and spec not in zoo_names():
        raise InputError(
            f"the model {spec!r} is not in the zoo: "
            f"give {', '.join(zoo_names())}, a .pt2 file, hf:DIR or module:factory"
        )


def zoo_names() -> dict[str, str]:
    """Looked up when a name is given: a `.pt2` needs no zoo."""
    from geta_engine.zoo.names import ZOO

    return ZOO

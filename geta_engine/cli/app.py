"""The console script `geta`: thin commands over the engine, which is imported only inside the command that needs it."""

from __future__ import annotations

import shutil
import signal
import sys
import time
import warnings
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
    RunId,
    Spec,
    StoreUrl,
    Weights,
)
from geta_engine.cli.output import Output, print_error, require_done, require_folder, require_writable, run_rows
from geta_engine.cli.output import main as run_app
from geta_engine.config import Bounds, RunConfig
from geta_engine.documents.commands import Command
from geta_engine.documents.runs import RunRecord
from geta_engine.errors import CheckFailed, InputError
from geta_engine.runs import control, watch
from geta_engine.runs.report import run_report, runs_report
from geta_engine.runs.workspace import Workspace
from geta_engine.store.runs import Store

if TYPE_CHECKING:
    from geta_engine.trace import TracedModel

ANSWER_SECONDS = 30.0
"""How long pause, resume and stop wait for the worker to do it."""
EXPORT_FORMATS = ("pt2",)

commands = typer.Typer(
    help="Compress a PyTorch model: prune groups of units and choose bit widths together, and prove the result.",
    add_completion=False,
    rich_markup_mode=None,
)


def app() -> None:
    """The entry point; ends the process with the exit code. Libraries' warnings are shown only with `python -W`."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    sys.exit(run_app(commands, sys.argv[1:]))


@commands.command()
def models(json_path: JsonPath = None) -> None:
    """List the zoo."""
    output = Output(json_path)
    zoo = _zoo()
    output.write_json({"models": [{"name": name, "description": text} for name, text in zoo.items()]})
    output.table(("name", "what it is"), zoo.items())


@commands.command()
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
    traced, seconds = _load(spec, input)
    traced.save(out)
    output.write_json({"name": traced.name, "hash": traced.hash, "out": out, "seconds": {"trace": seconds}})
    output.text(f"{traced.name}: traced in {seconds:.1f} s, written to {out}")


@commands.command()
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
    json_path: JsonPath = None,
) -> None:
    """Find what can be pruned together and what is quantized."""
    output = Output(json_path)
    for option, path in (("--dot", dot), ("--svg", svg)):
        if path is not None:
            require_writable(Path(path), option)
    traced, seconds = _load(spec, input, meta)
    from geta_engine.analysis.report import analysis_report

    report = analysis_report(
        traced, weights, activations, tuple(protect or ()), seconds_trace=seconds, spec=spec, granularity=granularity
    )
    _draw(report, dot, svg)
    output.write_json(report)
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


def _draw(report: dict[str, Any], dot: str | None, svg: str | None) -> None:
    if dot is None and svg is None:
        return
    from geta_engine.drawing.dot import to_dot, to_svg

    source = to_dot(report)
    if dot is not None:
        Path(dot).write_text(source)
    if svg is not None:
        drawing = to_svg(source)
        Path(svg).write_bytes(drawing if isinstance(drawing, bytes) else drawing.encode())


@commands.command()
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
    traced, _ = _load(spec, input)
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


def _load(spec: str, input: list[str] | None, meta: bool = False) -> tuple[Any, float]:
    """The traced model and the seconds it took; an unknown name is refused before torch is imported."""
    _check_spec(spec)
    from geta_engine.trace import load

    started = time.perf_counter()
    return load(spec, input, meta=meta), time.perf_counter() - started


def _check_spec(spec: str) -> None:
    if spec.endswith(".pt2"):
        if not Path(spec).is_file():
            raise InputError(f"there is no file {spec!r}: give the path of a .pt2, as `geta trace` writes it")
    elif ":" not in spec and spec not in _zoo():
        raise InputError(
            f"the model {spec!r} is not in the zoo: give {', '.join(_zoo())}, a .pt2 file, hf:DIR or module:factory"
        )


def _zoo() -> dict[str, str]:
    """Looked up when a name is given: a `.pt2` needs no zoo."""
    from geta_engine.zoo.names import ZOO

    return ZOO


@commands.command()
def run(
    spec: Spec,
    data: Annotated[str | None, typer.Option(help="digits, fashion-mnist[:DIR], mnist:DIR, cifar10:DIR, ...")] = None,
    sparsity: Annotated[float | None, typer.Option(help="Share of the prunable units to remove (0.5).")] = None,
    bits: Annotated[str | None, typer.Option(metavar="LOWER:UPPER", help="Bounds of the bit widths (4:8).")] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="F.yaml", help="Schedule and all else; flags override.")
    ] = None,
    weights: Annotated[bool | None, typer.Option("--weights/--no-weights", help="Quantize weights.")] = None,
    activations: Annotated[bool | None, typer.Option("--activations/--no-activations", help="And activations.")] = None,
    protect: Protect = None,
    optimizer: Annotated[str | None, typer.Option(help="sgd, adam or adamw.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples a step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Two runs of one seed are equal bit by bit.")] = None,
    baseline: Annotated[bool | None, typer.Option("--baseline", help="Also train the uncompressed model.")] = None,
    name: Annotated[str | None, typer.Option(help="What to call the run.")] = None,
    input: Inputs = None,
    store_url: StoreUrl = None,
    json_path: JsonPath = None,
) -> None:
    """Train, prune and quantize a model; Ctrl-C stops the run, which `geta resume` takes up again."""
    output = Output(json_path)
    flags: dict[str, Any] = {
        "data": data,
        "sparsity": sparsity,
        "bits": Bounds.parse(bits) if bits is not None else None,
        "weights": weights,
        "activations": activations,
        "protect": tuple(protect) if protect else None,
        "optimizer": optimizer,
        "lr": lr,
        "batch_size": batch_size,
        "seed": seed,
        "baseline": baseline,
    }
    settings = _settings(config, spec, flags)
    store, workspace = _open(store_url)
    run_id = _create(store, workspace, settings, name, input)
    control.start(store, workspace, run_id)
    record = _follow(store, workspace, run_id)
    report = run_report(record)
    output.write_json(report)
    output.table(("what", "value"), run_rows(record, report))
    require_done(record)


def _settings(config: Path | None, spec: str, flags: dict[str, Any]) -> RunConfig:
    """The YAML file with the flags over it, checked as far as possible without torch."""
    from geta_engine.data import sources

    _check_spec(spec)
    try:
        text = config.read_text() if config is not None else ""
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise InputError(
            f"--config was given as {str(config)!r}, which cannot be read ({reason}): give a YAML file"
        ) from None
    given = {key: value for key, value in flags.items() if value is not None}
    settings = RunConfig.from_yaml(text, model=spec, **given)
    sources.check(settings.data)
    return settings.model_copy(update={"data": sources.absolute(settings.data)})


def _create(store: Store, workspace: Workspace, settings: RunConfig, name: str | None, input: list[str] | None) -> int:
    """A run whose model, unless it comes from the zoo, is loaded here: a worker runs no code that a spec names."""
    spec, title = settings.model, name or control.model_name(settings.model)
    if not spec.endswith(".pt2") and spec in _zoo():
        return control.create(store, workspace, settings, name=title)
    traced, _ = _load(spec, input)
    run_id = control.create(store, workspace, settings, name=title)
    traced.save(workspace.model_file(run_id))
    return run_id


def _follow(store: Store, workspace: Workspace, run_id: int) -> RunRecord:
    """Follow the run to its end; an interrupt (Ctrl-C, SIGTERM) stops the run first."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return watch.watch(store, workspace, run_id)
    except KeyboardInterrupt:
        print_error(f"stopping run {run_id} at a checkpoint; `geta resume {run_id}` will go on")
        if control.is_live(workspace, store.get_run(run_id)):
            control.send(store, workspace, run_id, "stop")
        return watch.wait_until(store, workspace, run_id, lambda run: run.ended, ANSWER_SECONDS)


@commands.command()
def runs(store_url: StoreUrl = None, json_path: JsonPath = None) -> None:
    """List the runs, newest first."""
    output = Output(json_path)
    records = _open(store_url)[0].list_runs()
    output.write_json(runs_report(records))
    output.table(
        ("run", "name", "status", "step", "stage", "data"),
        [(r.id, r.name, r.status, f"{r.step}/{r.steps}", r.stage, r.config["data"]) for r in records],
    )


@commands.command()
def show(run_id: RunId, store_url: StoreUrl = None, json_path: JsonPath = None) -> None:
    """Show one run."""
    _tell(Output(json_path), _open(store_url)[0].get_run(run_id))


@commands.command()
def pause(run_id: RunId, store_url: StoreUrl = None, json_path: JsonPath = None) -> None:
    """Pause a run after its current step."""
    _command(run_id, "pause", ("paused",), store_url, json_path)


@commands.command()
def resume(run_id: RunId, store_url: StoreUrl = None, json_path: JsonPath = None) -> None:
    """Let a paused run go on; start a stopped, failed or dead one again from its last checkpoint."""
    _command(run_id, "resume", ("running",), store_url, json_path)


@commands.command()
def stop(run_id: RunId, store_url: StoreUrl = None, json_path: JsonPath = None) -> None:
    """Checkpoint a run and end its worker."""
    _command(run_id, "stop", ("stopped",), store_url, json_path)


def _command(
    run_id: int, command: Command, wanted: tuple[str, ...], store_url: str | None, json_path: str | None
) -> None:
    """Send a command and wait until the run shows it, or has ended."""
    output = Output(json_path)
    store, workspace = _open(store_url)
    control.send(store, workspace, run_id, command)
    record = watch.wait_until(
        store, workspace, run_id, lambda run: run.status in wanted or run.ended, timeout=ANSWER_SECONDS
    )
    _tell(output, record)
    if record.status not in wanted and record.status != "done":
        raise CheckFailed(record.error or f"run {run_id} is {record.status}: it has not come to {command} yet")


@commands.command()
def export(
    run_id: RunId,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write to.")],
    formats: Annotated[str, typer.Option("--format", help="pt2.")] = "pt2",
    store_url: StoreUrl = None,
    json_path: JsonPath = None,
) -> None:
    """Write the compact model of a finished run."""
    output = Output(json_path)
    unknown = [part for part in formats.split(",") if part not in EXPORT_FORMATS]
    if unknown:
        raise InputError(f"format {unknown[0]!r} is not there: give --format {','.join(EXPORT_FORMATS)}")
    store, workspace = _open(store_url)
    record = store.get_run(run_id)
    source = workspace.compact_file(run_id)
    if record.status != "done" or not source.is_file():
        raise InputError(f"run {run_id} is {record.status} and has no compact model yet: export a run that is done")
    require_folder(out, "--out")
    target = Path(shutil.copy(source, out))
    output.write_json({"run": run_id, "files": [str(target)]})
    output.text(str(target))


@commands.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8050,
    model: Annotated[str | None, typer.Option(metavar="SPEC", help="The model to show first.")] = None,
    store_url: StoreUrl = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Start the studio."""
    from geta_studio.server.serve import serve as serve_studio

    serve_studio(host=host, port=port, model=model, store=store_url, open_browser=open_browser)


def _open(store_url: str | None) -> tuple[Store, Workspace]:
    workspace = Workspace(store_url)
    return Store(workspace.store_url), workspace


def _tell(output: Output, record: RunRecord) -> None:
    report = run_report(record)
    output.write_json(report)
    output.table(("what", "value"), run_rows(record, report))

"""`geta run` and what is done with runs: `runs`, `show`, `pause`, `resume`, `stop`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from geta_engine.cli.models import check_spec, load_model, zoo_names
from geta_engine.cli.options import (
    Inputs,
    JsonPath,
    Protect,
    RunId,
    Spec,
    StoreUrl,
)
from geta_engine.cli.output import Output, print_error
from geta_engine.cli.run_output import require_done, run_rows, stage_title
from geta_engine.config import Bounds, RunConfig
from geta_engine.documents.commands import Command, Pause, Resume, Stop, name_of
from geta_engine.documents.runs import RunRecord
from geta_engine.errors import CheckFailed, InputError
from geta_engine.runs import control, watch
from geta_engine.runs.report import run_report, runs_report
from geta_engine.runs.workspace import Workspace
from geta_engine.store import Store

ANSWER_SECONDS = 30.0
"""How long pause, resume and stop wait for the worker to do it."""


def run(
    spec: Spec,
    data: Annotated[str | None, typer.Option(help="digits, fashion-mnist[:DIR], mnist:DIR, cifar10:DIR, ...")] = None,
    sparsity: Annotated[float | None, typer.Option(help="Share of the prunable units to remove (0.5).")] = None,
    bits: Annotated[str | None, typer.Option(metavar="LOWER:UPPER", help="Bounds of the bit widths (4:8).")] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="F.yaml", help="Schedule and all else; flags override.")
    ] = None,
    bops: Annotated[float | None, typer.Option(help="Most relative BOPs that the bits may cost: 0.01 is 1 %.")] = None,
    bytes: Annotated[int | None, typer.Option(help="Or most bytes, with packed weights.")] = None,
    rule: Annotated[str | None, typer.Option(help="chosen (under a budget) or paper: how bits come about.")] = None,
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
        "bops": bops,
        "bytes": bytes,
        "rule": rule,
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
    store, workspace = open_store(store_url)
    run_id = _create(store, workspace, settings, name, input)
    control.start(store, workspace, run_id)
    record = _watch(store, workspace, run_id)
    report = run_report(record)
    output.write_json(report)
    output.table(("what", "value"), run_rows(record, report))
    require_done(record)


def _settings(config: Path | None, spec: str, flags: dict[str, Any]) -> RunConfig:
    """The YAML file with the flags over it, checked as far as possible without torch."""
    from geta_engine.data import sources

    check_spec(spec)
    try:
        text = config.read_text() if config is not None else ""
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise InputError(
            f"--config was given as {str(config)!r}, which cannot be read ({reason}): give a YAML file"
        ) from None
    given = {key: value for key, value in flags.items() if value is not None}
    if given.keys() & {"bops", "bytes"} or given.get("rule") == "paper":
        given = {"bops": None, "bytes": None, **given}  # a flag takes the place of the budget in the file
    settings = RunConfig.from_yaml(text, model=spec, **given)
    sources.check(settings.data)
    return settings.model_copy(update={"data": sources.absolute(settings.data)})


def _create(store: Store, workspace: Workspace, settings: RunConfig, name: str | None, input: list[str] | None) -> int:
    """A run whose model, unless it comes from the zoo, is loaded here: a worker runs no code that a spec names."""
    spec, title = settings.model, name or control.model_name(settings.model)
    if not spec.endswith(".pt2") and spec in zoo_names():
        return control.create(store, workspace, settings, name=title)
    traced, _ = load_model(spec, input)
    run_id = control.create(store, workspace, settings, name=title)
    traced.save(workspace.model_file(run_id))
    return run_id


def _watch(store: Store, workspace: Workspace, run_id: int) -> RunRecord:
    """Follow the run to its end; an interrupt (Ctrl-C, SIGTERM) stops the run first."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return watch.watch(store, workspace, run_id)
    except KeyboardInterrupt:
        print_error(f"stopping run {run_id} at a checkpoint; `geta resume {run_id}` will go on")
        if control.is_live(workspace, store.get_run(run_id)):
            control.send(store, workspace, run_id, Stop())
        return watch.wait_until(store, workspace, run_id, lambda run: run.ended, ANSWER_SECONDS)


def runs(store_url: StoreUrl = None, json_path: JsonPath = None) -> None:
    """List the runs, newest first."""
    output = Output(json_path)
    records = open_store(store_url)[0].list_runs()
    output.write_json(runs_report(records))
    output.table(
        ("run", "name", "status", "step", "stage", "data"),
        [(r.id, r.name, r.status, f"{r.step}/{r.steps}", stage_title(r.stage), r.config.data) for r in records],
    )


def show(run_id: RunId, store_url: StoreUrl = None, json_path: JsonPath = None) -> None:
    """Show one run."""
    show_run(Output(json_path), open_store(store_url)[0].get_run(run_id))


def pause(run_id: RunId, store_url: StoreUrl = None, json_path: JsonPath = None) -> None:
    """Pause a run after its current step."""
    _command(run_id, Pause(), ("paused",), store_url, json_path)


def resume(run_id: RunId, store_url: StoreUrl = None, json_path: JsonPath = None) -> None:
    """Let a paused run go on; start a stopped, failed or dead one again from its last checkpoint."""
    _command(run_id, Resume(), ("running",), store_url, json_path)


def stop(run_id: RunId, store_url: StoreUrl = None, json_path: JsonPath = None) -> None:
    """Checkpoint a run and end its worker."""
    _command(run_id, Stop(), ("stopped",), store_url, json_path)


def _command(
    run_id: int, command: Command, wanted: tuple[str, ...], store_url: str | None, json_path: str | None
) -> None:
    """Send a command and wait until the run shows it, or has ended."""
    output = Output(json_path)
    store, workspace = open_store(store_url)
    control.send(store, workspace, run_id, command)
    record = watch.wait_until(
        store, workspace, run_id, lambda run: run.status in wanted or run.ended, timeout=ANSWER_SECONDS
    )
    show_run(output, record)
    if record.status not in wanted and record.status != "done":
        raise CheckFailed(
            record.error or f"run {run_id} is {record.status}: the command to {name_of(command)} was not taken yet"
        )


def open_store(store_url: str | None) -> tuple[Store, Workspace]:
    workspace = Workspace(store_url)
    return Store(workspace.store_url), workspace


def show_run(output: Output, record: RunRecord) -> None:
    report = run_report(record)
    output.write_json(report)
    output.table(("what", "value"), run_rows(record, report))

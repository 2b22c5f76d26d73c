"""The command line as a person or a script meets it: exit codes, one line on stderr, JSON. Real processes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from geta_engine.cli import output
from geta_engine.cli.app import commands
from geta_engine.config import RunConfig
from geta_engine.store import Store

FACTORY = """
import torch

def make():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))

def make_with_inputs():
    return make(), (torch.zeros(2, 6),)
"""


def geta(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "geta_engine.cli", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def geta_here(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has torch already."""
    said, errors = io.StringIO(), io.StringIO()
    with chdir(folder), redirect_stdout(said), redirect_stderr(errors):
        code = output.main(commands, list(arguments))
    return subprocess.CompletedProcess(arguments, code, said.getvalue(), errors.getvalue())


def results(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text.pt2").write_text("this is no archive")
    (tmp_path / "list.yaml").write_text("- a\n- b\n")
    (tmp_path / "period.yaml").write_text("schedule: {projection: 7, projection_periods: 2}\n")
    (tmp_path / "typo.yaml").write_text("sparsitty: 0.5\n")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("run nope", "'nope' is not in the zoo: give mlp"),
        ("run missing.pt2", "there is no file 'missing.pt2'"),
        ("run text.pt2", "text.pt2"),
        ("analyze text.pt2", "text.pt2"),
        ("run mlp --bits 9:4", "bits 9:4 are not usable"),
        ("run mlp --bits 1:8", "bits 1:8 are not usable"),
        ("run mlp --bits 4:40", "bits 4:40 are not usable"),
        ("run mlp --bits four", "such as 4:8"),
        ("run mlp --sparsity 1.2", "sparsity 1.2 is not usable"),
        ("run mlp --sparsity -0.1", "sparsity -0.1 is not usable"),
        ("run mlp --sparsity half", "--sparsity"),
        ("run mlp --optimizer lion", "optimizer"),
        ("run mlp --lr 0", "lr"),
        ("run mlp --data mnist:nowhere", "nowhere"),
        ("run mlp --data oranges", "oranges"),
        ("run mlp --config period.yaml", "projection stage has 7 steps in 2 periods"),
        ("run mlp --config typo.yaml", "sparsitty"),
        ("run mlp --config list.yaml", "YAML mapping"),
        ("run mlp --config missing.yaml", "missing.yaml"),
        ("run mlp --json nowhere/out.json", "nowhere/out.json"),
        ("run mlp --store nonsense", "not a database URL"),
        ("run", "argument"),
        ("run mlp --fast", "--fast"),
        ("frobnicate", "frobnicate"),
        ("show 3", "run 3 is not in this store"),
        ("pause 3", "run 3 is not in this store"),
        ("show three", "RUN"),
        ("trace mlp -o m.onnx", "ends in .pt2"),
        ("trace mlp -o nowhere/m.pt2", "nowhere/m.pt2"),
        ("verify mlp --sparsity 1", "0 <= sparsity < 1"),
        ("export 3 --out d --format tflite", "give one or more of pt2"),
        ("export 3 --out d", "run 3 is not in this store"),
    ],
)
def test_bad_input_is_one_line_and_makes_nothing(
    folder: Path, command: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("GETA_STORE", raising=False)
    code = output.main(commands, command.split())
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert len(printed.err.splitlines()) == 1 and said in printed.err, printed.err
    assert not list(folder.glob(".geta/artifacts/*"))
    if (folder / ".geta").exists():
        assert Store(f"sqlite:///{folder}/.geta/geta.db").list_runs() == []


def test_a_process_that_got_bad_input_exits_2_without_a_traceback(folder: Path) -> None:
    for command in ("run mlp --sparsity 1.2", "frobnicate"):
        done = geta(folder, *command.split())
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr


def test_models_lists_the_zoo(folder: Path) -> None:
    models = results(geta(folder, "models", "--json", "-"))["models"]
    assert {"mlp", "resnet20", "vgg7"} <= {model["name"] for model in models}
    assert all(model["description"] for model in models)
    assert "resnet20" in geta(folder, "models").stdout


def test_trace_writes_a_file_that_plain_pytorch_loads(folder: Path) -> None:
    report = results(geta(folder, "trace", "mlp", "-o", "m.pt2", "--json", "-"))
    assert report["name"] == "mlp" and len(report["hash"]) == 64
    code = "import torch; torch.export.load('m.pt2').module()(torch.zeros(3, 64))"
    assert subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True).returncode == 0


def test_analyze_says_the_same_of_a_zoo_name_and_of_its_file(folder: Path) -> None:
    assert geta_here(folder, "trace", "mlp", "-o", "m.pt2").returncode == 0
    named, filed = (results(geta_here(folder, "analyze", spec, "--json", "-")) for spec in ("mlp", "m.pt2"))
    assert (named["prunable_units"], named["total_units"]) == (192, 202)
    for key in ("nodes", "edges", "groups", "quantizers", "prunable_units", "total_units", "pinned_ops"):
        assert named[key] == filed[key]
    assert set(named["seconds"]) == {"trace", "analyze"}


def test_analyze_takes_switches_and_protected_layers(folder: Path) -> None:
    command = ("analyze", "mlp", "--no-activations", "--protect", "fc1", "--json", "out.json")
    done = geta_here(folder, *command)
    assert done.returncode == 0 and "fc2" in done.stdout, done.stderr
    report = json.loads((folder / "out.json").read_text())
    assert {quantizer["kind"] for quantizer in report["quantizers"]} == {"weight"}
    assert report["prunable_units"] == 64


def test_analyze_draws_the_graph(folder: Path) -> None:
    done = geta_here(folder, "analyze", "mlp", "--dot", "g.dot", "--svg", "g.svg")
    assert done.returncode == 0, done.stderr
    assert (folder / "g.dot").read_text().lstrip().startswith("digraph") and "fc1" in (folder / "g.dot").read_text()
    assert "<svg" in (folder / "g.svg").read_text()


def test_verify_certifies_and_saves_both_models(folder: Path) -> None:
    report = results(geta_here(folder, "verify", "mlp", "--sparsity", "0.25", "--save", "d/e", "--json", "-"))
    assert report["ok"] is True and report["max_rel_diff"] <= 1e-5
    assert (report["zero_units"], report["prunable_units"]) == (48, 192)
    assert report["params_compact"] < report["params_dense"] and report["pinned_ops"] == []
    code = (
        "import torch; x = torch.rand(5, 64); "
        "a, b = (torch.export.load(f'd/e/{n}.pt2').module()(x) for n in ('zeroed', 'compact')); "
        "assert (a - b).abs().max() <= 1e-5 * a.abs().max()"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr


@pytest.mark.slow
def test_a_factory_from_the_command_line_is_run(folder: Path) -> None:
    (folder / "net.py").write_text(FACTORY)
    assert results(geta(folder, "analyze", "net.py:make_with_inputs", "--json", "-"))["prunable_units"] == 8
    assert results(geta(folder, "analyze", "net:make", "--input", "2,6", "--json", "-"))["prunable_units"] == 8
    refused = geta(folder, "analyze", "net.py:make")
    assert refused.returncode == 2 and "--input" in refused.stderr


def test_runs_are_listed_and_shown_from_a_store_elsewhere(folder: Path) -> None:
    url = f"sqlite:///{folder}/elsewhere/geta.db"
    store = Store(url)
    first, second = (store.create_run(RunConfig(model="mlp"), "mlp", name) for name in ("first", "second"))
    listed = results(geta(folder, "runs", "--store", url, "--json", "-"))["runs"]
    assert [(run["run"], run["name"], run["status"]) for run in listed] == [
        (second, "second", "queued"),
        (first, "first", "queued"),
    ]
    on_screen = results(geta(folder, "show", str(first), "--store", url, "--json", "-"))
    assert on_screen == listed[1]
    assert (on_screen["step"], on_screen["steps"], on_screen["stage"], on_screen["k_target"]) == (
        0,
        RunConfig(model="mlp").schedule.total,
        None,
        None,
    )
    assert on_screen["metric"] == {"name": None, "dense": None, "final": None, "compact": None}
    assert "second" in geta(folder, "runs", "--store", url).stdout


def test_a_command_that_the_status_does_not_allow_is_refused(folder: Path) -> None:
    store = Store(f"sqlite:///{folder}/.geta/geta.db")
    run = store.create_run(RunConfig(model="mlp"), "mlp", "x")
    store.set_status(run, "done")
    for command in ("pause", "resume", "stop"):
        done = geta(folder, command, str(run))
        assert done.returncode == 2 and "is done and cannot take" in done.stderr, done.stderr


def test_help_says_what_there_is(folder: Path) -> None:
    done = geta(folder)
    assert done.returncode == 0
    for command in ("models", "trace", "analyze", "verify", "run", "runs", "show", "pause", "resume", "stop", "serve"):
        assert command in done.stdout

"""SPEC: what factories may return, inputs of the command line, and models without weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import geta_engine as ge
from geta_engine.analysis.report import analysis_report
from geta_engine.cli import output
from geta_engine.cli.app import commands
from geta_engine.errors import InputError

FACTORIES = """
import numpy, torch
from torch import nn

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.out = nn.Linear(4, 6), nn.Linear(6, 2)
    def forward(self, x, scale=None, *, shift=None):
        y = torch.relu(self.fc(x))
        y = y if scale is None else y * scale
        return self.out(y if shift is None else y + shift)

x, scale, shift = torch.ones(3, 4), torch.full((3, 6), 2.0), torch.ones(3, 6)
NET, NUMBER = Two(), 3
def bare(): return Two()
def tensor(): return Two(), x
def several(): return Two(), [x, scale]
def by_name(): return Two(), {"x": x, "shift": shift}
def args_kwargs(): return Two(), (x,), {"shift": shift}
def tensor_kwargs(): return Two(), x, {"scale": scale}
def only_kwargs(): return Two(), (), {"x": x}
def one_row(): return Two(), {"x": x[:1], "shift": shift[:1]}
def unlike_rows(): return Two(), (x[:1], scale)
def fails(): raise RuntimeError("no disk\\nat all")
def needs(size): return Two(), x
def nothing(): return None
def tensors(): return x, x
def four(): return Two(), x, {}, 1
def text(): return Two(), "x"
def array(): return Two(), numpy.zeros((2, 4))
def bad_kwargs(): return Two(), (x,), x
def on_cpu():
    net = Two()
    net.fc.weight = nn.Parameter(torch.zeros(6, 4, device="cpu"))
    return net, torch.ones(2, 4, device="cpu")
def read():
    net = Two()
    return (net if net.fc.weight.sum().item() else None), x
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(FACTORIES)
    (tmp_path / "broken.py").write_text("def make(:\n")
    (tmp_path / "beside.py").write_text("from mine import tensor as make\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("factory", "args", "kwargs"),
    [
        ("tensor", 1, []),
        ("several", 2, []),
        ("by_name", 0, ["x", "shift"]),
        ("args_kwargs", 1, ["shift"]),
        ("tensor_kwargs", 1, ["scale"]),
        ("only_kwargs", 0, ["x"]),
    ],
)
def test_what_a_factory_returns_is_what_the_model_is_called_with(
    folder: Path, factory: str, args: int, kwargs: list[str]
) -> None:
    traced = ge.load(f"mine.py:{factory}")
    assert (len(traced.example_args), list(traced.example_kwargs)) == (args, kwargs)
    out = traced(*traced.example_args, **traced.example_kwargs)
    assert out.shape == (3, 2) and traced.name == factory
    qadg = ge.analyze(traced)
    assert qadg.total_units > 0 and ge.verify(traced, qadg, 0.0).ok


def test_one_row_means_any_number_of_rows(folder: Path) -> None:
    traced = ge.load("mine.py:one_row")
    assert [tuple(x.shape) for x in traced.example_kwargs.values()] == [(2, 4), (2, 6)]
    for rows in (1, 5):
        assert traced(x=torch.zeros(rows, 4), shift=torch.zeros(rows, 6)).shape == (rows, 2)
    assert [len(x) for x in ge.load("mine.py:bare", "1,4").example_args] == [2]
    with pytest.raises(InputError, match="one row"):
        ge.load("mine.py:unlike_rows")


def test_inputs_of_the_command_line_in_their_order(folder: Path) -> None:
    traced = ge.load("mine:bare", ["5,4", "5,6:float32"])
    assert [tuple(x.shape) for x in traced.example_args] == [(5, 4), (5, 6)]
    command = ["analyze", "mine.py:bare", "--input", "2,4", "--input", "2,6", "--json", "a.json"]
    assert output.main(commands, command) == 0
    assert json.loads((folder / "a.json").read_text())["model"]["inputs"] == [["B", 4], ["B", 6]]


def test_a_module_of_the_folder_one_works_in_and_one_beside_the_file(folder: Path) -> None:
    away = folder / "away"
    away.mkdir()
    for spec, place in (("mine:tensor", folder), (f"{folder}/beside.py:make", away)):
        code = f"import sys; sys.path.remove(''); import geta_engine as ge; print(ge.load({spec!r}).name)"
        done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert str(folder) not in sys.path
    assert ge.load("mine.py:NET", "2,4").example_args[0].shape == (2, 4)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("mine.py:bare", "returns no example inputs"),
        ("mine.py:nowhere", "mine.py has no 'nowhere'"),
        ("mine.py:NUMBER", "no function (type int)"),
        ("mine.py:fails", "failed (RuntimeError: no disk)"),
        ("mine.py:needs", "takes nothing"),
        ("mine.py:nothing", "returned NoneType"),
        ("mine.py:tensors", "returned (Tensor, Tensor)"),
        ("mine.py:four", "return model, (model, example_inputs)"),
        ("mine.py:text", "inputs of type str"),
        ("mine.py:array", "inputs of type ndarray"),
        ("mine.py:bad_kwargs", "no dictionary by name"),
        ("broken.py:make", "SyntaxError"),
        ("no.such:make", "cannot be imported"),
        ("missing.py:make", "cannot be imported"),
        (":make", "cannot be imported"),
    ],
)
def test_a_factory_that_cannot_be_used_is_one_sentence(
    folder: Path, spec: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert output.main(commands, ["analyze", spec]) == 2
    printed = capsys.readouterr()
    assert said in printed.err and len(printed.err.splitlines()) == 1 and not printed.out, printed.err


@pytest.mark.parametrize("text", ["", "a,b", "0,3", "2,3:complex", "2,3:Tensor"])
def test_an_input_that_is_no_shape(folder: Path, text: str) -> None:
    with pytest.raises(InputError, match="give sizes and a dtype"):
        ge.load("mine.py:bare", [text])


@pytest.mark.parametrize("spec", ["resnet8", "mine.py:tensor", "mine.py:on_cpu"])
def test_without_weights(folder: Path, spec: str) -> None:
    traced = ge.load(spec, meta=True)
    assert traced.program.state_dict and all(value.is_meta for value in traced.program.state_dict.values())
    assert all(x.is_meta for x in traced.example_args)
    report, whole = analysis_report(traced), analysis_report(ge.load(spec))
    for key in ("groups", "quantizers", "prunable_units", "total_units", "nodes", "edges"):
        assert report[key] == whole[key]


def test_without_weights_what_cannot_be(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ge.load("mlp").save("m.pt2")
    for spec, said in (("m.pt2", "holds its weights"), ("mine.py:read", "failed on the meta device")):
        assert output.main(commands, ["analyze", spec, "--meta"]) == 2
        printed = capsys.readouterr().err
        assert said in printed and len(printed.splitlines()) == 1, printed


def test_verify_takes_precision_and_granularity(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert output.main(commands, ["verify", "mlp", "--dtype", "float64", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["dtype"] == "float64" and document["max_rel_diff"] < 1e-12
    counts = []
    for granularity in ("head", "head_dim"):
        assert output.main(commands, ["verify", "vit_tiny", "--granularity", granularity, "--json", "-"]) == 0
        counts.append(json.loads(capsys.readouterr().out)["prunable_units"])
    assert counts[0] != counts[1]
    for bad in (["verify", "mlp", "--dtype", "float16"], ["analyze", "mlp", "--granularity", "row"]):
        assert output.main(commands, bad) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_analyze_takes_granularity(folder: Path) -> None:
    for granularity in ("head", "head_dim"):
        command = ["analyze", "vit_tiny", "--granularity", granularity, "--json", f"{granularity}.json"]
        assert output.main(commands, command) == 0
    heads, offsets = (json.loads((folder / f"{g}.json").read_text()) for g in ("head", "head_dim"))
    assert heads["groups"] != offsets["groups"]

"""Whole runs through the command line, and the same from a `.pt2` where the zoo cannot be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GETA = str(Path(sys.executable).parent / "geta")
NO_ZOO = """
import sys

class NoZoo:
    def find_spec(self, name, path=None, target=None):
        if name == "geta_engine.zoo" or name.startswith("geta_engine.zoo."):
            raise ImportError("there is no zoo here")

sys.meta_path.insert(0, NoZoo())
"""
SHORT = "{warmup: 6, projection: 8, projection_periods: 2, joint: 8, joint_periods: 2, cooldown: 8}"


def geta(folder: Path, *arguments: str, zoo: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the console script in `folder`; without the zoo, every process it starts fails to import it."""
    environment = dict(os.environ)
    if not zoo:
        site = folder / "site"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(NO_ZOO)
        environment["PYTHONPATH"] = str(site)
    return subprocess.run([GETA, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def run(folder: Path, spec: str, *flags: str, zoo: bool = True) -> dict:
    done = geta(folder, "run", spec, "--data", "digits", "--seed", "0", "--json", "-", *flags, zoo=zoo)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_promises(result: dict, sparsity: float) -> None:
    assert result["status"] == "done"
    assert result["zero_units"] == result["k_target"] == int(sparsity * result["total_units"] + 1e-9)
    assert all(type(q["bits"]) is int and q["lower"] <= q["bits"] <= q["upper"] for q in result["quantizers"])
    metric = result["metric"]
    assert abs(metric["final"] - metric["compact"]) * result["test_samples"] <= 1 + 1e-9
    assert result["verify"]["max_rel_diff"] <= 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet8", "vit_tiny"])
def test_a_file_without_source_goes_the_whole_way(name, tmp_path):
    assert geta(tmp_path, "trace", name, "-o", "m.pt2").returncode == 0
    assert "no zoo here" in geta(tmp_path, "run", name, zoo=False).stderr
    (tmp_path / "short.yaml").write_text(f"schedule: {SHORT}\n")
    result = run(tmp_path, "m.pt2", "--config", "short.yaml", "--sparsity", "0.4", "--bits", "3:6", zoo=False)
    assert_promises(result, 0.4)
    assert {(q["lower"], q["upper"]) for q in result["quantizers"]} == {(3, 6)}
    exported = geta(tmp_path, "export", str(result["run"]), "--out", "out", zoo=False)
    assert exported.returncode == 0 and list((tmp_path / "out").glob("*.pt2"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("from_file", [False, True])
@pytest.mark.parametrize("name", ["resnet20", "vgg7", "vit_tiny", "mobile_tiny", "dense_tiny"])
def test_the_acceptance_of_whole_runs(name, from_file, tmp_path):
    spec = name
    if from_file:
        assert geta(tmp_path, "trace", name, "-o", "m.pt2").returncode == 0
        spec = "m.pt2"
    flags = ("--sparsity", "0.5", "--bits", "4:8", "--baseline")
    result = run(tmp_path, spec, *flags, zoo=not from_file)
    assert_promises(result, 0.5)
    metric = result["metric"]
    assert metric["final"] >= (0.97 if name == "resnet20" else metric["dense"] - 0.02)
    assert result["relative_bops"] <= 0.05
    assert result["params_compact"] < 0.5 * result["params_dense"]

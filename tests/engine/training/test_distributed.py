"""Two processes under torchrun: equal parameters, exact constraints, and (full batch, SGD) the run of one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import geta_engine as ge
from geta_engine.config import RunConfig, Schedule, make_config
from geta_engine.documents.commands import Stop
from geta_engine.errors import InputError
from geta_engine.runs import control
from geta_engine.runs.workspace import Workspace
from geta_engine.store import Store
from geta_engine.training.distributed import DistributedContext
from geta_engine.training.loop import Loop
from geta_engine.training.training_data import TrainingData

ROOT = Path(__file__).parents[3]
MEMBER = Path(__file__).parent / "member.py"
SCHEDULE = Schedule(pretrain=6, warmup=2, projection=4, projection_periods=2, joint=6, joint_periods=3, cooldown=4)
BASE = {"optimizer": "sgd", "lr": 0.02, "schedule": SCHEDULE, "sparsity": 0.4, "evaluations": 1, "weight_decay": 1e-3}


def torchrun(*command: str, members: int = 2) -> subprocess.CompletedProcess[str]:
    """Rendezvous on a free port of this machine."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={members}", *command],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )


def together(folder: Path, config: RunConfig, members: int = 2, stops: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """What each member ends with; the main process stops after each of the steps `stops`."""
    folder.mkdir()
    (folder / "config.json").write_text(config.model_dump_json())
    done = torchrun(str(MEMBER), str(folder), str(folder / "config.json"), *map(str, stops), members=members)
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(members)]


def largest_difference(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> float:
    assert one.keys() == two.keys()
    return max(float((one[name].double() - two[name].double()).abs().max()) for name in one)


def test_two_members_train_as_one_process(tmp_path):
    """Weights at many bits: a coarse rounding would turn the last bit of a sum into a step of d."""
    given = {**BASE, "lr": 0.05, "batch_size": 1256, "activations": False, "bits": {"lower": 14, "upper": 16}}
    config = make_config(model="mlp", **given)
    (alone,) = together(tmp_path / "one", config, members=1)
    first, second = together(tmp_path / "two", config)
    assert largest_difference(first["state"], second["state"]) == 0
    assert largest_difference(first["state"], alone["state"]) <= 1e-5
    assert max(abs(a - b) for a, b in zip(first["losses"], alone["losses"])) <= 1e-5
    assert first["losses"][-1] < first["losses"][0] - 0.2, "there must be something to agree on"
    result = first["summary"]
    assert result["zero_units"] == result["k_target"] == int(0.4 * result["total_units"])
    assert all(q["lower"] <= q["bits"] <= q["upper"] for q in result["quantizers"])
    assert second["summary"] is None


@pytest.mark.slow
def test_batch_norm_and_accumulation_leave_both_members_equal(tmp_path):
    config = make_config(model="resnet8", batch_size=32, accumulate=2, clip_norm=1.0, **BASE)
    first, second = together(tmp_path / "two", config)
    assert largest_difference(first["state"], second["state"]) == 0
    assert first["losses"] == second["losses"] and first["summary"]["zero_units"] == first["summary"]["k_target"]


@pytest.mark.slow
def test_a_leader_that_stops_takes_its_team_along(tmp_path):
    """At the very last step too, when the others are about to take over its buffers."""
    stops = (7, SCHEDULE.total)
    first, second = together(tmp_path / "two", make_config(model="mlp", **BASE), stops=stops)
    assert first["steps"] == second["steps"] == list(stops) and first["summary"] is None
    assert largest_difference(first["state"], second["state"]) == 0


@pytest.fixture
def group():
    """A process group of this process alone."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_gradients_are_exchanged_once_a_step(group):
    traced = ge.load("mlp")
    training_data = TrainingData(traced, make_config(model="mlp", batch_size=16, accumulate=3))
    model = DistributedDataParallel(traced.graph_module(), find_unused_parameters=True)
    exchanged: list[torch.Tensor] = []

    def note(_, bucket):
        exchanged.append(bucket.buffer())
        done = torch.futures.Future()
        done.set_result(bucket.buffer())
        return done

    model.register_comm_hook(None, note)
    parameters = list(model.parameters())
    for step in range(2):
        training_data.gradients(model, parameters, step, DistributedContext())
    assert sum(x.numel() for x in exchanged) == 2 * sum(p.numel() for p in parameters)


def test_a_batch_that_cannot_be_shared_is_refused():
    Loop(ge.load("mlp"), make_config(model="mlp", batch_size=32, **BASE), DistributedContext(rank=0, size=1))
    with pytest.raises(InputError, match="a batch of 33 rows cannot be shared evenly by 2 processes"):
        Loop(ge.load("mlp"), make_config(model="mlp", batch_size=33, **BASE), DistributedContext(rank=0, size=2))


@pytest.mark.slow
def test_the_worker_leads_a_team_which_stops_and_resumes_bit_for_bit(tmp_path):
    workspace = Workspace(f"sqlite:///{tmp_path}/geta.db")
    store = Store(workspace.store_url)
    hashes = []
    for stopped in (False, True):
        run_id = control.create(store, workspace, make_config(model="mlp", **BASE), name="two processes")
        command = ("-m", "geta_engine.runs.worker", "--store", workspace.store_url, str(run_id))
        if stopped:
            store.send_command(run_id, Stop())
            assert torchrun(*command).returncode == 0
            record = store.get_run(run_id)
            assert record.status == "stopped" and 0 < record.step < SCHEDULE.total
        done = torchrun(*command)
        assert done.returncode == 0, done.stderr[-3000:]
        record = store.get_run(run_id)
        assert record.status == "done" and record.step == SCHEDULE.total
        assert record.summary["zero_units"] == record.summary["k_target"]
        hashes.append(record.summary["state_sha256"])
    assert hashes[0] == hashes[1]

"""Number formats below float32: autocast around any program, and programs that hold bfloat16 themselves."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

import geta_engine as ge
from geta_engine.config import Schedule, make_config
from geta_engine.training.final_checks import state_sha256
from geta_engine.training.loop import Loop
from tests.models import Made

SCHEDULE = Schedule(warmup=2, projection=2, projection_periods=1, joint=2, joint_periods=1, cooldown=2)


def careful_norm(model: Made, x: Tensor) -> Tensor:
    """RMSNorm as language models have it: in float32 whatever comes in."""
    hidden = model.a(x.flatten(1))
    exact = hidden.to(torch.float32)
    exact = exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + 1e-6)
    return model.b(torch.relu(model.scale * exact.to(hidden.dtype)))


def careful() -> Made:
    torch.manual_seed(0)
    return Made(careful_norm, a=nn.Linear(64, 16), b=nn.Linear(16, 10), scale=nn.Parameter(torch.ones(16)))


def test_a_program_that_casts_to_float32_trains_in_bfloat16():
    traced = ge.trace(careful(), (torch.randn(2, 1, 8, 8),))
    config = make_config(model="m", schedule=SCHEDULE, sparsity=0.25, precision="bfloat16", baseline=True)
    *_, end = Loop(traced, config).events()
    assert end.summary["zero_units"] == end.summary["k_target"] == 4
    assert end.summary["metric"]["dense"] is not None and end.summary["verify"]["max_rel_diff"] <= 1e-10


def half(model: Made, x: Tensor) -> Tensor:
    return model.b(torch.relu(model.a(x.flatten(1).to(torch.bfloat16))))


def test_a_model_in_bfloat16_is_compressed():
    torch.manual_seed(0)
    made = Made(half, a=nn.Linear(64, 16), b=nn.Linear(16, 10)).to(torch.bfloat16)
    traced = ge.trace(made, (torch.randn(2, 1, 8, 8),))
    *_, end = Loop(traced, make_config(model="m", schedule=SCHEDULE, sparsity=0.25)).events()
    assert end.summary["zero_units"] == end.summary["k_target"] == 4
    assert len(end.summary["state_sha256"]) == 64


def test_the_hash_of_a_state_is_that_of_its_bytes():
    state = Loop(ge.trace(careful(), (torch.randn(2, 1, 8, 8),)), make_config(model="m", schedule=SCHEDULE)).model
    digest = hashlib.sha256()
    for name, tensor in sorted(state.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    assert state_sha256(state) == digest.hexdigest()

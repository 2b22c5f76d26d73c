"""Two runs in one process: each ends as it does alone, whatever the other one is set to."""

from __future__ import annotations

import pytest

import geta_engine as ge
from geta_engine.config import RunConfig, Schedule, make_config
from geta_engine.documents.events import LogEvent, ResultEvent
from geta_engine.quant.compiled import compiled_kernels
from geta_engine.torch_internals import can_compile
from geta_engine.training.loop import Loop

SCHEDULE = Schedule(warmup=2, projection=2, projection_periods=1, joint=4, joint_periods=2, cooldown=2)
LARGE = make_config(model="resnet8", schedule=SCHEDULE, sparsity=0.4, activations=True)
SMALL = make_config(model="mlp", schedule=SCHEDULE, sparsity=0.4, learn_t=True, precision="bfloat16")
NUMBERS_BETWEEN = 2e6
"""Quantized numbers of a run: more than the small run has, fewer than the large one."""


@pytest.fixture(autouse=True)
def compile_the_large_one(monkeypatch):
    """A short run is compiled too, if it is the large one."""
    if not can_compile("cpu"):
        pytest.skip("there is no C++ compiler on this machine")
    monkeypatch.setattr("geta_engine.training.loop.WORTH_COMPILING", NUMBERS_BETWEEN)


@pytest.fixture(scope="module")
def programs():
    return {config.model: ge.load(config.model) for config in (LARGE, SMALL)}


def loop_of(programs, config: RunConfig) -> Loop:
    return Loop(programs[config.model], config)


def test_two_loops_that_take_turns_do_not_change_each_other(programs):
    alone = [list(loop_of(programs, config).events())[-1].summary["state_sha256"] for config in (LARGE, SMALL)]
    compiled, events = [], [loop_of(programs, config).events() for config in (LARGE, SMALL)]
    ends = [None, None]
    while None in ends:
        for number, generator in enumerate(events):
            event = next(generator) if ends[number] is None else None
            if isinstance(event, LogEvent):
                compiled.append(number)
            if isinstance(event, ResultEvent):
                ends[number] = event.summary["state_sha256"]
    assert compiled == [0], "only the large one is worth compiling"
    assert ends == alone


def test_compiling_leaves_the_settings_of_inductor_as_they_were():
    from torch._inductor import config

    before = config.compile_threads
    with config.patch(compile_threads=before + 1):
        assert compiled_kernels() is not None
        assert config.compile_threads == before + 1

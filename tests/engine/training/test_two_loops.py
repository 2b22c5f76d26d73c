"""Two runs in one process: each ends as it does alone, whatever the other one is set to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import geta_engine as ge
from geta_engine.config import Schedule, make_config
from geta_engine.documents.events import Event, ResultEvent, StepEvent
from geta_engine.quant.kernels import EAGER, Kernels
from geta_engine.training.loop import Loop

SCHEDULE = Schedule(warmup=2, projection=2, projection_periods=1, joint=4, joint_periods=2, cooldown=2)
ONE = make_config(model="mlp", schedule=SCHEDULE, sparsity=0.4, activations=True)
OTHER = make_config(model="mlp", schedule=SCHEDULE, sparsity=0.4, learn_t=True, precision="bfloat16", seed=3)


class Counting:
    """The kernels of PyTorch, counted."""

    def __init__(self) -> None:
        self.calls = 0
        self.kernels = Kernels(*(self._counted(formula) for formula in EAGER))

    def _counted(self, formula: Callable[..., Any]) -> Callable[..., Any]:
        def run(*tensors: Any) -> Any:
            self.calls += 1
            return formula(*tensors)

        return run


def next_step(events) -> Event:
    """Go on to the end of the next step, or of the run."""
    return next(event for event in events if isinstance(event, (StepEvent, ResultEvent)))


def test_two_loops_that_take_turns_do_not_change_each_other():
    traced = ge.load("mlp")
    alone = [list(Loop(traced, config).events())[-1].summary["state_sha256"] for config in (ONE, OTHER)]
    first, second, counting = Loop(traced, ONE), Loop(traced, OTHER), Counting()
    first.model.use_kernels(counting.kernels)
    turns = first.events(), second.events()
    for _ in range(SCHEDULE.total):
        before = counting.calls
        next_step(turns[0])
        after = counting.calls
        next_step(turns[1])
        assert before < after == counting.calls, "the second loop has kernels of its own"
    assert [next_step(events).summary["state_sha256"] for events in turns] == alone

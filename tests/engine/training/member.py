"""One member of a context: trains a run of the loop and leaves its last state in `<folder>/<rank>.pt`.

The main process stops after each of the steps that are named; then all go on, up to the last one.

torchrun --nproc-per-node N member.py FOLDER CONFIG.json [STEPS ...]
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import torch

import geta_engine as ge
from geta_engine.config import RunConfig
from geta_engine.documents.events import ResultEvent, StepEvent
from geta_engine.training.distributed import DistributedContext, destroy_process_group
from geta_engine.training.loop import Loop


def main(folder: Path, config: RunConfig, stops: list[int]) -> None:
    torch.set_num_threads(1)
    context = DistributedContext.from_environment()
    loop = Loop(ge.load(config.model), config, context)
    summary, losses, steps = None, [], []
    for stop in stops or [-1]:
        with closing(loop.events()) as events:
            for event in events:
                if isinstance(event, StepEvent):
                    losses.append(event.loss)
                    if context.is_main and event.step == stop:
                        break
                if isinstance(event, ResultEvent):
                    summary = event.summary
        steps.append(loop.optimizer.steps)
    torch.save(
        {"state": loop.state()["model"], "steps": steps, "losses": losses, "summary": summary},
        folder / f"{context.rank}.pt",
    )


if __name__ == "__main__":
    given = RunConfig.model_validate_json(Path(sys.argv[2]).read_text())
    main(Path(sys.argv[1]), given, [int(step) for step in sys.argv[3:]])
    destroy_process_group()

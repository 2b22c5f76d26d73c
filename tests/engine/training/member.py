"""One member of a team: trains a run of the loop and leaves its last state in `<folder>/<rank>.pt`.

The leader stops after each of the steps that are named; then all go on, up to the last one.

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
from geta_engine.training.distributed import Team, disband
from geta_engine.training.loop import Loop


def main(folder: Path, config: RunConfig, stops: list[int]) -> None:
    torch.set_num_threads(1)
    team = Team.from_environment()
    loop = Loop(ge.load(config.model), config, team)
    summary, losses, steps = None, [], []
    for stop in stops or [-1]:
        with closing(loop.events()) as events:
            for event in events:
                if isinstance(event, StepEvent):
                    losses.append(event.loss)
                    if team.leads and event.step == stop:
                        break
                if isinstance(event, ResultEvent):
                    summary = event.summary
        steps.append(loop.optimizer.steps)
    torch.save(
        {"state": loop.state()["model"], "steps": steps, "losses": losses, "summary": summary},
        folder / f"{team.rank}.pt",
    )


if __name__ == "__main__":
    given = RunConfig.model_validate_json(Path(sys.argv[2]).read_text())
    main(Path(sys.argv[1]), given, [int(step) for step in sys.argv[3:]])
    disband()

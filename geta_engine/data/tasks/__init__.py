"""What a run learns, one file a kind: loss, metric, and what the model gets to see."""

from geta_engine.data.tasks.base import Batch, Task, evaluate
from geta_engine.data.tasks.factory import make_task

__all__ = ["Batch", "Task", "evaluate", "make_task"]

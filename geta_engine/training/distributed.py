"""The processes of one run: one, or several that torchrun started (DistributedDataParallel over gloo).

All ranks do the same steps on their shares of each batch; rank 0 is the main process: it alone evaluates, records and
decides when to stop.
"""

from __future__ import annotations

import gc
import os
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from geta_engine.errors import InputError

_PATIENCE = timedelta(days=30)
"""How long the other ranks wait for a main process that is paused."""


class DistributedContext:
    """Member `rank` of `size`; with one member nothing is exchanged."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    @classmethod
    def from_environment(cls) -> DistributedContext:
        """The context that torchrun's environment names (RANK, WORLD_SIZE, ...); one process without it."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        dist.init_process_group("gloo", timeout=_PATIENCE)
        return cls(dist.get_rank(), size)

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def require_shares(self, rows: int) -> None:
        """Raises InputError unless a batch can be shared evenly.

        Then the mean of the members' losses is that of the whole batch, where a loss is a mean over rows; language
        models take the mean over the tokens that are asked for, of which one member may have more than another.
        """
        if rows % self.size:
            raise InputError(
                f"a batch of {rows} rows cannot be shared evenly by {self.size} processes: "
                f"give a batch_size that is a multiple of {self.size} and no larger than the data"
            )

    @property
    def shard(self) -> slice:
        """This member's rows of a batch."""
        return slice(self.rank, None, self.size)

    def wrap_ddp(self, model: nn.Module) -> nn.Module:
        """The model, its gradients averaged over the context. Quantizers have none in the dense stage."""
        return model if self.size == 1 else DistributedDataParallel(model, find_unused_parameters=True)

    def maybe_no_sync(self, model: nn.Module, last: bool) -> AbstractContextManager[None]:
        """Around a forward pass and its backward pass: gradients are exchanged in the last ones of a step."""
        return nullcontext() if last or not isinstance(model, DistributedDataParallel) else model.no_sync()

    def all_reduce_mean(self, value: float) -> float:
        """The mean over the members."""
        if self.size == 1:
            return value
        total = torch.tensor([value], dtype=torch.float64)
        dist.all_reduce(total)
        return float(total) / self.size

    def broadcast_continue(self, word: bool = True) -> bool:
        """The answer of the main process, which the other ranks wait for."""
        if self.size == 1:
            return word
        said = torch.tensor([word])
        dist.broadcast(said, 0)
        return bool(said)

    def broadcast_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Every rank takes over the tensors of the main process."""
        if self.size > 1:
            for _, tensor in sorted(tensors.items()):
                dist.broadcast(tensor, 0)

    def barrier(self) -> None:
        """Wait until all have come here."""
        if self.size > 1:
            dist.barrier()


def destroy_process_group() -> None:
    """Leave the process group in order, once nothing of the training is in use any more.

    Whatever still holds the group (DistributedDataParallel does) keeps its threads going; one that frees a tensor while
    the interpreter ends takes the process down (std::terminate).
    """
    gc.collect()
    if dist.is_initialized():
        dist.destroy_process_group()

"""The order of the batches, and random draws: pure functions of whole numbers, so a resumed run sees the same."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


def batch_indices(n: int, batch: int, seed: int, step: int) -> Tensor:
    """Rows of the training split for batch `step` (counted from 0).

    Every epoch is its own permutation of the `n` rows, cut into `n // batch` batches; the rest of the epoch is
    dropped. With fewer rows than `batch`, each batch is all `n` of them. n = 10, batch = 4: steps 0 and 1 are
    disjoint, step 2 starts the next epoch.

    Returns:
        int64 tensor [min(batch, n)].
    """
    size = min(batch, n)
    epoch, position = divmod(step, n // size)
    return _permutation(n, seed, epoch)[position * size : (position + 1) * size].clone()


def generator_of(*key: int) -> torch.Generator:
    """A generator whose draws depend on the numbers (0 or more) and nothing else."""
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) % 2**63)


@lru_cache(maxsize=4)
def _permutation(n: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(n, generator=generator_of(seed, epoch))

"""A cost as a function of the bits: a sum of products of two widths. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FLOAT_BITS = 32
"""What a number that is not quantized counts."""


@dataclass(frozen=True)
class BitCost:
    """sum_k weights[k] * b[left[k]] * b[right[k]]: relative BOPs, or bytes.

    All of shape [terms]; weights >= 0. The index `quantizers` stands for a side that is float, of FLOAT_BITS.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    weights: NDArray[np.float64]
    quantizers: int

    def of(self, bits: NDArray[np.number]) -> float:
        """The cost at these widths, shape [quantizers]."""
        all_bits = np.append(bits, FLOAT_BITS).astype(np.float64)
        return float(self.weights @ (all_bits[self.left] * all_bits[self.right]))

    def of_one_more(self, bits: NDArray[np.number]) -> NDArray[np.float64]:
        """By how much the cost grows when one quantizer gets one more bit, shape [quantizers]."""
        all_bits = np.append(bits, FLOAT_BITS).astype(np.float64)
        growth = np.zeros(self.quantizers + 1)
        np.add.at(growth, self.left, self.weights * all_bits[self.right])
        np.add.at(growth, self.right, self.weights * all_bits[self.left])
        squares = self.left == self.right
        np.add.at(growth, self.left[squares], self.weights[squares])
        return growth[:-1]

    @cached_property
    def table(self) -> dict[tuple[int, int], float]:
        """(i, j), i <= j -> the sum of its weights."""
        sums: dict[tuple[int, int], float] = {}
        for i, j, weight in zip(self.left.tolist(), self.right.tolist(), self.weights.tolist(), strict=True):
            pair = (min(i, j), max(i, j))
            sums[pair] = sums.get(pair, 0.0) + weight
        return sums

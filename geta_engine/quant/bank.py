"""All quantizers of a model as flat tensors: one update moves them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from geta_engine.config import INITIAL_BITS, Bounds
from geta_engine.documents.qadg import Quantizer
from geta_engine.quant.formula import bit_width, step_size
from geta_engine.quant.kernels import EAGER, Kernels


class QuantizerBank(nn.Module):
    """Step sizes, clips and exponents of n quantizers, each a tensor of shape [n], in the order of the graph.

    `lower` and `upper` are the bounds on b. `sign` is 0 for tensors that are proven to be never negative, whose levels
    are 0 to 2^b - 1, and else 1; with `unsigned=False` it is 1 for all. `t` is fixed at 1 unless `learn_t`. `kernels`
    is how the model of this bank runs its quantizers.
    """

    lower: Tensor
    upper: Tensor
    sign: Tensor

    def __init__(
        self,
        quantizers: Sequence[Quantizer],
        bits: Bounds,
        layer_bits: Mapping[str, Bounds],
        learn_t: bool = False,
        unsigned: bool = True,
    ) -> None:
        super().__init__()
        self.quantizers = tuple(quantizers)
        self.learn_t = learn_t
        self.kernels: Kernels = EAGER
        count = len(self.quantizers)
        bounds = [layer_bits.get(q.id, bits) for q in self.quantizers]
        self.register_buffer("lower", torch.tensor([float(b.lower) for b in bounds]))
        self.register_buffer("upper", torch.tensor([float(b.upper) for b in bounds]))
        signs = [0.0 if q.unsigned and unsigned else 1.0 for q in self.quantizers]
        self.register_buffer("sign", torch.tensor(signs), persistent=False)
        self.q_m = nn.Parameter(torch.ones(count))
        self.t = nn.Parameter(torch.ones(count), requires_grad=learn_t)
        self.d = nn.Parameter(torch.ones(count))
        self.reset_steps()

    @torch.no_grad()
    def set_clips(self, clips: Mapping[str, float]) -> None:
        """Set q_m of the named quantizers (never below a tiny positive value) and their d to that of b_init."""
        for i, quantizer in enumerate(self.quantizers):
            if quantizer.id in clips:
                self.q_m[i] = max(clips[quantizer.id], 1e-6)
        self.reset_steps()

    @torch.no_grad()
    def reset_steps(self) -> None:
        """d = d(b_init), b_init = 16."""
        self.d.copy_(self.step_sizes(torch.full_like(self.q_m, float(INITIAL_BITS))))

    @torch.no_grad()
    def step_sizes(self, bits: Tensor) -> Tensor:
        """d(b) at the clips and exponents of now, for widths of shape [n]."""
        return step_size(bits, self.q_m, self.t, self.sign)

    @torch.no_grad()
    def project_steps(self, upper: Tensor) -> None:
        """Clamp d to [d(upper), d(lower)]; `upper` has shape [n]."""
        self.d.copy_(torch.clamp(self.d, self.step_sizes(upper), self.step_sizes(self.lower)))

    @torch.no_grad()
    def bits(self) -> Tensor:
        """Bit widths now, shape [n]."""
        return bit_width(self.d, self.q_m, self.t, self.sign)

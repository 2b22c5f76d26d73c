"""What each quantizer would lose at each width, and each unit if it went (docs/method.md, sections 4.2 and 4.4).

    Omega_i(b) = 1 / (2N) sum_j g_ij^2 (Q_b(x_ij) - x_ij)^2        I_u = 1 / (2N) sum_n (dL_n / dm_u)^2

x is the tensor that quantizer i reads, g the gradient there of the summed loss of N examples whose targets are drawn
from the model itself; m_u = 1 multiplies what the producers of unit u put out. The mean square of such a gradient is
the diagonal of the Fisher information, which is that of Gauss-Newton. The user's labels would give the empirical
Fisher information, which goes to 0 as the loss does. The unit is nats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.fx import Interpreter, Node

from geta_engine.documents.qadg import Qadg
from geta_engine.quant.fake_quant import fake_quantize
from geta_engine.quant.fitted_clips import fitted_clips
from geta_engine.quant.formula import step_size
from geta_engine.quant.insert import PreparedModel
from geta_engine.quant.kernels import forward_t
from geta_engine.quant.unit_sites import Site, slopes_of_units, unit_sites

DrawnLoss = Callable[[Any], Tensor]
"""Model output -> summed loss against targets drawn from that output."""


class SensitivityTensors(TypedDict):
    """The fields of `Sensitivity` as float64 tensors, for a checkpoint."""

    losses: list[Tensor]
    clips: list[Tensor]
    units: Tensor


class Sensitivity(NamedTuple):
    """Of each quantizer, in the order of the graph, its loss and its clip at each width from its lower bound up."""

    losses: list[NDArray[np.float64]]
    """Nats an example, shape [widths]; they fall, or stay, as the width grows."""
    clips: list[NDArray[np.float64]]
    """q_m, shape [widths]."""
    units: NDArray[np.float64]
    """Nats an example if the unit went, in run order, shape [prunable units]; [0] where it was not asked for."""

    def to_tensors(self) -> SensitivityTensors:
        """The same as tensors of its own."""
        return {
            "losses": [torch.tensor(loss) for loss in self.losses],
            "clips": [torch.tensor(clip) for clip in self.clips],
            "units": torch.tensor(self.units),
        }

    @classmethod
    def from_tensors(cls, tensors: SensitivityTensors) -> Sensitivity:
        """What `to_tensors` gave."""
        losses, clips = ([t.numpy() for t in part] for part in (tensors["losses"], tensors["clips"]))
        return cls(losses, clips, tensors["units"].numpy())


class _Taps(Interpreter):
    """Runs a program without its quantizers and keeps what each would have read, as a tensor of its own, so that its
    gradient is that of the quantizer's readers alone; and what units put out."""

    def __init__(self, model: PreparedModel, sites: Mapping[str, tuple[Site, ...]]) -> None:
        super().__init__(model.program)
        self.tapped: dict[str, Tensor] = {}
        self.put_out: list[tuple[Site, Tensor]] = []
        self._sites = sites

    def run_node(self, n: Node) -> Any:
        if n.target is not fake_quantize:
            return self._watched(n) if n.name in self._sites else super().run_node(n)
        source: Tensor = self.env[n.all_input_nodes[0]]
        tapped = source.view_as(source) if source.requires_grad else source.detach().requires_grad_()
        tapped.retain_grad()
        self.tapped[n.meta["quantizer"]] = tapped
        return tapped

    def _watched(self, n: Node) -> Any:
        before = {site.operand: self.env[site.operand] for site in self._sites[n.name] if site.operand is not None}
        shapes = [value.shape for source in n.all_input_nodes if isinstance(value := self.env[source], Tensor)]
        for operand in before:
            self.env[operand] = self.env[operand].expand(torch.broadcast_shapes(*shapes))
        for site in self._sites[n.name]:
            if site.operand is not None:
                self._keep(site, self.env[site.operand])
        result = super().run_node(n)
        self.env.update(before)
        for site in self._sites[n.name]:
            if site.operand is None:
                self._keep(site, result)
        return result

    def _keep(self, site: Site, value: Tensor) -> None:
        if value.requires_grad:
            value.retain_grad()
            self.put_out.append((site, value))


def sensitivity(
    model: PreparedModel, batches: Iterable[tuple[Any, ...]], drawn_loss: DrawnLoss, qadg: Qadg | None = None
) -> Sensitivity:
    """Averaged over `batches` of flat arguments, of which there is at least one; clips come from the first.

    With `qadg`, also what each of its prunable units would lose.

    The model runs in training mode, as it will go on training; its buffers, gradients and mode are put back. What is
    drawn comes from PyTorch's generator. A quantizer whose readers do not decide the output loses nothing.
    """
    training, buffers = model.training, {name: buffer.clone() for name, buffer in model.named_buffers()}
    gradients = {name: p.grad for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = None
    model.train()
    try:
        return _averaged(model, batches, drawn_loss, qadg)
    finally:
        model.train(training)
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
        for name, parameter in model.named_parameters():
            parameter.grad = gradients[name]


def _averaged(
    model: PreparedModel, batches: Iterable[tuple[Any, ...]], drawn_loss: DrawnLoss, qadg: Qadg | None
) -> Sensitivity:
    bank, count = model.quantizers, 0
    sites = {} if qadg is None else unit_sites(model.program, qadg)
    units = np.zeros(0 if qadg is None else qadg.prunable_units)
    widths = [list(range(int(low), int(high) + 1)) for low, high in zip(bank.lower, bank.upper)]
    totals = [np.zeros(len(w)) for w in widths]
    clips: list[Tensor] = []
    for args in batches:
        taps = _Taps(model, sites)
        with torch.enable_grad():
            output = model.program.graph.process_outputs(taps.run(*args, enable_io_processing=False))
            drawn_loss(output).backward()  # type: ignore[no-untyped-call]
        reads = [taps.tapped[q.id] for q in bank.quantizers]
        if not clips:
            clips = [
                fitted_clips(x.detach(), w, bank.t[i].item(), bank.sign[i].item())
                for i, (x, w) in enumerate(zip(reads, widths, strict=True))
            ]
        rows = _rows(args)
        for i, x in enumerate(reads):
            if x.grad is not None:
                errors = _losses(x.detach(), x.grad, widths[i], clips[i], bank.t.detach()[i], bank.sign[i])
                totals[i] += errors / (2 * rows)
        if qadg is not None:
            slopes = slopes_of_units(taps.put_out, rows, qadg.total_units)
            units += slopes.square().sum(0).double().cpu().numpy()[qadg.candidate_units()] / (2 * rows)
        count += 1
    monotone = [np.maximum.accumulate(total[::-1])[::-1] / count for total in totals]
    return Sensitivity(monotone, [clip.double().cpu().numpy() for clip in clips], units / count)


def _rows(args: tuple[Any, ...]) -> int:
    """N: the rows of the first tensor that has any."""
    return next(len(arg) for arg in args if isinstance(arg, Tensor) and arg.ndim)


@torch.no_grad()
def _losses(x: Tensor, g: Tensor, widths: list[int], clips: Tensor, t: Tensor, sign: Tensor) -> NDArray[np.float64]:
    """sum_j g_j^2 (Q_b(x_j) - sgn(x_j) |x_j|^t)^2 at each width, shape [widths]."""
    values, weights = x.flatten().float(), g.flatten().float().square_()
    powers = values if float(t) == 1 else values.abs().pow_(t).mul_(values.sign())
    bits = torch.tensor(widths, dtype=clips.dtype, device=clips.device)
    steps = step_size(bits, clips.clamp_min(1e-12), t, sign)
    errors = [
        weights.dot(forward_t(values, d, q_m, t).sub_(powers).square_())
        for d, q_m in zip(steps, clips.clamp_min(1e-12))
    ]
    return torch.stack(errors).double().cpu().numpy()

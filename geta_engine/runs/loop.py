"""The training loop of a run: yields events, knows no database (DESIGN, "Runs")."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geta_engine.compact.cut import compact
from geta_engine.compact.verify import certify_run
from geta_engine.config import RunConfig
from geta_engine.cost import CostModel, cost
from geta_engine.data.dataset import Dataset
from geta_engine.data.dataset import load as load_data
from geta_engine.data.tasks import Classification, batch_indices
from geta_engine.errors import CheckFailed, InputError
from geta_engine.qadg import analyze
from geta_engine.qasso import QASSO, QASSOConfig
from geta_engine.qasso.base import Base
from geta_engine.qasso.optimizer import ZERO
from geta_engine.quant import PreparedModel, calibrate, prepare
from geta_engine.quant.insert import refresh_weight_clips
from geta_engine.runs.baseline import train_dense
from geta_engine.store.records import Event, FrameEvent, LogEvent, MarkEvent, ResultEvent, StepEvent
from geta_engine.trace import TracedModel

FRAMES = 200
EVALUATIONS = 20
_CALIBRATION_BATCHES = 4
_STAGE_NAMES = {"warmup": "warm-up", "projection": "projection", "joint": "joint", "cooldown": "cool-down"}


def learning_rate_factor(step: int, total: int) -> float:
    """Half a cosine from 1 at the first step to nearly 0 at the last."""
    return 0.5 * (1 + math.cos(math.pi * step / total))


class Loop:
    """One run of QASSO on one traced model.

    Raises InputError before any training when the configuration, data and model do not go together. Everything that
    decides the next step is in `state()`; batches are a pure function of (seed, step), so a restored run ends
    bit-identical.
    """

    def __init__(self, traced: TracedModel, config: RunConfig) -> None:
        self.config = config
        self.traced = traced
        self.total = config.schedule.total
        self.task = Classification()
        self.dataset = self._load_data()
        torch.manual_seed(config.seed)
        self.qadg = analyze(traced, config.weights, config.activations, config.protect)
        self.model: PreparedModel = prepare(traced, self.qadg, config.bits, config.layer_bits)
        base = Base(config.optimizer, momentum=config.momentum, weight_decay=config.weight_decay)
        settings = QASSOConfig(config.sparsity, config.schedule, base, config.lr_quant)
        self.optimizer = QASSO(self.model, self.qadg, settings, lr=config.lr)
        self.costs = CostModel(traced.graph_module(), self.qadg)
        self._candidates = self.qadg.candidate_units()
        self._share = self.costs.kept_share(self._zero_mask())
        self._dense_metric: float | None = None
        self._seconds = 0.0
        self._small: TracedModel | None = None

    def _load_data(self) -> Dataset:
        given = self.traced.example_args
        if len(given) != 1 or not isinstance(given[0], Tensor) or self.traced.example_kwargs:
            raise InputError(
                f"{self.traced.name} takes {len(given)} inputs and data gives one tensor: "
                "trace a model with one tensor input"
            )
        if given[0].dtype != torch.float32:
            raise InputError(
                f"{self.traced.name} takes {given[0].dtype} and data is float32: trace the model in float32"
            )
        output = self.traced.graph_module()(*given)
        if not isinstance(output, Tensor) or output.ndim != 2:
            raise InputError(f"{self.traced.name} does not return one row of class scores for each example")
        dataset = load_data(self.config.data, tuple(given[0].shape[1:]))
        self.task.check(dataset, tuple(output.shape[1:]))
        return dataset

    @property
    def plan(self) -> dict[str, Any]:
        """What is known before the first step, with the keys of the summary."""
        return {
            "steps": self.total,
            "k_target": self.optimizer.k_target,
            "zero_units": 0,
            "total_units": self.qadg.prunable_units,
            "quantizers": self._quantizers(self.model.quantizers.bits()),
            "metric": {"name": self.task.metric, "dense": self._dense_metric, "final": None, "compact": None},
            "params_dense": sum(p.numel() for p in self.model.model_parameters().values()),
        }

    def events(self) -> Iterator[Event]:
        """Train from where the loop stands to the end; one ResultEvent closes the sequence."""
        started = time.perf_counter()
        if self.config.baseline and self._dense_metric is None:
            yield LogEvent(0, "info", f"training the dense baseline for {self.total} steps")
            self._dense_metric = train_dense(self.traced, self.config, self.dataset, self.task)
        while self.optimizer.steps < self.total:
            self._prepare_ranges()
            yield from self._marks()
            step = self._step()
            yield from self._frames()
            yield step
            self._seconds += time.perf_counter() - started
            started = time.perf_counter()
        yield ResultEvent(self._result(started))

    def _prepare_ranges(self) -> None:
        """Clips from the weights and the data: at the start, and again when the bits begin to come down, since a
        network trained from scratch has moved by then (**ours**)."""
        if self.optimizer.steps not in (0, self.config.schedule.warmup):
            return
        torch.manual_seed(self.config.seed + self.optimizer.steps)
        refresh_weight_clips(self.model)
        batches = [(self._batch(step)[0],) for step in range(_CALIBRATION_BATCHES)]
        calibrate(self.model, batches)

    def _marks(self) -> Iterator[Event]:
        at, step = self.optimizer.position, self.optimizer.steps
        starts = {start: name for name, start, _ in self.config.schedule.stages()}
        if step in starts:
            yield MarkEvent(step, "stage", _STAGE_NAMES[starts[step]])
        if at.stage in ("projection", "joint") and at.starts_period:
            yield MarkEvent(step, "period", f"{_STAGE_NAMES[at.stage]} {at.period + 1}")

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        rows = batch_indices(len(self.dataset.x_train), self.config.batch_size, self.config.seed, step)
        return self.dataset.x_train[rows], self.dataset.y_train[rows]

    def _step(self) -> StepEvent:
        step = self.optimizer.steps
        factor = learning_rate_factor(step, self.total)
        self.optimizer.param_groups[0]["lr"] = self.config.lr * factor
        x, y = self._batch(step)
        self.model.train()
        torch.manual_seed(self.config.seed + step)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.task.loss(self.model(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        value = float(loss.detach())
        if not math.isfinite(value):
            raise CheckFailed(self._blame(step, value))
        ends_period = self.optimizer.position.ends_period
        self.optimizer.step()
        if ends_period:
            self._share = self.costs.kept_share(self._zero_mask())
        done = self.optimizer.steps
        evaluate = done % max(1, self.total // EVALUATIONS) == 0 or done == self.total
        return StepEvent(
            step=done,
            loss=value,
            metric=self.metric() if evaluate else None,
            lr=self.config.lr * factor,
            sparsity=float((self.optimizer.unit_state == ZERO).sum()) / max(1, self.qadg.prunable_units),
            relative_bops=self.costs.relative_bops(self._share, self.model.quantizers.bits().numpy()),
        )

    def _blame(self, step: int, value: float) -> str:
        bad = next((n for n, p in self.model.named_parameters() if not bool(p.isfinite().all())), None)
        where = f"`{bad}` is the first parameter that is not finite" if bad else "all parameters are still finite"
        return (
            f"the loss became {value} at step {step + 1} ({where}): lower the learning rate {self.config.lr} "
            "or raise the lower bit bounds, and start again"
        )

    def metric(self) -> float:
        """The task's metric of the model as it is, on the test split."""
        self.model.eval()
        return self.task.evaluate(self.model, self.dataset)

    def _frames(self) -> Iterator[Event]:
        done, schedule = self.optimizer.steps, self.config.schedule
        borders = {end for _, _, end in schedule.stages()}
        at = self.optimizer.position
        period = at.stage in ("projection", "joint") and at.starts_period
        if done % max(1, self.total // FRAMES) and done not in borders and not period and done != 1:
            return
        bank = self.model.quantizers
        rows = torch.stack([bank.bits(), bank.d.detach(), bank.q_m.detach(), bank.t.detach()], dim=1)
        yield FrameEvent(done, "quantizers", rows.numpy())
        units = torch.stack([self.optimizer.unit_norms(), self.optimizer.unit_state.float()], dim=1)
        yield FrameEvent(done, "units", units.numpy())
        if at.stage == "joint" and self.optimizer.rule is not None:
            yield FrameEvent(done, "gamma", self._gamma())
            yield FrameEvent(done, "saliency", self.optimizer.saliency.nan_to_num(posinf=0.0)[None].numpy())

    def _gamma(self) -> np.ndarray:
        """Mean gamma over a group's tensors in the last joint step, 0 where the rule did not touch it; [1, groups]."""
        assert self.optimizer.rule is not None
        names, _, rule = self.optimizer.rule
        gamma = dict(zip(names, rule.gamma.tolist()))
        means = []
        for group in self.qadg.prunable:
            own = [gamma[m.parameter] for m in group.members if m.role == "producer" and m.parameter in gamma]
            means.append(sum(own) / len(own) if own else 0.0)
        return np.array([means], np.float32)

    def _zero_mask(self) -> np.ndarray:
        zero = np.zeros(self.qadg.total_units, bool)
        zero[self._candidates] = (self.optimizer.unit_state == ZERO).numpy()
        return zero

    def _quantizers(self, bits: Tensor) -> list[dict[str, Any]]:
        bank = self.model.quantizers
        columns = zip(bank.quantizers, bits.tolist(), bank.lower.tolist(), bank.upper.tolist())
        return [
            {"id": q.id, "layer": q.layer, "kind": q.kind, "bits": b, "lower": int(low), "upper": int(high)}
            for q, b, low, high in columns
        ]

    def compact(self) -> TracedModel:
        """The small model, once all steps are done."""
        if self._small is None:
            self._small = compact(self.model, self.qadg)
        return self._small

    def _result(self, started: float) -> dict[str, Any]:
        self.optimizer.check()
        final = self.metric()
        small = self.compact()
        certificate = certify_run(self.model, small, self.qadg)
        if certificate.zero_units != self.optimizer.k_target:
            raise CheckFailed(f"{certificate.zero_units} units were cut, not K = {self.optimizer.k_target}")
        if not certificate.ok:
            raise CheckFailed(
                f"the compact model differs from the trained one by {certificate.max_rel_diff:.1e}, relative"
            )
        bits = self.optimizer.frozen_bits
        whole = self.model.quantizers.bits().round() if bits is None else bits
        packed = {q.id: float(b) for q, b in zip(self.qadg.quantizers, whole.tolist())}
        size = cost(small, packed)
        dense = cost(self.traced)
        return {
            **self.plan,
            "zero_units": certificate.zero_units,
            "quantizers": [{**q, "bits": int(q["bits"])} for q in self._quantizers(whole)],
            "metric": {
                "name": self.task.metric,
                "dense": self._dense_metric,
                "final": final,
                "compact": self.task.evaluate(small.graph_module(), self.dataset),
            },
            "relative_bops": self.costs.relative_bops(self._share, whole.numpy()),
            "params_dense": certificate.params_dense,
            "params_compact": certificate.params_compact,
            "macs_dense": dense.macs,
            "macs_compact": size.macs,
            "bytes_dense": dense.bytes,
            "bytes_compact": size.bytes,
            "test_samples": len(self.dataset.y_test),
            "verify": {
                "max_rel_diff": certificate.max_rel_diff,
                "max_abs_diff": certificate.max_abs_diff,
                "dtype": certificate.dtype,
            },
            "state_sha256": self._sha256(),
            "seconds": round(self._seconds + time.perf_counter() - started, 2),
        }

    def _sha256(self) -> str:
        digest = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def state(self) -> dict[str, Any]:
        """Everything that decides the next step, as tensors and plain data."""
        return {
            "model": {name: tensor.clone() for name, tensor in self.model.state_dict().items()},
            "optimizer": self.optimizer.state_dict(),
            "dense_metric": self._dense_metric,
            "seconds": self._seconds,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()` of a loop with the same model and configuration."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._dense_metric = state["dense_metric"]
        self._seconds = state["seconds"]
        self._share = self.costs.kept_share(self._zero_mask())

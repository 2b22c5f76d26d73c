"""The training loop of a run: yields events, knows no database."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Generator, Iterator
from typing import Any, TypedDict

import torch
from torch import Tensor

from geta_engine.compact.cut import compact
from geta_engine.config import RunConfig
from geta_engine.cost.bit_cost import BitCost
from geta_engine.documents.events import Event, LogEvent, MarkerEvent, ResultEvent, StepEvent
from geta_engine.documents.runs import MetricValues, RunPlan, RunSummary
from geta_engine.documents.snapshots import ZERO
from geta_engine.errors import CheckFailed
from geta_engine.qadg import analyze
from geta_engine.qasso import QASSO, QASSOConfig
from geta_engine.qasso.saliency import SaliencyWeights
from geta_engine.quant import PreparedModel, calibrate, prepare
from geta_engine.quant.compiled import WORTH_COMPILING, compiled_kernels
from geta_engine.quant.insert import quantized_numbers, refresh_weight_clips
from geta_engine.quant.sensitivity import Sensitivity, sensitivity
from geta_engine.trace import TracedModel
from geta_engine.training.baseline import base_optimizer_from, train_dense
from geta_engine.training.distributed import DistributedContext
from geta_engine.training.final_checks import final_bits, final_checks, planned_budget, quantizer_rows
from geta_engine.training.snapshots import bit_losses, is_snapshot_step, snapshots
from geta_engine.training.training_data import TrainingData, learning_rate_factor

_CALIBRATION_BATCHES = 4
SENSITIVITY_BATCHES = 2


class LoopState(TypedDict):
    """What a checkpoint of a run holds: the state dicts of the model and of QASSO, and what was measured so far.

    dense_metric: the baseline's, NaN where it diverged, None where it was not trained. seconds: spent on training.
    """

    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    dense_metric: float | None
    seconds: float


class Loop:
    """One run of QASSO on one traced model, by one process or as a rank of several.

    Raises InputError before any training when the configuration, data and model do not go together. Everything that
    decides the next step is in `state()`; batches are a pure function of (seed, step), so a restored run ends
    bit-identical. Loops of one process may take turns: each ends as it does alone. Two threads must not train at once,
    since PyTorch's generator and its tracer belong to the process.
    """

    def __init__(self, traced: TracedModel, config: RunConfig, context: DistributedContext | None = None) -> None:
        self.context = context or DistributedContext()
        self.config = config
        self.traced = traced
        self.total = config.schedule.total
        self.training_data = TrainingData(traced, config)
        self.context.require_shares(self.training_data.rows)
        torch.manual_seed(config.seed)
        self.qadg = analyze(traced, config.weights, config.activations, config.protect, attention=config.attention)
        self.model: PreparedModel = prepare(
            traced, self.qadg, config.bits, config.layer_bits, config.learn_t, config.unsigned
        )
        self.optimizer = QASSO(self.model, self.qadg, self._settings(), lr=config.lr)
        self._trained = self.context.wrap_ddp(self.model)
        self._bops = self._bops_now()
        self._dense_metric: float | None = None
        self._seconds = 0.0
        self._small: TracedModel | None = None
        self._measured = (-1, math.nan)

    def _settings(self) -> QASSOConfig:
        config = self.config
        return QASSOConfig(
            sparsity=config.sparsity,
            schedule=config.schedule,
            base=base_optimizer_from(config),
            lr_quant=config.lr_quant,
            saliency=SaliencyWeights(**config.saliency.model_dump()),
            allocation=config.allocation,
            group_divisible=config.group_divisible,
            rule=config.rule,
            bops=config.bops,
            bytes=config.bytes,
        )

    @property
    def plan(self) -> RunPlan:
        """What is known before the first step."""
        return {
            "steps": self.total,
            "task": self.training_data.dataset.task,
            "k_target": self.optimizer.k_target,
            "zero_units": 0,
            "total_units": self.qadg.prunable_units,
            "quantizers": quantizer_rows(self.model, self.model.quantizers.bits()),
            "budget": planned_budget(self.optimizer),
            "metric": self._metrics(None, None),
            "params_dense": sum(p.numel() for p in self.model.model_parameters().values()),
        }

    def _metrics(self, final: float | None, small: float | None) -> MetricValues:
        dense = None if self._dense_metric is None or math.isnan(self._dense_metric) else self._dense_metric
        return {"name": self.training_data.task.metric, "dense": dense, "final": final, "compact": small}

    def events(self) -> Generator[Event, None, None]:
        """Train from where the loop stands to the end; the main process closes the sequence with one ResultEvent.

        A main process that closes the generator before that sends the other ranks home.
        """
        try:
            trained = yield from self._training()
        except GeneratorExit:
            if self.context.is_main:
                self.context.broadcast_continue(False)
            raise
        if trained:
            started = time.perf_counter()
            self.context.broadcast_tensors(dict(self.model.named_buffers()))
            if self.context.is_main:
                yield ResultEvent(self._result(started))

    def _training(self) -> Generator[Event, None, bool]:
        """All steps that are left; False when the main process ends them early. It may, at any event: the
        others wait for its word from one event to the next."""
        started = time.perf_counter()
        yield from self._choose_kernels()
        if self.config.baseline and self._dense_metric is None and self.context.is_main:
            yield from self._baseline()
        while self.optimizer.steps < self.total:
            yield from self._marks()
            if not self.context.broadcast_continue():
                return False
            self._prepare_ranges()
            had_bits = self.optimizer.frozen_bits is not None
            self._choose_bits()
            step = self._step()
            if is_snapshot_step(self.optimizer):
                yield from snapshots(self.optimizer)
            if self.optimizer.bit_choice.sensitivity is not None and not had_bits:
                yield bit_losses(self.optimizer)
            yield step
            self._seconds += time.perf_counter() - started
            started = time.perf_counter()
        return self.context.broadcast_continue()

    def _baseline(self) -> Iterator[Event]:
        """Train the dense baseline; one that fails is no reason to end the run."""
        yield LogEvent(0, "info", self._baseline_note())
        try:
            self._dense_metric = train_dense(self.traced, self.config, self.training_data)
        except CheckFailed as error:
            self._dense_metric = math.nan
            yield LogEvent(0, "warning", f"{error}: there is nothing to compare the compact model with")

    def _baseline_note(self) -> str:
        if self.training_data.dataset.task == "distill":
            return "the dense model is the teacher, so it is the baseline as it is"
        return f"training the dense baseline for {self.total} steps"

    def _choose_kernels(self) -> Iterator[Event]:
        """Compile the quantizer where the run is long enough to win it back: the same choice on every resume."""
        rows = self.config.batch_size * self.config.accumulate / self.training_data.inputs.rows
        if quantized_numbers(self.model, rows) * self.total >= WORTH_COMPILING:
            yield LogEvent(self.optimizer.steps, "info", "compiling the quantizer")
            compiled = compiled_kernels(learn_t=self.config.learn_t)
            if compiled is not None:
                self.model.use_kernels(compiled)

    def _prepare_ranges(self) -> None:
        """Clips from the weights and the data: when the quantizers come in, and again when the bits begin to come down,
        since a network trained from scratch has moved by then (**ours**)."""
        schedule = self.config.schedule
        is_due = self.optimizer.steps in (schedule.pretrain, schedule.pretrain + schedule.warmup)
        if not is_due or self.optimizer.frozen_bits is not None:
            return
        torch.manual_seed(self.config.seed + self.optimizer.steps)
        refresh_weight_clips(self.model)
        calibrate(self.model, self.training_data.calibration(_CALIBRATION_BATCHES))

    def _choose_bits(self) -> None:
        """Where they are due. The main process measures on the whole of each batch, and the others take that over, so
        that several processes choose what one does."""
        if not self.optimizer.needs_bits:
            return
        if not all(bool(p.isfinite().all()) for p in self.model.parameters()):
            raise CheckFailed(self._blame(self.optimizer.steps, math.nan))
        torch.manual_seed(self.config.seed + self.optimizer.steps)
        batches = self.training_data.calibration(SENSITIVITY_BATCHES)
        units_of = self.qadg if self.config.allocation == "chosen" else None
        measured = sensitivity(self.model, batches, self.training_data.task.drawn_loss, units_of).to_tensors()
        parts = (*measured["losses"], *measured["clips"], measured["units"])
        self.context.broadcast_tensors({f"{i:06}": part for i, part in enumerate(parts)})
        self.optimizer.choose_bits(Sensitivity.from_tensors(measured))

    def _marks(self) -> Iterator[Event]:
        at, step = self.optimizer.stage_step, self.optimizer.steps
        starts = {start: name for name, start, _ in self.config.schedule.stages()}
        if step in starts:
            yield MarkerEvent(step, "stage", starts[step])
        if at.stage in ("projection", "joint") and at.starts_period:
            yield MarkerEvent(step, "period", f"{at.stage} {at.period + 1}")

    def _step(self) -> StepEvent:
        step, network = self.optimizer.steps, self.optimizer.param_groups[0]
        network["lr"] = self.config.lr * learning_rate_factor(step, self.total)
        self.model.quantize(self.optimizer.stage_step.stage != "pretrain").train()
        self.optimizer.zero_grad(set_to_none=True)
        value = self.training_data.gradients(self._trained, network["params"], step, self.context)
        if not math.isfinite(value):
            raise CheckFailed(self._blame(step, value))
        ends_period = self.optimizer.stage_step.ends_period
        self.optimizer.step()
        if ends_period:
            self._bops = self._bops_now()
        self._choose_bits()
        done = self.optimizer.steps
        evaluate = done % max(1, self.total // self.config.evaluations) == 0 or done == self.total
        return StepEvent(
            step=done,
            loss=value,
            metric=self.metric() if evaluate and self.context.is_main else None,
            lr=network["lr"],
            sparsity=float((self.optimizer.unit_state == ZERO).sum()) / max(1, self.qadg.prunable_units),
            relative_bops=self._bops.of(self.model.quantizers.bits().numpy()),
        )

    def _blame(self, step: int, value: float) -> str:
        bad = next((n for n, p in self.model.named_parameters() if not bool(p.isfinite().all())), None)
        where = f"`{bad}` is the first parameter that is not finite" if bad else "all parameters are still finite"
        return (
            f"the loss became {value} at step {step + 1} ({where}): lower the learning rate {self.config.lr} "
            "or raise the lower bit bounds, and start again"
        )

    def metric(self) -> float:
        """The task's metric of the model as it is after this step, on the test split."""
        step, value = self._measured
        if step != self.optimizer.steps:
            self.model.eval()
            value = self.training_data.evaluate(self.model)
            self._measured = (self.optimizer.steps, value)
        return value

    def _bops_now(self) -> BitCost:
        return self.optimizer.costs.relative_bops(self.optimizer.removed_units())

    def compact(self) -> TracedModel:
        """The small model, once all steps are done."""
        if self._small is None:
            self._small = compact(self.model, self.qadg)
        return self._small

    def _result(self, started: float) -> RunSummary:
        small = self.compact()
        proof = final_checks(self.model, small, self.optimizer)
        return {
            **self.plan,
            **proof,
            "metric": self._metrics(self.metric(), self.training_data.evaluate(small.graph_module())),
            "relative_bops": self._bops.of(final_bits(self.optimizer).numpy()),
            "test_samples": len(self.training_data.dataset.test),
            "seconds": round(self._seconds + time.perf_counter() - started, 2),
        }

    def state(self) -> LoopState:
        """Everything that decides the next step, as tensors and plain data of its own: the run may go on."""
        return {
            "model": {name: tensor.clone() for name, tensor in self.model.state_dict().items()},
            "optimizer": copy.deepcopy(self.optimizer.state_dict()),
            "dense_metric": self._dense_metric,
            "seconds": self._seconds,
        }

    def restore(self, state: LoopState) -> None:
        """Go on from `state()` of a loop with the same model and configuration; the state stays as it is."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self._dense_metric = state["dense_metric"]
        self._seconds = state["seconds"]
        self._small, self._measured = None, (-1, math.nan)
        self._bops = self._bops_now()

"""Configurations of a run: frozen, validated when made, versioned, YAML both ways. No torch."""

from __future__ import annotations

from math import floor
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from geta_engine.errors import InputError

HUGGING_FACE = "hf:"
"""Starts the SPEC of a Hugging Face directory."""
MIN_BITS = 2
"""d(b) = q_m^t / (2^(b-1) - 1) divides by zero at b = 1 (docs/method.md, section 2)."""
INITIAL_BITS = 16
"""b_init: where every quantizer starts, and so the largest upper bound (docs/method.md, section 2)."""
STAGES = {
    "pretrain": "pretrain",
    "warmup": "warm-up",
    "projection": "projection",
    "joint": "joint",
    "cooldown": "cool-down",
}
"""Fields of a schedule in the order they are run, and what people call them."""
Task = Literal["auto", "classification", "regression", "distill", "masked-lm", "causal-lm"]
Rule = Literal["chosen", "paper"]
"""How bits come about: chosen under a budget, or by the paper's rule for d (docs/method.md, section 4)."""
Beta = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bounds(_Frozen):
    """Inclusive bounds on the bit width of one quantizer: 2 <= lower <= upper <= 16."""

    lower: Annotated[int, Field(strict=True)] = 4
    upper: Annotated[int, Field(strict=True)] = 8

    @model_validator(mode="after")
    def _check(self) -> Bounds:
        if not MIN_BITS <= self.lower <= self.upper <= INITIAL_BITS:
            raise ValueError(
                f"bits {self.lower}:{self.upper} are not usable: give LOWER:UPPER as whole numbers with "
                f"{MIN_BITS} <= LOWER <= UPPER <= {INITIAL_BITS}, such as 4:8"
            )
        return self

    @classmethod
    def parse(cls, text: str) -> Bounds:
        """`"4:8"` -> Bounds(lower=4, upper=8); raises InputError with the allowed range."""
        parts = text.split(":")
        if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
            raise InputError(f"bits {text!r} are not usable: give LOWER:UPPER as whole numbers, such as 4:8")
        try:
            return cls(lower=int(parts[0]), upper=int(parts[1]))
        except ValidationError as error:
            raise InputError(validation_sentences(error)[0][1]) from None


class Schedule(_Frozen):
    """Lengths of the four stages in steps, after `pretrain` dense steps without quantizers; any may be 0.

    See docs/method.md, section 4.
    `projection` steps are split over `projection_periods` (B), `joint` steps over `joint_periods` (P);
    each must be a whole multiple of its periods.
    """

    pretrain: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    warmup: Annotated[int, Field(ge=0, le=10_000_000)] = 80
    projection: Annotated[int, Field(ge=0, le=10_000_000)] = 100
    projection_periods: Annotated[int, Field(ge=0, le=10_000)] = 5
    joint: Annotated[int, Field(ge=0, le=10_000_000)] = 200
    joint_periods: Annotated[int, Field(ge=0, le=10_000)] = 10
    cooldown: Annotated[int, Field(ge=0, le=10_000_000)] = 320

    @model_validator(mode="after")
    def _check(self) -> Schedule:
        for stage, steps, periods in (
            ("projection", self.projection, self.projection_periods),
            ("joint", self.joint, self.joint_periods),
        ):
            if (steps == 0) != (periods == 0) or (periods and steps % periods):
                raise ValueError(
                    f"the {stage} stage has {steps} steps in {periods} periods: "
                    "the steps must be a whole multiple of the periods, or both 0"
                )
        if self.total == 0:
            raise ValueError("the schedule has 0 steps: give at least one stage a length")
        return self

    @property
    def total(self) -> int:
        return self.pretrain + self.warmup + self.projection + self.joint + self.cooldown

    def stages(self) -> list[tuple[str, int, int]]:
        """(name, first step, one past the last step) of the stages that have a length, in order; steps count from 0."""
        spans, start = [], 0
        for name in STAGES:
            length = getattr(self, name)
            if length:
                spans.append((name, start, start + length))
            start += length
        return spans


class Saliency(_Frozen):
    """Weights of the five scores of a unit, not all 0 (docs/method.md, section 4)."""

    magnitude: Weight = 1.0
    average_magnitude: Weight = 1.0
    cosine: Weight = 1.0
    taylor_first: Weight = 1.0
    taylor_second: Weight = 1.0

    @model_validator(mode="after")
    def _check(self) -> Saliency:
        if not any(self.model_dump().values()):
            raise ValueError("all weights of saliency are 0, so that no unit matters: give at least one above 0")
        return self


def units_to_remove(sparsity: float, prunable_units: int) -> int:
    """K = floor(sparsity * |G|), where a product that is whole but for its rounding counts as whole: 0.29 of 100 is 29.

    `prunable_units` is |G|, the number of units that can be pruned.
    """
    return floor(sparsity * prunable_units + 1e-9)


class RunConfig(_Frozen):
    """Everything that decides a run; two runs of one config on one machine are equal bit by bit."""

    version: Literal[1] = 1
    model: str
    data: str = "digits"
    sparsity: float = 0.5
    bits: Bounds = Bounds()
    layer_bits: dict[str, Bounds] = {}
    weights: bool = True
    activations: bool = True
    attention: bool = True
    unsigned: bool = True
    rule: Rule = "chosen"
    bops: Annotated[float, Field(gt=0, le=1)] | None = None
    bytes: Annotated[int, Field(ge=1)] | None = None
    protect: tuple[str, ...] = ()
    schedule: Schedule = Schedule()
    task: Task = "auto"
    mask_token: Annotated[int, Field(ge=0)] | None = None
    distill_loss: Literal["auto", "kl", "mse"] = "auto"
    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    lr: Annotated[float, Field(gt=0, le=10)] = 3e-3
    lr_quant: Annotated[float, Field(gt=0, le=1)] = 1e-3
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = False
    dampening: Annotated[float, Field(ge=0, le=1)] = 0.0
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 64
    accumulate: Annotated[int, Field(ge=1, le=65_536)] = 1
    clip_norm: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    saliency: Saliency = Saliency()
    allocation: Literal["proportional", "global", "chosen"] = "proportional"
    group_divisible: Annotated[int, Field(ge=1, le=65_536)] = 1
    learn_t: bool = False
    evaluations: Annotated[int, Field(ge=1, le=1000)] = 20
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    baseline: bool = False

    @field_validator("sparsity")
    @classmethod
    def _sparsity(cls, value: float) -> float:
        if not 0 <= value < 1:
            raise ValueError(f"sparsity {value} is not usable: give a share of units to remove, 0 <= sparsity < 1")
        return value

    @model_validator(mode="after")
    def _reachable(self) -> RunConfig:
        if self.sparsity > 0 and self.schedule.joint == 0:
            raise ValueError(
                f"sparsity {self.sparsity} needs a joint stage, which has 0 steps: give it a length or set sparsity 0"
            )
        if (self.weights or self.activations) and self.schedule.projection == 0:
            raise ValueError(
                "quantizers reach their bounds in the projection stage, which has 0 steps: "
                "give it a length or switch quantizers off"
            )
        return self

    @model_validator(mode="after")
    def _one_budget(self) -> RunConfig:
        if self.bops is not None and self.bytes is not None:
            raise ValueError(
                f"budgets of bops {self.bops:g} and of bytes {self.bytes} were given: a run has one, so leave one out"
            )
        if self.rule == "paper" and (self.bops is not None or self.bytes is not None):
            raise ValueError("a budget was given with rule paper, which knows none: set rule chosen, or leave it out")
        if self.rule == "paper" and self.allocation == "chosen":
            raise ValueError(
                "allocation chosen was given with rule paper, which chooses no bits: set rule chosen, or another one"
            )
        return self

    @model_validator(mode="after")
    def _go_together(self) -> RunConfig:
        if self.nesterov and (self.optimizer != "sgd" or not self.momentum or self.dampening):
            raise ValueError(
                f"nesterov was set with {self.optimizer}, momentum {self.momentum:g} and dampening {self.dampening:g}: "
                "it needs sgd, a momentum above 0 and no dampening"
            )
        if self.dampening and (self.optimizer != "sgd" or not self.momentum):
            raise ValueError(
                f"dampening {self.dampening:g} was set with {self.optimizer} and momentum {self.momentum:g}: "
                "it needs sgd and a momentum above 0"
            )
        if self.learn_t and not (self.weights or self.activations):
            raise ValueError("learn_t was set with the quantizers switched off: quantize weights or leave it out")
        return self

    @model_validator(mode="after")
    def _task_fits(self) -> RunConfig:
        distilled = self.data.partition(":")[0] == "distill"
        if distilled and self.task not in ("auto", "distill"):
            raise ValueError(
                f"task {self.task} was given with data {self.data!r}, which has no targets but the dense model's "
                "outputs: set task auto or distill, or give other data"
            )
        if self.distill_loss != "auto" and not (distilled or self.task == "distill"):
            raise ValueError(
                f"distill_loss {self.distill_loss} was given with task {self.task} and data {self.data!r}: "
                "set task distill, or leave it out"
            )
        if (self.task == "masked-lm") != (self.mask_token is not None):
            raise ValueError(
                f"task {self.task} was given with mask_token {self.mask_token}: masked-lm needs the number of the "
                "token that hides others, and no other task takes one"
            )
        return self

    def bounds_of(self, quantizer_id: str) -> Bounds:
        return self.layer_bits.get(quantizer_id, self.bits)

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)

    @classmethod
    def from_yaml(cls, text: str, **overrides: object) -> RunConfig:
        """YAML text (and overriding fields) -> config; raises InputError with one sentence."""
        try:
            fields = yaml.safe_load(text) or {}
        except yaml.YAMLError as error:
            raise InputError(
                f"the configuration is not YAML ({str(error).splitlines()[0]}): see docs/config.md"
            ) from None
        if not isinstance(fields, dict):
            raise InputError("the configuration must be a YAML mapping of field: value, such as `sparsity: 0.5`")
        return make_config(**{**fields, **overrides})


def make_config(**fields: object) -> RunConfig:
    """RunConfig(**fields), with InputError (one sentence) in place of pydantic's error."""
    try:
        return RunConfig(**fields)  # type: ignore[arg-type]
    except ValidationError as error:
        raise InputError(validation_sentences(error)[0][1]) from None


def validation_sentences(error: ValidationError) -> list[tuple[str, str]]:
    """pydantic's errors as (dotted field, sentence) pairs; the field is "" where the whole config is at fault."""
    return [(".".join(map(str, item["loc"])), _sentence(item)) for item in error.errors()]


def _sentence(item: ErrorDetails) -> str:
    field = ".".join(map(str, item["loc"]))
    if item["type"] == "value_error":
        return item["msg"].removeprefix("Value error, ")
    if item["type"] == "missing":
        return f"{field} is missing: give it a value"
    if item["type"] == "extra_forbidden":
        return f"{field} is no field of a configuration: docs/config.md lists them"
    given = item["input"]
    shown = repr(given) if isinstance(given, (str, int, float, bool, type(None))) else "this"
    return f"{field} was given as {shown}: {item['msg'][0].lower()}{item['msg'][1:]}"

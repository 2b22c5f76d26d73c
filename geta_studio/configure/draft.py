"""The configuration being edited, as typed, and the checked fields that a run is made of: plain data."""

from __future__ import annotations

from typing import TypedDict

from geta_engine.config import Bounds
from geta_studio.configure.budget import Budget
from geta_studio.shell.stores import BitBounds, TypedNumber

SCHEDULE_FIELDS = ("pretrain", "warmup", "projection", "projection_periods", "joint", "joint_periods", "cooldown")


class _Fields(TypedDict):
    """The fields of `RunConfig` that the tab shows one input for each."""

    model: str
    """The key of the model, "" where none is on screen."""
    data: TypedNumber
    sparsity: TypedNumber
    optimizer: TypedNumber
    batch_size: TypedNumber
    lr: TypedNumber
    lr_quant: TypedNumber
    seed: TypedNumber
    schedule: dict[str, TypedNumber]
    """By the names of `SCHEDULE_FIELDS`."""


class Draft(_Fields):
    """What the inputs of the tab hold."""

    bits: BitBounds
    budget: TypedNumber


class TypedBounds(TypedDict):
    """Bounds of bit widths as `RunConfig` takes them."""

    lower: TypedNumber
    upper: TypedNumber


class ConfigFields(_Fields):
    """Fields that `RunConfig` takes, but for `model`, which is a key."""

    bits: TypedBounds
    layer_bits: dict[str, TypedBounds]
    bops: float | None
    bytes: int | None


def default_bits(model: str | None) -> BitBounds:
    """The bounds before anything is edited."""
    bounds = Bounds()
    return {"model": model, "default": [bounds.lower, bounds.upper], "layers": {}}


def config_fields(draft: Draft, budget: Budget) -> ConfigFields:
    """The fields of a configuration from a draft, unchecked but for the budget."""
    bits = draft["bits"]
    return {
        "model": draft["model"],
        "data": draft["data"],
        "sparsity": draft["sparsity"],
        "optimizer": draft["optimizer"],
        "batch_size": draft["batch_size"],
        "lr": draft["lr"],
        "lr_quant": draft["lr_quant"],
        "seed": draft["seed"],
        "schedule": draft["schedule"],
        "bits": _typed_bounds(bits["default"]),
        "layer_bits": {quantizer: _typed_bounds(pair) for quantizer, pair in bits["layers"].items()},
        "bops": budget.bops,
        "bytes": budget.bytes,
    }


def _typed_bounds(pair: list[TypedNumber]) -> TypedBounds:
    lower, upper = pair
    return {"lower": lower, "upper": upper}

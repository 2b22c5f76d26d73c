"""The configuration being edited: from what the fields hold to a checked RunConfig, a sentence for each problem."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple

from pydantic import ValidationError

from geta_engine.config import Bounds, RunConfig, validation_sentences
from geta_studio.configure.estimate import reach

SCHEDULE_FIELDS = ("pretrain", "warmup", "projection", "projection_periods", "joint", "joint_periods", "cooldown")
WHOLE = ("batch_size", "seed", *SCHEDULE_FIELDS)
LABELS = {
    "batch_size": "batch size",
    "lr": "learning rate",
    "lr_quant": "quantizer learning rate",
    "projection_periods": "projection periods",
    "joint_periods": "joint periods",
    "warmup": "warm-up",
    "cooldown": "cool-down",
}


class Checked(NamedTuple):
    """A valid configuration as plain fields (None while there are problems), and problems as field -> sentence."""

    fields: dict[str, Any] | None
    problems: dict[str, str]


def default_bits(model: str | None) -> dict[str, Any]:
    """The state of the bits grid before anything is edited."""
    bounds = Bounds()
    return {"model": model, "default": [bounds.lower, bounds.upper], "layers": {}}


def bounds_of(bits: Mapping[str, Any], analysis: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """(b_l, b_u) of every quantizer, as typed."""
    default = bits["default"]
    return {q["id"]: tuple(bits["layers"].get(q["id"], default)) for q in analysis["quantizers"]}


def check(draft: Mapping[str, Any], analysis: Mapping[str, Any] | None, data_problem: str | None) -> Checked:
    """Check the fields of a draft: `RunConfig` fields as typed, with `bits` as the bits grid keeps them.

    `data_problem` is the sentence about the data source, or None.
    """
    problems = {**_bits_problems(draft["bits"], analysis), **_blank_problems(draft)}
    if data_problem:
        problems["data"] = data_problem
    fields = _fields(draft)
    if not problems.keys() & {"bits", *WHOLE, "lr", "lr_quant", "sparsity"}:
        problems.update(_config_problems(fields))
    if "sparsity" not in problems and analysis is not None:
        problems.update(_reach_problems(analysis, draft["sparsity"]))
    if analysis is None:
        problems["model"] = "the model is not analysed yet: wait for it, or choose another"
    return Checked(None if problems else fields, problems)


def _fields(draft: Mapping[str, Any]) -> dict[str, Any]:
    lower, upper = draft["bits"]["default"]
    own = {name: {"lower": low, "upper": high} for name, (low, high) in draft["bits"]["layers"].items()}
    return {**draft, "bits": {"lower": lower, "upper": upper}, "layer_bits": own}


def _bits_problems(bits: Mapping[str, Any], analysis: Mapping[str, Any] | None) -> dict[str, str]:
    """The first pair that is not usable, named by its layer."""
    names = {q["id"]: f"{q['layer']} ({q['kind']})" for q in (analysis or {}).get("quantizers", ())}
    pairs = {"all layers": bits["default"], **{names.get(key, key): pair for key, pair in bits["layers"].items()}}
    problems = (f"{name}: {text}" for name, pair in pairs.items() if (text := bits_problem(*pair)))
    strange = (
        f"{key}: this model has no such quantizer, so bits cannot be set for it: a preset clears the bits of all layers"
        for key in bits["layers"]
        if analysis is not None and key not in names
    )
    first = next(chain(problems, strange), None)
    return {"bits": first} if first else {}


def bits_problem(lower: Any, upper: Any) -> str | None:
    """A sentence when LOWER:UPPER cannot be bounds of a quantizer, else None."""
    if not isinstance(lower, int) or not isinstance(upper, int):
        return "bits need two whole numbers: give LOWER and UPPER, such as 4 and 8"
    try:
        Bounds(lower=lower, upper=upper)
    except ValidationError as error:
        return validation_sentences(error)[0][1]
    return None


def _blank_problems(draft: Mapping[str, Any]) -> dict[str, str]:
    """Fields that hold no number at all: blank, or text half typed."""
    values = {**draft, **draft["schedule"]}
    whole = dict.fromkeys(WHOLE, int)
    kinds: dict[str, Any] = {**whole, "lr": (int, float), "lr_quant": (int, float), "sparsity": (int, float)}
    return {
        name: f"{LABELS.get(name, name)} needs a {'whole ' if kind is int else ''}number"
        for name, kind in kinds.items()
        if not isinstance(values[name], kind) or isinstance(values[name], bool)
    }


def _config_problems(fields: Mapping[str, Any]) -> dict[str, str]:
    try:
        RunConfig(**fields)
    except ValidationError as error:
        return {_field(name): _labelled(name, text) for name, text in reversed(validation_sentences(error))}
    return {}


def _field(dotted: str) -> str:
    """The input a pydantic location belongs to: "schedule.joint" -> "joint", "" -> "config"."""
    return dotted.split(".")[-1] or "config"


def _labelled(dotted: str, sentence: str) -> str:
    """The sentence with the name that the field has on screen: "schedule.warmup was given" -> "warm-up was given"."""
    return sentence.replace(f"{dotted} was given", f"{LABELS.get(_field(dotted), dotted)} was given")


def _reach_problems(analysis: Mapping[str, Any], sparsity: float) -> dict[str, str]:
    asked = reach(analysis, sparsity)
    if asked.k <= asked.largest:
        return {}
    most = int(100 * asked.largest / asked.total) / 100
    return {
        "sparsity": f"sparsity {sparsity:g} asks for {asked.k} of {asked.total} units, but only {asked.largest} can go "
        f"(every group keeps at least one): set it to {most:g} or less"
    }

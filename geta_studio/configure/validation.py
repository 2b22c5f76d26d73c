"""Checks a draft of the Configure tab: the fields of a RunConfig, or a sentence for each problem, by field."""

from __future__ import annotations

from itertools import chain
from types import UnionType
from typing import NamedTuple

from pydantic import ValidationError

from geta_engine.config import STAGES, Bounds, RunConfig, validation_sentences
from geta_engine.documents.analysis import AnalysisDocument
from geta_engine.errors import InputError
from geta_studio.configure.budget import Budget, parse_budget
from geta_studio.configure.draft import SCHEDULE_FIELDS, ConfigFields, Draft, config_fields
from geta_studio.configure.estimate import reach
from geta_studio.shell.stores import BitBounds, TypedNumber

WHOLE = ("batch_size", "seed", *SCHEDULE_FIELDS)
DECIMAL = ("lr", "lr_quant", "sparsity")
LABELS = {
    "batch_size": "batch size",
    "lr": "learning rate",
    "lr_quant": "quantizer learning rate",
    "projection_periods": "projection periods",
    "joint_periods": "joint periods",
    **STAGES,
}


class Checked(NamedTuple):
    """A valid configuration as plain fields (None while there are problems), and problems as field -> sentence."""

    fields: ConfigFields | None
    problems: dict[str, str]


def check(draft: Draft, analysis: AnalysisDocument | None, data_problem: str | None) -> Checked:
    """Check the fields of a draft; `data_problem` is the sentence about the data source, or None."""
    problems = {**_bits_problems(draft["bits"], analysis), **_blank_problems(draft)}
    if data_problem:
        problems["data"] = data_problem
    budget, problem = _budget(draft["budget"])
    problems |= {"budget": problem} if problem else {}
    fields = config_fields(draft, budget)
    if not problems.keys() & {"bits", *WHOLE, *DECIMAL}:
        problems.update(_config_problems(fields))
    if "sparsity" not in problems and analysis is not None:
        problems.update(_reach_problems(analysis, draft["sparsity"]))
    if analysis is None:
        problems["model"] = "the model is not analysed yet: wait for it, or choose another"
    return Checked(None if problems else fields, problems)


def _budget(typed: TypedNumber) -> tuple[Budget, str | None]:
    """The budget, or why there is none."""
    try:
        return parse_budget(typed), None
    except InputError as error:
        return Budget(), str(error)


def _bits_problems(bits: BitBounds, analysis: AnalysisDocument | None) -> dict[str, str]:
    """The first pair that is not usable, named by its layer."""
    quantizers = analysis["quantizers"] if analysis is not None else []
    names = {q["id"]: f"{q['layer']} ({q['kind']})" for q in quantizers}
    pairs = {"all layers": bits["default"], **{names.get(key, key): pair for key, pair in bits["layers"].items()}}
    problems = (f"{name}: {text}" for name, pair in pairs.items() if (text := bits_problem(pair[0], pair[1])))
    strange = (
        f"{key}: this model has no such quantizer, so bits cannot be set for it: a preset clears the bits of all layers"
        for key in bits["layers"]
        if analysis is not None and key not in names
    )
    first = next(chain(problems, strange), None)
    return {"bits": first} if first else {}


def bits_problem(lower: TypedNumber, upper: TypedNumber) -> str | None:
    """A sentence when LOWER:UPPER cannot be bounds of a quantizer, else None."""
    if not isinstance(lower, int) or not isinstance(upper, int):
        return "bits need two whole numbers: give LOWER and UPPER, such as 4 and 8"
    try:
        Bounds(lower=lower, upper=upper)
    except ValidationError as error:
        return validation_sentences(error)[0][1]
    return None


def _blank_problems(draft: Draft) -> dict[str, str]:
    """Fields that hold no number at all: blank, or text half typed."""
    values: dict[str, object] = {**draft, **draft["schedule"]}
    blank = {name: "a whole number" for name in WHOLE if not _is_number(values[name], int)}
    blank |= {name: "a number" for name in DECIMAL if not _is_number(values[name], int | float)}
    return {name: f"{LABELS.get(name, name)} needs {kind}" for name, kind in blank.items()}


def _is_number(value: object, kind: type | UnionType) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _config_problems(fields: ConfigFields) -> dict[str, str]:
    """What `RunConfig` says of the fields."""
    try:
        RunConfig.model_validate(fields)
    except ValidationError as error:
        return {_field(name): _labelled(name, text) for name, text in reversed(validation_sentences(error))}
    return {}


def _field(dotted: str) -> str:
    """The input a pydantic location belongs to: "schedule.joint" -> "joint", "" -> "config"."""
    return dotted.split(".")[-1] or "config"


def _labelled(dotted: str, sentence: str) -> str:
    """The sentence with the name that the field has on screen: "schedule.warmup was given" -> "warm-up was given"."""
    return sentence.replace(f"{dotted} was given", f"{LABELS.get(_field(dotted), dotted)} was given")


def _reach_problems(analysis: AnalysisDocument, sparsity: TypedNumber) -> dict[str, str]:
    """Whether so many units can go."""
    if not isinstance(sparsity, (int, float)):
        return {}
    asked = reach(analysis, sparsity)
    if asked.k <= asked.largest:
        return {}
    most = int(100 * asked.largest / asked.total) / 100
    return {
        "sparsity": f"sparsity {sparsity:g} asks for {asked.k} of {asked.total} units, but only {asked.largest} can go "
        f"(every group keeps at least one): set it to {most:g} or less"
    }

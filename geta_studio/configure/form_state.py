"""Between the Configure tab's inputs and a draft: what the inputs hold, and what a checked draft shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from dash.development.base_component import Component

from geta_engine.documents.analysis import AnalysisDocument
from geta_studio.configure.budget import parse_budget, shortfall
from geta_studio.configure.draft import SCHEDULE_FIELDS, ConfigFields, Draft, default_bits
from geta_studio.configure.estimate import Estimate, Pair, Reach, estimate, reach
from geta_studio.configure.field_ids import FIELD_IDS
from geta_studio.configure.panel import estimate_lines, problem_list, schedule_bands, sparsity_caption
from geta_studio.configure.validation import Checked, bits_problem, check
from geta_studio.services.services import Services
from geta_studio.shell.bit_bounds import bounds_of
from geta_studio.shell.format import percent
from geta_studio.shell.stores import BitBounds, TypedNumber


def draft_of(bits: BitBounds | None, values: Mapping[str, TypedNumber]) -> Draft:
    """A draft from the bounds and the other inputs, by the names of `VALUE_IDS`."""
    bits = bits or default_bits(None)
    return {
        "model": bits["model"] or "",
        "data": values["data"],
        "sparsity": values["sparsity"],
        "optimizer": values["optimizer"],
        "batch_size": values["batch_size"],
        "lr": as_number(values["lr"]),
        "lr_quant": as_number(values["lr_quant"]),
        "seed": values["seed"],
        "budget": values["budget"],
        "bits": bits,
        "schedule": {name: values[name] for name in SCHEDULE_FIELDS},
    }


def as_number(typed: TypedNumber) -> TypedNumber:
    """ "3e-3" -> 0.003; what is no number stays as it was typed."""
    try:
        return typed if typed is None else float(typed)
    except ValueError:
        return typed


class FormOutputs(NamedTuple):
    """What the tab shows of a checked draft, by the names of its callback's outputs."""

    config: ConfigFields | None
    errors: list[Component]
    launch_off: bool
    caption: str
    estimate: list[Component]
    schedule: list[Component]
    bits_problem: str
    schedule_problem: str
    usual_budget: str
    """What the budget is where none is given."""
    fields: dict[str, str | None]
    """The sentence beside each input, by field."""


def form_outputs(services: Services, draft: Draft, pair: tuple[TypedNumber, TypedNumber]) -> FormOutputs:
    """Check a draft and the typed set-all pair."""
    analysis = services.analyses.get(draft["model"] or None)
    checked = check(draft, analysis, services.data_problem(str(draft["data"] or "")))
    typed = bits_problem(*pair)
    if typed and "bits" not in checked.problems:
        checked = Checked(None, {"bits": typed, **checked.problems})
    asked = None if "sparsity" in checked.problems else _asked(draft, analysis)
    costs = None if "bits" in checked.problems else _costs(draft, analysis, asked)
    if costs is not None and "budget" not in checked.problems:
        short = shortfall(parse_budget(draft["budget"]), costs)
        checked = Checked(None, {"budget": short, **checked.problems}) if short else checked
    return _outputs(draft, checked, asked, costs)


def _outputs(draft: Draft, checked: Checked, asked: Reach | None, costs: Estimate | None) -> FormOutputs:
    problems = checked.problems
    schedule = [problems[name] for name in ("config", "schedule", *SCHEDULE_FIELDS) if name in problems]
    return FormOutputs(
        config=checked.fields,
        errors=problem_list(problems),
        launch_off=checked.fields is None,
        caption=sparsity_caption(asked),
        estimate=estimate_lines(costs),
        schedule=schedule_bands(draft["schedule"]),
        bits_problem=problems.get("bits", ""),
        schedule_problem=" ".join(schedule),
        usual_budget=f"{percent(costs.usual_bops, 2)}: weights lowest, activations highest" if costs else "",
        fields={name: problems.get(name) for name in FIELD_IDS},
    )


def _asked(draft: Draft, analysis: AnalysisDocument | None) -> Reach | None:
    """How many units the sparsity asks for."""
    sparsity = draft["sparsity"]
    return reach(analysis, sparsity) if analysis is not None and isinstance(sparsity, (int, float)) else None


def _costs(draft: Draft, analysis: AnalysisDocument | None, asked: Reach | None) -> Estimate | None:
    """What the bounds and the units asked for allow."""
    if analysis is None or asked is None:
        return None
    return estimate(analysis, whole_bounds(draft["bits"], analysis), asked.k / max(1, asked.total))


def whole_bounds(bits: BitBounds, analysis: AnalysisDocument) -> dict[str, Pair]:
    """(b_l, b_u) of every quantizer that has two whole numbers."""
    return {
        quantizer: (lower, upper)
        for quantizer, (lower, upper) in bounds_of(bits, analysis).items()
        if isinstance(lower, int) and isinstance(upper, int)
    }

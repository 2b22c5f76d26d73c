"""Between the Configure tab's fields and a draft: what an edit means, and what a checked draft shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dash import no_update

from geta_engine.config import RunConfig, make_config
from geta_engine.errors import InputError
from geta_engine.zoo.names import ZOO
from geta_studio.configure.estimate import estimate, reach
from geta_studio.configure.panel import estimate_lines, problem_list, schedule_bands, sparsity_caption
from geta_studio.configure.validation import SCHEDULE_FIELDS, Checked, bits_problem, bounds_of, check, default_bits
from geta_studio.services.services import Services
from geta_studio.shell import ids

FIELD_IDS = {
    "data": ids.DATA_SELECT,
    "sparsity": ids.SPARSITY_INPUT,
    "optimizer": ids.OPTIMIZER,
    "batch_size": ids.BATCH,
    "lr": ids.LR,
    "lr_quant": ids.LR_QUANT,
    "seed": ids.SEED,
}
SCHEDULE_IDS = {name: ids.schedule_field(name) for name in SCHEDULE_FIELDS}
VALUE_IDS = {**FIELD_IDS, **SCHEDULE_IDS}
EDGE_BITS = [8, 8]
UNSHOWN = tuple(
    name
    for name in RunConfig.model_fields
    if name not in (*FIELD_IDS, "version", "model", "bits", "layer_bits", "schedule")
)
"""Fields of a configuration that the tab does not show."""


class Edit(NamedTuple):
    """One event of the Configure tab: what triggered it, and what the inputs of the bits hold."""

    trigger: Any
    model: str | None
    cells: Sequence[Mapping[str, Any]] | None
    lower: Any
    upper: Any
    loaded: Mapping[str, Any] | None
    selected: Sequence[str]


class BitsState(NamedTuple):
    """The bits store and the two set-all inputs."""

    bits: Any
    lower: Any = no_update
    upper: Any = no_update


def edited_bits(edit: Edit, bits: dict[str, Any] | None, analysis: Mapping[str, Any] | None) -> BitsState:
    """The bounds after an edit: a cell, set-all (for the selected rows, or all), a preset, a file or another model."""
    if bits is None or edit.trigger in (None, ids.MODEL_KEY):
        return BitsState(for_model(bits, edit.model))
    if isinstance(edit.trigger, dict):
        return preset_bits(edit.trigger["preset"], edit.model, analysis)
    if edit.trigger == ids.BITS_GRID:
        return BitsState(with_cells(bits, edit.cells or ()))
    if edit.trigger == ids.YAML_LOADED:
        return loaded_bits(edit.loaded, bits, edit.model)
    return BitsState(set_all(bits, edit.lower, edit.upper, edit.selected))


def for_model(bits: Mapping[str, Any] | None, model: str | None) -> Any:
    """Bounds of single layers belong to one model; the default pair stays."""
    if bits is None:
        return default_bits(model)
    return no_update if bits["model"] == model else {**bits, "model": model, "layers": {}}


def with_cells(bits: Mapping[str, Any], cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Bounds after edits of grid cells, as AG Grid reports them."""
    layers = {**bits["layers"], **{cell["data"]["id"]: [cell["data"]["b_l"], cell["data"]["b_u"]] for cell in cells}}
    return {**bits, "layers": {name: pair for name, pair in layers.items() if pair != bits["default"]}}


def set_all(bits: Mapping[str, Any], lower: Any, upper: Any, selected: Sequence[str]) -> Any:
    """Give a pair to the selected rows, or to all; a pair that is not usable changes nothing."""
    if bits_problem(lower, upper):
        return no_update
    pair = [lower, upper]
    if not selected:
        return {**bits, "default": pair, "layers": {}}
    layers = {**bits["layers"], **dict.fromkeys(selected, pair)}
    return {**bits, "layers": {name: own for name, own in layers.items() if own != bits["default"]}}


def preset_bits(preset: str, model: str | None, analysis: Mapping[str, Any] | None) -> BitsState:
    pair = [8, 8] if preset == "8" else [4, 8]
    layers = dict.fromkeys(edge_quantizers(analysis), EDGE_BITS) if preset == "edges" else {}
    return BitsState({"model": model, "default": pair, "layers": layers}, *pair)


def edge_quantizers(analysis: Mapping[str, Any] | None) -> list[str]:
    """The quantizers of the first and the last layer."""
    layers = (analysis or {}).get("layers", [])
    edges = [layer[f"{kind}_quantizer"] for layer in layers[:1] + layers[-1:] for kind in ("weight", "activation")]
    return [quantizer for quantizer in edges if quantizer]


def loaded_bits(loaded: Mapping[str, Any] | None, bits: Mapping[str, Any], model: str | None) -> BitsState:
    """The bounds of a YAML file; of one that is no configuration nothing (`yaml_values` says why)."""
    if not loaded:
        return BitsState(no_update)
    try:
        config = loaded_config(loaded["text"])
    except InputError:
        return BitsState(no_update)
    model = config.model if config.model in ZOO else model
    pair = [config.bits.lower, config.bits.upper]
    layers = {name: [own.lower, own.upper] for name, own in config.layer_bits.items()}
    return BitsState({**bits, "model": model, "default": pair, "layers": layers}, *pair)


def grid_bounds(analysis: Mapping[str, Any] | None, bits: Mapping[str, Any] | None) -> dict[str, tuple[Any, Any]]:
    return bounds_of(bits, analysis) if analysis is not None and bits else {}


def draft_of(bits: Mapping[str, Any] | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """A draft from the fields as typed."""
    bits = bits or default_bits(None)
    schedule = {name: values[name] for name in SCHEDULE_FIELDS}
    return {
        **{name: values[name] for name in FIELD_IDS},
        **{name: as_number(values[name]) for name in ("lr", "lr_quant")},
        "model": bits["model"] or "",
        "bits": bits,
        "schedule": schedule,
    }


def as_number(typed: Any) -> Any:
    """ "3e-3" -> 0.003; what is no number stays as it was typed."""
    try:
        return float(typed)
    except (TypeError, ValueError):
        return typed


class Shown(NamedTuple):
    """What the tab shows of a checked draft, in the order of its callback's outputs."""

    config: dict[str, Any] | None
    errors: Any
    launch_off: bool
    caption: str
    estimate: Any
    schedule: Any
    bits_problem: str
    schedule_problem: str
    fields: dict[str, Any]


def shown(services: Services, draft: Mapping[str, Any], pair: tuple[Any, Any]) -> dict[str, Any]:
    """Check a draft and the typed set-all pair; returns the outputs by name."""
    analysis = services.analyses.get(draft["model"] or None)
    checked = check(draft, analysis, services.data_problem(str(draft["data"] or "")))
    typed = bits_problem(*pair)
    if typed and "bits" not in checked.problems:
        checked = Checked(None, {"bits": typed, **checked.problems})
    return _outputs(draft, analysis, checked)._asdict()


def _outputs(draft: Mapping[str, Any], analysis: Mapping[str, Any] | None, checked: Checked) -> Shown:
    problems = checked.problems
    asked = reach(analysis, draft["sparsity"]) if analysis is not None and "sparsity" not in problems else None
    costs = None
    if analysis is not None and asked is not None and "bits" not in problems:
        costs = estimate(analysis, grid_bounds(analysis, draft["bits"]), asked.k / max(1, asked.total))
    schedule = [problems[name] for name in ("config", "schedule", *SCHEDULE_FIELDS) if name in problems]
    return Shown(
        config=checked.fields,
        errors=problem_list(problems),
        launch_off=checked.fields is None,
        caption=sparsity_caption(asked),
        estimate=estimate_lines(costs),
        schedule=schedule_bands(draft["schedule"]),
        bits_problem=problems.get("bits", ""),
        schedule_problem=" ".join(schedule),
        fields={name: problems.get(name) for name in FIELD_IDS},
    )


def yaml_download(services: Services, fields: Mapping[str, Any] | None) -> Any:
    """The checked configuration as the file `geta run --config` takes."""
    if fields is None:
        raise InputError("there is no valid configuration to save: mend the problems listed above Launch first")
    spec = services.library.spec(fields["model"])
    text = make_config(**{**fields, "model": spec}).to_yaml()
    return {"content": text, "filename": f"{Path(spec).stem}.yaml", "type": "text/yaml"}


def loaded_config(text: str) -> RunConfig:
    """YAML text -> config. Raises InputError also for one that sets what has no field here, which would get lost."""
    config = RunConfig.from_yaml(text)
    default = RunConfig(model=config.model)
    lost = [name for name in UNSHOWN if getattr(config, name) != getattr(default, name)]
    if lost:
        raise InputError(
            f"the configuration sets {' and '.join(lost)}, which has no field here: run it with geta run --config, "
            "or leave that out of the file"
        )
    return config


def yaml_values(loaded: Mapping[str, Any] | None) -> dict[str, Any]:
    """Field values of a YAML file, and its model where that is in the zoo. Raises InputError for no configuration."""
    if not loaded:
        return dict.fromkeys((*VALUE_IDS, "model"), no_update)
    config = loaded_config(loaded["text"])
    values = {**{name: getattr(config, name) for name in FIELD_IDS}, **config.schedule.model_dump()}
    return {**values, "model": config.model if config.model in ZOO else no_update}

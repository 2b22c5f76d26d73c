"""Edits of the bit bounds: a cell of the table, set-all, a preset, a loaded file, another model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict

from dash import no_update

from geta_engine.documents.analysis import AnalysisDocument
from geta_engine.errors import InputError
from geta_engine.zoo.names import ZOO
from geta_studio.configure import ids
from geta_studio.configure.bits_grid import BitsRow
from geta_studio.configure.config_file import LoadedFile, loaded_config
from geta_studio.configure.draft import default_bits
from geta_studio.configure.validation import bits_problem
from geta_studio.shell import ids as shared
from geta_studio.shell.stores import BitBounds, TypedNumber

EDGE_BITS: list[TypedNumber] = [8, 8]


class Preset(TypedDict):
    """The id of a preset's button."""

    preset: str


class EditedCell(TypedDict):
    """An edit of the table as AG Grid reports it: the row as it is now."""

    data: BitsRow


class BitsEdit(NamedTuple):
    """One event of the Configure tab: what triggered it, and what the inputs of the bits hold."""

    trigger: str | Preset | None
    model: str | None
    cells: Sequence[EditedCell] | None
    lower: TypedNumber
    upper: TypedNumber
    loaded: LoadedFile | None
    selected: Sequence[str]


class BitsOutputs(NamedTuple):
    """The bits store and the two set-all inputs, in the order of their callback's outputs."""

    bits: Any
    lower: Any = no_update
    upper: Any = no_update


def edited_bits(edit: BitsEdit, bits: BitBounds | None, analysis: AnalysisDocument | None) -> BitsOutputs:
    """The bounds after an edit."""
    if bits is None or edit.trigger in (None, shared.MODEL_KEY):
        return BitsOutputs(bits_for_model(bits, edit.model))
    if isinstance(edit.trigger, dict):
        return preset_bits(edit.trigger["preset"], edit.model, analysis)
    if edit.trigger == ids.BITS_GRID:
        return BitsOutputs(with_cells(bits, edit.cells or ()))
    if edit.trigger == ids.YAML_LOADED:
        return loaded_bits(edit.loaded, bits, edit.model)
    return BitsOutputs(set_all(bits, edit.lower, edit.upper, edit.selected))


def bits_for_model(bits: BitBounds | None, model: str | None) -> Any:
    """Bounds of single layers belong to one model; the default pair stays."""
    if bits is None:
        return default_bits(model)
    return no_update if bits["model"] == model else {**bits, "model": model, "layers": {}}


def with_cells(bits: BitBounds, cells: Sequence[EditedCell]) -> BitBounds:
    """Bounds after edits of cells."""
    edited = {cell["data"]["id"]: [cell["data"]["b_l"], cell["data"]["b_u"]] for cell in cells}
    return _with_layers(bits, edited)


def set_all(bits: BitBounds, lower: TypedNumber, upper: TypedNumber, selected: Sequence[str]) -> Any:
    """Give a pair to the selected rows, or to all; a pair that is not usable changes nothing."""
    if bits_problem(lower, upper):
        return no_update
    pair = [lower, upper]
    if not selected:
        return {**bits, "default": pair, "layers": {}}
    return _with_layers(bits, dict.fromkeys(selected, pair))


def _with_layers(bits: BitBounds, edited: dict[str, list[TypedNumber]]) -> BitBounds:
    """The bounds with those of some layers replaced; a layer with the default pair needs no entry."""
    layers = {**bits["layers"], **edited}
    return {**bits, "layers": {name: pair for name, pair in layers.items() if pair != bits["default"]}}


def preset_bits(preset: str, model: str | None, analysis: AnalysisDocument | None) -> BitsOutputs:
    """The bounds of the preset "4-8", "8" or "edges"."""
    pair: list[TypedNumber] = [8, 8] if preset == "8" else [4, 8]
    layers = dict.fromkeys(edge_quantizers(analysis), EDGE_BITS) if preset == "edges" else {}
    bits: BitBounds = {"model": model, "default": pair, "layers": layers}
    return BitsOutputs(bits, *pair)


def edge_quantizers(analysis: AnalysisDocument | None) -> list[str]:
    """The quantizers of the first and the last layer."""
    layers = analysis["layers"] if analysis is not None else []
    edges = [
        layer[kind] for layer in (*layers[:1], *layers[-1:]) for kind in ("weight_quantizer", "activation_quantizer")
    ]
    return [quantizer for quantizer in edges if quantizer]


def loaded_bits(loaded: LoadedFile | None, bits: BitBounds, model: str | None) -> BitsOutputs:
    """The bounds of a YAML file; of one that is no configuration nothing (`yaml_values` says why)."""
    if not loaded:
        return BitsOutputs(no_update)
    try:
        config = loaded_config(loaded["text"])
    except InputError:
        return BitsOutputs(no_update)
    layers: dict[str, list[TypedNumber]] = {name: [b.lower, b.upper] for name, b in config.layer_bits.items()}
    pair: list[TypedNumber] = [config.bits.lower, config.bits.upper]
    model = config.model if config.model in ZOO else model
    after: BitBounds = {**bits, "model": model, "default": pair, "layers": layers}
    return BitsOutputs(after, *pair)

"""The documents hold what their types say, no field more and none less."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin

import pytest
from typing_extensions import get_type_hints, is_typeddict

import geta_engine as ge
from geta_engine.analysis.report import analysis_report
from geta_engine.documents.analysis import AnalysisDocument, GraphDocument
from geta_engine.documents.layout import LayoutDocument
from geta_engine.drawing.layout import layout_graph
from geta_engine.drawing.opening import default_open
from geta_engine.drawing.stages import GRAPH_STAGES, graph_at


def faults(value: Any, hint: Any, path: str = "") -> list[str]:
    """Where plain data is not of a type."""
    origin, args = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        return _faults_of_fields(value, hint, path)
    if origin is Literal:
        return [] if value in args else [f"{path} is {value!r}"]
    if origin in (Union, UnionType):
        of_each = [faults(value, option, path) for option in args]
        return min(of_each, key=len)
    if origin in (Sequence, tuple) and isinstance(value, list):
        hints = args if origin is tuple else args * len(value)
        return [
            fault
            for i, (item, of_item) in enumerate(zip(value, hints))
            for fault in faults(item, of_item, f"{path}[{i}]")
        ]
    if origin is Mapping and isinstance(value, dict):
        return [fault for key, item in value.items() for fault in faults(item, args[1], f"{path}[{key!r}]")]
    plain = {float: (float, int), None: NoneType}.get(hint, hint)
    return [] if origin is None and isinstance(value, plain) else [f"{path} is {value!r}"]


def _faults_of_fields(value: Any, hint: Any, path: str) -> list[str]:
    fields = get_type_hints(hint, include_extras=True)
    if not isinstance(value, dict):
        return [f"{path} is {value!r}"]
    result = [f"{path}.{key} is no field" for key in value.keys() - fields.keys()]
    for name, of_field in fields.items():
        if name in value:
            inner = get_args(of_field)[0] if get_origin(of_field) is NotRequired else of_field
            result += faults(value[name], inner, f"{path}.{name}")
        elif get_origin(of_field) is not NotRequired:
            result.append(f"{path}.{name} is missing")
    return result


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "with its quantizers"])
def analysis(request: pytest.FixtureRequest) -> AnalysisDocument:
    """ResNet8, without quantizers or traced with them."""
    traced = ge.load("resnet8")
    if request.param:
        prepared = ge.prepare(traced, ge.analyze(traced, activations=True))
        traced = ge.trace(prepared.program, traced.example_args)
    return analysis_report(traced)


def as_json(document: Any) -> Any:
    return json.loads(json.dumps(document))


def test_an_analysis_holds_its_fields(analysis: AnalysisDocument) -> None:
    assert faults(as_json(analysis), AnalysisDocument) == []


@pytest.mark.parametrize("stage", GRAPH_STAGES)
def test_a_stage_and_its_layout_hold_their_fields(analysis: AnalysisDocument, stage: Any) -> None:
    graph = graph_at(analysis, stage)
    assert faults(as_json(graph), GraphDocument) == []
    assert faults(as_json(layout_graph(graph, default_open(graph))), LayoutDocument) == []


def test_what_is_not_of_the_type_is_found(analysis: AnalysisDocument) -> None:
    document = as_json(analysis)
    del document["layers"][0]["macs"]
    document["groups"][0] |= {"size": "16", "colour": "red"}
    document["quantizers"][0]["kind"] = "bias"
    assert sorted(faults(document, AnalysisDocument)) == [
        ".groups[0].colour is no field",
        ".groups[0].size is '16'",
        ".layers[0].macs is missing",
        ".quantizers[0].kind is 'bias'",
    ]

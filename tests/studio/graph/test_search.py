from __future__ import annotations

from typing import Any

import pytest

from geta_studio.graph.search import search


def names(analysis: dict[str, Any], query: str) -> list[str]:
    by_id = {node["id"]: node["name"] for node in analysis["graph"]["nodes"]}
    return [by_id[key] for key in search(analysis, query)]


def test_words_of_a_name(report: Any) -> None:
    assert names(report("resnet20"), "LAYER2.0 conv1") == ["layer2.0.conv1"]


def test_nodes_that_are_drawn_inside_a_row_are_found(report: Any) -> None:
    assert names(report("resnet20"), "layer1.0.bn1") == ["layer1.0.bn1"]


def test_by_op(report: Any) -> None:
    analysis = report("resnet20")
    convs = [n["id"] for n in analysis["graph"]["nodes"] if n["op"] == "conv2d"]
    assert search(analysis, "op:conv") == convs and len(convs) == 21


def test_by_group_finds_what_writes_and_what_reads_it(report: Any) -> None:
    analysis = report("resnet20")
    actual = search(analysis, "group:2")
    expected = [n["id"] for n in analysis["graph"]["nodes"] if 2 in (n["group"], n["in_group"])]
    assert actual == expected == search(analysis, "group:g2")
    assert "layer1.0.conv2" in names(analysis, "group:2")  # reads it


def test_group_1_is_not_group_10(report: Any) -> None:
    assert search(report("resnet20"), "group:1") != search(report("resnet20"), "group:10")


def test_by_parameter(report: Any) -> None:
    assert names(report("resnet20"), "param:fc.bias") == ["fc"]


def test_unprunable(report: Any) -> None:
    actual = names(report("resnet20"), "unprunable")
    assert "fc" in actual and "conv1" not in actual


@pytest.mark.parametrize(
    ("query", "least"), [("params>=1e4", 1e4), ("params>=10k", 1e4), ("params>=.01M", 1e4), ("params>=1.5E+4", 1.5e4)]
)
def test_numbers_with_a_power_or_a_unit(report: Any, query: str, least: float) -> None:
    analysis = report("resnet20")
    expected = [n["id"] for n in analysis["graph"]["nodes"] if (n["n_params"] or 0) >= least]
    assert search(analysis, query) == expected and len(expected) > 2


def test_units_of_multiply_adds(report: Any) -> None:
    analysis = report("resnet20")
    assert search(analysis, "macs>=.1M") == search(analysis, "macs>=100000") != []
    assert search(analysis, "macs>=1G") == [] and search(analysis, "macs<1g") == search(analysis, "macs<=1e9")


@pytest.mark.parametrize(
    "query", ["", "   ", "nothing-like-this", "op:", "group:", "group:zz", "<b>", "op:conv op:relu"]
)
def test_nothing_found(report: Any, query: str) -> None:
    assert search(report("resnet20"), query) == []


def test_by_bits_and_size(report: Any) -> None:
    analysis = report("resnet20")
    widths = {q["id"]: 8.0 for q in analysis["quantizers"]} | {"conv1.weight": 4.0}
    actual = search(analysis, "bits<6", widths)
    assert [n["name"] for n in analysis["graph"]["nodes"] if n["id"] in actual] == ["conv1"]
    assert len(search(analysis, "bits>=4", widths)) == 22 and search(analysis, "bits>=4") == []
    sizes = {n["name"]: (n["n_params"], n["macs"]) for n in analysis["graph"]["nodes"]}
    assert names(analysis, "macs>0 op:linear") == ["fc"] == names(analysis, f"op:linear params={sizes['fc'][0]}")
    assert names(analysis, f"op:linear macs<{sizes['fc'][1]}") == []

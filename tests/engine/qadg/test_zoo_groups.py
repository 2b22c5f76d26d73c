"""The analysis of the zoo against what is published and what can be counted by hand."""

from __future__ import annotations

import pytest

import geta_engine as ge
from tests.models import ZOO_SMALL

PUBLISHED = {
    "vgg7": [128, 128, 256, 256, 512, 512, 1024],
    "resnet20": sorted([16] * 4 + [32] * 4 + [64] * 4),
    "mlp": [128, 64],
    "resnet18": [64, 128, 256, 512] * 3,
    "resnet50": [64] * 7 + [128] * 8 + [256] * 12 + [512] * 6 + [256, 512, 1024, 2048],
}


@pytest.mark.parametrize(
    ("name", "units"), [("vgg7", 2816), ("resnet20", 448), ("resnet18", 2880), ("resnet50", 11456)]
)
def test_units_are_those_of_the_authors(name, units):
    qadg = ge.analyze(ge.load(name))
    assert sorted(g.size for g in qadg.prunable) == sorted(PUBLISHED[name])
    assert qadg.prunable_units == units


def test_resnet20_ties_each_residual_stream_and_leaves_inner_channels_alone():
    qadg = ge.analyze(ge.load("resnet20"))
    stream = qadg.groups[0]
    producers = {(m.parameter, m.dim) for m in stream.members if m.role == "producer"}
    expected = {("conv1.weight", 0), ("bn1.weight", 0), ("bn1.bias", 0)}
    expected |= {(f"layer1.{i}.{leaf}", 0) for i in range(3) for leaf in ("conv2.weight", "bn2.weight", "bn2.bias")}
    assert producers == expected
    consumers = {m.parameter for m in stream.members if m.role == "consumer"}
    assert {f"layer1.{i}.conv1.weight" for i in range(3)} <= consumers
    inner = next(g for g in qadg.groups if g.name == "layer1.0.conv1")
    assert {(m.parameter, m.dim, m.role) for m in inner.members} == {
        ("layer1.0.conv1.weight", 0, "producer"),
        ("layer1.0.bn1.weight", 0, "producer"),
        ("layer1.0.bn1.bias", 0, "producer"),
        ("layer1.0.bn1.running_mean", 0, "statistic"),
        ("layer1.0.bn1.running_var", 0, "statistic"),
        ("layer1.0.conv2.weight", 1, "consumer"),
    }


def test_vit_prunes_whole_heads_hidden_units_and_the_residual_stream():
    qadg = ge.analyze(ge.load("vit_tiny"))
    heads = [g for g in qadg.prunable if g.size == 4]
    hidden = [g for g in qadg.prunable if g.size > 64]
    stream = [g for g in qadg.prunable if g.size == 64]
    assert len(heads) == len(hidden) == 4 and len(stream) == 1
    qkv = next(m for m in heads[0].members if m.parameter.endswith("qkv.weight"))
    assert qkv.index.shape == (4, 48)
    assert qkv.index[1].tolist() == [*range(16, 32), *range(80, 96), *range(144, 160)]


@pytest.mark.parametrize("name", ZOO_SMALL)
def test_every_group_is_whole(name):
    """No index belongs to two units, every prunable group has a producer, every pinned one a reason."""
    qadg = ge.analyze(ge.load(name))
    seen: dict[tuple[str, int], set[int]] = {}
    for group in qadg.groups:
        assert (group.reason is None) == group.prunable
        assert any(m.role == "producer" for m in group.members)
        assert group.via or not group.prunable
        for member in group.members:
            assert len(member.index) == group.size
            indices = set(member.index.ravel().tolist())
            assert len(indices) == member.index.size
            assert not indices & seen.setdefault((member.parameter, member.dim), set())
            seen[member.parameter, member.dim] |= indices
    assert qadg.groups[-1].reason.startswith("output:")
    assert not qadg.pinned_ops

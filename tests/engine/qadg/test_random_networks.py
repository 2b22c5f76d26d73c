"""Random networks: each is traced, analyzed and proven; most of what is drawn can be pruned."""

from __future__ import annotations

import os
import random
from collections import defaultdict

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, seed, settings

import geta_engine as ge
from geta_engine.compact.verify import largest_sparsity
from tests.engine.architectures.row import prunable_share
from tests.engine.qadg.random_networks import Network, build, networks
from tests.models import randomize

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
SPARSITIES = (0.3, 0.7)
"""And the largest, at which every group keeps one unit: parts of a split lose all of theirs."""


def analyzed(network: Network) -> tuple[ge.TracedModel, ge.Qadg, float]:
    """The network traced, with lively vectors, and proven to compute what the module does; its share of parameters."""
    model, inputs = build(network)
    made = randomize(ge.trace(model, inputs))
    with torch.no_grad():
        model.load_state_dict(made.program.state_dict, strict=False)
        torch.testing.assert_close(made(*inputs), model(*inputs))
    qadg = ge.analyze(made, granularity=network.granularity)
    shapes = {name: tuple(p.shape) for name, p in made.template.named_parameters()}
    return made, qadg, prunable_share(qadg, shapes)


def check(network: Network) -> tuple[int, float]:
    """Whatever is called prunable is proven. Returns the number of prunable units and their share of parameters."""
    made, qadg, share = analyzed(network)
    assert qadg.pinned_ops == {}
    assert_well_formed(qadg)
    most = largest_sparsity(qadg)
    for number, sparsity in enumerate([*(s for s in SPARSITIES if s < most), most, most]):
        certificate = ge.verify(made, qadg, sparsity, seed=number, dtype=torch.float64)
        assert certificate.ok, (sparsity, number, certificate)
    return qadg.prunable_units, share


def assert_well_formed(qadg: ge.Qadg) -> None:
    """Something of a prunable unit can be set to zero, and no index of a parameter belongs to two units."""
    owned: dict[tuple[str, int], list[np.ndarray]] = defaultdict(list)
    for group in qadg.groups:
        assert not group.prunable or any(member.role == "producer" for member in group.members), group
        for member in group.members:
            owned[member.parameter, member.dim].append(member.index.ravel())
    for place, indices in owned.items():
        flat = np.concatenate(indices)
        assert len(np.unique(flat)) == len(flat), place


def chosen_seed() -> int:
    return int(os.environ.get("GETA_SEED", random.SystemRandom().randrange(2**32)))


def run(examples: int, number: int, one=check) -> list[tuple[int, float]]:
    """`one` of as many networks: (prunable units, share of parameters) of each."""
    actual: list[tuple[int, float]] = []

    @seed(number)
    @settings(max_examples=examples, deadline=None, print_blob=True, database=None, suppress_health_check=QUIET)
    @given(networks())
    def each(network: Network) -> None:
        actual.append(one(network))

    each()
    return actual


def summary(actual: list[tuple[int, float]], number: int) -> str:
    alive, share = np.mean([units > 0 for units, _ in actual]), np.mean([share for _, share in actual])
    networks = f"{len(actual)} random networks, GETA_SEED={number}"
    return f"{networks}: {alive:.0%} prunable, {share:.0%} of parameters on average"


def test_random_networks_are_proven(capsys):
    number = chosen_seed()
    with capsys.disabled():
        print(f"\nrandom networks: GETA_SEED={number}", flush=True)
    run(12, number)


@pytest.mark.slow
def test_most_random_networks_can_be_pruned():
    actual = run(20, 0, lambda network: (lambda made, qadg, share: (qadg.prunable_units, share))(*analyzed(network)))
    assert np.mean([units > 0 for units, _ in actual]) >= 0.8, summary(actual, 0)
    assert np.mean([share for _, share in actual]) >= 0.3, summary(actual, 0)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_random_networks_are_proven(capsys):
    number = chosen_seed()
    with capsys.disabled():
        print(f"\nmany random networks: GETA_SEED={number}", flush=True)
    actual = run(500, number)
    with capsys.disabled():
        print(summary(actual, number))
    assert len(actual) >= 500
    assert np.mean([units > 0 for units, _ in actual]) >= 0.8, summary(actual, number)

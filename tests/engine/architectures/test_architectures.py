"""Every architecture of the suite: traced, analyzed, pruned at random, and proven to compute what it did with zeros."""

from __future__ import annotations

import pytest

import geta_engine as ge
from geta_engine.errors import InputError
from tests.engine.architectures.suite import FAMILIES, ROWS, SPARSITIES, examine, trace_row

TRACED = [name for name, row in ROWS.items() if row.error is None]
FAST = [name for name in TRACED if ROWS[name].fast]
SLOW = [name for name in TRACED if not ROWS[name].fast]


def check_architecture(name: str) -> None:
    row = ROWS[name]
    actual = examine(row)
    assert set(actual.qadg.pinned_ops) == row.pinned
    assert actual.share >= row.share, actual.share
    assert len(actual.certificates) == len(SPARSITIES)
    for certificate in actual.certificates:
        assert certificate.ok and certificate.max_rel_diff <= 1e-5, certificate
        assert certificate.params_compact < certificate.params_dense


@pytest.mark.parametrize("name", FAST)
def test_zeroing_is_removing(name):
    check_architecture(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_zeroing_is_removing_everywhere(name):
    check_architecture(name)


def test_at_least_fifty_architectures_count():
    assert len(ROWS) == sum(map(len, FAMILIES)), "two rows have one name"
    assert len(TRACED) >= 50
    assert sum(row.share < 0.8 for row in ROWS.values() if row.error is None) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.error is not None])
def test_what_torch_export_cannot_trace_is_said(name):
    with pytest.raises(InputError) as refused:
        trace_row(ROWS[name])
    assert ROWS[name].error in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRACED)
def test_the_compact_program_is_a_program_of_its_own(name, tmp_path):
    """Traced anew, written and read back, it is as small as it was, and computes the same."""
    traced = trace_row(ROWS[name])
    files = {}

    def save(zeroed: ge.TracedModel, compact: ge.TracedModel) -> None:
        compact.save(tmp_path / "compact.pt2")
        files["names"] = set(compact.program.state_dict)

    certificate = ge.verify(traced, ge.analyze(traced, granularity=ROWS[name].granularity), 0.3, save=save)
    assert certificate.ok, certificate
    assert files["names"] <= set(traced.program.state_dict) | {n.split(".parametrizations")[0] + ".weight" for n in
                                                               traced.program.state_dict}  # fmt: skip

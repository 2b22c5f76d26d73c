"""The compact program is an ordinary one: names kept, written and read back, eager and compiled."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import geta_engine as ge
from tests.models import images, traced


class Net(nn.Module):
    """A residual of convolutions with GroupNorm, then a transformer-like MLP with LayerNorm over pruned channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.inner = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(12, 12, 3, padding=1)
        self.norm, self.layer = nn.GroupNorm(3, 12), nn.LayerNorm(12)
        self.up, self.down, self.head = nn.Linear(12, 20), nn.Linear(20, 12), nn.Linear(12, 5)

    def forward(self, x):
        x = self.stem(x)
        x = (x + self.inner(self.norm(x).relu())).flatten(2).transpose(1, 2)
        x = x + self.down(nn.functional.gelu(self.up(self.layer(x))))
        return self.head(x.mean(1))


@pytest.fixture(scope="module")
def programs() -> tuple[ge.TracedModel, ge.TracedModel]:
    """The zeroed and the compact program of half the units."""
    saved: list[ge.TracedModel] = []
    made = traced(Net(), images())
    certificate = ge.verify(made, ge.analyze(made), 0.5, save=lambda *both: saved.extend(both))
    assert certificate.ok and certificate.params_compact < 0.45 * certificate.params_dense
    return saved[0], saved[1]


def test_parameters_keep_their_names(programs):
    zeroed, compact = programs
    assert list(compact.program.state_dict) == list(zeroed.program.state_dict)
    assert all(a.numel() <= b.numel() for a, b in zip(compact.program.state_dict.values(),
                                                      zeroed.program.state_dict.values()))  # fmt: skip


def test_it_is_plain_aten(programs):
    _, compact = programs
    calls = [n for n in compact.program.graph.nodes if n.op == "call_function"]
    assert all(isinstance(n.target, torch._ops.OpOverload) and n.target.namespace == "aten" for n in calls)


def test_it_is_written_and_read_by_plain_pytorch(programs, tmp_path):
    zeroed, compact = programs
    compact.save(tmp_path / "compact.pt2")
    again = torch.export.load(tmp_path / "compact.pt2").module()
    x = images(batch=5)
    torch.testing.assert_close(again(x), zeroed(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_it_compiles(programs, backend):
    zeroed, compact = programs
    compiled = torch.compile(compact.graph_module(), backend=backend)
    x = images(batch=5)
    torch.testing.assert_close(compiled(x), zeroed(x), rtol=1e-4, atol=1e-5)


def test_pruning_again_goes_on_from_the_compact_program(programs):
    """A compact program is analyzed like any other; its written-out norms included."""
    _, compact = programs
    qadg = ge.analyze(compact)
    assert qadg.prunable_units > 0 and not qadg.pinned_ops
    assert ge.verify(compact, qadg, 0.4, dtype=torch.float64).ok

"""Checkpoints appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from geta_engine.runs.checkpoints import Checkpoints


def state(value: float) -> dict[str, object]:
    return {"weights": {"w": torch.full((3,), value)}, "step": 5, "names": ["a", "b"], "rng": torch.get_rng_state()}


def test_the_newest_comes_back_with_its_step(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.newest() is None
    for step in (90, 100, 1000):
        checkpoints.save(step, state(step))
    actual = Checkpoints(tmp_path).newest()
    assert actual is not None and actual[0] == 1000
    assert torch.equal(actual[1]["weights"]["w"], torch.full((3,), 1000.0)) and actual[1]["names"] == ["a", "b"]


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 3, 3):
        checkpoints.save(step, state(step))
    assert [path.name for path in checkpoints.files()] == ["step-000000003.pt", "step-000000002.pt"]


@pytest.mark.parametrize("keep", [0, 1, 100])
def test_a_damaged_file_is_passed_over(tmp_path: Path, keep: int) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state(1))
    damaged = checkpoints.save(2, state(2))
    damaged.write_bytes(damaged.read_bytes()[:keep])
    actual = checkpoints.newest()
    assert actual is not None and actual[0] == 1
    checkpoints.drop_after(1)
    assert not damaged.exists()


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "step-000000009.partial").write_bytes(b"half")
    assert Checkpoints(tmp_path).newest() is None
    assert list(tmp_path.iterdir()) == []


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("ran"),))  # type: ignore[return-value]


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c").mkdir()
    torch.save({"step": 1, "state": Payload()}, tmp_path / "c" / "step-000000001.pt")
    assert Checkpoints(tmp_path / "c").newest() is None
    assert not (tmp_path / "ran").exists()

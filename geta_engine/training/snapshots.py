"""The arrays that a run records: what every quantizer and every unit is like after a step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from geta_engine.config import INITIAL_BITS
from geta_engine.documents.snapshots import SnapshotEvent
from geta_engine.qasso import QASSO

SNAPSHOTS = 200
"""How often a run is recorded, besides the borders of stages and periods."""


def is_snapshot_step(optimizer: QASSO) -> bool:
    """Whether the step just done is recorded."""
    schedule, done, at = optimizer.config.schedule, optimizer.steps, optimizer.stage_step
    borders = {end for _, _, end in schedule.stages()}
    period = at.stage in ("projection", "joint") and at.starts_period
    return done % max(1, schedule.total // SNAPSHOTS) == 0 or done in borders or period or done == 1


def snapshots(optimizer: QASSO) -> Iterator[SnapshotEvent]:
    """quantizers [quantizers, (b, d, q_m, t)] and units [units, (norm, state)]; in the joint stage also gamma
    [1, groups], cosines [(cos_g, cos_d), groups] and saliency [1, units]."""
    done, bank = optimizer.steps, optimizer.bank
    rows = torch.stack([bank.bits(), bank.d.detach(), bank.q_m.detach(), bank.t.detach()], dim=1)
    yield SnapshotEvent(done, "quantizers", rows.numpy())
    units = torch.stack([optimizer.unit_norms(), optimizer.unit_state.float()], dim=1)
    yield SnapshotEvent(done, "units", units.numpy())
    if optimizer.stage_step.stage == "joint" and optimizer.rule is not None:
        ruled = _by_group(optimizer)
        yield SnapshotEvent(done, "gamma", ruled[:1])
        yield SnapshotEvent(done, "cosines", ruled[1:])
        yield SnapshotEvent(done, "saliency", optimizer.saliency.nan_to_num(posinf=0.0)[None].numpy())


def bit_losses(optimizer: QASSO) -> SnapshotEvent:
    """What each quantizer would lose at each width, [quantizers, widths 0 to 16]: what the bits were chosen by."""
    measured = optimizer.bit_choice.sensitivity
    assert measured is not None
    losses = np.full((len(measured.losses), INITIAL_BITS + 1), np.nan, np.float32)
    for row, lower, values in zip(losses, optimizer.bank.lower.int().tolist(), measured.losses, strict=True):
        row[lower : lower + len(values)] = values
    return SnapshotEvent(optimizer.steps, "bit_losses", losses)


def _by_group(optimizer: QASSO) -> np.ndarray:
    """gamma, cos_g and cos_d of the last joint step, [3, groups]: means over a group's parameters, 0 where the rule did
    not touch it."""
    assert optimizer.rule is not None
    names, _, rule = optimizer.rule
    positions = (optimizer.slices.position_of[name] for name in names)
    values = dict(zip(positions, torch.stack([rule.gamma, rule.cos_g, rule.cos_d], dim=1).numpy()))
    means = np.zeros((3, len(optimizer.qadg.prunable)), np.float32)
    for column, group in enumerate(optimizer.qadg.prunable):
        producers = {optimizer.slices.position_of[m.parameter] for m in group.members if m.role == "producer"}
        ruled = [values[position] for position in sorted(producers & values.keys())]
        if ruled:
            means[:, column] = np.mean(ruled, axis=0)
    return means

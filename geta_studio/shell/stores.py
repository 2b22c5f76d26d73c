"""What the stores hold that several features of a page share: plain data that goes to the browser and back as JSON."""

from __future__ import annotations

from typing import TypedDict

from geta_engine.documents.runs import Status

TypedNumber = int | float | str | None
"""A number as it was typed: it may be half there, or no number at all."""


class Selection(TypedDict):
    """What is selected in the graph. An address may name a kind or an id that there is not."""

    kind: str
    """"node", "group", "quantizer" or "scope"."""
    id: str | int
    """The number of a group; the name of anything else."""


class RunPhase(TypedDict):
    """The run on screen and its status: what changes a few times in the life of a run."""

    run: int | None
    status: Status | None


class NewestSnapshot(TypedDict):
    """The run on screen and the step of its newest snapshot, None before the first."""

    run: int | None
    snapshot: int | None


class BitBounds(TypedDict):
    """The bounds on bit widths being edited, as typed: pairs of (b_l, b_u)."""

    model: str | None
    """The key of the model whose layers are named."""
    default: list[TypedNumber]
    layers: dict[str, list[TypedNumber]]
    """By quantizer id; the others have the default pair."""

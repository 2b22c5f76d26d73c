"""Which model and run are on screen: from the address, the two selectors and the store, to one consistent answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qs

from geta_studio.shell.graph_choices import OVERLAYS, STAGE_LABELS
from geta_studio.shell.stores import Selection

SELECTION_KINDS = ("node", "group", "quantizer", "scope")


class Address(NamedTuple):
    """What an address names; None for what it leaves out."""

    model: str | None
    run: int | None
    select: Selection | None
    overlay: str | None
    stage: str | None
    compared: str | None
    """The key of the model beside the one on screen; "" says that there is none."""

    @property
    def names_model(self) -> bool:
        """Whether it says what is to be on screen, by its model or by its run."""
        return self.model is not None or self.run is not None


class OnScreen(NamedTuple):
    """The model (a key) and the run on screen."""

    model: str
    run: int | None


def parse_address(search: str | None) -> Address:
    """`?model=resnet20&run=7&select=group:3` -> Address; what cannot be read is left out.

    What is selected stays as it is written, for the inspector to say so where there is no such thing.
    """
    query = {key: values[0] for key, values in parse_qs((search or "").lstrip("?")).items()}
    kind, _, identity = query.get("select", "").partition(":")
    select: Selection | None = None
    if identity or (kind and kind not in SELECTION_KINDS):
        select = {"kind": kind, "id": identity}
    overlay, stage = query.get("overlay"), query.get("stage")
    return Address(
        query.get("model"),
        whole_number(query.get("run")),
        select,
        overlay if overlay in OVERLAYS else None,
        stage if stage in STAGE_LABELS else None,
        query.get("beside"),
    )


def whole_number(value: str | int | None) -> int | None:
    """The id of a run or a group as text -> int; None for any other text, and for numbers of ten digits and more."""
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 10 else None


def selection_of(address: Address) -> Selection | None:
    """The selection an address names; the ids of groups are numbers, as far as they can be read."""
    select = address.select
    number = whole_number(select["id"]) if select and select["kind"] == "group" else None
    return select if number is None else {"kind": "group", "id": number}


def on_open(address: Address, models: Mapping[int, str], first_model: str, active_run: int | None) -> OnScreen:
    """What an opened page shows. `models` maps run ids to the key of their model, `active_run` is a run still going."""
    run = address.run if address.names_model else active_run
    if run is not None and run in models:
        return OnScreen(models[run], run)
    return OnScreen(address.model or first_model, None)


def on_choice(changed: str, model: str, run: int | None, models: Mapping[int, str]) -> OnScreen:
    """What the "model" or the "run" selector leads to: a run brings its model, another model lets go of the run."""
    if run is None or run not in models:
        return OnScreen(model, None)
    if changed == "run":
        return OnScreen(models[run], run)
    return OnScreen(model, run if models[run] == model else None)

"""Which model and run are on screen: from the address, the two selectors and the store, to one consistent answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from geta_engine.documents.runs import RunHead
from geta_studio.graph.legend import OVERLAYS, STAGES

KINDS = ("node", "group", "quantizer", "scope")


class Place(NamedTuple):
    """What an address names; None for what it leaves out."""

    model: str | None
    run: int | None
    select: dict[str, str] | None
    overlay: str | None
    stage: str | None
    beside: str | None


class Shown(NamedTuple):
    """The model (a key) and the run on screen."""

    model: str
    run: int | None


def parse(search: str | None) -> Place:
    """`?model=resnet20&run=7&select=group:3` -> Place; what cannot be read is left out.

    What is selected stays as it is written, for the inspector to say so where there is no such thing.
    """
    query = {key: values[0] for key, values in parse_qs((search or "").lstrip("?")).items()}
    kind, _, identity = query.get("select", "").partition(":")
    select = {"kind": kind, "id": identity} if identity or (kind and kind not in KINDS) else None
    overlay, stage = query.get("overlay"), query.get("stage")
    return Place(
        query.get("model"),
        whole_number(query.get("run")),
        select,
        overlay if overlay in OVERLAYS else None,
        stage if stage in STAGES else None,
        query.get("beside"),
    )


def whole_number(text: Any) -> int | None:
    """The id of a run or a group as text -> int, or None."""
    return int(text) if isinstance(text, (str, int)) and str(text).isdecimal() and len(str(text)) < 10 else None


def selection_of(place: Place) -> dict[str, Any] | None:
    """The selection an address names; the ids of groups are numbers, as far as they can be read."""
    select = place.select
    number = whole_number(select["id"]) if select and select["kind"] == "group" else None
    return select if number is None else {"kind": "group", "id": number}


def on_open(place: Place, models: Mapping[int, str], first_model: str, active_run: int | None) -> Shown:
    """What an opened page shows. `models` maps run ids to the key of their model, `active_run` is a run still going."""
    wanted = active_run if names_nothing(place) else place.run
    if wanted is not None and wanted in models:
        return Shown(models[wanted], wanted)
    return Shown(place.model or first_model, None)


def names_nothing(place: Place) -> bool:
    return place.model is None and place.run is None


def on_choice(changed: str, model: str, run: int | None, models: Mapping[int, str]) -> Shown:
    """What the "model" or the "run" selector leads to: a run brings its model, another model lets go of the run."""
    known = run if run in models else None
    if known is None:
        return Shown(model, None)
    if changed == "run":
        return Shown(models[known], known)
    return Shown(model, known if models[known] == model else None)


def newest_active(runs: Iterable[RunHead], active: Callable[[str], bool]) -> int | None:
    """The newest run that is still going, newest first."""
    return next((run.id for run in runs if active(run.status)), None)

"""What the header shows: the model, the run, and the choices of both, from the store and what was asked for."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from geta_studio.header.url import (
    Place,
    Shown,
    names_nothing,
    newest_active,
    on_choice,
    on_open,
    parse,
    selection_of,
    whole_number,
)
from geta_studio.run_dock.status import ACTIVE, model_summary, run_label
from geta_studio.services.services import Services

Options = list[dict[str, str]]


class Screen(NamedTuple):
    """Values and choices of the two selectors, and the run on screen."""

    model: str
    models: Options
    run: str | None
    runs: Options
    run_id: int | None


class Opening(NamedTuple):
    """The first state of a page; `key` is None until the model is analysed."""

    path: str
    search: str
    screen: Screen
    key: str | None
    summary: str
    tab: str
    selection: dict[str, Any] | None
    beside: str | None


def opening(services: Services, address: str) -> Opening:
    """What the page of an address shows first, so that its graph need not wait for two round trips."""
    parts = urlsplit(address)
    screen = navigated(services, None, parts.query, None, None)
    analysis = services.analyses.get(screen.model)
    key = screen.model if analysis else None
    place = parse(parts.query)
    tab = front_tab(services, screen.run_id, place.select is not None)
    search = f"?{parts.query}" if parts.query else ""
    selection = named_selection(services, place)
    return Opening(parts.path or "/", search, screen, key, model_summary(analysis), tab, selection, place.beside)


def named_selection(services: Services, place: Place) -> dict[str, Any] | None:
    """What an address selects; nothing where it names a run that is not there."""
    return selection_of(place) if place.run is None or services.runs.has_run(place.run) else None


def front_tab(services: Services, run_id: int | None, selected: bool) -> str:
    """The side tab that a page opens with: what its address selects, else the result of a finished run."""
    if selected:
        return "inspect"
    done = run_id is not None and services.runs.get(run_id).status == "done"
    return "result" if done else "configure"


def navigated(services: Services, changed: str | None, search: str, model: str | None, run: str | None) -> Screen:
    """The screen after `changed` ("address", "model" or "run") changed; `model` is None when a page opens."""
    runs = services.runs.list()
    models = {record.id: services.library.key_of(record) for record in runs}
    place = parse(search)
    if model is None or (changed in (None, "address") and not names_nothing(place)):
        active = newest_active(runs, lambda status: status in ACTIVE)
        return _screen(services, on_open(place, models, services.first_model, active))
    return _screen(services, on_choice("model" if changed == "model" else "run", model, whole_number(run), models))


def run_options(services: Services) -> Options:
    """Choices of the run selector, newest first."""
    return [{"value": str(r.id), "label": run_label(r.id, r.status, r.step, r.steps)} for r in services.runs.list()]


def model_options(services: Services, model: str) -> Options:
    """Choices of the model selector: those of the library, and the model on screen where it is none of these."""
    models = services.library.options()
    if model in {option["value"] for option in models}:
        return models
    return [{"value": model, "label": services.library.label(model)}, *models]


def _screen(services: Services, shown: Shown) -> Screen:
    run = None if shown.run is None else str(shown.run)
    return Screen(shown.model, model_options(services, shown.model), run, run_options(services), shown.run)

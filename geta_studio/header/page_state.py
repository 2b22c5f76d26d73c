"""The state a page opens with, and what the two selectors show after a change."""

from __future__ import annotations

from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from geta_studio.header.model_choices import model_choices
from geta_studio.header.model_status import model_summary
from geta_studio.header.selection import named_selection
from geta_studio.header.url import OnScreen, on_choice, on_open, parse_address, whole_number
from geta_studio.services.services import Services
from geta_studio.shell.graph_choices import FIRST_OVERLAY, FIRST_STAGE
from geta_studio.shell.run_words import Choice, newest_active, run_choices
from geta_studio.shell.stores import Selection

Changed = Literal["address", "model", "run"]


class Selectors(NamedTuple):
    """Values and choices of the two selectors, and the run on screen."""

    model: str
    models: list[Choice]
    run: str | None
    runs: list[Choice]
    run_id: int | None


class PageState(NamedTuple):
    """The first state of a page; `key` is None until the model is analysed."""

    path: str
    search: str
    selectors: Selectors
    key: str | None
    summary: str
    tab: str
    selection: Selection | None
    compared: str | None
    overlay: str
    stage: str
    is_done: bool
    """Whether the run on screen is done: only then is there a compact graph."""


def page_state(services: Services, address: str) -> PageState:
    """What the page of an address shows first, so that its graph need not wait for two round trips."""
    parts = urlsplit(address)
    selectors = selectors_after(services, None, parts.query, None, None)
    analysis = services.analyses.get(selectors.model)
    named = parse_address(parts.query)
    is_done = selectors.run_id is not None and services.runs.live_status(selectors.run_id)["status"] == "done"
    return PageState(
        path=parts.path or "/",
        search=f"?{parts.query}" if parts.query else "",
        selectors=selectors,
        key=selectors.model if analysis else None,
        summary=model_summary(analysis),
        tab=front_tab(is_done, named.select is not None),
        selection=named_selection(services, named),
        compared=named.compared,
        overlay=named.overlay or FIRST_OVERLAY,
        stage=named.stage if named.stage and (is_done or named.stage != "compact") else FIRST_STAGE,
        is_done=is_done,
    )


def front_tab(is_done: bool, is_selected: bool) -> str:
    """The side tab that a page opens with: what its address selects, else the result of a finished run."""
    if is_selected:
        return "inspect"
    return "result" if is_done else "configure"


def selectors_after(
    services: Services, changed: Changed | None, search: str, model: str | None, run: str | None
) -> Selectors:
    """The selectors after a change; `model` is None when a page opens."""
    runs = services.runs.heads()
    models = {record.id: services.library.key_of(record) for record in runs}
    address = parse_address(search)
    if model is None or (changed in (None, "address") and address.names_model):
        return _selectors(services, on_open(address, models, services.first_model, newest_active(runs)))
    return _selectors(services, on_choice("model" if changed == "model" else "run", model, whole_number(run), models))


def _selectors(services: Services, on_screen: OnScreen) -> Selectors:
    models = model_choices(services, on_screen.model)
    run = None if on_screen.run is None else str(on_screen.run)
    return Selectors(on_screen.model, models, run, run_choices(services.runs.heads()), on_screen.run)

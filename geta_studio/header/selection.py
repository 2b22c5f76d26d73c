"""What an address selects, colours and puts beside the model, and when: at once, or when its model appears."""

from __future__ import annotations

from typing import Any

from dash import no_update

from geta_engine.errors import InputError
from geta_studio.header.url import Address, selection_of
from geta_studio.services.services import Services
from geta_studio.shell.stores import Selection


def named_selection(services: Services, address: Address) -> Selection | None:
    """What an address selects; nothing where it names a run that is not there."""
    return selection_of(address) if address.run is None or services.runs.has_run(address.run) else None


def selection_outputs(services: Services, address: Address | None, on_screen: bool) -> tuple[Any, Any]:
    """(what is selected once the model asked for is on screen, what is selected now), after an address, or after a
    choice in the header (None). What is on screen keeps its selection until another model appears."""
    if address is None:
        return None, no_update
    if not address.names_model and address.select is None:
        return no_update, no_update
    named = named_selection(services, address)
    return named, named if on_screen else no_update


def compared_output(address: Address | None) -> Any:
    """The model beside the one on screen after an address ("": none); a choice in the header (None) leaves it."""
    if address is None or not (address.names_model or address.compared is not None):
        return no_update
    return address.compared or ""


def check_run(services: Services, address: Address) -> None:
    """Raises InputError where an address names a run that is not there."""
    if address.run is not None and not services.runs.has_run(address.run):
        raise InputError(f"run {address.run} is not in this store: see Runs for those that are, or launch one")

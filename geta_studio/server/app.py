"""The web app: Dash on FastAPI, composed of its features by `create_app`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from geta_engine.errors import GetaError
from geta_studio.services.disk import DISK_FULL, is_disk_full
from geta_studio.services.services import Services
from geta_studio.shell import ids

if TYPE_CHECKING:
    from dash import Dash

log = logging.getLogger(__name__)


def create_app(services: Services) -> Dash:
    """A Dash app on FastAPI with every callback and REST route in place; `app.server` is the ASGI app.

    Dash is imported here: by then `serve` has the analysis of the first model under way on the other core.
    """
    from dash import Dash

    from geta_studio.api import app as api
    from geta_studio.configure import callbacks as configure
    from geta_studio.graph import callbacks as graph
    from geta_studio.graph import compare_callbacks as compare
    from geta_studio.header import callbacks as header
    from geta_studio.header.page_state import page_state
    from geta_studio.inspector import callbacks as inspector
    from geta_studio.result import callbacks as result
    from geta_studio.run_dock import callbacks as run_dock
    from geta_studio.runs_page import callbacks as runs_page
    from geta_studio.server.assets import asset_settings, assets_folder, preload_modules, render_after_modules
    from geta_studio.server.dash_internals import read_answers_faster
    from geta_studio.server.page import page
    from geta_studio.shell import callbacks as shell

    read_answers_faster()
    app = Dash(
        "geta_studio",
        title="GETA Studio",
        update_title="",
        backend="fastapi",
        serve_locally=True,
        websocket_callbacks=True,
        websocket_inactivity_timeout=0,
        on_error=show_error,
        suppress_callback_exceptions=True,
        **asset_settings(assets_folder()),
    )
    preload_modules(app)
    render_after_modules(app)
    app.index_string = app.index_string.replace("<html>", '<html lang="en">')
    app.layout = lambda: page(page_state(services, page_address(app)))
    for feature in (header, graph, compare, inspector, configure, run_dock, result, runs_page, shell):
        feature.register(app, services)
    api.register(app.server, services)
    return app


def page_address(app: Dash) -> str:
    """The address of the page whose layout is asked for, as its browser names it; "" where there is no request."""
    if not app.backend.has_request_context():
        return ""
    return str(app.backend.request_adapter().headers.get("referer", ""))


def show_error(error: Exception) -> None:
    """Show an error of a callback as a notice: the sentence of ours, or a general one; the log has the traceback."""
    from dash import set_props
    from dash.exceptions import PreventUpdate

    if isinstance(error, GetaError):
        text = str(error)
    elif is_disk_full(error):
        log.error("the disk is full", exc_info=error)
        text = DISK_FULL
    else:
        log.error("a callback failed", exc_info=error)
        text = "Something went wrong in the studio; its log says what. Reload the page to go on: runs are not affected."
    notice = {"action": "show", "title": "That did not work", "message": text, "color": "red", "autoClose": 12000}
    set_props(ids.NOTICES, {"sendNotifications": [notice]})
    raise PreventUpdate

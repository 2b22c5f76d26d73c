"""The web app: Dash on FastAPI, made by `create_app` and served by uvicorn."""

from __future__ import annotations

import errno
import logging
import secrets
import signal
import socket
import sys
import webbrowser
from typing import TYPE_CHECKING

from geta_engine.errors import GetaError, InputError
from geta_engine.runs.workspace import Workspace
from geta_studio import ids
from geta_studio.security import Guard, is_loopback
from geta_studio.services import DISK_FULL, Services, is_disk_full

if TYPE_CHECKING:
    from dash import Dash

log = logging.getLogger("geta_studio")


def create_app(services: Services) -> Dash:
    """A Dash app on FastAPI with every callback and REST route in place; `app.server` is the ASGI app.

    Dash is imported here: by then `serve` has the analysis of the first model under way on the other core.
    """
    from dash import Dash

    from geta_studio import api
    from geta_studio.callbacks import beside, configure, control, graph, inspector, live, model, runs, theme
    from geta_studio.pages.workspace import layout
    from geta_studio.screens import opening

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
    )
    app.index_string = app.index_string.replace("<html>", '<html lang="en">')
    app.layout = lambda: layout(opening(services, page_address(app)))
    for callbacks in (model, graph, beside, inspector, configure, control, live, runs, theme):
        callbacks.register(app, services)
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


def serve(
    host: str, port: int, *, model: str | None = None, store: str | None = None, open_browser: bool = False
) -> None:
    """Serve the studio until interrupted. Raises InputError when the port or the store cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    listener = listen(host, port)
    services = Services(Workspace(store), model)
    try:
        _check(services)
        token = None if is_loopback(host) else secrets.token_urlsafe(24)
        app = Guard(create_app(services), host=host, port=port, token=token)
        services.layouts.warm()
        address = f"http://{_shown(host)}:{port}/" + (f"?token={token}" if token else "")
        print(f"GETA Studio is on {address}", flush=True)
        if open_browser:
            webbrowser.open(address)
        _run(app, listener)
    except KeyboardInterrupt:
        log.info("interrupted")
    finally:
        services.close()


def _check(services: Services) -> None:
    """Start the analysis of the first model. Raises InputError for a model or a limit that cannot be."""
    state = services.prepare(services.first_model)
    if services.upload_limit and state.state == "failed":
        raise InputError(state.text)


def _run(app: Guard, listener: socket.socket) -> None:
    """Serve until a signal; uvicorn raises it again afterwards, as an exception for `serve` to clean up after."""
    import uvicorn

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises InputError that names the port when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise InputError(_bind_problem(host, port, error)) from None
    except OverflowError:
        listener.close()
        raise InputError(f"port {port} is not a port: give a number from 1 to 65535, such as PORT=8051") from None
    return listener


def _bind_problem(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: stop the program that has it, or choose another with PORT={port + 1}"
    return f"the studio cannot listen on {host}:{port} ({error.strerror}): choose another with PORT= and --host"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host

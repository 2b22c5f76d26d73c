"""The studio served by uvicorn until it is interrupted."""

from __future__ import annotations

import errno
import gc
import logging
import secrets
import signal
import socket
import sys
import webbrowser

from geta_engine.errors import InputError
from geta_engine.runs.workspace import Workspace
from geta_studio.server.app import create_app
from geta_studio.server.security import Guard, is_loopback
from geta_studio.services.services import Services

SWITCH_S = 0.0005
"""After which a thread that draws lets others go on: a tick waits for its turn at each of its queries."""
COLLECTIONS = (100_000, 50, 50)
"""When garbage is looked for (`gc.set_threshold`): a drawing makes a million objects, none of them in a circle, and to
look through them again and again took longer than to make them."""
log = logging.getLogger(__name__)


def serve(
    host: str, port: int, *, model: str | None = None, store: str | None = None, open_browser: bool = False
) -> None:
    """Serve the studio until interrupted. Raises InputError when the port or the store cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    listener = listen(host, port)
    services = Services(Workspace(store), model)
    try:
        _start_first_analysis(services)
        token = None if is_loopback(host) else secrets.token_urlsafe(24)
        app = Guard(create_app(services), host=host, port=port, token=token)
        services.layouts.warm()
        _favour_answers()
        address = f"http://{_in_url(host)}:{port}/" + (f"?token={token}" if token else "")
        print(f"GETA Studio is on {address}", flush=True)
        if open_browser:
            webbrowser.open(address)
        _run(app, listener)
    except KeyboardInterrupt:
        log.info("interrupted")
    finally:
        services.close()


def _favour_answers() -> None:
    """Answer ticks while large graphs are drawn; benchmarks/services.py measures how soon."""
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
    gc.enable()


def _start_first_analysis(services: Services) -> None:
    """Start the analysis of the first model. Raises InputError for a model or a limit that cannot be."""
    state = services.analyses.ensure_analysis(services.first_model)
    if services.library.upload_limit and state.state == "failed":
        raise InputError(state.text)


def _run(app: Guard, listener: socket.socket) -> None:
    """Serve until a signal; uvicorn raises it again afterwards, as an exception for `serve` to clean up after."""
    import uvicorn

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=2, ws_per_message_deflate=False
    )
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


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host

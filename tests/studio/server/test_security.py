"""Who is let in: hosts, origins, tokens; over the real ASGI app."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from dash import Dash

from geta_engine.runs.workspace import Workspace
from geta_studio.server.app import create_app
from geta_studio.server.security import Guard, allowed_hosts, is_loopback, refusal
from geta_studio.services.services import Services
from tests.coroutines import run_to_end

TOKEN = "secret-token"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Dash:
    folder: Path = tmp_path_factory.mktemp("store")
    return create_app(Services(Workspace(f"sqlite:///{folder}/geta.db")))


def ask(guard: Guard, path: str = "/api/health", base: str = "http://127.0.0.1:8050", **options: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=guard)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            return await client.get(path, **options)

    return run_to_end(send())


def socket_messages(guard: Guard, **headers: str) -> list[dict[str, Any]]:
    """What a websocket connection to Dash's endpoint is answered with."""
    sent: list[dict[str, Any]] = []
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "websocket",
        "path": "/_dash-ws-callback",
        "headers": named,
        "query_string": b"",
        "subprotocols": [],
    }
    coming = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}])

    async def receive() -> dict[str, Any]:
        return next(coming)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    run_to_end(guard(scope, receive, send))
    return sent


def test_loopback_addresses() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost")] == [True] * 3
    assert [is_loopback(host) for host in ("0.0.0.0", "192.168.1.2", "example.org")] == [False] * 3


@pytest.mark.parametrize("host", ["127.0.0.1:8050", "localhost:8050"])
def test_the_own_address_is_served(app: Dash, host: str) -> None:
    answer = ask(Guard(app, host="127.0.0.1", port=8050), base=f"http://{host}")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("host", ["evil.example:8050", "127.0.0.1:9999", "127.0.0.1.evil.example:8050", "127.0.0.1"])
def test_other_hosts_are_refused(app: Dash, host: str) -> None:
    answer = ask(Guard(app, host="127.0.0.1", port=8050), headers={"host": host})
    assert answer.status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_other_origins_are_refused(origin: str) -> None:
    headers = {"host": "127.0.0.1:8050", "origin": origin}
    assert refusal(headers, allowed_hosts("127.0.0.1", 8050)) is not None
    assert refusal({**headers, "origin": "http://127.0.0.1:8050"}, allowed_hosts("127.0.0.1", 8050)) is None


def test_websockets_are_checked_too(app: Dash) -> None:
    guard = Guard(app, host="127.0.0.1", port=8050)
    closed = socket_messages(guard, host="127.0.0.1:8050", origin="https://evil.example")
    assert [message["type"] for message in closed] == ["websocket.close"]
    opened = socket_messages(guard, host="127.0.0.1:8050", origin="http://127.0.0.1:8050")
    assert opened[0]["type"] == "websocket.accept"


@pytest.fixture
def guarded(app: Dash) -> Callable[..., httpx.Response]:
    guard = Guard(app, host="0.0.0.0", port=8050, token=TOKEN)
    return lambda path, **options: ask(guard, path, base="http://10.1.2.3:8050", **options)


def test_without_the_token_nothing_is_shown(guarded: Callable[..., httpx.Response], app: Dash) -> None:
    assert guarded("/api/runs").status_code == 401
    assert guarded("/?token=wrong").status_code == 401
    guard = Guard(app, host="0.0.0.0", port=8050, token=TOKEN)
    closed = socket_messages(guard, host="10.1.2.3:8050", origin="http://10.1.2.3:8050")
    assert [message["type"] for message in closed] == ["websocket.close"]


def test_the_token_becomes_a_cookie_and_leaves_the_address(guarded: Callable[..., httpx.Response]) -> None:
    answer = guarded(f"/?run=2&token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?run=2")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert guarded("/api/runs", headers={"cookie": cookie.split(";")[0]}).json() == {"runs": []}
    assert guarded("/api/runs", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_the_way_back_from_the_token_stays_on_this_server(app: Dash) -> None:
    sent: list[dict[str, Any]] = []
    scope = {"type": "http", "path": "//evil.example/x", "query_string": f"token={TOKEN}".encode()}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    guard = Guard(app, host="0.0.0.0", port=8050, token=TOKEN)
    run_to_end(guard({**scope, "headers": [(b"host", b"10.1.2.3:8050")]}, None, send))
    assert dict(sent[0]["headers"])[b"location"] == b"/evil.example/x"

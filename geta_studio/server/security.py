"""Who may talk to the studio: Host and Origin are checked on every request and websocket; a token off this machine."""

from __future__ import annotations

import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    from dash import Dash

Scope = dict[str, Any]
COOKIE = "geta-token"
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address to bind: 127.0.0.1, ::1, localhost."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def allowed_hosts(host: str, port: int) -> frozenset[str] | None:
    """Host headers that name this server; None means any (a wildcard address, where the token decides)."""
    if host in ("0.0.0.0", "::"):
        return None
    names = {f"[{host}]" if ":" in host else host, "localhost", "127.0.0.1", "[::1]"}
    bare = names if port == 80 else set()
    return frozenset({f"{name}:{port}" for name in names} | bare)


def refusal(headers: dict[str, str], hosts: frozenset[str] | None) -> str | None:
    """A sentence when Host or Origin says that a request comes from elsewhere, else None.

    A page of another site that reaches this server by DNS rebinding shows its own name in Host; a form or script of
    another site shows it in Origin.
    """
    host = headers.get("host", "").lower()
    if not host or (hosts is not None and host not in hosts):
        return "this address is not one the studio serves: open it by the address it printed at its start"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host:
        return "requests from other sites are refused: open the studio in a tab of its own"
    return None


class Guard:
    """ASGI middleware: refuses strangers, asks for the token, adds security headers."""

    def __init__(self, app: Dash, *, host: str, port: int, token: str | None = None) -> None:
        self._dash = app
        self._app = app.server
        self._hosts = allowed_hosts(host, port)
        self._token = token
        self._policy: bytes | None = None

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        problem = refusal(headers, self._hosts)
        if problem:
            await _refuse(scope, receive, send, 403, problem)
        elif self._token and not self._is_authorized(headers):
            await self._exchange_token(scope, receive, send)
        else:
            await self._app(scope, receive, self._with_headers(send))

    def _is_authorized(self, headers: dict[str, str]) -> bool:
        try:
            given = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        return self._is_token(given.value if given else "") or self._is_token(bearer)

    def _is_token(self, given: str) -> bool:
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())

    async def _exchange_token(self, scope: Scope, receive: Any, send: Any) -> None:
        """Turn `?token=` into a cookie and show the page again without it; refuse anything else."""
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        token = query.pop("token", [""])[0]
        if scope["type"] != "http" or not self._is_token(token):
            text = "this studio asks for a token: open the address it printed at its start"
            await _refuse(scope, receive, send, 401, text)
            return
        rest = urlencode(query, doseq=True)
        location = "/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else "")
        cookie = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [(b"location", location.encode("latin-1")), (b"set-cookie", cookie.encode())]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _with_headers(self, send: Any) -> Any:
        async def send_with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                extra = (*HEADERS, (b"content-security-policy", self._content_policy()))
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            await send(message)

        return send_with_headers

    def _content_policy(self) -> bytes:
        """Scripts come from this server only; the few inline ones Dash writes are named by their hashes.

        'unsafe-eval' is for Plotly's WebGL traces, whose shaders regl compiles with `Function`.
        """
        if self._policy is None:
            inline = " ".join(self._dash.csp_hashes())
            self._policy = (
                f"default-src 'self'; script-src 'self' 'unsafe-eval' {inline}; style-src 'self' 'unsafe-inline'; "
                "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
                "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
            ).encode("latin-1")
        return self._policy


async def _refuse(scope: Scope, receive: Any, send: Any, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4003, "reason": text[:120]})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})

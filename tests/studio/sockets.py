"""Callbacks of the studio over a websocket, as a browser asks for them, without a browser."""

from __future__ import annotations

import json
from typing import Any

import httpx
from websockets.sync.client import connect


class Socket:
    """One connection to a server; every callback can be asked for with any values."""

    def __init__(self, url: str) -> None:
        self._callbacks = httpx.get(f"{url}/_dash-dependencies").json()
        self._socket = connect(f"{url.replace('http', 'ws', 1)}/_dash-ws-callback", origin=url, max_size=None)  # type: ignore[arg-type]
        self._asked = 0
        self._answers: dict[str, dict[str, Any]] = {}
        self.props: dict[str, Any] = {}
        """What the server set beside its answers, by component."""

    def close(self) -> None:
        self._socket.close()

    def ask(self, writes: str, changed: str, **values: Any) -> str:
        """Ask for the callback that writes, or first reads, `component.property`; values by component id with "_" for
        "-". Returns the number of the request."""
        callback = next(c for c in self._callbacks if writes in (*_outputs(c), _name(c["inputs"][0])))
        given = {name.replace("_", "-"): value for name, value in values.items()}
        self._asked += 1
        payload = {
            "output": callback["output"],
            "outputs": [_part(name) for name in _outputs(callback)],
            "inputs": [{**part, "value": given.get(part["id"])} for part in callback["inputs"]],
            "state": [{**part, "value": given.get(part["id"])} for part in callback["state"]],
            "changedPropIds": [changed],
        }
        request = {"type": "callback_request", "requestId": str(self._asked), "rendererId": "tests", "payload": payload}
        self._socket.send(json.dumps(request))
        return str(self._asked)

    def answer(self, request: str, seconds: float = 30) -> dict[str, Any]:
        """The answer to a request. Raises TimeoutError when nothing at all comes for so long."""
        while request not in self._answers:
            received = json.loads(self._socket.recv(timeout=seconds))
            for message in received if isinstance(received, list) else [received]:
                if message["type"] == "callback_response":
                    self._answers[message["requestId"]] = message["payload"]
                elif message["type"] == "set_props":
                    self.props[message["payload"]["componentId"]] = message["payload"]["props"]
        return self._answers[request]

    def is_answered(self, request: str) -> bool:
        """Whether an answer came by now, as far as it was read."""
        return request in self._answers


def _outputs(callback: dict[str, Any]) -> list[str]:
    """What a callback writes, "component.property" each."""
    return [name for name in callback["output"].strip(".").split("...") if "." in name]


def _name(part: dict[str, Any]) -> str:
    return f"{part['id']}.{part['property']}"


def _part(name: str) -> dict[str, str]:
    identity, _, prop = name.partition(".")
    return {"id": identity, "property": prop.partition("@")[0]}

"""A page of the studio without a browser: its callbacks, sent over a websocket of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

Answer = dict[str, dict[str, Any]]
"""Properties that change, by component."""


class Tab:
    """One tab. A thread of its own reads the answers, so that many callbacks may be under way."""

    def __init__(self, url: str) -> None:
        self._callbacks = httpx.get(f"{url}/_dash-dependencies").json()
        address = f"{url.replace('http', 'ws', 1)}/_dash-ws-callback"
        self._socket = connect(address, origin=Origin(url), max_size=None)
        self._sent = 0
        self._waiting: dict[str, Future[Answer]] = {}
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Tab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()
        self._reader.join()

    def call(self, output: str, values: Mapping[str, Any]) -> Future[Answer]:
        """Send the callback with that output. Names are "component.property".

        The first of `values` is what changed; an input or state that it does not name is None. The future raises
        RuntimeError when the callback fails, ConnectionError when the server goes.
        """
        changed = next(iter(values))
        spec = next(c for c in self._callbacks if output in _outputs(c) and changed in map(_name, c["inputs"]))
        outputs = [dict(zip(("id", "property"), name.split("."), strict=True)) for name in _outputs(spec)]
        payload = {
            "output": spec["output"],
            "outputs": outputs if len(outputs) > 1 else outputs[0],
            "inputs": [{**each, "value": values.get(_name(each))} for each in spec["inputs"]],
            "state": [{**each, "value": values.get(_name(each))} for each in spec["state"]],
            "changedPropIds": [changed],
        }
        self._sent += 1
        request = {"type": "callback_request", "rendererId": "tab", "requestId": str(self._sent), "payload": payload}
        answer = self._waiting[str(self._sent)] = Future()
        self._socket.send(json.dumps(request))
        return answer

    def _read(self) -> None:
        try:
            for text in self._socket:
                received = json.loads(text)
                for message in received if isinstance(received, list) else [received]:
                    if message.get("type") == "callback_response":
                        _complete(self._waiting.pop(message["requestId"]), message["payload"])
        except ConnectionClosed:
            pass
        for answer in self._waiting.values():
            answer.set_exception(ConnectionError("the server closed the connection"))


def _complete(answer: Future[Answer], payload: Mapping[str, Any]) -> None:
    if payload.get("status") == "ok":
        answer.set_result(payload["data"].get("response", {}))
    elif payload.get("status") == "prevent_update":
        answer.set_result({})
    else:
        answer.set_exception(RuntimeError(f"a callback failed: {payload}"))


def _name(dependency: Mapping[str, Any]) -> str:
    return f"{dependency['id']}.{dependency['property']}"


def _outputs(spec: Mapping[str, Any]) -> list[str]:
    """ "..a.x...b.y.." -> ["a.x", "b.y"]; a hash after @ tells callbacks of one output apart."""
    return [name.partition("@")[0] for name in spec["output"].strip(".").split("...")]

"""What geta_studio/server/dash_internals.py uses without being promised it."""

from __future__ import annotations

import inspect
import re

import dash.backends.ws
import orjson

from geta_studio.server.dash_internals import read_answers_faster


def test_dash_reads_its_answers_with_a_json_of_its_module() -> None:
    used = set(re.findall(r"\bjson\.\w+", inspect.getsource(dash.backends.ws)))
    assert used == {"json.loads"}, "ws.py of this Dash does not use `json` as dash_internals.py expects"
    read_answers_faster()
    assert dash.backends.ws.json is orjson

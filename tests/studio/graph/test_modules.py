"""The page from a cold start: Dash renders after the modules, whichever comes first over the network."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from serving import Server


@pytest.mark.timeout(300)
def test_dash_renders_once_the_modules_have_run(server: Server, page: Any) -> None:
    """The entry is held back until the page has been parsed and more has been fetched than Dash needs to begin."""
    asked: list[str] = []
    held: list[Any] = []
    problems: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.route("**/js/main.js", lambda route: held.append(route))
    page.goto(server.url, wait_until="commit")
    page.wait_for_function("() => document.readyState === 'interactive'")
    page.evaluate("async () => { for (let i = 0; i < 3; i += 1) await (await fetch('/api/health')).text() }")
    assert "/_dash-layout" not in asked
    held[0].continue_()
    page.wait_for_selector("#graph-panel[data-drawn]")
    modules = [index for index, path in enumerate(asked) if path.endswith(".js") and path.startswith("/assets/")]
    assert len(modules) > 30
    assert max(modules) < asked.index("/_dash-layout")
    assert problems == []


@pytest.mark.timeout(300)
def test_the_scripts_add_no_globals_but_what_dash_and_mantine_look_up(server: Server, page: Any) -> None:
    names = "() => Object.getOwnPropertyNames(window)"
    page.route("**/js/main.js", lambda route: route.fulfill(content_type="text/javascript", body=""))
    page.goto(server.url)
    page.wait_for_selector("#graph canvas >> nth=0", state="attached")
    without = set(page.evaluate(names))
    page.unroute("**/js/main.js")
    page.goto(server.url)
    page.wait_for_selector("#graph-panel[data-drawn]")
    added = {name for name in set(page.evaluate(names)) - without if "geta" in name.lower() or "dash" in name.lower()}
    assert added == {"dashMantineFunctions"}
    assert page.evaluate("() => Object.keys(dash_clientside).filter(name => name.startsWith('geta')).sort()") == [
        *("geta", "getaCompare", "getaGraph")
    ]

"""What assets/js/graph/cytoscape_internals.js uses without being promised it, looked up in the libraries themselves."""

from __future__ import annotations

from typing import Any

import pytest
from serving import Server

LOOKED_UP = {
    "Cytoscape leaves itself on its container as `_cyreg.cy`": "cy => typeof cy.getElementById === 'function'",
    "the renderer has a field `textureOnViewport`": "cy => typeof cy.renderer?.().textureOnViewport === 'boolean'",
    "the renderer has a field `hideEdgesOnViewport`": "cy => typeof cy.renderer?.().hideEdgesOnViewport === 'boolean'",
    "dash-cytoscape listens to `viewport`": "cy => cy.emitter?.().listeners?.some(({ type }) => type === 'viewport')",
    "dash-cytoscape listens to `resize`": "cy => cy.emitter?.().listeners?.some(({ type }) => type === 'resize')",
}


@pytest.mark.timeout(300)
def test_what_is_used_of_cytoscape_without_being_documented_is_there(server: Server, page: Any) -> None:
    """On a page without the studio's scripts, which would have changed some of it."""
    page.route("**/js/main.js", lambda route: route.fulfill(content_type="text/javascript", body=""))
    page.goto(server.url)
    page.wait_for_selector("#graph canvas >> nth=0", state="attached")
    graph = page.evaluate_handle("() => document.getElementById('graph')._cyreg?.cy ?? {}")
    gone = [what for what, is_there in LOOKED_UP.items() if not page.evaluate(is_there, graph)]
    assert not gone, f"cytoscape_internals.js relies on what this version lacks: {'; '.join(gone)}"

"""When a page has its first picture, told by the page itself.

Playwright asks from outside, and waits for its turn while other parts of the page still mount.
"""

from __future__ import annotations

from typing import Any

WATCH = """new MutationObserver((_, watch) => {
    if (!document.querySelector("#graph-panel[data-drawn]")) return;
    watch.disconnect();
    requestAnimationFrame(() => { window.firstPaint = performance.now(); });
}).observe(document, { subtree: true, childList: true, attributes: true });"""
"""An init script: it runs in every document before its own scripts."""


def seconds_to_first_picture(page: Any, url: str) -> float:
    """From opening `url` to the first frame with a graph; `page` has WATCH as an init script."""
    page.goto(url, wait_until="commit")
    milliseconds: float = page.wait_for_function("window.firstPaint", timeout=60_000).json_value()
    return milliseconds / 1000

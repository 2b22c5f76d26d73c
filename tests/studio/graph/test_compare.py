"""The compact model of a real run beside the dense graph, in a real browser; and a layout that is cancelled."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from finished import run_of
from screen import CY, STATE
from serving import Server, children

OTHER = "document.getElementById('graph-compared')._cyreg.cy"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a finished run of resnet8."""
    folder = tmp_path_factory.mktemp("compare")
    server = Server(folder)
    run_of(server.store, folder, "resnet8", "digits", 0.5)
    yield server.start()
    server.stop()


def show_both(server: Server, page: Any) -> None:
    """The compact model of the run beside the dense one."""
    page.goto(f"{server.url}/?model=resnet8&run=1")
    page.wait_for_selector("#graph-panel[data-drawn='resnet8']")
    page.click("text=View ▾")
    page.click("text=Beside it: compact model of run 1")
    page.wait_for_selector("#graph-panel[data-compared='compact-1']")


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_dense_and_compact_side_by_side(site: Server, page: Any) -> None:
    show_both(site, page)
    assert page.evaluate(f"() => {OTHER}.getElementById('conv2d').data('nodes')") == ["conv2d", "batch_norm", "relu"]
    assert "→" in page.locator("#graph-compared-title").inner_text()
    ids = "cy => cy.nodes('.changed').map(n => n.id()).sort()"
    left, right = (page.evaluate(f"() => ({ids})({graph})") for graph in (CY, OTHER))
    assert left == right and "conv2d" in left
    page.evaluate(f"() => {{ {CY}.viewport({{zoom: 1.1, pan: {{x: -17, y: 31}}}}) }}")
    assert page.evaluate(f"() => [{OTHER}.zoom(), {OTHER}.pan()]") == [1.1, {"x": -17, "y": 31}]
    places = "cy => cy.nodes('.row').map(n => [n.id(), n.position('x'), n.position('y')])"
    assert page.evaluate(f"() => ({places})({CY})") == page.evaluate(f"() => ({places})({OTHER})")
    page.evaluate(f"() => {{ {OTHER}.getElementById('conv2d').emit('mouseover') }}")
    page.wait_for_selector("#graph-tip.on >> text=/parameters/")
    page.evaluate(f"() => {{ {OTHER}.getElementById('conv2d_1').emit('tap') }}")
    page.wait_for_function("() => location.search.includes('select=node:conv2d_1')")
    page.evaluate(f"() => {{ {OTHER}.nodes('.toggle')[0].emit('tap') }}")
    page.wait_for_function(f"() => {CY}.nodes('.row').length === {OTHER}.nodes('.row').length")
    where = "rows => rows.map(row => `${row.position('x')} ${row.position('y')} ${row.data('label')}`).sort().join()"
    alike = f"({where})({CY}.nodes('.row').not('.gone')) === ({where})({OTHER}.nodes('.row'))"
    gone = f"{CY}.getElementById('conv1.weight|clamp').hasClass('gone')"
    for stage, boxes in (("Trace", "=== 0"), ("Branches", "> 5")):
        page.click(f"#graph-stage >> text={stage}")
        page.wait_for_function(f"() => {CY}.nodes('.box.branch').length {boxes} && {gone} && {alike}")
        assert page.evaluate(f"() => {OTHER}.nodes('.row.gone, .row.new').length") == 0
        left, right = (
            page.evaluate(f"() => {graph}.getElementById('conv2d').hasClass('changed')") for graph in (CY, OTHER)
        )
        assert left and right
        title = page.locator(".graph-compared-what").bounding_box()
        first = f"Math.min(...{OTHER}.nodes('.row').map(row => row.renderedBoundingBox({{includeLabels: false}}).y1))"
        frame = page.locator("#graph-compared").bounding_box()
        page.wait_for_function(f"() => {frame['y']} + {first} >= {title['y'] + title['height']}")
    page.click("#graph-stage >> text=Groups")
    page.wait_for_function(f"() => !{CY}.nodes('.gone').length && {CY}.nodes('.changed').length > 5")
    page.click("text=View ▾")
    page.click("text=Nothing beside it")
    page.wait_for_selector("#graph-panel:not(.comparing)")
    assert page.evaluate(f"() => {CY}.nodes('.changed').length") == 0


@pytest.mark.timeout(300)
def test_a_layout_that_takes_long_shows_it_and_can_be_cancelled(site: Server, page: Any) -> None:
    """The processes that lay out are stopped by the system's own means, so that they take as long as wanted."""
    page.goto(site.url)
    page.wait_for_selector("#graph-panel[data-drawn='resnet20']")
    before = page.evaluate(f"() => {CY}.nodes('.row').map(n => n.id()).sort()")
    stopped = children(site.pid, "geta_engine.drawing.process")
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    page.evaluate(f"() => {{ {CY}.nodes('.toggle')[0].emit('tap') }}")
    page.wait_for_selector("#graph-busy.on >> text=/Laying out the graph: 0 of [0-9]+ modules/")
    page.click("#graph-cancel")
    page.wait_for_selector("text=the layout of the graph was cancelled: the graph stays as it was")
    page.wait_for_selector("#graph-busy:not(.on)", state="attached")
    assert page.evaluate(f"() => {CY}.nodes('.row').map(n => n.id()).sort()") == before
    for process in {*stopped} & {*children(site.pid, "geta_engine.drawing.process")}:
        os.kill(process, signal.SIGCONT)
    draws = page.get_attribute("#graph-panel", "data-draws")
    page.evaluate(f"() => {{ {CY}.nodes('.toggle')[0].emit('tap') }}")
    page.wait_for_selector(f"#graph-panel:not([data-draws='{draws}'])")
    assert page.evaluate(f"() => {CY}.nodes('.row').map(n => n.id()).sort()") != before


def choose_run(page: Any, run: int) -> None:
    """Choose a run in the header."""
    page.click("#run-select")
    page.click(f"[role=option][value='{run}']")


@pytest.mark.timeout(300)
def test_the_compact_model_opens_from_the_result_each_time(site: Server, page: Any) -> None:
    page.goto(f"{site.url}/?model=resnet8&run=1")
    for _ in range(2):
        page.click("text=Open the compact model")
        page.wait_for_selector("#graph-panel[data-drawn='compact-1']")
        page.wait_for_function("() => location.search === '?model=compact-1'")
        assert page.input_value("#model-select") == "run 1, compact"
        choose_run(page, 1)
        page.wait_for_selector("#graph-panel[data-drawn='resnet8']")
        page.wait_for_function("() => location.search === '?model=resnet8&run=1'")


@pytest.mark.timeout(300)
def test_a_click_on_the_right_selects_what_it_means_on_the_left(site: Server, page: Any) -> None:
    show_both(site, page)
    at = page.evaluate(f"() => ({{...{OTHER}.nodes('.pill')[1].position()}})")
    there = "node => node.position('x') === at.x && node.position('y') === at.y"
    pill = page.evaluate(f"at => {CY}.nodes('.pill').filter({there})[0].data('quantizers')[0]", at)
    group = page.evaluate(f"() => {CY}.getElementById('conv2d_1|tag').data('group')")
    scope = page.evaluate(f"() => {OTHER}.nodes('.box')[0].data('scope')")
    for node, selected in (
        ("getElementById('conv2d_1|weights')", "quantizer:layer1.0.conv1.weight"),
        ("nodes('.pill')[1]", f"quantizer:{pill}"),
        ("getElementById('conv2d_1|tag')", f"group:{group}"),
        ("nodes('.box')[0]", f"scope:{scope}"),
    ):
        page.evaluate(f"() => {{ {OTHER}.{node}.emit('tap') }}")
        page.wait_for_function("select => location.search.includes(`&select=${select}&beside=`)", arg=selected)
    page.click("#graph-stage >> text=Branches")
    page.wait_for_function(f"() => {OTHER}.nodes('.box.branch').length > 5")
    first = f"{OTHER}.nodes('.box.branch')[0]"
    title = page.evaluate(f"() => {OTHER}.getElementById({first}.id() + '|toggle').data('label')")
    page.evaluate(f"() => {{ {first}.emit('tap') }}")
    page.wait_for_function(f"async () => {STATE}.selection.kind === 'quantizer'")
    layer = page.evaluate(f"async () => {STATE}.scene.layers[{STATE}.selection.id]")
    assert title == f"inserted · {layer}"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_address_holds_what_stands_beside(site: Server, page: Any) -> None:
    page.goto(f"{site.url}/?model=resnet8&run=1&beside=compact-1")
    page.wait_for_selector("#graph-panel[data-compared='compact-1']")
    page.reload()
    page.wait_for_selector("#graph-panel[data-compared='compact-1']")
    assert page.evaluate("() => location.search") == "?model=resnet8&run=1&beside=compact-1"
    page.click("text=View ▾")
    page.click("text=Nothing beside it")
    page.wait_for_function("() => location.search === '?model=resnet8&run=1'")
    page.click("text=View ▾")
    page.click("text=Beside it: compact model of run 1")
    page.wait_for_function("() => location.search === '?model=resnet8&run=1&beside=compact-1'")
    page.click("text=Open the compact model")
    page.wait_for_selector("#graph-panel[data-drawn='compact-1']:not(.comparing)")
    page.wait_for_function("() => location.search === '?model=compact-1'")
    for compared in ("compact-99", "<b>&", "resnet20"):
        page.goto(f"{site.url}/?model=resnet8&beside={compared}")
        page.wait_for_selector("#graph-panel[data-drawn='resnet8']:not(.comparing)")
        assert page.locator("text=That did not work").count() == 0

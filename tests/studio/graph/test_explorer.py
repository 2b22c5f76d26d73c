"""The graph in a real browser: stages, search, the menu of a node, what can be saved, presenting, the address."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from screen import CY, STATE
from serving import Server, children


@pytest.fixture
def on_screen(shared_server: Server, page: Any) -> Any:
    return opened(page, shared_server)


def opened(page: Any, server: Server) -> Any:
    page.goto(server.url)
    page.wait_for_selector("#graph-panel[data-drawn='resnet20']")
    return page


def place_of(page: Any, selector: str) -> tuple[float, float]:
    """Where on the page the first node of a kind is."""
    box = page.locator("#graph").bounding_box()
    at = page.evaluate(f"s => {CY}.nodes(s)[0].renderedPosition()", selector)
    return box["x"] + at["x"], box["y"] + at["y"]


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_the_construction_stage_by_stage_and_its_address(on_screen: Any, shared_server: Server) -> None:
    on_screen.click("#graph-stage >> text=Branches")
    on_screen.wait_for_function(
        f"() => {CY}.nodes('.box.inserted').length > 3 && {CY}.nodes('.box.attached').length > 3"
    )
    assert on_screen.locator(".note-branches").is_visible()
    titles = on_screen.evaluate(f"() => {CY}.nodes('.toggle.inserted').map(n => n.data('label'))")
    assert "inserted · conv1" in titles
    on_screen.wait_for_function("() => location.search.includes('stage=branches')")
    x, y = place_of(on_screen, ".row[quantizer = 'conv1.weight']")
    on_screen.mouse.click(x, y)
    on_screen.wait_for_function("() => location.search.includes('select=quantizer:conv1.weight')")
    on_screen.goto(f"{shared_server.url}/?model=resnet20&stage=trace")
    on_screen.wait_for_function(
        f"() => document.getElementById('graph')?._cyreg && {CY}.nodes('.parameter').length > 3"
    )
    assert on_screen.evaluate(f"() => {CY}.nodes('.box.branch').length") == 0
    on_screen.click("#graph-stage >> text=QADG")
    on_screen.wait_for_function(f"() => {CY}.nodes('.parameter').length === 0 && {CY}.nodes('.pill').length > 3")


@pytest.mark.timeout(300)
def test_the_dock_says_in_one_line_what_to_do_while_no_run_is_open(on_screen: Any) -> None:
    said = on_screen.locator("#dock-empty span")
    assert said.inner_text().endswith("press Launch: the curves of the run grow here.")
    assert said.evaluate("span => span.getClientRects().length") == 1
    assert said.evaluate("span => span.scrollWidth <= span.parentElement.clientWidth")


@pytest.mark.timeout(300)
def test_search_filters_the_menu_and_the_grid(on_screen: Any) -> None:
    on_screen.fill("#graph-search", "op:conv bits>=8")
    on_screen.wait_for_selector("#graph-match-count:text-is('21')")
    on_screen.fill("#graph-search", "op:conv bits<8")
    on_screen.wait_for_selector("#graph-match-count:text-is('none')")
    on_screen.mouse.click(*place_of(on_screen, "#conv2d"), button="right")
    on_screen.wait_for_selector("#graph-menu >> text=Show group g1")
    on_screen.keyboard.press("ArrowDown")
    assert on_screen.evaluate("() => document.activeElement.textContent") == "Show group g1"
    on_screen.keyboard.press("Escape")
    assert on_screen.locator("#graph-menu").is_hidden()
    on_screen.mouse.click(*place_of(on_screen, "#conv2d_1"), button="right")
    on_screen.click("#graph-menu >> text=Set bits")
    on_screen.wait_for_function(
        "() => [...document.querySelectorAll('#bits-grid [col-id=layer].ag-cell')]"
        ".every(cell => cell.textContent === 'layer1.0.conv1')"
    )


ENTER_AND_TYPE_ON = """([first, then]) => {
  const box = document.getElementById('graph-search');
  const write = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
  const type = text => { write.call(box, text); box.dispatchEvent(new Event('input', { bubbles: true })); };
  type(first);
  box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
  setTimeout(() => type(then), 30);
}"""


@pytest.mark.timeout(300)
def test_enter_steps_into_the_matches_of_what_is_written(on_screen: Any) -> None:
    actual = "#graph-match-count:text-is('{}')"
    on_screen.fill("#graph-search", "op:conv")
    on_screen.wait_for_selector(actual.format("21"))
    on_screen.fill("#graph-search", "param:fc.bias")
    on_screen.press("#graph-search", "Enter")
    on_screen.wait_for_selector(actual.format("1 / 1"))
    on_screen.wait_for_function("() => location.search.includes('select=node:linear')")
    on_screen.fill("#graph-search", "layer1.0.conv")
    for _ in range(2):
        on_screen.press("#graph-search", "Enter")
    on_screen.wait_for_selector(actual.format("2 / 2"))
    assert on_screen.evaluate(f"() => {CY}.nodes('.current').map(node => node.id())") == ["conv2d_2"]
    on_screen.evaluate(ENTER_AND_TYPE_ON, ["op:conv", "layer2.0.conv"])
    on_screen.wait_for_selector(actual.format("2"))
    on_screen.fill("#graph-search", "op:conv")
    on_screen.wait_for_selector(actual.format("21"))


@pytest.mark.timeout(300)
def test_an_address_of_what_is_not_there_says_so_and_leaves_the_graph_as_it_is(
    on_screen: Any, shared_server: Server
) -> None:
    asked = {
        "node:gone": "“gone” was asked for, and resnet20 has no such node",
        "scope:layers.1–35": "“layers.1–35” was asked for, and resnet20 has no such module",
        "quantizer:act.gone": "“act.gone” was asked for, and resnet20 has no such quantizer",
        "group:999": "“999” was asked for, and resnet20 has no such group",
        "group:abc": "“abc” was asked for, and resnet20 has no such group",
        "script:alert(1)": "“script:alert(1)” was asked for, and that is no node",
    }
    for select, sentence in asked.items():
        on_screen.goto(
            f"{shared_server.url}/?model=resnet20&stage=nonsense&overlay=nonsense&step=nonsense&select={select}"
        )
        on_screen.wait_for_selector(f"#inspect-head:has-text('{sentence}')")
        on_screen.wait_for_selector("#graph-panel[data-drawn='resnet20']")
        assert on_screen.evaluate(f"() => {CY}.elements('.faded, .chosen').length") == 0
        assert on_screen.locator("#graph-stage input:checked").get_attribute("value") == "groups"
    on_screen.mouse.click(*place_of(on_screen, "#conv2d_1"))
    on_screen.wait_for_selector("#inspect-head:has-text('layer1.0.conv1')")
    assert on_screen.locator("text=That did not work").count() == 0


@pytest.mark.timeout(300)
def test_what_is_on_screen_can_be_saved(on_screen: Any, tmp_path: Path) -> None:
    saved = {}
    for kind in ("png", "svg", "dot", "json"):
        saved[kind] = save(on_screen, kind, tmp_path / kind)
    assert saved["png"].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "conv1 + bn1 + relu" in "".join(ElementTree.parse(saved["svg"]).getroot().itertext())
    assert saved["dot"].read_text().startswith('digraph "resnet20"') and "layer1.0" in saved["dot"].read_text()
    assert len(json.loads(saved["json"].read_text())["groups"]) == 13
    on_screen.click("#graph-stage >> text=Branches")
    on_screen.wait_for_function(f"() => {CY}.nodes('.box.attached').length > 3")
    branches = save(on_screen, "dot", tmp_path / "branches").read_text()
    assert 'label="attached · conv1"' in branches and "flatten" not in branches
    on_screen.click("button:has-text('View ▾')")
    on_screen.click("#graph-shape")
    on_screen.wait_for_function(f"() => {CY}.getElementById('flatten').length === 1")
    assert "flatten" in save(on_screen, "dot", tmp_path / "shape").read_text()


def save(page: Any, kind: str, file: Path) -> Path:
    """Save the graph by the menu."""
    if not page.locator(f"[data-graph=save-{kind}]").is_visible():
        page.click("button:has-text('Save ▾')")
    with page.expect_download() as download:
        page.click(f"[data-graph=save-{kind}]")
    assert download.value.suggested_filename == f"resnet20-graph.{kind}"
    download.value.save_as(file)
    return file


@pytest.mark.timeout(300)
def test_presenting_leaves_the_graph_alone_until_escape(on_screen: Any) -> None:
    on_screen.click("button:has-text('View ▾')")
    on_screen.click("[data-graph=present]")
    on_screen.wait_for_selector("body.presenting")
    assert on_screen.locator(".side").is_hidden() and on_screen.locator("#graph").is_visible()
    on_screen.wait_for_function("() => document.getElementById('graph').clientWidth === innerWidth")
    on_screen.keyboard.press("Escape")
    on_screen.wait_for_selector(".side")
    assert not on_screen.locator("body.presenting").count()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("overlay", ["Sparsity", "Saliency"])
def test_an_overlay_without_a_run_says_so(on_screen: Any, overlay: str) -> None:
    on_screen.click("#graph-overlay")
    on_screen.click(f"[role=option]:has-text('{overlay}')")
    on_screen.wait_for_selector("#graph-scale:has-text('nothing yet')")
    on_screen.wait_for_function(f"() => location.search.includes('overlay={overlay.lower()}')")


@pytest.mark.timeout(300)
def test_an_overlay_that_a_stage_cannot_show_says_which_can(on_screen: Any, shared_server: Server) -> None:
    on_screen.goto(f"{shared_server.url}/?model=resnet20&stage=branches&overlay=sparsity")
    on_screen.wait_for_function(f"() => document.getElementById('graph')?._cyreg && {CY}.nodes('.branch').length > 3")
    on_screen.wait_for_selector("#graph-scale:has-text('from the QADG stage on')")
    assert "open or launch" not in on_screen.inner_text("#graph-scale")


@pytest.mark.timeout(300)
def test_a_closed_branch_selects_its_quantizer(on_screen: Any) -> None:
    on_screen.click("#graph-stage >> text=Branches")
    on_screen.wait_for_function(f"() => {CY}.nodes('.box.attached').length > 3")
    scope = on_screen.evaluate(f"() => {CY}.nodes('.box.attached')[0].id().slice(6)")
    on_screen.evaluate(f"id => {{ {CY}.getElementById(id).emit('tap') }}", f"scope:{scope}|toggle")
    on_screen.wait_for_function(f"id => {CY}.getElementById(id).hasClass('row')", arg=f"scope:{scope}")
    on_screen.evaluate(f"id => {{ {CY}.getElementById(id).emit('tap') }}", f"scope:{scope}")
    on_screen.wait_for_function("() => location.search.includes('select=quantizer:conv1.weight')")
    on_screen.wait_for_selector("#inspect-head >> text=conv1")


@pytest.mark.timeout(300)
def test_the_menu_of_a_pill_is_its_quantizers_and_copies_without_a_clipboard(shared_server: Server, page: Any) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.goto(shared_server.url)
    page.wait_for_selector("#graph-panel[data-drawn='resnet20']")
    quantizer = page.evaluate(f"() => {CY}.nodes('.pill')[0].data('quantizers')[0]")
    page.mouse.click(*place_of(page, ".pill"), button="right")
    page.click("#graph-menu >> text=Copy name")
    page.click("#graph-search")
    page.keyboard.press("Control+V")
    assert page.input_value("#graph-search") == quantizer
    page.mouse.click(*place_of(page, ".pill"), button="right")
    page.click("#graph-menu >> text=Inspect")
    page.wait_for_function("id => location.search.includes(`select=quantizer:${id}`)", arg=quantizer)
    page.mouse.click(*place_of(page, ".pill"), button="right")
    page.click("#graph-menu >> text=Set bits")
    page.wait_for_selector("#bits-grid .ag-row-selected")
    assert page.locator("#bits-grid .ag-center-cols-container .ag-row-selected").count() == 1
    assert page.inner_text("#bits-scope") == "bits for the 1 selected"
    assert page.inner_text("#bits-grid .ag-row-selected [col-id=kind]") == "A"


@pytest.mark.timeout(300)
def test_set_bits_finds_the_layer_and_no_other_whose_name_has_it(on_screen: Any) -> None:
    on_screen.mouse.click(*place_of(on_screen, "#conv2d"), button="right")
    on_screen.click("#graph-menu >> text=Set bits")
    cells = "[...document.querySelectorAll('#bits-grid [col-id=layer].ag-cell')].map(cell => cell.textContent)"
    on_screen.wait_for_function(f"() => {cells}.length && {cells}.every(name => name === 'conv1')")
    on_screen.fill("#bits-grid .ag-floating-filter input", "")
    on_screen.wait_for_function(f"() => {cells}.length > 3")
    on_screen.fill("#bits-grid .ag-floating-filter input", "layer1.0")
    on_screen.wait_for_function(f"() => {cells}.length > 3 && {cells}.every(name => name.startsWith('layer1.0.'))")


@pytest.mark.timeout(300)
def test_presenting_a_graph_that_does_not_fit_starts_at_its_top_in_readable_type(on_screen: Any) -> None:
    on_screen.click("button:has-text('View ▾')")
    on_screen.click("[data-graph=all]")
    on_screen.wait_for_function("() => Number(document.getElementById('graph-panel').dataset.draws) === 2")
    before = on_screen.evaluate(f"() => ({{zoom: {CY}.zoom(), ...{CY}.pan()}})")
    on_screen.click("button:has-text('View ▾')")
    on_screen.click("[data-graph=present]")
    on_screen.wait_for_function(f"() => document.body.matches('.presenting') && {CY}.zoom() > 14 / 12 - 0.01")
    first = on_screen.evaluate(f"() => {CY}.nodes('.row')[0].renderedPosition()")
    assert 0 < first["x"] < 1280 and 0 < first["y"] < 200
    on_screen.keyboard.press("Escape")
    on_screen.wait_for_function(f"zoom => Math.abs({CY}.zoom() - zoom) < 1e-6", arg=before["zoom"])
    assert on_screen.evaluate(f"() => {CY}.pan().x") == pytest.approx(before["x"])


@pytest.mark.timeout(300)
def test_matches_follow_the_bounds_that_are_edited(on_screen: Any) -> None:
    on_screen.fill("#graph-search", "bits>=8")
    on_screen.wait_for_selector("#graph-match-count:text-is('22')")
    on_screen.click("[role=tab]:has-text('Configure')")
    on_screen.fill("#bits-upper", "6")
    on_screen.wait_for_selector("#graph-match-count:text-is('none')")


def choose_model(page: Any, name: str) -> None:
    """Choose a model in the header."""
    page.click("#model-select")
    page.click(f"[role=option][value='{name}']")


@pytest.mark.timeout(300)
def test_another_model_lets_go_of_what_is_selected(on_screen: Any) -> None:
    on_screen.mouse.click(*place_of(on_screen, "#conv2d_1"))
    on_screen.wait_for_function("() => location.search.includes('select=node:conv2d_1')")
    choose_model(on_screen, "lenet")
    on_screen.wait_for_selector("#graph-panel[data-drawn='lenet']")
    on_screen.wait_for_function("() => location.search === '?model=lenet'")
    assert "was asked for" not in on_screen.inner_text("#inspector")


def halted_analysis(server: Server, page: Any, name: str) -> int:
    """Choose a model; its analysis, stopped by the system's own means until it is sent on."""
    server.forget_analyses()
    choose_model(page, name)
    page.wait_for_selector(f"#model-status:has-text('Analysing {name}')")
    (actual,) = children(server.pid, "geta_engine.analysis.process")
    os.kill(actual, signal.SIGSTOP)
    return actual


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_what_is_selected_while_another_model_is_analysed_goes_when_it_appears(page: Any, server: Server) -> None:
    on_screen = opened(page, server)
    analysis = halted_analysis(server, on_screen, "lenet")
    on_screen.mouse.click(*place_of(on_screen, "#conv2d_1"))
    on_screen.wait_for_selector("#inspect-head:has-text('layer1.0.conv1')")
    assert on_screen.evaluate("() => location.search") == "?model=lenet"
    os.kill(analysis, signal.SIGCONT)
    on_screen.wait_for_selector("#graph-panel[data-drawn='lenet']")
    on_screen.wait_for_function(f"async () => {STATE}.selection === null")
    on_screen.wait_for_function(f"() => {CY}.getElementById('conv2d_1').length && !{CY}.nodes('.chosen').length")
    assert on_screen.evaluate("() => location.search") == "?model=lenet"


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_a_model_whose_analysis_fails_leaves_what_is_selected(page: Any, server: Server) -> None:
    on_screen = opened(page, server)
    on_screen.mouse.click(*place_of(on_screen, "#conv2d_1"))
    on_screen.wait_for_selector("#inspect-head:has-text('layer1.0.conv1')")
    os.kill(halted_analysis(server, on_screen, "lenet"), signal.SIGKILL)
    on_screen.wait_for_selector("#model-status.failed")
    assert on_screen.evaluate(f"async () => {STATE}.selection") == {"kind": "node", "id": "conv2d_1"}
    assert on_screen.evaluate(f"() => {CY}.nodes('.chosen').map(node => node.id())") == ["conv2d_1"]
    assert "layer1.0.conv1" in on_screen.inner_text("#inspect-head")


@pytest.mark.timeout(300)
def test_back_and_forward_bring_the_model_with_what_was_selected_in_it(on_screen: Any) -> None:
    on_screen.mouse.click(*place_of(on_screen, "#conv2d_1"))
    on_screen.wait_for_function("() => location.search === '?model=resnet20&select=node:conv2d_1'")
    on_screen.click("#runs-link")
    on_screen.click("#brand")
    choose_model(on_screen, "lenet")
    on_screen.wait_for_selector("#graph-panel[data-drawn='lenet']")
    on_screen.wait_for_function("() => location.search === '?model=lenet'")
    for page, drawn, selected in ((-2, "resnet20", "conv2d_1"), (2, "lenet", None)):
        on_screen.evaluate("pages => history.go(pages)", page)
        on_screen.wait_for_selector(f"#graph-panel[data-drawn='{drawn}']")
        on_screen.wait_for_function(f"async id => ({STATE}.selection?.id ?? null) === id", arg=selected)
        wanted = f"?model={drawn}&select=node:{selected}" if selected else f"?model={drawn}"
        on_screen.wait_for_function("search => location.search === search", arg=wanted)


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_an_address_selects_in_a_model_that_is_yet_to_be_analysed(page: Any, server: Server) -> None:
    page.goto(f"{server.url}/?model=lenet&select=node:conv2d_1")
    page.wait_for_selector("#graph-panel[data-drawn='lenet']")
    page.wait_for_selector("#inspect-head:has-text('conv2')")
    page.wait_for_function(f"() => {CY}.nodes('.chosen').map(node => node.id()).join() === 'conv2d_1'")
    assert page.evaluate("() => location.search") == "?model=lenet&select=node:conv2d_1"

"""The graph page without a mouse: search, the list that mirrors the graph, the menu of a node, View, Save, Present."""

from __future__ import annotations

from typing import Any

import pytest
from serving import Server

CY = "document.getElementById('graph')._cyreg.cy"
FOCUSED = "document.activeElement"


@pytest.fixture
def on_screen(shared_server: Server, page: Any) -> Any:
    page.emulate_media(reduced_motion="reduce")
    page.goto(shared_server.url)
    page.wait_for_selector("#graph-panel[data-drawn='resnet20']")
    page.wait_for_selector(".tree-item", state="attached")
    return page


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Any, selector: str, key: str = "Tab") -> None:
    """Press Tab until the focus is on such an element."""
    for _ in range(90):
        if page.evaluate(f"s => !!{FOCUSED}.closest(s)", selector):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{selector} is not in the tab order")


def focused(page: Any, name: str = "textContent") -> Any:
    return page.evaluate(f"n => {FOCUSED}[n] ?? {FOCUSED}.getAttribute(n)", name)


def wait_focus(page: Any, text: str) -> None:
    page.wait_for_function(f"t => ({FOCUSED}.textContent || '').includes(t)", arg=text)


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_a_match_is_selected_and_its_menu_opened_and_left(on_screen: Any) -> None:
    tab_to(on_screen, "#graph-search")
    on_screen.keyboard.type("layer1.0.conv1")
    on_screen.wait_for_selector("#graph-match-count:text-is('1')")
    press(on_screen, "Enter")
    on_screen.wait_for_function("() => location.search.includes('select=node:conv2d_1')")
    tab_to(on_screen, ".graph-focus", "Shift+Tab")
    before = on_screen.evaluate(f"() => ({{...{CY}.pan()}})")
    press(on_screen, "ArrowDown")
    assert on_screen.evaluate(f"() => {CY}.pan().y") == before["y"] - 80
    press(on_screen, "Shift+F10")
    on_screen.wait_for_selector("#graph-menu >> text=Inspect")
    assert focused(on_screen) == "Inspect" and focused(on_screen, "role") == "menuitem"
    press(on_screen, "End")
    assert focused(on_screen) == "Copy link to this"
    press(on_screen, "ArrowDown")
    assert focused(on_screen) == "Inspect"
    press(on_screen, "Escape")
    assert on_screen.locator("#graph-menu").is_hidden() and focused(on_screen, "className") == "graph-focus"
    press(on_screen, "ContextMenu", "ArrowDown", "Enter")
    on_screen.wait_for_function("() => location.search.includes('select=group:')")
    assert on_screen.locator("#graph-menu").is_hidden() and focused(on_screen, "className") == "graph-focus"


@pytest.mark.timeout(300)
def test_the_list_moves_opens_closes_selects_and_has_the_menu(on_screen: Any) -> None:
    tab_to(on_screen, ".tree-item")
    assert focused(on_screen).startswith("input x") and on_screen.locator("#graph-tree").is_visible()
    press(on_screen, "ArrowDown", "ArrowDown")
    assert focused(on_screen).startswith("layer1") and focused(on_screen, "ariaExpanded") == "true"
    press(on_screen, "-")
    on_screen.wait_for_function(f"() => {CY}.getElementById('scope:layer1').hasClass('scope')")
    on_screen.wait_for_selector(".tree-item[data-scope=layer1][aria-expanded=false]")
    wait_focus(on_screen, "layer1")
    press(on_screen, "ArrowRight")
    on_screen.wait_for_function(f"() => {CY}.getElementById('scope:layer1').hasClass('box')")
    on_screen.wait_for_selector(".tree-item[data-scope=layer1][aria-expanded=true]")
    wait_focus(on_screen, "layer1")
    press(on_screen, "ArrowDown")
    assert focused(on_screen).startswith("layer1.0")
    press(on_screen, "Enter")
    on_screen.wait_for_function("() => location.search.includes('select=scope:layer1.0')")
    press(on_screen, "ContextMenu")
    on_screen.wait_for_selector("#graph-menu >> text=Copy name")
    assert focused(on_screen) == "Inspect"
    press(on_screen, "Escape")
    assert focused(on_screen).startswith("layer1.0")
    press(on_screen, "Shift+Tab", "Tab")
    assert focused(on_screen).startswith("layer1.0")


@pytest.mark.timeout(300)
def test_view_save_and_present(on_screen: Any) -> None:
    tab_to(on_screen, ".graph-button[aria-haspopup=menu]")
    press(on_screen, "Enter")
    on_screen.wait_for_selector("[role=menuitem]:has-text('Present')")
    wait_focus(on_screen, "Open all modules")
    press(on_screen, "Escape")
    wait_focus(on_screen, "View")
    assert focused(on_screen, "aria-expanded") == "false"
    press(on_screen, "Enter")
    wait_focus(on_screen, "Open all modules")
    press(on_screen, "End")
    wait_focus(on_screen, "Show shape and mask ops")
    press(on_screen, "Enter")
    on_screen.wait_for_function(f"() => {CY}.getElementById('flatten').nonempty()")
    wait_focus(on_screen, "View")
    press(on_screen, "Enter")
    on_screen.wait_for_selector("[role=menuitem]:has-text('Hide shape and mask ops')")
    press(on_screen, "Escape")
    wait_focus(on_screen, "View")
    press(on_screen, "Tab", "Enter")
    wait_focus(on_screen, "PNG picture")
    press(on_screen, "End")
    with on_screen.expect_download() as download:
        press(on_screen, "Enter")
    assert download.value.suggested_filename == "resnet20-graph.json"
    wait_focus(on_screen, "Save")
    on_screen.wait_for_timeout(200)  # a closed menu gives the focus back once more, some 10 ms later
    press(on_screen, "Shift+Tab", "Enter")
    wait_focus(on_screen, "Open all modules")
    press(on_screen, "ArrowDown", "ArrowDown")
    wait_focus(on_screen, "Present")
    press(on_screen, "Enter")
    on_screen.wait_for_selector("body.presenting")
    wait_focus(on_screen, "View")
    press(on_screen, "Enter")
    wait_focus(on_screen, "Open all modules")
    press(on_screen, "Escape")
    wait_focus(on_screen, "View")
    assert on_screen.locator("body.presenting").count() == 1
    press(on_screen, "Escape")
    on_screen.wait_for_selector("body:not(.presenting)")


TELLS = "Number(document.getElementById('graph-tree').dataset.tells || 0)"
COUNT_TELLS = f"""() => {{
  const list = document.getElementById('graph-tree');
  new MutationObserver(() => {{ list.dataset.tells = {TELLS} + 1; }}).observe(list, {{ childList: true }});
}}"""


def told_anew(page: Any, *keys: str) -> None:
    """Press keys that change the graph, and wait until the list is written anew."""
    before = page.evaluate(f"() => {TELLS}")
    press(page, *keys)
    page.wait_for_function(f"() => {TELLS} > {before}")


@pytest.mark.timeout(300)
def test_the_focus_stays_on_its_entry_when_the_list_is_written_anew(on_screen: Any) -> None:
    on_screen.evaluate(COUNT_TELLS)
    tab_to(on_screen, ".tree-item")
    press(on_screen, "ArrowDown", "ArrowDown")
    told_anew(on_screen, "-")
    assert focused(on_screen).startswith("layer1,") and focused(on_screen, "ariaExpanded") == "false"
    press(on_screen, "ArrowDown", "Shift+F10")
    on_screen.wait_for_selector("#graph-menu >> text=Close")
    told_anew(on_screen, "ArrowDown", "Enter")
    assert focused(on_screen).startswith("layer2,") and focused(on_screen, "ariaExpanded") == "false"
    told_anew(on_screen, "+", "ArrowDown")
    assert focused(on_screen).startswith("layer3,") and focused(on_screen, "ariaExpanded") == "true"
    press(on_screen, "-", "Shift+F10")
    assert focused(on_screen) == "Inspect"
    on_screen.wait_for_selector(".tree-item[data-scope=layer3][aria-expanded=false]", state="attached")
    press(on_screen, "Escape")
    assert focused(on_screen).startswith("layer3,")


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_the_focus_goes_to_the_module_around_an_entry_that_is_gone(on_screen: Any) -> None:
    on_screen.evaluate(COUNT_TELLS)
    tab_to(on_screen, ".tree-item")
    press(on_screen, "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")
    inside = focused(on_screen)
    before = on_screen.evaluate(f"() => {TELLS}")
    on_screen.evaluate(f"() => {{ {CY}.getElementById('scope:layer1|toggle').emit('tap') }}")
    on_screen.wait_for_function(f"() => {TELLS} > {before}")
    assert not inside.startswith("layer1,") and focused(on_screen).startswith("layer1,")
    on_screen.evaluate("() => { dash_clientside.set_props('model-select', { value: 'mlp' }) }")
    on_screen.wait_for_selector(".tree-item:text-matches('^fc1')", state="attached")
    on_screen.wait_for_function(f"() => {FOCUSED} === document.querySelector('.tree-item')")


@pytest.mark.timeout(300)
def test_the_list_is_entered_where_it_was_left_though_it_is_written_anew(on_screen: Any) -> None:
    on_screen.evaluate(COUNT_TELLS)
    tab_to(on_screen, ".tree-item")
    press(on_screen, "ArrowDown", "ArrowDown")
    told_anew(on_screen, "-", "Shift+Tab")
    press(on_screen, "Tab")
    assert focused(on_screen).startswith("layer1,")


CRUMBS = "[...document.querySelectorAll('.graph-crumb')].map(crumb => crumb.textContent)"


@pytest.mark.timeout(300)
def test_a_crumb_that_is_pressed_leaves_the_focus_on_the_graph(on_screen: Any) -> None:
    on_screen.evaluate(f"() => {{ {CY}.zoom(3); {CY}.center({CY}.nodes('.box')[0]) }}")
    on_screen.wait_for_selector(".graph-crumb")
    on_screen.focus(".graph-crumb")
    press(on_screen, "Enter")
    on_screen.wait_for_function(f"() => !{CRUMBS}.length")
    assert focused(on_screen, "className") == "graph-focus"
    before = on_screen.evaluate(f"() => {CY}.pan().y")
    press(on_screen, "ArrowDown")
    assert on_screen.evaluate(f"() => {CY}.pan().y") == before - 80


@pytest.mark.timeout(300)
def test_a_crumb_says_what_the_title_of_its_module_says_now(on_screen: Any) -> None:
    inside = f"{CY}.nodes('.box')[0]"
    on_screen.evaluate(f"() => {{ {CY}.zoom(3); {CY}.center({inside}) }}")
    on_screen.wait_for_selector(".graph-crumb")
    title = on_screen.inner_text(".graph-crumb")
    on_screen.evaluate(f"() => {{ {CY}.getElementById({inside}.id() + '|toggle').data('label', 'renamed') }}")
    on_screen.evaluate(f"() => {{ {CY}.panBy({{ x: 1, y: 0 }}) }}")
    on_screen.wait_for_function(f"() => {CRUMBS}[0] === 'renamed'")
    assert title != "renamed"

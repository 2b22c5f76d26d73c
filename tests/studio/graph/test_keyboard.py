"""The graph page without a mouse: search, the list that mirrors the graph, the menu of a node, View, Save, Present."""

from __future__ import annotations

from typing import Any

import pytest
from serving import Server

CY = "document.getElementById('graph')._cyreg.cy"
FOCUSED = "document.activeElement"


@pytest.fixture
def shown(server: Server, page: Any) -> Any:
    page.emulate_media(reduced_motion="reduce")
    page.goto(server.url)
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
def test_a_match_is_selected_and_its_menu_opened_and_left(shown: Any) -> None:
    tab_to(shown, "#graph-search")
    shown.keyboard.type("layer1.0.conv1")
    shown.wait_for_selector("#graph-match-count:text-is('1')")
    press(shown, "Enter")
    shown.wait_for_function("() => location.search.includes('select=node:conv2d_1')")
    tab_to(shown, ".graph-focus", "Shift+Tab")
    before = shown.evaluate(f"() => ({{...{CY}.pan()}})")
    press(shown, "ArrowDown")
    assert shown.evaluate(f"() => {CY}.pan().y") == before["y"] - 80
    press(shown, "Shift+F10")
    shown.wait_for_selector("#graph-menu >> text=Inspect")
    assert focused(shown) == "Inspect" and focused(shown, "role") == "menuitem"
    press(shown, "End")
    assert focused(shown) == "Copy link to this"
    press(shown, "ArrowDown")
    assert focused(shown) == "Inspect"
    press(shown, "Escape")
    assert shown.locator("#graph-menu").is_hidden() and focused(shown, "className") == "graph-focus"
    press(shown, "ContextMenu", "ArrowDown", "Enter")
    shown.wait_for_function("() => location.search.includes('select=group:')")
    assert shown.locator("#graph-menu").is_hidden() and focused(shown, "className") == "graph-focus"


@pytest.mark.timeout(300)
def test_the_list_moves_opens_closes_selects_and_has_the_menu(shown: Any) -> None:
    tab_to(shown, ".tree-item")
    assert focused(shown).startswith("input x") and shown.locator("#graph-tree").is_visible()
    press(shown, "ArrowDown", "ArrowDown")
    assert focused(shown).startswith("layer1") and focused(shown, "ariaExpanded") == "true"
    press(shown, "-")
    shown.wait_for_function(f"() => {CY}.getElementById('scope:layer1').hasClass('scope')")
    shown.wait_for_selector(".tree-item[data-scope=layer1][aria-expanded=false]")
    wait_focus(shown, "layer1")
    press(shown, "ArrowRight")
    shown.wait_for_function(f"() => {CY}.getElementById('scope:layer1').hasClass('box')")
    shown.wait_for_selector(".tree-item[data-scope=layer1][aria-expanded=true]")
    wait_focus(shown, "layer1")
    press(shown, "ArrowDown")
    assert focused(shown).startswith("layer1.0")
    press(shown, "Enter")
    shown.wait_for_function("() => location.search.includes('select=scope:layer1.0')")
    press(shown, "ContextMenu")
    shown.wait_for_selector("#graph-menu >> text=Copy name")
    assert focused(shown) == "Inspect"
    press(shown, "Escape")
    assert focused(shown).startswith("layer1.0")
    press(shown, "Shift+Tab", "Tab")
    assert focused(shown).startswith("layer1.0")


@pytest.mark.timeout(300)
def test_view_save_and_present(shown: Any) -> None:
    tab_to(shown, ".graph-button[aria-haspopup=menu]")
    press(shown, "Enter")
    shown.wait_for_selector("[role=menuitem]:has-text('Present')")
    wait_focus(shown, "Open all modules")
    press(shown, "Escape")
    wait_focus(shown, "View")
    assert focused(shown, "aria-expanded") == "false"
    press(shown, "Enter")
    wait_focus(shown, "Open all modules")
    press(shown, "End")
    wait_focus(shown, "Show shape and mask ops")
    press(shown, "Enter")
    shown.wait_for_function(f"() => {CY}.getElementById('flatten').nonempty()")
    wait_focus(shown, "View")
    press(shown, "Enter")
    shown.wait_for_selector("[role=menuitem]:has-text('Hide shape and mask ops')")
    press(shown, "Escape")
    wait_focus(shown, "View")
    press(shown, "Tab", "Enter")
    wait_focus(shown, "PNG picture")
    press(shown, "End")
    with shown.expect_download() as download:
        press(shown, "Enter")
    assert download.value.suggested_filename == "resnet20-graph.json"
    wait_focus(shown, "Save")
    shown.wait_for_timeout(200)  # a closed menu gives the focus back once more, some 10 ms later
    press(shown, "Shift+Tab", "Enter")
    wait_focus(shown, "Open all modules")
    press(shown, "ArrowDown", "ArrowDown")
    wait_focus(shown, "Present")
    press(shown, "Enter")
    shown.wait_for_selector("body.presenting")
    wait_focus(shown, "View")
    press(shown, "Enter")
    wait_focus(shown, "Open all modules")
    press(shown, "Escape")
    wait_focus(shown, "View")
    assert shown.locator("body.presenting").count() == 1
    press(shown, "Escape")
    shown.wait_for_selector("body:not(.presenting)")


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
def test_the_focus_stays_on_its_entry_when_the_list_is_written_anew(shown: Any) -> None:
    shown.evaluate(COUNT_TELLS)
    tab_to(shown, ".tree-item")
    press(shown, "ArrowDown", "ArrowDown")
    told_anew(shown, "-")
    assert focused(shown).startswith("layer1,") and focused(shown, "ariaExpanded") == "false"
    press(shown, "ArrowDown", "Shift+F10")
    shown.wait_for_selector("#graph-menu >> text=Close")
    told_anew(shown, "ArrowDown", "Enter")
    assert focused(shown).startswith("layer2,") and focused(shown, "ariaExpanded") == "false"
    told_anew(shown, "+", "ArrowDown")
    assert focused(shown).startswith("layer3,") and focused(shown, "ariaExpanded") == "true"
    press(shown, "-", "Shift+F10")
    assert focused(shown) == "Inspect"
    shown.wait_for_selector(".tree-item[data-scope=layer3][aria-expanded=false]", state="attached")
    press(shown, "Escape")
    assert focused(shown).startswith("layer3,")


@pytest.mark.timeout(300)
def test_the_focus_goes_to_the_module_around_an_entry_that_is_gone(shown: Any) -> None:
    shown.evaluate(COUNT_TELLS)
    tab_to(shown, ".tree-item")
    press(shown, "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")
    inside = focused(shown)
    before = shown.evaluate(f"() => {TELLS}")
    shown.evaluate(f"() => {{ {CY}.getElementById('scope:layer1|toggle').emit('tap') }}")
    shown.wait_for_function(f"() => {TELLS} > {before}")
    assert not inside.startswith("layer1,") and focused(shown).startswith("layer1,")
    shown.evaluate("() => { dash_clientside.set_props('model-select', { value: 'mlp' }) }")
    shown.wait_for_selector(".tree-item:text-matches('^fc1')", state="attached")
    shown.wait_for_function(f"() => {FOCUSED} === document.querySelector('.tree-item')")


@pytest.mark.timeout(300)
def test_the_list_is_entered_where_it_was_left_though_it_is_written_anew(shown: Any) -> None:
    shown.evaluate(COUNT_TELLS)
    tab_to(shown, ".tree-item")
    press(shown, "ArrowDown", "ArrowDown")
    told_anew(shown, "-", "Shift+Tab")
    press(shown, "Tab")
    assert focused(shown).startswith("layer1,")


CRUMBS = "[...document.querySelectorAll('.graph-crumb')].map(crumb => crumb.textContent)"


@pytest.mark.timeout(300)
def test_a_crumb_that_is_pressed_leaves_the_focus_on_the_graph(shown: Any) -> None:
    shown.evaluate(f"() => {{ {CY}.zoom(3); {CY}.center({CY}.nodes('.box')[0]) }}")
    shown.wait_for_selector(".graph-crumb")
    shown.focus(".graph-crumb")
    press(shown, "Enter")
    shown.wait_for_function(f"() => !{CRUMBS}.length")
    assert focused(shown, "className") == "graph-focus"
    before = shown.evaluate(f"() => {CY}.pan().y")
    press(shown, "ArrowDown")
    assert shown.evaluate(f"() => {CY}.pan().y") == before - 80


@pytest.mark.timeout(300)
def test_a_crumb_says_what_the_title_of_its_module_says_now(shown: Any) -> None:
    inside = f"{CY}.nodes('.box')[0]"
    shown.evaluate(f"() => {{ {CY}.zoom(3); {CY}.center({inside}) }}")
    shown.wait_for_selector(".graph-crumb")
    title = shown.inner_text(".graph-crumb")
    shown.evaluate(f"() => {{ {CY}.getElementById({inside}.id() + '|toggle').data('label', 'renamed') }}")
    shown.evaluate(f"() => {{ {CY}.panBy({{ x: 1, y: 0 }}) }}")
    shown.wait_for_function(f"() => {CRUMBS}[0] === 'renamed'")
    assert title != "renamed"

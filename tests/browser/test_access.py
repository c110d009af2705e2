"""axe-core finds no fault but minor ones, in light and dark, wide and narrow, accepted and rejected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT
from tests.corpus import first

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def faults(page: Any, within: str = "", rules: tuple[str, ...] = ()) -> list[str]:
    """What axe finds in the page, or in the elements of a selector, which takes less time; by some rules, or by all."""
    page.emulate_media(reduced_motion="reduce")  # a colour on its way to another has a contrast of its own
    # The page's policy forbids injected scripts; evaluating goes past it.
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    result = page.evaluate("([within, options]) => axe.run(within || document, options)", [within, options])
    return [
        f"{v['impact']}: {v['id']}: {v['help']} at {n['target']} {n.get('failureSummary', '')[:300]}"
        for v in result["violations"]
        if v["impact"] != "minor"
        for n in v["nodes"][:3]
    ]


def in_schemes(page: Any, within: str = "") -> list[str]:
    """Faults in light; then those of contrast in dark, where only colours differ."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    found = faults(page, within)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    return found + [f"dark: {fault}" for fault in faults(page, within, ("color-contrast",))]


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
@pytest.mark.parametrize("path", ["/", "/examples/missing-bounds-check"])
def test_axe(tab: Callable[..., Any], size: tuple[int, int], path: str) -> None:
    made = tab(width=size[0], height=size[1])
    page = made.open(path)
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(200)
    assert in_schemes(page) == []
    if path == "/" and size[0] > 1000:
        page.keyboard.press("m")
        assert in_schemes(page) == []


def test_axe_of_an_operand_without_a_value_at_the_cursor(tab: Callable[..., Any]) -> None:
    """The destination of a refused load holds nothing yet."""
    made = tab()
    page = made.open()
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.locator(".kind-select").select_option("asm")
    page.locator(".cm-content").click()
    page.keyboard.insert_text(".type xdp\nr2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 0)\nexit\n")
    page.keyboard.press("Control+Enter")
    page.locator(".vl-row.active .operand.kind-none").wait_for()
    assert in_schemes(page) == []


@pytest.mark.parametrize("path", ["/examples/", "/s/unknown"])
def test_axe_of_plain_pages(tab: Callable[..., Any], path: str) -> None:
    made = tab()
    made.page.goto(made.server + path)
    assert faults(made.page) == []


@pytest.mark.parametrize("width", [905, 960, 1100])
def test_the_header_shortens_what_matters_least(tab: Callable[..., Any], width: int) -> None:
    """The names of the menus are whole, and nothing is outside of the window."""
    page = tab(width=width).open("/examples/missing-bounds-check")
    shortened = "e => e.scrollWidth > e.clientWidth + 1"
    assert not page.locator("bs-header summary", has_text="Examples").evaluate(shortened)
    assert not page.locator("bs-header .menu-program summary").evaluate(shortened)
    assert page.locator('bs-header [data-part="theme"]').bounding_box()["x"] < width - 30
    assert not page.locator("html").evaluate(shortened)


@pytest.mark.parametrize("size", first([(1440, 900), (360, 740)]))
def test_axe_of_a_value_that_is_asked_for(tab: Callable[..., Any], size: tuple[int, int]) -> None:
    made = tab(width=size[0], height=size[1])
    page = made.open()
    for _ in range(11):
        page.keyboard.press("ArrowRight")
    if size[0] < 900:
        page.get_by_role("radio", name="State").click()
    for name in ("r1", "r4"):
        page.locator(f'bs-state tr[data-name="{name}"] .reg-name').click()
        page.locator(".value .made li").first.wait_for()
        assert in_schemes(page, "bs-state") == []
        page.keyboard.press("Escape")
    page.locator("bs-value .value").wait_for(state="hidden")


SIZES = [(1440, 900), (390, 844)]
PROGRAM = "/examples/bounded-loop"
"""An accepted program with a loop, of which every panel has something to show."""


def answered(page: Any) -> None:
    """No question of the page is on its way."""
    page.wait_for_function(
        "() => Object.values(document.querySelector('bs-dock').store.state.analyses).every(a => a.status !== 'asked')"
    )


RECORDING = "/examples/trace-connects#stage=run&step=2"


@pytest.mark.parametrize("size", first(SIZES))
def test_axe_of_every_panel(tab: Callable[..., Any], size: tuple[int, int]) -> None:
    """Of all that the dock registers: a new panel is among them without a line here."""
    page = tab(width=size[0], height=size[1]).open(f"{PROGRAM}#step=30&stage=verify")
    every = page.locator("bs-dock [role=tab]").evaluate_all("tabs => tabs.map(tab => tab.id.slice(4))")
    panels = page.locator("bs-dock [role=tab]:not([hidden])").evaluate_all("tabs => tabs.map(tab => tab.id.slice(4))")
    assert len(panels) > 10 and len(set(every)) == len(every)
    found = {}
    for name in (*panels, *(each for each in every if each not in panels)):
        if not page.locator(f"#tab-{name}").is_visible():
            page = tab(width=size[0], height=size[1]).open(RECORDING)
            page.locator(f"#tab-{name}").wait_for()
        page.locator(f"#tab-{name}").click()
        answered(page)
        expect(page.locator(f"#pane-{name}")).to_be_visible()
        found[name] = in_schemes(page, f"#pane-{name}")
        parts = page.locator(f"#pane-{name} button[data-part][aria-pressed]").all() if size == SIZES[0] else []
        for part in parts:
            part.click()
            answered(page)
            found[f"{name} {part.inner_text()}"] = in_schemes(page, f"#pane-{name}")
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize("size", first(SIZES))
def test_axe_of_every_menu_and_dialog(tab: Callable[..., Any], size: tuple[int, int]) -> None:
    page = tab(width=size[0], height=size[1]).open(PROGRAM)
    found = {}
    for menu in page.locator("bs-header details").all():
        menu.locator("summary").click()
        found[menu.locator("summary").inner_text()] = in_schemes(page, "bs-header")
        page.keyboard.press("Escape")
    names = page.locator("bs-header summary, bs-header button").count()
    assert names > 4 and len(found) >= 3
    shown = "[role=dialog]:not([hidden]), dialog[open]"
    openers = {
        "keys": lambda: page.keyboard.press("?"),
        "go to": lambda: page.keyboard.press("g"),
        "search": lambda: page.keyboard.press("/"),
        "share": lambda: page.get_by_role("button", name="Share").click(),
        "moves": lambda: page.locator("bs-moves summary, bs-scrubber summary").first.click(),
        "passed": lambda: page.get_by_role("button", name="In and out").click(),
        "kernels": lambda: page.get_by_role("button", name="Real kernels").click(),
    }
    for name, open_ in openers.items():
        page.locator("body").evaluate("() => document.activeElement?.blur()")
        open_()
        within = next((each for each in shown.split(", ") if page.locator(f"{each} >> visible=true").count()), "")
        found[name] = in_schemes(page, within)
        page.keyboard.press("Escape")
    assert {name: faults for name, faults in found.items() if faults} == {}


BROKEN = {
    "does not compile": ("c", "int f(void) { return missing; }"),
    "cannot be loaded": ("c", "int f(void) { return 1; }"),
    "no assembly": ("asm", "r0 = nonsense\nexit"),
    "no program": ("c", ""),
}


@pytest.mark.parametrize("size", first(SIZES))
def test_axe_of_what_fails(tab: Callable[..., Any], size: tuple[int, int]) -> None:
    page = tab(width=size[0], height=size[1]).open()
    if size[0] < 900:
        page.get_by_role("radio", name="Source").click()
    found = {}
    for name, (kind, text) in BROKEN.items():
        page.locator(".kind-select").select_option(kind)
        page.evaluate(
            "text => document.querySelector('bs-editor').view.dispatch("
            "{changes: {from: 0, to: document.querySelector('bs-editor').view.state.doc.length, insert: text}})",
            text,
        )
        page.locator('[data-part="run"]').click()
        page.wait_for_function(
            "() => !['running', 'connecting'].includes(document.querySelector('bs-dock').store.state.status.state)"
        )
        found[name] = in_schemes(page)
    assert {name: faults for name, faults in found.items() if faults} == {}

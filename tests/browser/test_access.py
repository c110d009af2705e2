"""axe-core finds no fault but minor ones, in light and dark, wide and narrow, accepted and rejected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def faults(page: Any) -> list[str]:
    # The page's policy forbids injected scripts; evaluating goes past it.
    page.evaluate(AXE.read_text())
    result = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{v['impact']}: {v['id']}: {v['help']} at {n['target']} {n.get('failureSummary', '')[:300]}"
        for v in result["violations"]
        if v["impact"] != "minor"
        for n in v["nodes"][:3]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
@pytest.mark.parametrize("path", ["/", "/examples/missing-bounds-check"])
def test_axe(tab: Callable[..., Any], scheme: str, size: tuple[int, int], path: str) -> None:
    made = tab(width=size[0], height=size[1], color_scheme=scheme)
    page = made.open(path)
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(200)
    assert faults(page) == []
    if path == "/" and size[0] > 1000:
        page.keyboard.press("m")
        for pane in ("Packet", "Maps", "Output", "Machine code", "Shape"):
            page.get_by_role("tab", name=pane).click()
            assert faults(page) == []
        page.keyboard.press("?")
        assert faults(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_of_an_operand_without_a_value_at_the_cursor(tab: Callable[..., Any], scheme: str) -> None:
    """The destination of a refused load holds nothing yet."""
    made = tab(color_scheme=scheme)
    page = made.open()
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.locator(".kind-select").select_option("asm")
    page.locator(".cm-content").click()
    page.keyboard.insert_text(".type xdp\nr2 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r2 + 0)\nexit\n")
    page.keyboard.press("Control+Enter")
    page.locator(".vl-row.active .operand.kind-none").wait_for()
    assert faults(page) == []


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (360, 740)])
def test_axe_of_a_value_that_is_asked_for(tab: Callable[..., Any], scheme: str, size: tuple[int, int]) -> None:
    made = tab(width=size[0], height=size[1], color_scheme=scheme)
    page = made.open()
    for _ in range(11):
        page.keyboard.press("ArrowRight")
    if size[0] < 900:
        page.get_by_role("radio", name="State").click()
    for name in ("r1", "r4"):
        page.locator(f'bs-state tr[data-name="{name}"] .reg-name').click()
        page.locator(".value .made li").first.wait_for()
        assert faults(page) == []
        page.keyboard.press("Escape")
    page.locator("bs-value .value").wait_for(state="hidden")

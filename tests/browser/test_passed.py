"""What each stage took and returned: opened with a click or a key, read, followed to a panel, closed with Escape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_access import in_schemes
from tests.browser.test_flow import replace_source, stage
from tests.browser.test_log import LOG, paste, read
from tests.corpus import first

Tabs = Callable[..., Any]


def test_a_stage_says_what_it_took_and_returned(tab: Tabs) -> None:
    made = tab()
    page = made.open("/examples/count-drop")
    stage(page, "run", "done")
    page.keyboard.press("d")
    dialog = page.get_by_role("dialog", name="What each stage took and returned")
    expect(dialog.get_by_role("listitem")).to_have_count(5)
    verifier = dialog.locator('li[data-stage="verify"]')
    expect(verifier).to_have_attribute("aria-current", "step")
    expect(verifier).to_contain_text("BPF program count_drop, 29 slots")
    expect(verifier.locator(".command")).to_have_text("python -m vm verify program.c --log-level=2")
    expect(dialog.locator('li[data-stage="jit"]')).to_contain_text("x86-64 code count_drop, ")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    # The stage that was chosen is the one that is shown, and its links lead to the panels.
    page.locator('.stage[data-stage="jit"]').click()
    page.get_by_role("button", name="In and out").press("Enter")
    expect(dialog.locator('li[data-stage="jit"]')).to_have_attribute("aria-current", "step")
    dialog.get_by_role("button", name="Rewritten").press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("tab", name="Rewritten")).to_have_attribute("aria-selected", "true")
    made.check()


def test_a_stage_that_failed_and_those_behind_it(tab: Tabs) -> None:
    made = tab()
    page = made.open("/examples/missing-bounds-check")
    stage(page, "verify", "failed")
    page.get_by_role("button", name="In and out").click()
    dialog = page.get_by_role("dialog", name="What each stage took and returned")
    expect(dialog.locator('li[data-stage="verify"]')).to_contain_text("verdict reject")
    expect(dialog.locator('li[data-stage="run"]')).to_contain_text("skipped")
    page.keyboard.press("Escape")
    replace_source(page, "int f( {")
    page.keyboard.press("Control+Enter")
    stage(page, "compile", "failed")
    page.get_by_role("button", name="In and out").click()
    expect(dialog.locator('li[data-stage="compile"]')).to_contain_text("C source program.c, 8 B")
    expect(dialog.locator('li[data-stage="compile"]')).not_to_contain_text("returned")
    made.check()


def test_a_log_has_two_stages(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    paste(page, LOG)
    read(page)
    page.get_by_role("button", name="In and out").click()
    dialog = page.get_by_role("dialog", name="What each stage took and returned")
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    expect(dialog).to_contain_text("python -m vm log program.log")
    made.check()


@pytest.mark.parametrize("size", first([(1440, 900), (390, 844)]))
def test_axe_and_nothing_is_wider_than_the_window(tab: Tabs, size: tuple[int, int]) -> None:
    made = tab(width=size[0], height=size[1])
    page = made.open("/examples/count-drop")
    page.get_by_role("button", name="In and out").click()
    dialog = page.locator(".passed-dialog")
    expect(dialog).to_be_visible()
    assert in_schemes(page, ".passed-dialog") == []
    assert dialog.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    made.check()

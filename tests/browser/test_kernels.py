"""The strip of real kernels: what is missing is said; where kernels are, a cell opens the log of its kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_flow import stage


def test_real_kernels_are_asked_from_a_button(tab: Callable[..., Any]) -> None:
    opened = tab()
    page = opened.open("/examples/count-drop")
    stage(page, "run", "done")
    strip = page.get_by_role("region", name="Real kernels")
    opener = page.locator("bs-pipeline").get_by_role("button", name="Real kernels")
    expect(strip).to_be_hidden()
    expect(opener).to_have_attribute("aria-expanded", "false")
    opener.press("Enter")
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(strip).to_be_visible()
    expect(strip.get_by_role("status")).not_to_contain_text("Waiting", timeout=30_000)
    if "make kernels" in (strip.text_content() or ""):
        opened.check()
        return
    expect(strip.locator(".kernel-cell:disabled")).to_have_count(0, timeout=120_000)
    # Of all kernels only 5.10 rejects it.
    if strip.locator(".kernel-cell[data-verdict=reject]").count() and strip.locator(".kernel-cell").count() > 1:
        expect(strip.get_by_role("list", name="What changed between kernels")).to_contain_text("atomic operation")
    cell = strip.locator(".kernel-cell").first
    cell.press("Enter")
    expect(strip.locator(".kernel-cell").first).to_have_attribute("aria-pressed", "true")
    log = page.locator("bs-log")
    expect(log).to_contain_text("Linux ")
    log.get_by_role("button", name="Back to the emulated log").press("Enter")
    expect(log.get_by_role("button", name="Back to the emulated log")).to_have_count(0)
    expect(log).to_contain_text("R1=ctx()")
    opened.check()

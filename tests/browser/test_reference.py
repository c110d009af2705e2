"""Explanations of instructions, functions and the log, on pointing and with the keyboard; the glossary page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_flow import replace_source, stage

Tabs = Callable[..., Any]
SOURCE = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int first(struct xdp_md *ctx)
{
    return bpf_get_prandom_u32() & 1;
}
char LICENSE[] SEC("license") = "GPL";
"""


def point_at(page: Any, locator: Any, text: str) -> None:
    """Rest the pointer in the middle of a text within an element."""
    box = locator.evaluate(
        """(element, text) => {
          const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
          for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const at = node.data.indexOf(text);
            if (at < 0) continue;
            const range = document.createRange();
            range.setStart(node, at);
            range.setEnd(node, at + text.length);
            const { x, y, width, height } = range.getBoundingClientRect();
            return [x + width / 2, y + height / 2];
          }
          return null;
        }""",
        text,
    )
    assert box, text
    page.mouse.move(box[0] - 2, box[1])
    page.mouse.move(box[0], box[1])


def test_instructions_log_and_source_are_explained(tab: Tabs) -> None:
    opened = tab()
    page = opened.open()
    replace_source(page, SOURCE)
    page.keyboard.press("Control+Enter")
    stage(page, "run", "done")
    tip = page.locator("#tip")
    row = page.locator(".insns .vl-row", has_text="call bpf_get_prandom_u32").locator("[data-hex]")
    point_at(page, row, "prandom")
    expect(tip).to_contain_text("bpf_get_prandom_u32: helper 7")
    expect(tip).to_contain_text("May be called by: every program type.")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    point_at(page, page.locator(".insns .vl-row", has_text="exit").locator("[data-hex]"), "exit")
    expect(tip).to_contain_text("exit: instruction")
    log = page.locator(".log .vl-row", has_text="processed").locator("[data-log]")
    point_at(page, log, "processed")
    expect(tip).to_contain_text("The limit for the first is 1,000,000.")
    line = page.locator(".cm-line", has_text="bpf_get_prandom_u32")
    point_at(page, line, "get_prandom")
    expect(page.locator(".tip-in-editor")).to_contain_text("pseudo-random 32-bit number")
    opened.check()


def test_the_key_i_explains_the_instruction_at_the_cursor(tab: Tabs) -> None:
    opened = tab()
    page = opened.open()
    expect(page.locator("bs-scrubber output")).to_contain_text("step 1 of")
    page.keyboard.press("i")
    expect(page.locator("#tip")).to_contain_text(": instruction")
    page.keyboard.press("Escape")
    expect(page.locator("#tip")).to_be_hidden()
    opened.check()


def test_the_glossary_can_be_searched_with_the_keyboard(tab: Tabs) -> None:
    opened = tab(width=360, height=700)
    page = opened.page
    page.goto(opened.server + "/glossary")
    page.get_by_role("searchbox").focus()
    page.keyboard.type("ring buffer reserve")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("bpf_ringbuf_reserve: helper")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

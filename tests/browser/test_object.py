"""The panel of the object file: asked for when it is opened, readable with the keyboard, hostile names are text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_flow import replace_source, stage

HOSTILE = """#include <linux/bpf.h>
#define SEC(name) __attribute__((section(name), used))
struct pair { __u32 a; __u64 b; };
struct pair kept SEC(".data.<img src=x onerror=alert(1)>");
SEC("xdp") int first(struct xdp_md *ctx) { return kept.a + 1; }
char LICENSE[] SEC("license") = "GPL";
"""


def test_sections_symbols_relocations_and_types(tab: Callable[..., Any]) -> None:
    opened = tab()
    page = opened.open()
    replace_source(page, HOSTILE)
    page.keyboard.press("Control+Enter")
    stage(page, "run", "done")
    page.get_by_role("tab", name="Object file").press("Enter")
    pane = page.locator("bs-object")
    expect(pane).to_contain_text("Programs of type XDP.")
    expect(pane).to_contain_text(".data.<img src=x onerror=alert(1)>")
    relocations = pane.locator("summary", has_text="Relocations")
    relocations.focus()
    page.keyboard.press("Enter")
    expect(relocations.locator("xpath=../table")).to_contain_text("R_BPF_64_64")
    pane.locator("summary", has_text="Types").click()
    expect(pane.locator(".object-types")).to_contain_text("/*     8     8 */")
    opened.check()


def test_the_rewritten_program_follows_the_cursor(tab: Callable[..., Any]) -> None:
    opened = tab()
    page = opened.open("/examples/count-drop")
    page.get_by_role("tab", name="Rewritten").press("Enter")
    pane = page.locator("bs-rewritten")
    expect(pane).to_contain_text("after the verifier")
    page.keyboard.press("g")
    page.keyboard.type("i20")
    page.keyboard.press("Enter")
    expect(pane.locator(".same-insn").first).to_be_visible()
    expect(pane.locator(".vl-row", has_text="r1 += 264").locator(".rewritten-mark")).to_have_text("±")
    pane.locator(".vl-row", has_text="r0 <<= 3").click()
    expect(page.locator(".insns .vl-row.active")).to_contain_text("call bpf_map_lookup_elem")
    expect(pane.locator(".same-insn")).to_have_count(7)
    opened.check()

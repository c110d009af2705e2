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

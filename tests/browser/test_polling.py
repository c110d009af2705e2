"""Behind a proxy that passes no WebSocket everything works, and it is said once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.proxy import proxy
from tests.browser.test_flow import place, replace_source, source, stage

Tabs = Callable[..., Any]
LOOP = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int count(struct xdp_md *ctx)
{
    volatile int sum = 0;
    for (int i = 0; i < 200; i++)
        sum += i;
    return sum & 1 ? XDP_PASS : XDP_DROP;
}
char _license[] SEC("license") = "GPL";
"""


def test_without_a_websocket_everything_works_and_it_is_said_once(tab: Tabs, server: str) -> None:
    with proxy(int(server.rpartition(":")[2])) as (address, refused):
        made = tab()
        made.server = address
        page = made.open()
        replace_source(page, LOOP)
        page.locator(".cm-content").press("Control+Enter")
        stage(page, "run", "done")
        notice = page.locator("[data-part=notice]")
        expect(notice).to_contain_text("No WebSocket can be opened here")
        notice.get_by_role("button", name="OK").click()
        page.keyboard.press("Escape")
        # Steps that were not sent unasked, another run on the same connection, and a question beside it.
        page.keyboard.press("End")
        expect(place(page)).to_contain_text(re.compile(r"step (\d,?)+ of"))
        expect(page.locator("bs-state tr[data-name=r0]")).to_be_visible()
        page.get_by_role("tab", name="Object file").click()
        expect(page.locator("bs-object")).to_contain_text("license")
        replace_source(page, source(page).replace("200", "20"))
        page.locator(".cm-content").press("Control+Enter")
        expect(page.get_by_role("button", name=re.compile("^Run"))).to_be_visible()
        stage(page, "run", "done")
        expect(notice).to_be_hidden()
        assert set(refused) == {"/ws/run"} and len(refused) == 2
        faults = [fault for fault in made.faults if "WebSocket" not in fault]
        assert not faults and page.evaluate("window.violations") == []

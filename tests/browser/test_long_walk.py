"""A walk of thousands of steps: any step is fetched when it is looked at, and its log when it is asked for."""

from __future__ import annotations

import re

from playwright.sync_api import Page, WebSocket, expect

from tests.browser.test_flow import Tabs, place, replace_source, stage

LOOP = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp")
int sum(struct xdp_md *ctx)
{
	volatile __u64 total = 0;
	for (int i = 0; i < 3000; i++)
		total += i;
	return total > 7 ? XDP_PASS : XDP_DROP;
}
char LICENSE[] SEC("license") = "GPL";
"""


def test_a_long_walk_is_stepped_to_its_end_and_its_log_is_shown_on_request(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    replace_source(page, LOOP)
    page.keyboard.press("Control+Enter")
    stage(page, "run", "done")
    page.locator('.stage[data-stage="verifier"], .stage[data-stage="verify"]').first.click()
    page.get_by_role("tab", name="Log").click()
    scrubber = page.locator("bs-scrubber input").first
    expect(scrubber).to_have_attribute("max", re.compile(r"^\d{5,}$"))  # all steps are known, few were fetched
    page.locator("body").press("End")
    count = scrubber.get_attribute("max") or "0"
    expect(place(page)).to_contain_text(f"step {int(count) + 1}")
    log = page.locator("bs-log")
    expect(log.locator(".cut")).to_contain_text("the beginning of the log")
    log.get_by_role("button", name="Show the end of the log").click()
    expect(log.locator(".cut")).to_contain_text("bytes in the middle are not shown", timeout=20_000)
    made.check()


LONG = ["r0 = 0", "r6 = r1", "r3 = *(u32 *)(r6 + 0)", "loop:"]
for _n in range(1500):
    LONG.append(f"r{7 + _n % 2} = {_n}")
LONG += ["r0 += 1", "if r0 < 60 goto loop", "r0 = 2", "exit"]
FORKS = """r6 = r1
r0 = 0
loop:
r2 = *(u32 *)(r6 + 12)
r4 = 1
if r2 > 9 goto more
r4 = 2
more:
r4 = 0
r0 += 1
if r0 < 3000 goto loop
r0 = 2
exit
"""


class Bytes:
    """What the page's sockets receive."""

    def __init__(self, page: Page) -> None:
        self.count = 0
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._received)

    def _received(self, payload: str | bytes) -> None:
        self.count += len(payload.encode() if isinstance(payload, str) else payload)


def run_assembly(page: Page, source: str) -> None:
    page.locator("bs-editor select").first.select_option("asm")
    replace_source(page, source)
    page.keyboard.press("Control+Enter")


def test_a_page_that_looks_at_a_verdict_gets_little_and_asks_for_the_rest(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    received = Bytes(page)
    run_assembly(page, "\n".join(LONG))
    stage(page, "run", "done")
    page.locator('.stage[data-stage="verify"]').click()
    expect(page.locator("bs-scrubber input").first).to_have_attribute("max", re.compile(r"^\d{5,}$"))
    page.wait_for_timeout(500)
    assert 20_000 < received.count < 200_000
    before = received.count
    # The list of instructions is as long as the program; what is scrolled to is fetched.
    rows = page.locator("bs-insns .vl-row")
    assert rows.first.get_attribute("aria-setsize") == str(len(LONG) - 1)
    page.locator("bs-insns .vl").evaluate("list => { list.scrollTop = list.scrollHeight }")
    expect(page.locator("bs-insns .vl-row").last).to_contain_text("exit")
    # Machine code, and the middle of the log.
    page.get_by_role("tab", name="Machine code").click()
    expect(page.locator("bs-machine .vl-row").first).to_have_attribute("aria-setsize", re.compile(r"\d{4}"))
    page.locator("bs-machine .vl").evaluate("list => { list.scrollTop = list.scrollHeight }")
    expect(page.locator("bs-machine .vl-row").last).to_contain_text("int3")
    page.get_by_role("tab", name="Log").click()
    page.locator("bs-log .vl").evaluate("list => { list.scrollTop = list.scrollHeight / 3 }")
    page.wait_for_function(
        "() => [...document.querySelectorAll('bs-log .vl-row')].every(row => row.textContent.trim())"
    )
    assert received.count > before
    # A search looks through what is not here yet, too.
    page.locator("body").press("/")
    page.get_by_label("Step, i and instruction").fill("/r8 = 1499")
    expect(page.locator(".goto-results")).to_contain_text("r8 = 1499")
    made.check()


def test_paths_and_reasons_of_a_long_walk_are_fetched_when_they_are_shown(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    received = Bytes(page)
    run_assembly(page, FORKS)
    stage(page, "run", "done")
    page.locator('.stage[data-stage="verify"]').click()
    page.wait_for_timeout(500)
    assert received.count < 200_000
    # Forks and ends are marked, whatever was fetched.
    page.wait_for_function("() => document.querySelectorAll('bs-scrubber line').length > 50")
    page.get_by_role("tab", name="Shape").click()
    # The whole tree, of some thousand nodes: only those in sight are elements.
    nodes = re.compile(r"^1\d,\d{3} nodes · 6,\d{3} paths$")
    expect(page.locator("bs-shape .shape-sum").first).to_have_text(nodes, timeout=20_000)
    assert page.locator("bs-shape .vl-row").count() < 60
    page.get_by_role("tab", name="Why").click()
    expect(page.locator("bs-why .why-step")).to_contain_text("Step 1")
    page.locator("bs-why .step-link").last.click()
    expect(page.locator("bs-why .why-step h4").first).to_be_visible()
    made.check()

"""A walk of thousands of steps: any step is fetched when it is looked at, and its log when it is asked for."""

from __future__ import annotations

import re

from playwright.sync_api import expect

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

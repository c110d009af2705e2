"""Programs as introductions print them, pasted on the page: one click adds what is missing, a real kernel runs them,
and what it did is stepped. In a browser, where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import chromium, play, server, tab
from tests.browser.test_first_contact import paste
from tests.browser.test_flow import stage
from tests.vm.timed_reads import TIMED_READS
from vm import pipeline
from vm.kernel.release import VERSION

__all__ = ["chromium", "play", "server", "tab"]
SECONDS = 60_000
"""Milliseconds that compiling, a run or a recording may take on a busy machine."""
ASKED = "nsenter --net=/peer busybox timeout 2 busybox nslookup bpf.test 10.0.0.1"
READ = "echo a >/tmp/a; for i in 1 2 3; do busybox wc /tmp/a; done"
NO_DNS = """#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("xdp")
int no_dns(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);

	if ((void *)(udp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->protocol == IPPROTO_UDP && udp->dest == bpf_htons(53))
		return XDP_DROP;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
"""
LATENCY = f"""#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

{TIMED_READS}
char LICENSE[] SEC("license") = "GPL";
"""


@pytest.fixture(autouse=True)
def guest() -> None:
    found = pipeline.saved_guests()
    if not any(state.name == VERSION for state in found.states):
        pytest.skip(found.missing or f"there is no saved guest of {VERSION}")


def recorded(opened: Any, text: str, missing: str, panel: str, shell: str, condition: str) -> tuple[Any, Any]:
    """Paste and run a program, add what it lacks by one click, and record it: the page, and its run stage."""
    page = opened.open("/")
    stage(page, "run", "done")
    paste(page, text)
    page.keyboard.press("Control+Enter")
    editor = page.locator("bs-editor")
    expect(editor).to_contain_text(missing, timeout=SECONDS)
    editor.get_by_role("button", name=re.compile("^Add ")).click()
    expect(page.locator('.stage[data-stage="run"][data-status="done"]')).to_be_visible(timeout=SECONDS)
    page.get_by_role("tab", name=panel).click()
    form = page.locator("form.record")
    form.get_by_label("Workload").select_option(label="a line of shell")
    form.get_by_label("Line of shell (busybox)").fill(shell)
    form.get_by_label("At most", exact=True).select_option("30")
    form.locator(".record-which summary").click()
    form.get_by_label("At most, of each program").fill("2")
    form.get_by_label("Condition").fill(condition)
    form.get_by_role("button", name="Record on a real kernel").click()
    expect(form).to_contain_text(re.compile(r"\d events of Linux"), timeout=SECONDS)
    run = page.locator('.stage[data-stage="run"]')
    expect(run).to_contain_text("2 events", timeout=SECONDS)
    return page, run


@pytest.mark.guests
def test_a_filter_drops_what_it_says(tab: Callable[..., Any]) -> None:
    opened = tab()
    page, run = recorded(opened, NO_DNS, "IPPROTO_UDP", "Packet", ASKED, "returns == 1")
    expect(run).to_contain_text("XDP_DROP")
    run.click()
    expect(page.locator("bs-scrubber output")).to_contain_text("step 1 of")
    page.keyboard.press("End")
    expect(page.locator("bs-packet")).to_contain_text("No value of these events")
    opened.check()


@pytest.mark.guests
def test_two_probes_measure_reads(tab: Callable[..., Any]) -> None:
    opened = tab()
    page, run = recorded(opened, LATENCY, "u64", "Event", READ, "")
    # The latencies are in the map of the other program.
    page.get_by_role("button", name="at_return · 2 events").click()
    page.get_by_role("tab", name="Maps").click()
    expect(page.locator("bs-maps")).to_contain_text("busybox", timeout=SECONDS)
    expect(run).to_contain_text("2 events", timeout=SECONDS)
    opened.check()

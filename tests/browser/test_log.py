"""Bring a log: pasted, dropped, uploaded, with and without the source, and listings as programs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from bench import long_log
from tests.browser.conftest import ROOT
from tests.browser.test_access import faults, in_schemes
from tests.corpus import first

Tabs = Callable[..., Any]
LOG = """\
libbpf: prog 'first_byte': BPF program load failed: Permission denied
libbpf: prog 'first_byte': -- BEGIN PROG LOAD LOG --
0: R1=ctx(id=0,off=0,imm=0) R10=fp0
; unsigned char *p = (void *)(long)ctx->data;
0: (61) r1 = *(u32 *)(r1 +0)
1: R1_w=pkt(id=0,off=0,r=0,imm=0) R10=fp0
; return *p > 9 ? XDP_DROP : XDP_PASS;
1: (71) r1 = *(u8 *)(r1 +0)
invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0)
R1 offset is outside of the packet
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
-- END PROG LOAD LOG --
libbpf: failed to load program 'first_byte'
"""
SOURCE = """\
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp")
int first_byte(struct xdp_md *ctx)
{
	unsigned char *p = (void *)(long)ctx->data;
	return *p > 9 ? XDP_DROP : XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
"""
PASTE = """text => {
    const view = document.querySelector("bs-editor").view;
    view.focus();
    view.dispatch({ selection: { anchor: 0, head: view.state.doc.length } });
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", text);
    view.contentDOM.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


def paste(page: Any, text: str) -> None:
    page.evaluate(PASTE, text)


def test_a_loader_s_lines_without_a_log_say_where_it_is(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    paste(page, "libbpf: failed to load object 'x.bpf.o'\nlibbpf: failed to load BPF skeleton 'x_bpf': -13\n")
    expect(page.locator(".kind-select")).to_have_value("log")
    page.keyboard.press("Control+Enter")
    expect(page.locator("bs-why")).to_contain_text("between the loader's BEGIN and END")
    made.check()


def read(page: Any) -> Any:
    """Press the key that runs, and wait for what the log says."""
    page.keyboard.press("Control+Enter")
    card = page.locator(".log-card").last
    expect(card).to_contain_text("Read from a log", timeout=20_000)
    return card


def test_a_pasted_log_is_read_step_by_step(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    paste(page, LOG)
    expect(page.locator(".kind-select")).to_have_value("log")
    expect(page.locator("bs-editor .column-info")).to_have_text("Recognized as a verifier log.")
    expect(page.locator('[data-part="run"]')).to_have_attribute("aria-label", "Read (Ctrl+Enter)")
    card = read(page)
    expect(card).to_contain_text("libbpf")
    expect(card).to_contain_text("first_byte")
    expect(page.locator("bs-pipeline .note")).to_contain_text("Read from a log of Linux")
    expect(page.locator("bs-pipeline .note")).to_contain_text("(libbpf)")
    said = page.locator("bs-pipeline .note").inner_text()
    assert said.index("outside of the packet") < said.index("Read from a log"), "the kernel's own words come first"
    expect(page.locator('.stage[data-stage="verify"]')).to_contain_text("read from a log")
    for absent in ("compile", "object", "jit", "run"):
        expect(page.locator(f'.stage[data-stage="{absent}"]')).to_be_hidden()
    expect(page.locator(".fail-card")).to_contain_text("read from a log")
    expect(page.locator(".fail-card .kernel-said")).to_contain_text("R1 offset is outside of the packet")
    assert page.locator(".fail-card .kernel-said").inner_text().count("processed") == 0
    # Text holds no program, so there is nothing to search an input with.
    expect(page.get_by_role("button", name="Search for an input")).to_have_count(0)
    expect(page.get_by_role("tab")).to_have_text(["Why", "Log", "Breakpoints"])
    # The state at the fault is what the text prints, and nothing else.
    expect(page.locator("bs-state tr[data-name]")).to_have_count(2)
    expect(page.locator('bs-state tr[data-name="r1"]')).to_contain_text("packet")
    expect(page.locator("bs-scrubber output")).to_have_text("step 2 of 2")
    expect(page.locator(".insn-source").first).to_contain_text("unsigned char *p")
    page.keyboard.press("ArrowLeft") if not page.locator(".cm-focused").count() else page.keyboard.press("Escape")
    page.keyboard.press("Home")
    expect(page.locator("bs-scrubber output")).to_have_text("step 1 of 2")
    page.get_by_role("tab", name="Log").click()
    page.locator("bs-log .vl-row", has_text="1: (71)").first.click()
    expect(page.locator("bs-scrubber output")).to_have_text("step 2 of 2")
    made.check()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda log: json.dumps({"level": "error", "msg": log, "code": 3}),
        lambda log: "> ```\n" + re.sub("^", "> ", log, flags=re.MULTILINE) + "\n> ```\n",
        lambda log: "".join(
            f"2024-03-21T10:11:12.{n:09}Z stderr F {line}\n" for n, line in enumerate(log.splitlines())
        ),
    ],
    ids=["JSON", "quoted", "a container"],
)
def test_a_log_is_recognized_in_what_carries_it(tab: Tabs, wrap: Callable[[str], str]) -> None:
    made = tab()
    page = made.open()
    paste(page, wrap(LOG))
    expect(page.locator(".kind-select")).to_have_value("log")
    read(page)
    expect(page.locator("#note")).to_contain_text("invalid access to packet, off=0 size=1")
    expect(page.locator(".where-insn").first).to_contain_text("1: r1 = *(u8 *)(r1 +0)")
    made.check()


def test_the_source_is_put_beside_a_log(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    paste(page, LOG)
    read(page)
    page.get_by_role("button", name="Add the source").focus()
    page.keyboard.press("Enter")
    field = page.get_by_label("C source of the program")
    expect(field).to_be_focused()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".beside")).to_contain_text("There is no source yet")
    field.fill(SOURCE)
    page.get_by_role("button", name="Compare").click()
    card = page.locator(".parting")
    expect(card).to_be_visible(timeout=20_000)
    expect(card).to_contain_text("first_byte")
    expect(card.get_by_text("They part at")).to_have_count(int("agree" not in card.locator("h3").inner_text()))
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Add the source")).to_be_focused()
    made.check()


def test_where_a_log_and_the_source_part_is_a_link(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    paste(page, LOG)
    read(page)
    page.get_by_role("button", name="Add the source").click()
    page.get_by_label("C source of the program").fill(SOURCE.replace("ctx->data;", "ctx->data + 1;"))
    page.get_by_role("button", name="Compare").click()
    link = page.locator(".parting .step-link")
    expect(link).to_have_text(re.compile(r"step \d"), timeout=20_000)
    number = link.inner_text()
    link.click()
    expect(page.locator("bs-scrubber output")).to_contain_text(number)
    made.check()


def test_a_log_is_shared_with_its_place(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    paste(page, LOG)
    read(page)
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make the link").click()
    url = page.locator(".share-url")
    expect(url).to_be_visible()
    again = tab()
    shared = again.page
    shared.goto(url.input_value())
    expect(shared.locator(".log-card").last).to_contain_text("libbpf", timeout=20_000)
    expect(shared.locator(".kind-select")).to_have_value("log")
    made.check()
    again.check()


def test_a_log_that_is_too_long_for_a_link_is_not_shared(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    paste(page, LOG + "libbpf: nothing\n" * 20_000)
    read(page)
    page.get_by_role("button", name="Share").click()
    expect(page.locator(".shared")).to_contain_text("a link carries at most 262.1 kB")
    made.check()


def test_a_long_log_is_uploaded_with_progress(tab: Tabs, tmp_path: Path) -> None:
    file = tmp_path / "verifier.log"
    long_log.write(file, 6 << 20)
    made = tab()
    page = made.open()
    page.locator("bs-editor input[type=file]").first.set_input_files(str(file))
    expect(page.locator("bs-editor .column-info")).to_have_text("Opened verifier.log as a verifier log.")
    expect(page.locator(".kind-select")).to_have_value("log")
    card = read(page)
    expect(card).to_contain_text("rejected")
    expect(page.locator(".fail-card")).to_contain_text("too large")
    page.locator("body").press("End")
    expect(page.locator("bs-state tr[data-name=r0]")).to_be_visible()
    page.get_by_role("button", name="Share").click()
    expect(page.locator(".shared")).to_contain_text("a link carries at most")
    page.keyboard.press("Escape")
    # The server reads an upload once: the page sends it again.
    page.get_by_role("button", name="Read (Ctrl+Enter)").click()
    expect(page.locator(".fail-card")).to_contain_text("too large", timeout=20_000)
    made.check()


def test_an_upload_that_is_refused_says_why(tab: Tabs, tmp_path: Path) -> None:
    file = tmp_path / "verifier.log"
    long_log.write(file, 3 << 20)
    made = tab()
    page = made.open()
    answer = json.dumps({"error": "The server is taking other uploads; try again in a moment."})
    page.route("**/api/uploads?kind=log", lambda route: route.fulfill(status=503, body=answer))
    page.locator("bs-editor input[type=file]").first.set_input_files(str(file))
    expect(page.locator(".kind-select")).to_have_value("log")
    page.keyboard.press("Control+Enter")
    expect(page.locator("bs-pipeline .note")).to_contain_text("The server is taking other uploads")
    expect(page.locator('[data-part="run-text"]')).to_have_text("Read")


LISTING = (ROOT / "tests" / "golden" / "listings" / "refused.bytes.lst").read_text()


def test_a_listing_is_run_as_a_program(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    paste(page, LISTING)
    expect(page.locator(".kind-select")).to_have_value("listing")
    page.keyboard.press("Control+Enter")
    stage = page.locator('.stage[data-stage="verify"]')
    expect(stage).to_have_attribute("data-status", re.compile("done|failed"), timeout=20_000)
    expect(page.locator("bs-insns .vl-row").first).to_be_visible()
    made.check()


def test_what_of_a_listing_could_not_be_rebuilt_is_said(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    paste(page, "int f(struct xdp_md * ctx):\n   0: (18) r1 = map[id:7]\n   2: (b7) r0 = 2\n   3: (95) exit\n")
    expect(page.locator(".kind-select")).to_have_value("listing")
    page.keyboard.press("Control+Enter")
    expect(page.locator("bs-editor .missing")).to_contain_text(re.compile("map", re.IGNORECASE), timeout=20_000)
    made.check()


@pytest.mark.parametrize("size", first([(1440, 900), (390, 844)]))
def test_axe_and_nothing_is_wider_than_the_window(tab: Tabs, size: tuple[int, int]) -> None:
    made = tab(width=size[0], height=size[1])
    page = made.open()
    paste(page, LOG)
    if size[0] < 900:
        page.evaluate("document.querySelector('bs-editor').scope.run()")
        expect(page.locator(".log-card").last).to_be_visible(timeout=20_000)
        page.get_by_role("radio", name="Source").click()
    else:
        read(page)
    page.get_by_role("button", name="Add the source").click()
    assert in_schemes(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    made.check()


def test_the_first_screen_of_a_long_log_is_there_before_it_was_read(tab: Tabs, tmp_path: Path) -> None:
    """The instructions and the first state stand there within 3 s after a log of 20 MB was sent."""
    file = tmp_path / "verifier.log"
    long_log.write(file, 20 << 20)
    made = tab()
    page = made.open()
    page.locator("bs-editor input[type=file]").first.set_input_files(str(file))
    expect(page.locator(".kind-select")).to_have_value("log")
    page.keyboard.press("Control+Enter")
    expect(page.locator("bs-pipeline .note")).to_contain_text(re.compile("Looking for|being read|step"), timeout=20_000)
    started = time.monotonic()
    expect(page.locator("bs-insns .vl-row", has_text="r0 += 1")).to_be_visible()
    expect(page.locator("bs-state tr[data-name=r0]")).to_be_visible()
    assert time.monotonic() - started < 3
    page.keyboard.press("Control+Enter")  # stops it
    made.check()


def test_a_log_is_explained_in_words(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    paste(page, LOG)
    read(page)
    card = page.locator(".fail-card")
    expect(card.locator(".explained")).to_contain_text("Instruction 1 reads 1 byte at the packet's start.")
    expect(card.locator(".side.needed")).to_contain_text("if (data + 1 > data_end) return")
    expect(card.locator(".where-source")).to_have_text("return *p > 9 ? XDP_DROP : XDP_PASS;")
    assert not faults(page)
    made.check()


def test_a_journal_with_the_newest_line_first(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    lines = LOG.splitlines()
    paste(page, "\n".join(lines[::-1]) + "\n")
    card = read(page)
    expect(card).to_contain_text("from the newest to the oldest")
    expect(page.locator("bs-scrubber output")).to_have_text("step 2 of 2")
    expect(page.locator(".fail-card .explained")).to_contain_text("Instruction 1 reads 1 byte at the packet's start.")
    # The message is marked where it stands in the text that was pasted.
    number = len(lines) - lines.index("invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0)")
    marked = page.locator("bs-editor .bs-rejected")
    expect(marked).to_have_text(lines[-number])
    page.get_by_role("tab", name="Log").click()
    expect(page.locator("bs-log .vl-row").first).to_contain_text("libbpf: prog 'first_byte'")
    made.check()


def test_the_message_of_a_long_text_comes_into_sight(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    paste(page, LOG + "".join(f"another line {n}\n" for n in range(200)))
    expect(page.locator("bs-editor .cm-line", has_text="another line 199")).to_be_visible()
    read(page)
    expect(page.locator("bs-editor .bs-rejected")).to_be_in_viewport()
    made.check()

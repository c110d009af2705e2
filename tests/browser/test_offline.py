"""A session in one file: opened from disk, with no network, it steps, its panels have content, and it is searched."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import TIMEOUT
from tests.browser.test_flow import place, replace_source, source, stage

Tabs = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "\n// </script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> \u2028 {{ 1 }}\n"
LOOP = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int count(struct xdp_md *ctx)
{
    volatile int sum = 0;
    for (int i = 0; i < 3000; i++)
        sum += i;
    return sum & 1 ? XDP_PASS : XDP_DROP;
}
char _license[] SEC("license") = "GPL";
"""


def session(server: str, program: str, **more: Any) -> bytes:
    value = {"request": {"kind": "c", "source": program}, **more}
    request = urllib.request.Request(
        f"{server}/api/session", json.dumps(value).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=100) as answer:
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
        data: bytes = answer.read()
    return data


CONSTANTS = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
const volatile unsigned int rounds = 4;
SEC("xdp") int count(struct xdp_md *ctx)
{
    volatile int sum = 0;
    for (unsigned int i = 0; i < rounds; i++)
        sum += i;
    return sum & 1 ? XDP_PASS : XDP_DROP;
}
char _license[] SEC("license") = "GPL";
"""


@pytest.fixture
def disk(tab: Tabs, tmp_path: Path) -> Iterator[Callable[[bytes], Any]]:
    """Open a file's bytes from disk with the network off; the made tab."""

    def open_(data: bytes) -> Any:
        file = tmp_path / "session.html"
        file.write_bytes(data)
        made = tab(offline=True)
        made.page.on(
            "request",
            lambda r: made.faults.append(r.url) if not r.url.startswith(("file:", "data:", "blob:")) else None,
        )
        made.page.goto(file.as_uri())
        made.page.wait_for_selector("html[data-ready]")
        return made

    yield open_


def test_it_steps_shows_its_panels_and_is_searched(server: str, disk: Callable[[bytes], Any]) -> None:
    text = (ROOT / "examples" / "count_drop.c").read_text() + HOSTILE
    data = session(server, text, title="a </script> title", view={"step": 9, "reg": "r3", "base": "hex", "pane": "log"})
    assert len(data) <= 5_000_000
    made = disk(data)
    page = made.page
    expect(page.locator(".file-about")).to_contain_text(re.compile(r"Recorded 20\d\d-\d\d-\d\d with Linux 6\."))
    expect(page.locator(".file-about")).not_to_contain_text("left out")
    # The cursor's place and the number base are those it was saved with; every step can be gone to.
    expect(place(page)).to_contain_text("step 10 of")
    expect(page.locator("bs-state tr[data-name=r3]")).to_have_class(re.compile("selected"))
    page.keyboard.press("ArrowRight")
    expect(place(page)).to_contain_text("step 11 of")
    page.keyboard.press("End")
    expect(page.locator("bs-state tr[data-name=r0]")).to_be_visible()
    page.keyboard.press("m")
    expect(place(page)).to_contain_text("step 1 of")
    page.keyboard.press("ArrowRight")
    expect(place(page)).to_contain_text("step 2 of")
    for name, holds in (
        ("Log", "R1=ctx"), ("Object file", "license"), ("Maps", "drops|packets|count"), ("Machine code", "push rbp"),
        ("Rewritten", "w3 <<= 8"), ("Shape", "exit|pruned"),
    ):  # fmt: skip
        page.get_by_role("tab", name=re.compile(f"^{name}")).click()
        expect(page.locator("[role=tabpanel]:visible")).to_contain_text(re.compile(holds, re.I))
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("bpf_map_lookup_elem")
    expect(page.locator(".goto-results")).to_contain_text("bpf_map_lookup_elem")
    page.keyboard.press("Escape")
    assert source(page) == text
    # What a file cannot do it does not offer.
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_role("button", name="Make the link")).to_have_count(0)
    assert {b.get_attribute("data-download") for b in page.locator("[data-download]").all()} == {
        "source",
        "object",
        "xlated",
        "image",
    }
    with page.expect_download() as found:
        page.locator('[data-download="object"]').click()
    assert Path(found.value.path()).read_bytes().startswith(b"\x7fELF")
    made.check()


def test_a_long_walk_fits_and_opens_in_its_middle(server: str, disk: Callable[[bytes], Any]) -> None:
    data = session(server, LOOP, view={"step": 9000})
    assert len(data) <= 5_000_000
    made = disk(data)
    page = made.page
    expect(place(page)).to_contain_text("step 9001 of 18005")
    expect(page.locator("bs-state tr[data-name=r10]")).to_be_visible()
    made.check()


def test_the_page_saves_it(tab: Tabs, disk: Callable[[bytes], Any]) -> None:
    made = tab()
    page = made.open()
    replace_source(page, source(page) + HOSTILE)
    page.locator(".cm-content").press("Control+Enter")
    stage(page, "run", "done")
    page.get_by_role("button", name="Share").click()
    with page.expect_download(timeout=40_000) as found:
        page.locator('[data-download="session"]').click()
    assert found.value.suggested_filename.endswith(".html")
    other = disk(Path(found.value.path()).read_bytes())
    assert source(other.page) == source(page)
    made.check()
    other.check()


def test_the_shape_panel_and_values_answer_and_what_is_missing_is_named(
    server: str, disk: Callable[[bytes], Any]
) -> None:
    made = disk(session(server, (ROOT / "examples" / "bounded_loop.c").read_text()))
    page = made.page
    expect(page.locator(".file-about")).not_to_contain_text("states that were compared")
    page.get_by_role("tab", name=re.compile("^Shape")).click()
    page.locator('.shape-views [data-part="states"]').click()
    page.locator(".shape-states .step-link").last.click()
    expect(page.locator(".states-table")).to_be_visible()
    page.locator('.shape-views [data-part="loops"]').click()
    expect(page.locator(".shape-loops")).to_contain_text("rounds")
    # The history of a value is there for what a step set, and what is not there is said.
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(place(page)).to_contain_text("step 2 of")
    page.locator("bs-state tr.changed .reg-name").first.click()
    expect(page.locator(".value .made li").first).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Real").click()
    expect(page.locator("bs-real")).to_contain_text("This file does not hold a run on this real kernel")
    page.get_by_role("tab", name="Compare").click()
    page.locator("bs-compare").get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator("bs-compare")).to_contain_text("This file does not hold a comparison")
    made.check()


def test_what_was_compared_is_in_the_file(tab: Tabs, disk: Callable[[bytes], Any]) -> None:
    made = tab()
    page = made.open()
    replace_source(page, CONSTANTS)
    page.locator(".cm-content").press("Control+Enter")
    stage(page, "run", "done")
    page.get_by_role("tab", name="Profile").click()
    page.get_by_label(re.compile("^rounds")).fill("2, 30")
    page.get_by_role("button", name="Compare settings").click()
    expect(page.locator(".settings-table tbody tr")).to_have_count(2, timeout=TIMEOUT)
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-what").select_option("text")
    page.locator("#compare-text").fill(CONSTANTS.replace("rounds = 4", "rounds = 6") + HOSTILE)
    page.locator("bs-compare").get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator("bs-compare .compare-parting").first).to_be_visible(timeout=TIMEOUT)
    told = page.locator("bs-compare .compare-told").inner_text()
    # What was compared before it and after it is held, too; the last one is shown when the file is opened.
    page.locator("#compare-what").select_option("options")
    page.get_by_label("Optimisation level").select_option("O1")
    page.locator("bs-compare").get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_function(
        "told => document.querySelector('bs-compare .compare-told')?.innerText !== told", arg=told, timeout=TIMEOUT
    )
    expect(page.locator("bs-compare .compare-sum")).to_be_visible(timeout=TIMEOUT)
    last = page.locator("bs-compare .compare-told").inner_text()
    # Another input changes nothing of what was compared.
    page.get_by_role("tab", name="Packet").click()
    page.get_by_role("radio", name="None").click()
    page.locator(".cm-content").press("Control+Enter")
    stage(page, "run", "done")
    page.get_by_role("button", name="Share").click()
    with page.expect_download(timeout=TIMEOUT) as found:
        page.locator('[data-download="session"]').click()
    made.check()

    file = disk(Path(found.value.path()).read_bytes())
    page = file.page
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("bs-compare .compare-sum")).to_be_visible()
    assert page.locator("bs-compare .compare-told").inner_text() == last != told
    held = page.locator("bs-compare .held-choice select")
    expect(held.locator("option")).to_have_count(2)
    held.select_option("0")
    expect(page.locator("bs-compare .compare-sum")).to_be_visible()
    assert page.locator("bs-compare .compare-told").inner_text() == told
    page.locator("bs-compare .compare-parting .line-link").first.click()
    expect(place(page)).not_to_contain_text("step 1 of")
    # The form holds what was compared: asked again it is answered, asked otherwise it is refused by name.
    again = page.locator("bs-compare").get_by_role("button", name="Compare", exact=True)
    again.click()
    assert page.locator("bs-compare .compare-told").inner_text() == told
    page.locator("#compare-what").select_option("options")
    page.get_by_label("Optimisation level").select_option("O0")
    again.click()
    expect(page.locator("bs-compare .compare-told")).to_contain_text("This file does not hold a comparison")
    page.get_by_role("tab", name="Profile").click()
    expect(page.locator(".settings-table tbody tr")).to_have_count(2)
    expect(page.get_by_label(re.compile("^rounds"))).to_have_value("2, 30")
    file.check()

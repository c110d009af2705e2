"""What a link restores, the link that carries everything, and what the share dialog copies and saves."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import TIMEOUT
from tests.browser.test_flow import DONE, place, replace_source, source, stage

Tabs = Callable[..., Any]
OVER = """() => {
  const { ran, edited, status, stages } = document.querySelector("bs-header").scope.state;
  return ran?.edited === edited && status.state === "done" && stages.run?.status === "done";
}"""


def looked_at(tab: Tabs) -> tuple[Any, Any, str]:
    """A page with an own program, at a step of its own: made, page, what the scrubber says."""
    made = tab(permissions=["clipboard-read", "clipboard-write"])
    page = made.open()
    replace_source(page, source(page) + "\n// ü </script><img src=x onerror=alert(1)>\n")
    page.locator(".cm-content").press("Control+Enter")
    while not page.evaluate(OVER):  # the page came with the run of another program
        page.wait_for_timeout(50)
    page.keyboard.press("Escape")
    for key in ("ArrowRight",) * 7 + ("x", "4"):
        page.keyboard.press(key)
    page.locator('bs-state tr[data-name="r3"] .reg-name').click()
    return made, page, place(page).inner_text()


def seen_again(tab: Tabs, url: str, page: Any, said: str) -> Any:
    other = tab()
    other.page.goto(url)
    other.page.wait_for_selector(DONE)
    stage(other.page, "run", "done")
    expect(place(other.page)).to_have_text(said)
    expect(other.page.locator('bs-state tr[data-name="r3"]')).to_have_text(
        page.locator('bs-state tr[data-name="r3"]').inner_text(), use_inner_text=True
    )
    expect(other.page.get_by_role("tab", name="Packet")).to_have_attribute("aria-selected", "true")
    assert source(other.page) == source(page)
    other.check()
    return other


def test_a_stored_link_restores_what_was_seen_without_its_fragment(tab: Tabs) -> None:
    made, page, said = looked_at(tab)
    page.keyboard.press("s")
    dialog = page.locator("dialog.shared")
    expect(dialog).to_contain_text("of the verifier, r3")
    page.get_by_role("button", name="Make the link").click()
    url = page.locator(".share-url").input_value()
    shown = dialog.locator(".share-way").first.inner_text()
    assert f"of {len(url)} characters" in shown  # said before, and true
    seen_again(tab, url.split("#")[0], page, said)
    made.check()


def test_a_link_that_carries_the_program_leaves_nothing_on_the_server(tab: Tabs) -> None:
    made, page, said = looked_at(tab)
    posts = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.keyboard.press("s")
    page.keyboard.press("ArrowDown")
    way = page.locator(".share-way").last
    expect(way.locator("input")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.locator("dialog.shared")).to_contain_text("The link is copied. The server stored nothing")
    url = page.locator(".share-url").input_value()
    assert f"{len(url):,} characters" in way.inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == url
    assert not posts
    other = seen_again(tab, url, page, said)
    # It stays in the address while one steps, so that a reload shows the same program.
    other.page.keyboard.press("ArrowRight")
    step = int(re.findall(r"step (\d+) of", said)[0])
    expect(other.page).to_have_url(re.compile(rf"step={step + 1}&.*&z="))
    other.page.reload()
    other.page.wait_for_selector(DONE)
    assert source(other.page) == source(page)
    made.check()
    other.check()


def test_a_link_that_was_cut_is_said_to_be(tab: Tabs) -> None:
    made = tab()
    made.page.goto(f"{made.server}/#z=jY9")
    expect(made.page.locator("body")).to_contain_text("did not arrive whole")
    made.check()


def test_texts_are_copied_and_files_saved(tab: Tabs, tmp_path: Path) -> None:
    made, page, _ = looked_at(tab)
    page.get_by_role("button", name="Share").click()
    for name, holds in (("markdown", "**Accepted"), ("reproduction", "// Accepted"), ("mail", "The program:")):
        page.locator(f'[data-copy="{name}"]').click()
        expect(page.get_by_role("group", name="Copy as").get_by_role("status")).to_contain_text("Copied")
        text = page.evaluate("navigator.clipboard.readText()")
        assert holds in text and "<img src=x onerror" in text
    begins = {"source": b"//", "object": b"\x7fELF", "log": b"", "xlated": b"", "image": b"", "trace": b"{"}
    assert {*begins, "session"} == {b.get_attribute("data-download") for b in page.locator("[data-download]").all()}
    for name, head in begins.items():
        button = page.locator(f'[data-download="{name}"]')
        expect(button.locator(".hint")).to_contain_text(re.compile(r"^ \d[\d.]* k?B$"), timeout=TIMEOUT)
        told = button.locator(".hint").inner_text().strip()
        with page.expect_download() as found:
            button.click()
        expect(page.get_by_role("group", name="Download").get_by_role("status")).to_contain_text(f": {told}.")
        data = Path(found.value.path()).read_bytes()
        assert data.startswith(head) and len(data) > 60, (name, data[:80])
    made.check()


def test_a_refused_source_is_made_minimal_and_copied(tab: Tabs) -> None:
    made = tab(permissions=["clipboard-read", "clipboard-write"])
    page = made.open("/examples/missing-bounds-check")
    stage(page, "verify", "failed")
    page.get_by_role("button", name="Share").click()
    minimal = page.get_by_role("group", name="Minimal reproduction")
    minimal.get_by_role("button", name="Make it minimal").focus()
    page.keyboard.press("Enter")
    said = re.compile(r"Reduced from 22 to 1\d lines; \d+ smaller")
    expect(minimal.get_by_role("status")).to_contain_text(said, timeout=TIMEOUT)
    expect(minimal.get_by_role("button", name="Stop")).to_be_hidden(timeout=TIMEOUT)
    minimal.get_by_role("button", name=re.compile("^Copy")).click()
    expect(minimal.get_by_role("status")).to_contain_text("Copied")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("// Reduced from 22 to") and "R1 offset is outside of the packet" in text
    assert "return ip->protocol == IPPROTO_TCP" in text and "#include <linux/in.h>" in text
    assert text == minimal.locator("textarea").input_value()
    made.check()


def test_what_is_accepted_is_not_made_minimal(tab: Tabs) -> None:
    made, page, _ = looked_at(tab)
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_role("group", name="Download")).to_be_visible()
    expect(page.get_by_role("group", name="Minimal reproduction")).to_be_hidden()
    made.check()

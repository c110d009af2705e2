"""Hostile text stays text in every panel and on every page: 60 payloads wherever the page shows what somebody wrote."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT
from tests.browser.fixtures import recorded
from tests.browser.fixtures.payloads import PAYLOADS
from tests.browser.test_log import LISTING, LOG, paste, read
from tests.browser.test_recorded import RUDE, rude

Tabs = Callable[..., Any]
ALL = " ".join(PAYLOADS)
LINES = "\n".join(PAYLOADS)
QUERY = 100
"""Characters of a search."""
# What only markup made from text would bring into the page.
STRANGERS = """() => {
    const found = [];
    const visit = (root) => {
        for (const element of root.querySelectorAll("*")) {
            const name = element.localName;
            const own = element.classList.contains("cm-widgetBuffer");
            if (["img", "iframe", "object", "embed", "video", "audio", "marquee", "math", "base", "slot"].includes(name) && !own) found.push(name);
            for (const { name: attribute, value } of element.attributes) {
                if (attribute.startsWith("on") || attribute.startsWith("hx-on") || (["href", "src", "action", "xlink:href"].includes(attribute) && /^\\s*javascript:/i.test(value))) found.push(`${name} ${attribute}`);
            }
            if (element.shadowRoot) visit(element.shadowRoot);
        }
    };
    visit(document);
    return found;
}"""  # noqa: E501


CONTENTS = {
    "type": "contents", "bytes": 100,
    "sections": [
        {"index": i, "name": p, "type": p, "flags": p, "size": 1, "meaning": p} for i, p in enumerate(PAYLOADS)
    ],
    "symbols": [{"name": p, "section": p, "type": p, "bind": p, "value": 0, "size": 1} for p in PAYLOADS],
    "relocations": [{"section": p, "offset": 0, "type": p, "symbol": p, "insn": None} for p in PAYLOADS],
    "types": [{"name": p, "kind": p, "size": None, "text": p} for p in PAYLOADS],
    "left_out": {"sections": 0, "symbols": 0, "relocations": 0, "types": 0},
}  # fmt: skip


def clean(tab: Any, width: int = 1440) -> None:
    """Nothing ran, nothing was made of the text, and nothing is wider than the window."""
    page = tab.page
    page.wait_for_timeout(50)
    assert page.evaluate("window.hit") is None
    assert page.evaluate(STRANGERS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator("bs-editor")).to_have_count(1 if page.locator("bs-header").count() else 0)
    tab.check()


def hostile(value: Any, text: str) -> Any:
    """`rude` with other words."""
    return json.loads(
        json.dumps(rude(copy.deepcopy(value))).replace(json.dumps(" " + RUDE)[1:-1], json.dumps(text)[1:-1])
    )


def panels() -> list[str]:
    """The panels that there are, by id."""
    text = (ROOT / "static" / "src" / "panels" / "dock.js").read_text()
    return re.findall(r'^  \{ id: "(\w+)", label: ', text, re.MULTILINE)


RECORDED = {
    "kernel": ALL, "workload": ALL, "matched": "instruction", "tasks": [ALL], "notes": PAYLOADS, "printed": PAYLOADS,
    "outside": [], "structs_left": 1,
    "layouts": [{"rows": [
        {"depth": min(i, 1), "name": p, "type": p, "offset": 8 * i, "size": 8, "bits": 0, "holds": i == 0}
        for i, p in enumerate(PAYLOADS)
    ]}],
    "structs": [{
        "run": 0, "name": ALL, "type": ALL, "address": "0xffff888000000000", "size": 4096, "layout": 0, "steps": 1,
        "values": [{"row": i, "step": 0, "how": "read", "text": p} for i, p in enumerate(PAYLOADS)],
    }],
}  # fmt: skip


def test_every_panel_of_a_run(recorded_tab: Tabs) -> None:
    messages = hostile(recorded.packet_program(), ALL)
    for message in messages:
        if message.get("type") == "stage" and message["status"] == "done":
            message["command"] = ALL
            message["took"] = [{"what": p, "name": p, "size": 1, "unit": "byte"} for p in PAYLOADS]
            message["returned"] = message["took"]
            if message["stage"] == "run":
                message["recorded"] = RECORDED
    rewritten = {"type": "rewritten", "insns": [
        {"idx": i, "orig_idx": i % 5, "text": p, "changed": True} for i, p in enumerate(PAYLOADS)
    ]}  # fmt: skip
    tab = recorded_tab(messages, answers={"contents": [CONTENTS], "rewritten": [rewritten]})
    page = tab.open()
    expect(page.locator("bs-scrubber output")).to_contain_text("of 13")
    seen = panels()
    assert len(seen) >= 9
    for pane in seen:
        page.locator(f"#tab-{pane}").click()
        expect(page.locator(f"#pane-{pane}")).to_be_visible()
        for summary in page.locator(f"#pane-{pane} summary").all():
            if summary.is_visible():
                summary.click()
        clean(tab)
    page.get_by_role("button", name="In and out").click()
    expect(page.locator(".passed li").first).to_contain_text("onerror=hit=1")
    clean(tab)
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    page.keyboard.press("End")
    clean(tab)


def test_the_log_line_by_line(recorded_tab: Tabs) -> None:
    messages = recorded.packet_program()
    verify = next(m for m in messages if m.get("stage") == "verify" and m.get("status") == "done")
    verify["log"] = LINES
    verify["log_steps"] = [[i, i % 13] for i in range(60)]
    tab = recorded_tab(messages)
    page = tab.open()
    page.get_by_role("tab", name="Log").click()
    page.locator("bs-log .vl").focus()
    for _ in range(12):
        page.keyboard.press("PageDown")
        clean(tab)


def test_why_fixes_and_the_counterexample(recorded_tab: Tabs) -> None:
    fix, done = recorded.fixes()[0], recorded.fixes()[-1]
    fixes = [
        {**fix, "title": " ".join(p), "why": " ".join(p), "diff": "@@ -1 +1 @@\n" + "\n".join(f"+{each}" for each in p)}
        for p in (PAYLOADS[i : i + 12] for i in range(0, 60, 12))
    ]
    given = {"packet": ALL, "ctx": {p: p for p in PAYLOADS}, "maps": {p: [[p, p]] for p in PAYLOADS},
             "helpers": [{"insn": p, p: p} for p in PAYLOADS], "loads": list(PAYLOADS), "start": ALL}  # fmt: skip
    found = {**recorded.counterexample(), "why": ALL, "input": json.dumps(given)}
    found["fault"] = {"insn": 6, "message": ALL, "registers": list(PAYLOADS[:11])}
    messages = hostile(recorded.explained(), ALL)
    verify = next(m for m in messages if m.get("stage") == "verify" and m.get("status") == "failed")
    verify["fail"]["category"] = "Memory Safety"
    tab = recorded_tab(messages, answers={"fixes": [*fixes, done], "counterexample": [found]})
    page = tab.open()
    expect(page.locator(".fix-card")).to_have_count(5)
    page.get_by_role("button", name="Search for an input").click()
    expect(page.locator(".go-wrong-input")).to_be_visible()
    clean(tab)
    page.get_by_role("button", name="Run with this input").click()
    page.get_by_role("tab", name="Packet").click()
    clean(tab)


@pytest.mark.parametrize("status", ["none", "unknown"])
def test_an_input_that_was_not_found(recorded_tab: Tabs, status: str) -> None:
    found = {**recorded.counterexample(status), "why": ALL, "forgotten": ALL}
    tab = recorded_tab(recorded.explained(), answers={"counterexample": [found]})
    page = tab.open()
    page.get_by_role("button", name="Search for an input").click()
    expect(page.locator(".go-wrong")).to_contain_text("<script>")
    clean(tab)


def test_sections_symbols_and_types_of_an_object(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program(), answers={"contents": [CONTENTS]})
    page = tab.open()
    page.get_by_role("tab", name="Object file").click()
    for summary in page.locator("bs-object summary").all():
        summary.click()
    expect(page.locator("bs-object")).to_contain_text("onerror=hit=1")
    clean(tab)


def test_a_log_read_by_the_server(tab: Tabs) -> None:
    """Payloads as lines of source, in names, in states and behind the message."""
    head, rest = LOG.split("0: (61)")
    text = head.replace("first_byte", PAYLOADS[2]) + "".join(f"; {p}\n" for p in PAYLOADS) + "0: (61)" + rest
    text = text.replace("R1 offset", f"{LINES}\nR1 offset").replace(
        "R10=fp0", "R2=<img src=x onerror=hit=1> R10=fp0", 1
    )
    made = tab()
    page = made.open()
    paste(page, text)
    read(page)
    for pane in ("Log", "Why"):
        page.get_by_role("tab", name=pane).click()
        clean(made)
    page.get_by_role("button", name="Add the source").click()
    page.get_by_label("C source of the program").fill(LINES)
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".parting")).to_be_visible(timeout=20_000)
    clean(made)


def test_a_listing(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    paste(page, "".join(f"; {p}\n" for p in PAYLOADS) + LISTING + "".join(f"{p}:\n" for p in PAYLOADS))
    page.locator(".kind-select").select_option("listing")
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Run (Ctrl+Enter)").click()
    expect(page.locator("bs-pipeline .note")).not_to_contain_text("Sending", timeout=20_000)
    clean(made)


def searches() -> list[str]:
    """The payloads as searches, which have at most 100 characters: several in one, where they fit."""
    found: list[str] = []
    for payload in sorted((payload[:QUERY] for payload in PAYLOADS), key=len):
        if found and len(found[-1]) + 1 + len(payload) <= QUERY:
            found[-1] += f" {payload}"
        else:
            found.append(payload)
    return found


@pytest.mark.parametrize("address", ["/errors/?q=", "/glossary?q="])
def test_the_searches_of_the_pages(tab: Tabs, address: str) -> None:
    made = tab()
    for text in searches():
        made.page.goto(made.server + address + quote(text))
        assert made.page.locator("#q").input_value().strip() == text.strip()
        clean(made)


def test_the_search_of_the_gallery_while_typing(tab: Tabs) -> None:
    made = tab()
    page = made.page
    page.goto(made.server + "/errors/")
    # One after the other: a search that another one replaces is said on the console.
    with page.expect_response("**/errors/"):
        page.locator("#q").fill(LINES)
    clean(made)
    with page.expect_response("**/errors/"):
        page.get_by_role("button", name="Search").click()
    clean(made)

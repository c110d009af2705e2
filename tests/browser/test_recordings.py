"""Recordings of real kernels: an example is stepped, a file is opened, a damaged one is said to be damaged."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_flow import stage

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_recorded_example_is_stepped(tab: Callable[..., Any]) -> None:
    opened = tab()
    page = opened.open("/examples/trace-opens")
    stage(page, "run", "done")
    expect(page.locator('.stage[data-stage="run"]')).to_contain_text("5 events")
    page.locator('.stage[data-stage="run"] button, button.stage[data-stage="run"]').first.click()
    scrubber = page.locator("body")
    expect(scrubber).to_contain_text("step 1 of 28")
    page.keyboard.press("ArrowRight")
    expect(scrubber).to_contain_text("step 2 of 28")
    page.get_by_role("tab", name="Packet").click()
    packet = page.locator("bs-packet")
    expect(packet).to_contain_text("Linux 6.12.")
    expect(packet).to_contain_text("No value of these events")
    packet.get_by_label("event").select_option("3")
    expect(page.locator(".stage-line, bs-pipeline").first).to_contain_text("event 4 of 5")
    opened.check()


def test_a_file_brings_its_program_along(tab: Callable[..., Any], tmp_path: Path) -> None:
    opened = tab()
    page = opened.open("/examples/count-drop")
    stage(page, "run", "done")
    chooser = page.locator("bs-editor input[type=file]")
    damaged = tmp_path / "damaged.rec"
    damaged.write_bytes((EXAMPLES / "trace_execs.rec").read_bytes()[:300])
    chooser.set_input_files(str(damaged))
    expect(page.locator("bs-editor")).to_contain_text("is damaged or cut")
    chooser.set_input_files(str(EXAMPLES / "trace_execs.rec"))
    expect(page.locator(".cm-content")).to_contain_text("sched_process_exec")
    page.keyboard.press("Control+Enter")
    expect(page.locator('.stage[data-stage="run"]')).to_contain_text("5 events", timeout=30_000)
    opened.check()


def request(name: str) -> dict[str, Any]:
    """A run of an example with its recording, as the page asks for it."""
    data = base64.b64encode((EXAMPLES / f"{name}.rec").read_bytes()).decode()
    return {
        "kind": "c", "source": (EXAMPLES / f"{name}.c").read_text(), "input": {"kind": "recording", "base64": data},
    }  # fmt: skip


def posted(server: str, path: str, value: dict[str, Any]) -> bytes:
    asked = urllib.request.Request(f"{server}{path}", json.dumps(value).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=100) as answer:
        data: bytes = answer.read()
    return data


LOOKED_AT = {"stage": "run", "packet": 1, "step": 15}


def at_the_call(page: Any) -> None:
    """The page shows step 16 of the second event, in which a helper wrote the name of the task."""
    expect(page.locator("bs-scrubber output")).to_contain_text("step 16 of 29", timeout=30_000)
    state = page.locator("bs-state tr.memory", has_text="record of events+8")
    expect(state).to_contain_text("62 75 73 79 62 6f 78 00")
    expect(state).to_contain_text("written by the call")
    page.keyboard.press("ArrowRight")
    expect(page.locator("bs-state tr.memory", has_text="ctx+8 __data_loc_filename")).to_contain_text("loaded")
    page.keyboard.press("End")
    expect(page.locator("bs-scrubber output")).to_contain_text("step 29 of 29")


def test_a_link_to_a_recording_is_stepped(tab: Callable[..., Any], server: str) -> None:
    link = json.loads(posted(server, "/api/share", {**request("trace_execs"), "view": LOOKED_AT}))["id"]
    opened = tab()
    page = opened.open(f"/s/{link}")
    at_the_call(page)
    opened.check()


def test_an_embed_of_a_recording_is_stepped(tab: Callable[..., Any], server: str) -> None:
    link = json.loads(posted(server, "/api/share", {**request("trace_execs"), "view": LOOKED_AT}))["id"]
    opened = tab(width=1000, height=800)
    page = opened.page
    page.goto(f"{server}/embed/{link}")
    expect(page.locator(".said")).to_contain_text("step 16 of 29, event 2 of 5 in busybox (")
    expect(page.locator(".said")).to_contain_text("recorded in Linux 6.12.")
    page.get_by_role("link", name="Step through it").click()
    page.wait_for_selector("html[data-ready]")
    at_the_call(page)
    assert not opened.faults


def test_a_recording_in_one_file_is_stepped_offline(tab: Callable[..., Any], server: str, tmp_path: Path) -> None:
    file = tmp_path / "session.html"
    data = posted(server, "/api/session", {"request": request("trace_execs"), "view": LOOKED_AT})
    file.write_bytes(data)
    opened = tab(offline=True)
    page = opened.page
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    at_the_call(page)
    page.get_by_role("tab", name="Packet").click()
    page.locator("bs-packet").get_by_label("event").select_option("3")
    expect(page.locator("bs-scrubber output")).to_contain_text("of 29")
    expect(page.locator(".stage-line, bs-pipeline").first).to_contain_text("event 4 of 5")
    assert not opened.faults

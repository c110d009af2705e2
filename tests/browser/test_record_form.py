"""The form that has events recorded in a real kernel: which events, a line of shell, what is changed, answers."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.browser.fixtures import recorded
from tests.browser.test_flow import stage

EXAMPLES = Path(__file__).parents[2] / "examples"
Tabs = Callable[..., Any]
SETUP = {
    "type": "setup",
    "variables": [{"name": "min_us", "section": ".rodata", "type": "const volatile int", "value": "<b>1</b>"}],
    "maps": [{"name": "counts", "type": "hash", "key": "u32", "value": "u64", "max_entries": 64, "filled": True}],
    "programs": [{"program": "entry", "section": "fentry/vfs_read", "target": "vfs_read", "devices": []}],
}
TAKEN = {"type": "event_recorded", "program": "entry", "task": "<i>sh</i> (77)", "insns": 42, "ms": 3.5}


def made(events: int, *notes: str) -> dict[str, Any]:
    file = (EXAMPLES / "trace_execs.rec").read_bytes() if events else b""
    return {
        "type": "recording", "kernel": "6.12.117", "events": events, "base64": base64.b64encode(file).decode(),
        "notes": list(notes), "missing": "",
    }  # fmt: skip


def form(page: Any) -> Any:
    """The form, opened."""
    stage(page, "verify", "done")
    page.get_by_role("tab", name="Packet").press("Enter")
    found = page.locator("form.record")
    expect(found).to_be_visible()
    return found


def asked(opened: Any) -> list[dict[str, Any]]:
    return [message for message in opened.said if message["type"] == "record"]


def test_all_fields_are_asked_by_keyboard(recorded_tab: Tabs) -> None:
    opened = recorded_tab(
        recorded.packet_program(), answers={"setup": [SETUP], "record": [TAKEN, made(0, "no <b>event</b>")]}
    )
    page = opened.open()
    record = form(page)
    button = record.get_by_role("button", name="Record on a real kernel")
    record.get_by_label("Workload").select_option(label="a line of shell")
    button.press("Enter")
    line = record.get_by_label("Line of shell (busybox)")
    expect(line).to_be_focused()  # nothing is recorded without a line
    assert asked(opened) == []
    line.fill("busybox true; echo '<b>'")
    record.get_by_label("At most", exact=True).select_option("10")
    record.locator(".record-which summary").press("Enter")
    record.get_by_label("At most, of each program").fill("7")
    record.get_by_label("One in").fill("3")
    record.get_by_label("Task").fill("sh")
    record.get_by_label("Condition").fill('comm != "wget"')
    record.locator(".real-setup summary").press("Enter")
    record.get_by_label("min_us").fill("100")
    record.get_by_label("counts").first.fill("128")
    record.get_by_role("button", name="Add an entry").press("Enter")
    record.get_by_label("Key of entry 1 of counts").fill("1")
    record.get_by_label("Value of entry 1 of counts").fill("2")
    record.get_by_label("entry fentry").fill("vfs_write")
    record.get_by_label("Condition").press("Enter")
    told = record.get_by_role("status").last
    expect(told).to_have_text("None of the programs was recorded on Linux 6.12.117:no <b>event</b>")
    expect(told.get_by_role("listitem")).to_have_text("no <b>event</b>")
    assert record.locator("b").count() == 0
    (message,) = asked(opened)
    assert {name: message[name] for name in message if name not in ("type", "request")} == {
        "take": "new", "kernel": "", "workload": "shell", "shell": "busybox true; echo '<b>'", "seconds": 10,
        "events": 7, "every": 3, "task": "sh", "where": 'comm != "wget"',
        "setup": {
            "values": {"min_us": "100"}, "sizes": {"counts": 128}, "targets": {"entry": "vfs_write"},
            "entries": [{"map": "counts", "key": "1", "value": "2"}],
        },
    }  # fmt: skip
    opened.check()


def test_events_are_told_as_they_come(recorded_tab: Tabs) -> None:
    opened = recorded_tab(recorded.packet_program(), answers={"setup": [SETUP], "record": [TAKEN, TAKEN]})
    page = opened.open()
    record = form(page)
    record.get_by_role("button", name="Record on a real kernel").press("Enter")
    expect(record).to_contain_text("2 events recorded; the last one: entry in <i>sh</i> (77), 42 machine instructions.")
    opened.check()


def test_on_a_phone_nothing_is_wider_than_the_page(recorded_tab: Tabs) -> None:
    opened = recorded_tab(
        recorded.packet_program(), answers={"setup": [SETUP], "record": []}, width=390, height=844, color_scheme="dark"
    )
    page = opened.open()
    record = form(page)
    record.locator(".record-which summary").click()
    record.locator(".real-setup summary").click()
    expect(record.get_by_label("min_us")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert record.evaluate("each => each.scrollWidth <= each.clientWidth")
    opened.check()


def test_a_program_is_recorded_and_its_event_is_stepped(tab: Tabs) -> None:
    opened = tab()
    page = opened.open("/examples/trace-execs")
    stage(page, "verify", "done")
    page.get_by_role("tab", name="Packet").press("Enter")
    lacking = page.locator(".record-lacking", has_text="make kernels")
    expect(page.locator("form.record:visible").or_(lacking)).to_be_visible()
    if lacking.is_visible():
        opened.check()
        return
    record = form(page)
    said = record.get_by_role("status").last
    record.get_by_label("Workload").select_option(label="a line of shell")
    record.get_by_label("Line of shell (busybox)").fill("for i in 1 2 3; do /bin/busybox true; done")
    record.locator(".record-which summary").press("Enter")
    record.get_by_label("Task").fill("busybox")
    record.get_by_label("Condition").fill("old_pid is 1")
    button = record.get_by_role("button", name="Record on a real kernel")
    button.press("Enter")
    expect(said).not_to_have_text("A kernel is started and the programs are attached…", timeout=60_000)
    expect(said).to_contain_text("A condition is a field of the context")
    record.get_by_label("Condition").fill("old_pid > 1")
    record.get_by_label("At most, of each program").fill("2")
    record.locator(".real-setup summary").press("Enter")
    record.get_by_label("events").first.fill("4096")
    button.press("Enter")
    expect(page.locator('.stage[data-stage="run"]')).to_contain_text("2 events", timeout=120_000)
    expect(page.locator("bs-scrubber output")).to_contain_text("step 1 of 29", timeout=60_000)
    expect(page.locator("bs-packet")).to_contain_text("for i in 1 2 3; do /bin/busybox true; done")
    opened.check()

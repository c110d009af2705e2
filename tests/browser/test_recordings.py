"""Recordings of real kernels: an example is stepped, a file is opened, a damaged one is said to be damaged."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_flow import stage
from vm import pipeline

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(tab: Callable[..., Any], name: str) -> tuple[Any, Any]:
    """A page with an example that was run, and what Playwright calls a page."""
    opened = tab()
    page = opened.open(f"/examples/{name}")
    stage(page, "run", "done")
    return opened, page


def test_a_recorded_example_is_stepped(tab: Callable[..., Any]) -> None:
    opened, page = example(tab, "trace-opens")
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


def test_the_other_programs_of_a_recording_are_one_click_away(tab: Callable[..., Any]) -> None:
    opened, page = example(tab, "trace-reads")
    page.get_by_role("tab", name="Packet").click()
    programs = page.get_by_role("group", name="Programs of the recording")
    expect(programs.get_by_role("button")).to_have_count(2)
    chosen = programs.locator('button[aria-pressed="true"]')
    other = programs.locator('button[aria-pressed="false"]')
    name, wanted = chosen.inner_text(), other.inner_text()
    other.press("Enter")
    expect(chosen).to_have_text(wanted, timeout=60_000)
    expect(chosen).to_be_focused()
    expect(other).to_have_text(name)
    stage(page, "run", "done")
    expect(page.locator('.stage[data-stage="run"]')).to_contain_text("5 events")
    opened.check()


def test_a_value_outside_what_was_proved_is_marked_in_red(tab: Callable[..., Any], tmp_path: Path) -> None:
    opened, page = example(tab, "count-drop")
    recording = pipeline.recording_of((EXAMPLES / "trace_execs.rec").read_bytes())
    event, state = recording.events[0], 20
    registers = bytearray(event.registers)
    registers[128 * state : 128 * state + 8] = (1 << 62).to_bytes(8, "little")  # rax, after it was shifted by 32
    events = (replace(event, registers=bytes(registers)), *recording.events[1:])
    (tmp_path / "wrong.rec").write_bytes(pipeline.recording_file(replace(recording, events=events)))
    page.locator("bs-editor input[type=file]").set_input_files(str(tmp_path / "wrong.rec"))
    expect(page.locator(".cm-content")).to_contain_text("sched_process_exec")
    run = page.locator('.stage[data-stage="run"]')
    expect(run).to_contain_text("5 events", timeout=60_000)
    expect(page.locator("bs-scrubber output")).to_contain_text("step 1 of 29")
    marks = page.locator("bs-state .wrong-mark:visible")
    for _ in range(10):
        expect(marks).to_have_count(0)
        page.keyboard.press("ArrowRight")
    expect(page.locator("bs-scrubber output")).to_contain_text("step 11 of 29")
    expect(marks).to_have_text("outside what the verifier proved")
    row = page.locator("bs-state tr.wrong")
    expect(row).to_have_count(1)
    color = row.locator(".wrong-mark").evaluate("e => getComputedStyle(e).color")
    _, chroma, hue = (float(each) for each in re.findall(r"[\d.]+", color.removeprefix("oklch")))
    assert color.startswith("oklch(") and chroma > 0.1 and 10 < hue < 40  # red
    page.get_by_role("tab", name="Packet").click()
    expect(page.locator("bs-packet")).to_contain_text("1 step: event 1 step 11")
    opened.check()


def test_a_file_brings_its_program_along(tab: Callable[..., Any], tmp_path: Path) -> None:
    opened, page = example(tab, "count-drop")
    chooser = page.locator("bs-editor input[type=file]")
    damaged = tmp_path / "damaged.rec"
    damaged.write_bytes((EXAMPLES / "trace_execs.rec").read_bytes()[:300])
    chooser.set_input_files(str(damaged))
    expect(page.locator("bs-editor")).to_contain_text("is damaged or cut")
    for name, data, said in (
        ("other.rec", b"int x;", "other.rec is no recording"),
        ("newer.rec", b"BPFR\x09" + bytes(40), "by a newer bpfscope"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(data)
        chooser.set_input_files(str(tmp_path / name))
        expect(page.locator("bs-editor")).to_contain_text(said)
        expect(page.locator(".cm-content")).to_contain_text("count_drop")
    chooser.set_input_files(str(EXAMPLES / "trace_execs.rec"))
    expect(page.locator(".cm-content")).to_contain_text("sched_process_exec")
    expect(page.locator('.stage[data-stage="run"]')).to_contain_text("5 events", timeout=30_000)
    expect(page.locator("bs-scrubber output")).to_contain_text("step 1 of 29")
    opened.check()


def test_all_events_of_a_long_recording_are_there(tab: Callable[..., Any], tmp_path: Path) -> None:
    recording = pipeline.recording_of((EXAMPLES / "trace_execs.rec").read_bytes())
    (tmp_path / "long.rec").write_bytes(pipeline.recording_file(replace(recording, events=recording.events * 20)))
    opened = tab()
    page = opened.open("/examples/count-drop")
    stage(page, "run", "done")
    page.locator("bs-editor input[type=file]").set_input_files(str(tmp_path / "long.rec"))
    expect(page.locator('.stage[data-stage="run"]')).to_contain_text("100 events", timeout=60_000)
    expect(page.locator("bs-scrubber output")).to_contain_text("step 1 of 29")
    page.get_by_role("tab", name="Packet").click()
    packet = page.locator("bs-packet")
    packet.get_by_label("event").select_option("99")
    expect(packet).to_contain_text("No value of these events", timeout=60_000)
    expect(page.locator("bs-pipeline")).to_contain_text("event 100 of 100")
    page.locator("bs-scrubber output").click()
    page.keyboard.press("End")
    expect(page.locator("bs-scrubber output")).to_contain_text("step 29 of 29")
    page.get_by_role("tab", name="Structs").click()
    expect(page.locator("bs-structs")).to_contain_text("after step 29")
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


def read_of_the_socket(page: Any) -> None:
    """At the third step of trace_connects the socket's port was read, and its address is read."""
    page.get_by_role("tab", name="Structs").click()
    structs = page.locator("bs-structs")
    expect(structs).to_contain_text("sock: struct sock at 0x")
    expect(structs.locator("tr.wrote", has_text="skc_daddr")).to_contain_text("16777343")
    port = structs.locator("tr", has_text="skc_dport")
    expect(port).to_contain_text("read at step 2")
    expect(structs.locator("tr", has_text="skc_rcv_saddr")).to_contain_text("known at the return")
    expect(structs.locator("tr", has_text="sk_rcvbuf")).to_have_count(0)
    show = structs.get_by_label("show fields that are not recorded")
    show.check()
    expect(structs.locator("tr", has_text="sk_rcvbuf")).to_contain_text("not recorded")
    show.uncheck()
    # By keyboard: fold the outermost struct, unfold it again, and unfold what is not recorded.
    fold = structs.get_by_role("button", name="struct sock_common __sk_common")
    fold.focus()
    page.keyboard.press("Enter")
    expect(fold).to_be_focused()
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(port).to_have_count(0)
    page.keyboard.press("Enter")
    expect(port).to_be_visible()
    structs.get_by_role("button", name="fields not recorded").last.press("Enter")
    expect(structs.locator("tr", has_text="sk_lock")).to_be_visible()
    port.get_by_role("button", name="step 2").press("Enter")
    expect(page.locator("bs-scrubber output")).to_contain_text("step 2 of 28")
    # The argument leads to the object that it points to.
    structs.get_by_label("Struct", exact=True).select_option(label="ctx: arguments of the hook")
    structs.get_by_role("button", name="→ struct sock").press("Enter")
    expect(structs).to_contain_text("sock: struct sock at 0x")
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    expect(page.locator("bs-scrubber output")).to_contain_text("step 28 of 28")
    expect(structs.locator("tr", has_text="skc_rcv_saddr")).to_contain_text("at the return")


AT_THE_READ = {"stage": "run", "packet": 0, "step": 2}


def test_structs_of_an_event_field_by_field(tab: Callable[..., Any], server: str) -> None:
    link = json.loads(posted(server, "/api/share", {**request("trace_connects"), "view": AT_THE_READ}))["id"]
    opened = tab()
    page = opened.open(f"/s/{link}")
    expect(page.locator("bs-scrubber output")).to_contain_text("step 3 of 28")
    read_of_the_socket(page)
    opened.check()


def test_structs_on_a_phone_in_the_dark(tab: Callable[..., Any], server: str) -> None:
    view = {**AT_THE_READ, "pane": "structs"}
    link = json.loads(posted(server, "/api/share", {**request("trace_waits"), "view": view}))["id"]
    opened = tab(width=390, height=844, color_scheme="dark")
    page = opened.open(f"/s/{link}")
    structs = page.locator("bs-structs")
    expect(structs.locator("tr", has_text="pid_t pid")).to_be_visible()
    assert structs.evaluate("each => each.scrollWidth <= each.clientWidth")
    opened.check()


def test_structs_offline(tab: Callable[..., Any], server: str, tmp_path: Path) -> None:
    file = tmp_path / "session.html"
    file.write_bytes(posted(server, "/api/session", {"request": request("trace_connects"), "view": AT_THE_READ}))
    opened = tab(offline=True)
    page = opened.page
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    read_of_the_socket(page)
    assert not opened.faults


def test_a_program_without_a_recording_has_no_structs(tab: Callable[..., Any]) -> None:
    opened, page = example(tab, "count-drop")
    expect(page.get_by_role("tab", name="Structs")).to_be_hidden()


TAIL_CALLS = Path(__file__).parents[1] / "golden" / "recordings" / "tail_calls-6.12.rec"


def test_a_tail_call_leads_into_another_program_s_lines(tab: Callable[..., Any]) -> None:
    opened = tab()
    page = opened.open("/examples/count-drop")
    stage(page, "run", "done")
    page.locator("bs-editor input[type=file]").set_input_files(str(TAIL_CALLS))
    expect(page.locator('.stage[data-stage="run"]')).to_contain_text("4 events", timeout=60_000)
    page.get_by_role("tab", name="Packet").click()
    page.get_by_role("group", name="Programs of the recording").get_by_role("button", name="entered").press("Enter")
    scrubber = page.locator("bs-scrubber output")
    expect(scrubber).to_contain_text("step 1 of 43", timeout=60_000)
    state, insns = page.locator("bs-state"), page.locator("bs-insns")
    expect(state).to_contain_text("Machine after 0")
    page.evaluate("document.activeElement?.blur?.()")
    page.keyboard.press("End")
    expect(scrubber).to_contain_text("step 43 of 43")
    expect(state).to_contain_text("Machine after 25 of told")
    expect(state).to_contain_text("the verifier's state after step 24 of its walk of told.")
    expect(state.locator('tr[data-name="r0"] .knew')).to_have_text("3")
    expect(insns.locator(".column-info")).to_have_text("told")
    expect(insns).to_contain_text("bpf_trace_printk")
    expect(page.locator("bs-editor .cm-content")).to_contain_text("return 3;")
    # The first step of the program, where its heading is in sight; one step back is the caller's last.
    for _ in range(23):
        page.keyboard.press("ArrowLeft")
    expect(scrubber).to_contain_text("step 20 of 43")
    expect(insns.locator(".func-head", has_text="told")).to_contain_text("entered by a tail call")
    page.keyboard.press("ArrowLeft")
    expect(state).to_contain_text("Machine after 8 of counted")
    expect(state).to_contain_text("A tail call entered counted, whose frame replaced the caller's.")
    expect(page.locator("bs-editor")).to_contain_text("bpf_tail_call(ctx, &stages, 1);")
    page.get_by_role("tab", name="Output").click()
    expect(page.locator("bs-output")).to_contain_text("to told, which replaces this frame")
    opened.check()


RETURNS = TAIL_CALLS.with_name("returns-6.12.rec")


def test_how_a_value_behind_a_tail_call_came_about_is_told(tab: Callable[..., Any]) -> None:
    opened = tab()
    page = opened.open("/examples/count-drop")
    stage(page, "run", "done")
    page.locator("bs-editor input[type=file]").set_input_files(str(RETURNS))
    expect(page.locator("bs-scrubber output")).to_contain_text("step 1 of", timeout=60_000)
    page.get_by_role("tab", name="Packet").click()
    page.get_by_role("group", name="Programs of the recording").get_by_role("button", name="nested").press("Enter")
    scrubber, state = page.locator("bs-scrubber output"), page.locator("bs-state")
    expect(scrubber).to_contain_text("step 1 of 18", timeout=60_000)
    page.evaluate("document.activeElement?.blur?.()")
    for _ in range(11):
        page.keyboard.press("ArrowRight")
    expect(state).to_contain_text("Machine after 3 of last")
    state.locator('tr[data-name="r0"]').click()
    value = page.get_by_role("dialog", name="r0")
    expect(value).to_contain_text("0…7")
    expect(value).to_contain_text("in the run 3")
    rows = value.get_by_role("list", name="What made it").get_by_role("listitem")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("bpf_get_current_pid_tgid")
    expect(rows.nth(2)).to_contain_text("w0 &= 7")
    rows.nth(1).get_by_role("button").click()
    expect(scrubber).to_contain_text("step 10 of 18")
    expect(state).to_contain_text("Machine after 1 of last")
    # The caller's rest is told from the caller's walk; the tail call itself leads to no state.
    page.keyboard.press("End")
    expect(state).to_contain_text("Machine after 3")
    expect(value).to_contain_text("in the run 6")
    expect(value.get_by_role("list", name="What made it")).to_be_visible()
    for _ in range(14):
        page.keyboard.press("ArrowLeft")
    expect(scrubber).to_contain_text("step 4 of 18")
    expect(value).to_contain_text("What the verifier knew at this step is not known.")
    opened.check()

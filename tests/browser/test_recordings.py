"""Recordings of real kernels: an example is stepped, a file is opened, a damaged one is said to be damaged."""

from __future__ import annotations

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

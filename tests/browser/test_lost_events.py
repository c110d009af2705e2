"""Events of a recording that cannot be replayed: what is shown stays, and it is said what is missing and why."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import serving
from tests.browser.proxy import proxy
from tests.browser.test_flow import stage
from tests.playground.ending_job import ENDS, EVENTS, FAILS
from vm import pipeline

EXAMPLES = Path(__file__).parents[2] / "examples"
WHY = {
    "dies": "ended in the middle (signal 11)",
    FAILS: "internal error",
    "hangs": "seconds",
    "fills the memory": "memory",
}


@pytest.fixture(scope="module")
def ending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose replays end in the middle."""
    limits = {"JOB_SECONDS": "20", "JOB_MEMORY_MB": "700", "JOB_CPU_SECONDS": "60"}
    with serving(
        tmp_path_factory.mktemp("var"), DJANGO_SETTINGS_MODULE="tests.playground.ending_settings", **limits
    ) as address:
        yield address


def long_recording(workload: str) -> bytes:
    recording = pipeline.recording_of((EXAMPLES / "trace_execs.rec").read_bytes())
    return pipeline.recording_file(replace(recording, events=recording.events * 20, workload=workload))


def opened(made: Any, server: str, file: Path) -> Any:
    made.server = server
    page = made.open("/examples/count-drop")
    stage(page, "run", "done")
    page.locator("bs-editor input[type=file]").set_input_files(str(file))
    expect(page.locator('.stage[data-stage="run"]')).to_contain_text("100 events", timeout=60_000)
    return page


@pytest.mark.parametrize("end", WHY)
def test_what_is_shown_stays_when_the_replay_ends_in_the_middle(
    tab: Callable[..., Any], ending: str, tmp_path: Path, end: str
) -> None:
    assert set(WHY) == {*ENDS, FAILS}
    (tmp_path / "long.rec").write_bytes(long_recording(end))
    made = tab()
    page = opened(made, ending, tmp_path / "long.rec")
    line = page.locator("bs-pipeline")
    first = EVENTS if end == FAILS else 2  # what a worker can still say, it says
    expect(line).to_contain_text(f"Events {first} to 100 could not be replayed.", timeout=60_000)
    expect(line).to_contain_text(WHY[end])
    expect(line).to_contain_text("event 1 of 100 returned")
    for name in ("compile", "load", "verify", "jit", "run"):
        stage(page, name, "done")
    expect(page.get_by_role("button", name="Run", exact=False).first).to_be_enabled()
    # Stepping goes on as before.
    place = page.locator("bs-scrubber output")
    place.click()
    page.keyboard.press("End")
    expect(place).to_contain_text("step 29 of 29")
    page.get_by_role("tab", name="Packet").click()
    packet = page.locator("bs-packet")
    expect(packet).to_contain_text("Not replayed")
    expect(packet).not_to_contain_text("not compared yet")
    # The steps that came before the end are there, too.
    packet.get_by_label("event").select_option(str(EVENTS - 1))
    page.keyboard.press("Escape")
    expect(line).to_contain_text(f"event {EVENTS} of 100 returned")
    expect(page.locator("bs-state tr[data-name=r0]")).to_be_visible()
    # Of another one it is said that there are none.
    packet.get_by_label("event").select_option("90")
    expect(line).to_contain_text("it was not replayed")
    page.get_by_role("tab", name="Log").click()
    expect(page.locator("bs-log")).to_contain_text("mark_precise")
    made.check()


def test_it_is_said_without_a_websocket_too(tab: Callable[..., Any], ending: str, tmp_path: Path) -> None:
    (tmp_path / "long.rec").write_bytes(long_recording("dies"))
    with proxy(int(ending.rpartition(":")[2])) as (address, _):
        page = opened(tab(), address, tmp_path / "long.rec")
        line = page.locator("bs-pipeline")
        expect(line).to_contain_text("Events 2 to 100 could not be replayed.", timeout=60_000)
        expect(line).to_contain_text(WHY["dies"])
        stage(page, "run", "done")


def test_a_client_of_the_rest_interface_has_all_that_was_said(ending: str) -> None:
    recording = pipeline.recording_of((EXAMPLES / "trace_execs.rec").read_bytes())
    source = {name: recording.source[name] for name in ("kind", "source", "options")}
    given = {"kind": "recording", "base64": base64.b64encode(long_recording(FAILS)).decode()}
    asked = urllib.request.Request(
        f"{ending}/api/runs?wait=done", json.dumps({**source, "input": given}).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(asked, timeout=100) as answer:
        assert answer.status == 200
        said = json.load(answer)["messages"]
    stages = [each for each in said if each["type"] == "stage" and each["stage"] == "run"]
    assert [each["status"] for each in stages] == ["working", "done"]
    result = stages[-1]
    assert result["recorded"]["replayed"] == 1
    replayed, error, done = [each for each in said if each["type"] not in ("progress", "steps", "part")][-3:]
    assert replayed["type"] == "replayed" and replayed["recorded"]["replayed"] == EVENTS - 1
    assert error["type"] == "error" and "internal error" in error["message"] and done["type"] == "done"


def test_the_connection_is_lost_while_the_events_are_replayed(
    tab: Callable[..., Any], server: str, tmp_path: Path
) -> None:
    """Cut behind the result: the page connects again and has all events in the end."""
    (tmp_path / "long.rec").write_bytes(long_recording("shell"))
    made = tab()
    cut: list[str] = []

    def through(ws: Any) -> None:
        far = ws.connect_to_server()
        ws.on_message(far.send)

        def back(text: str) -> None:
            message = json.loads(text)
            late = message["type"] == "replayed" or (message["type"] == "progress" and message.get("stage") == "run")
            if late and not cut:
                cut.append(message["type"])
                ws.close(code=1011)
                far.close(code=1011)
            elif not ws_closed(ws):
                ws.send(text)

        far.on_message(back)

    closed: set[int] = set()

    def ws_closed(ws: Any) -> bool:
        return id(ws) in closed

    made.page.route_web_socket("**/ws/run", through)
    page = opened(made, server, tmp_path / "long.rec")
    page.get_by_role("tab", name="Packet").click()
    packet = page.locator("bs-packet")
    packet.get_by_label("event").select_option("99")
    expect(packet).to_contain_text("No value of these events", timeout=60_000)
    expect(page.locator("bs-pipeline")).to_contain_text("event 100 of 100 returned")
    assert cut
    expect(page.locator("bs-pipeline")).not_to_contain_text("could not be replayed")
    stage(page, "run", "done")

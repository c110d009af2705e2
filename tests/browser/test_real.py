"""The panel of runs on real kernels: what is missing is said; where kernels are, output comes and a run is stopped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_flow import stage


def lacks_kernels(opened: Any, pane: Any) -> bool:
    """Whether the server has no kernels: then the panel says so at once and offers nothing that cannot work."""
    said = pane.locator(".real-said")
    expect(said).not_to_be_empty()
    if "make kernels" not in (said.text_content() or ""):
        return False
    expect(said).to_contain_text("docs/kernels.md")
    for offered in (pane.get_by_role("button"), pane.get_by_role("combobox"), pane.get_by_text("Before the run")):
        expect(offered.filter(visible=True)).to_have_count(0)
    opened.check()
    return True


def test_programs_run_for_real_and_are_stopped(tab: Callable[..., Any]) -> None:
    opened = tab()
    page = opened.open("/examples/count-drop")
    stage(page, "run", "done")
    page.get_by_role("tab", name="Real", exact=True).press("Enter")
    pane = page.locator("bs-real")
    if lacks_kernels(opened, pane):
        return
    said = pane.get_by_role("status")
    pane.get_by_label("Workload").select_option(label="a line of shell")
    run = pane.get_by_role("button", name="Run for real")
    run.press("Enter")
    expect(pane.get_by_label("Line of shell (busybox)")).to_be_focused()  # nothing is run without a line
    pane.get_by_label("Line of shell (busybox)").fill("/bin/busybox sleep 60")
    pane.get_by_label("At most").select_option("30")
    pane.get_by_label("Line of shell (busybox)").press("Enter")
    expect(said).to_contain_text("1 of 1 program attached", timeout=30_000)
    expect(pane.get_by_role("row", name="the same value and packet")).to_be_visible()
    pane.get_by_role("button", name="Stop").press("Enter")
    expect(said).to_contain_text("This was stopped.", timeout=10_000)
    expect(run).to_be_enabled()
    line = "/bin/busybox ip link set lo up; /bin/busybox ping -c 2 127.0.0.1"
    pane.get_by_label("Line of shell (busybox)").fill(line)
    run.press("Enter")
    expect(said).to_contain_text(" s.", timeout=60_000)
    expect(pane.get_by_role("region", name="Map")).not_to_have_count(0)
    opened.check()


def test_variables_maps_and_targets_are_changed_before_a_run(tab: Callable[..., Any]) -> None:
    opened = tab()
    page = opened.open("/examples/count-drop")
    stage(page, "run", "done")
    page.get_by_role("tab", name="Real", exact=True).press("Enter")
    pane = page.locator("bs-real")
    if lacks_kernels(opened, pane):
        return
    summary = pane.locator(".real-setup summary")
    summary.focus()
    page.keyboard.press("Enter")
    size = pane.get_by_label("packets array")
    size.fill("300")
    pane.get_by_role("button", name="Add an entry").press("Enter")
    key = pane.get_by_label("Key of entry 1 of packets")
    expect(key).to_be_focused()
    key.fill("6<b>")
    value = pane.get_by_label("Value of entry 1 of packets")
    value.fill("40")
    pane.get_by_label("count_drop").select_option("lo")
    run = pane.get_by_role("button", name="Run for real")
    run.press("Enter")
    said = pane.locator(".real-said")
    expect(said).to_contain_text("A key of the map packets", timeout=30_000)
    key.fill("299")
    run.press("Enter")
    expect(said).to_contain_text(" s.", timeout=60_000)
    expect(pane.get_by_role("region", name="Map packets")).to_contain_text("256 entries and more")
    pane.get_by_role("button", name="Remove entry 1 of packets").press("Enter")
    expect(key).to_have_count(0)
    opened.check()


def test_a_link_shows_the_stored_outcome_and_runs_nothing(tab: Callable[..., Any]) -> None:
    opened = tab()
    page = opened.open("/examples/count-drop")
    stage(page, "run", "done")
    page.get_by_role("tab", name="Real", exact=True).press("Enter")
    pane = page.locator("bs-real")
    if lacks_kernels(opened, pane):
        return
    pane.get_by_role("button", name="Run for real").press("Enter")
    expect(pane.get_by_role("status")).to_contain_text(" s.", timeout=60_000)
    said = pane.get_by_role("status").text_content()
    page.keyboard.press("s")
    page.get_by_role("button", name="Make the link").press("Enter")
    link = page.locator(".share-url").input_value().split("#")[0]
    other = tab()
    there = other.open(link[link.index("/", 8) :])
    expect(there.locator("bs-real").get_by_role("status")).to_have_text(said or "", timeout=30_000)
    other.check()


def test_a_server_without_kernels_says_so_before_anything_is_asked(tab: Callable[..., Any]) -> None:
    """As the page of such a server is made, whatever this one has."""
    opened = tab()
    missing = "QEMU is <b>not</b> installed: run `make kernels`."

    def without(route: Any) -> None:
        answer = route.fetch()
        said = re.sub(
            r'"kernels_missing": "[^"]*"', lambda _: f'"kernels_missing": {json.dumps(missing)}', answer.text()
        )
        route.fulfill(response=answer, body=said)

    opened.page.route("**/examples/count-drop", without)
    page = opened.open("/examples/count-drop")
    stage(page, "run", "done")
    page.get_by_role("tab", name="Real", exact=True).press("Enter")
    pane = page.locator("bs-real")
    assert lacks_kernels(opened, pane)
    expect(pane.locator(".real-said")).to_contain_text(missing)
    page.locator("bs-pipeline").get_by_role("button", name="Real kernels").press("Enter")
    strip = page.get_by_role("region", name="Real kernels")
    expect(strip.get_by_role("status")).to_contain_text(missing)
    expect(strip.get_by_role("button")).to_have_count(0)
    page.get_by_role("tab", name="Packet").click()
    expect(page.locator(".record-lacking")).to_contain_text(missing)
    expect(page.get_by_role("button", name="Record on a real kernel")).to_be_hidden()
    opened.check()

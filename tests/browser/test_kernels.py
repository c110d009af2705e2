"""The strip of real kernels: what is missing is said; where kernels are, a cell opens the log of its kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.fixtures import recorded
from tests.browser.test_flow import stage


def test_real_kernels_are_asked_from_a_button(tab: Callable[..., Any]) -> None:
    opened = tab()
    page = opened.open("/examples/count-drop")
    stage(page, "run", "done")
    strip = page.get_by_role("region", name="Real kernels")
    opener = page.locator("bs-pipeline").get_by_role("button", name="Real kernels")
    expect(strip).to_be_hidden()
    expect(opener).to_have_attribute("aria-expanded", "false")
    opener.press("Enter")
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(strip).to_be_visible()
    expect(strip.get_by_role("status")).not_to_contain_text("Waiting", timeout=30_000)
    if "make kernels" in (strip.text_content() or ""):
        opened.check()
        return
    expect(strip.locator(".kernel-cell:disabled")).to_have_count(0, timeout=120_000)
    expect(strip.get_by_role("status").first).to_contain_text("All kernels", timeout=60_000)
    # Of all kernels only 5.10 rejects it.
    if strip.locator(".kernel-cell[data-verdict=reject]").count() and strip.locator(".kernel-cell").count() > 1:
        expect(strip.get_by_role("list", name="What changed between kernels")).to_contain_text("atomic operation")
    cell = strip.locator(".kernel-cell").first
    cell.press("Enter")
    expect(strip.locator(".kernel-cell").first).to_have_attribute("aria-pressed", "true")
    if strip.locator(".kernel-cell").count() > 1:
        strip.get_by_label("Compare it with").select_option(index=1)
        compared = strip.get_by_role("region", name="Two answers compared")
        expect(compared).to_contain_text("instruction")
        compared.get_by_role("button", name="End the comparison").press("Enter")
        expect(compared).to_have_count(0)
    log = page.locator("bs-log")
    expect(log).to_contain_text("Linux ")
    log.get_by_role("button", name="Back to the emulated log").press("Enter")
    expect(log.get_by_role("button", name="Back to the emulated log")).to_have_count(0)
    expect(log).to_contain_text("R1=ctx()")
    opened.check()


def test_options_of_the_compiler_are_rows_of_a_table(tab: Callable[..., Any]) -> None:
    opened = tab()
    page = opened.open("/examples/count-drop")
    stage(page, "run", "done")
    page.locator("bs-pipeline").get_by_role("button", name="Real kernels").press("Enter")
    strip = page.get_by_role("region", name="Real kernels")
    expect(strip.get_by_role("status").first).not_to_contain_text("Waiting", timeout=30_000)
    if "make kernels" in (strip.text_content() or ""):
        return
    expect(strip.locator(".kernel-cell:disabled")).to_have_count(0, timeout=120_000)
    expect(strip.get_by_role("status").first).to_contain_text("All kernels", timeout=60_000)
    strip.get_by_text("Kernels and compilers").press("Enter")
    strip.get_by_role("group", name="-mcpu").get_by_label("v2").check()
    strip.get_by_role("button", name="Ask these").press("Enter")
    table = strip.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(3, timeout=60_000)
    expect(strip.locator(".kernel-cell:disabled")).to_have_count(0, timeout=120_000)
    expect(table.locator(".kernel-code").first).to_contain_text("A")
    opened.check()


def test_the_diagnosis_of_a_kernel_stands_beside_the_emulations(tab: Callable[..., Any]) -> None:
    opened = tab()
    page = opened.open("/examples/missing-bounds-check")
    stage(page, "verify", "failed")
    page.locator("bs-pipeline").get_by_role("button", name="Real kernels").press("Enter")
    strip = page.get_by_role("region", name="Real kernels")
    expect(strip.get_by_role("status").first).not_to_contain_text("Waiting", timeout=30_000)
    if "make kernels" in (strip.text_content() or ""):
        return
    expect(strip.get_by_role("status").first).to_contain_text("All kernels", timeout=120_000)
    if not strip.locator(".kernels-diagnosis").count():
        return  # only 7.3 writes one
    strip.locator(".kernels-diagnosis summary").press("Enter")
    told = strip.get_by_role("region", name="Diagnosis of")
    expect(told).to_have_count(2)
    expect(told.first).to_contain_text("Verification failed")
    expect(told.last).to_contain_text("Needed")
    opened.check()


def cell(kernel: str, verdict: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "cell", "program": "p", "kernel": kernel, "release": f"{kernel}.0", "clang": "", "mcpu": "", "opt": "",
        "verdict": verdict, "errno": 0, "insns_processed": 0, "states": -1, "message": "", "log": "", "code": "",
        "diagnosis": [], **more,
    }  # fmt: skip


def test_cells_say_what_they_cost_their_reasons_and_equal_code(recorded_tab: Callable[..., Any]) -> None:
    refused = {"insns_processed": 1234, "states": 1, "message": "R1 <b>invalid</b>", "code": "aa"}
    cells = [cell("5.10", "reject", **refused), cell("6.1", "reject", **refused)]
    cells.append(cell("6.12", "accept", insns_processed=9, states=0, code="bb"))
    names = [{"name": each["kernel"], "release": each["release"]} for each in cells]
    tried = [
        {
            "type": "fix_tried", "title": title, "diff": "",
            "kernels": [{"kernel": name["name"], "verdict": verdict, "message": ""}
                        for name, verdict in zip(names, verdicts, strict=True)],
        }
        for title, verdicts in (
            ("One", ("accept", "reject", "limit")), ("Two", ("limit",) * 3), ("Three", ("accept",) * 3),
            ("Four", ("reject", "error", "reject")),
        )
    ]  # fmt: skip
    done = {"type": "cells_done", "asked": 3, "changes": [], "lacking": []}
    answers = [{"type": "kernels", "kernels": names, "compilers": [], "missing": ""}, *cells, *tried, done]
    opened = recorded_tab(recorded.packet_program(), answers={"matrix": answers})
    page = opened.open()
    page.locator("bs-pipeline").get_by_role("button", name="Real kernels").press("Enter")
    strip = page.get_by_role("region", name="Real kernels")
    costs = ["1,234 insns, 1 state", "1,234 insns, 1 state", "9 insns, 0 states"]
    expect(strip.locator(".kernel-cost")).to_have_text(costs)
    expect(strip.locator(".kernel-code")).to_have_text(["code A", "code A", "code B"])
    reasons = strip.get_by_role("list", name="Reasons")
    expect(reasons.get_by_role("listitem")).to_have_text("5.10, 6.1 R1 <b>invalid</b>")
    fixes = strip.get_by_role("list", name="Fixes tried on the kernels").get_by_role("listitem")
    expect(fixes).to_have_text(
        [
            "One makes 5.10 accept it, not 6.1. 6.12 did not answer in time.",
            "Two could not be tried: 5.10, 6.1, 6.12 did not answer in time.",
            "Three makes all of them accept it.",
            "Four does not make any of them accept it.",
        ]
    )
    opened.check()


def test_what_kernels_said_before_a_question_failed_stays(recorded_tab: Callable[..., Any]) -> None:
    names = [{"name": name, "release": f"{name}.0"} for name in ("6.1", "6.12")]
    failed = "This run was stopped: <b>it</b> took longer than 90 seconds."
    answers = [
        {"type": "kernels", "kernels": names, "compilers": [], "missing": ""},
        cell("6.1", "limit", message="No answer within 15 seconds."),
        {"type": "error", "code": "analysis", "asked": "matrix", "message": failed},
    ]  # fmt: skip
    opened = recorded_tab(recorded.packet_program(), answers={"matrix": answers})
    page = opened.open()
    page.locator("bs-pipeline").get_by_role("button", name="Real kernels").press("Enter")
    strip = page.get_by_role("region", name="Real kernels")
    expect(strip.get_by_role("alert")).to_have_text(failed)
    expect(strip.locator(".kernel-cell[data-verdict=limit]")).to_have_count(1)
    expect(strip.get_by_role("button", name="Ask all kernels")).to_be_visible()
    opened.check()

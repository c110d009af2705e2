"""Asking a value: how it came to be, its reads and writes, and what branches proved at the ends of lines."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import Tab
from tests.browser.fixtures import recorded

Tabs = Callable[..., Tab]
RUDE = "</script><img src=x onerror=alert(1)>\u202e\x1b[31m"


def row(page: Any, name: str) -> Any:
    return page.locator(f'bs-state tr[data-name="{name}"]')


def popover(page: Any) -> Any:
    return page.locator("bs-value .value")


def at(page: Any, step: int) -> None:
    expect(page.locator("bs-scrubber output")).to_contain_text(f"step {step} of")


def goto(page: Any, step: int) -> None:
    page.keyboard.press("Home")
    for _ in range(step - 1):
        page.keyboard.press("ArrowRight")
    at(page, step)


def test_a_click_on_a_register_tells_how_it_came_to_be(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    goto(page, 12)
    row(page, "r1").locator(".reg-name").click()
    box = popover(page)
    expect(box).to_be_visible()
    expect(box.locator(".made li")).to_have_count(2)
    expect(box.locator(".made li").nth(1)).to_contain_text("if r3 > r2 not taken")
    expect(box.locator(".made li").nth(1)).to_contain_text("0 B proven → packet +0 · 14 B proven")
    expect(box.locator(".uses-text")).to_have_text("7 writes, 11 reads on this path")
    expect(page.locator("bs-scrubber .accesses line").first).to_be_attached()
    assert page.evaluate("document.querySelector('bs-state').store.state.selected") == {"name": "r1", "frame": 0}
    # Each row goes to its step, and the popover follows.
    box.locator(".made button").nth(1).click()
    at(page, 6)
    expect(box.locator('[aria-current="step"]')).to_contain_text("not taken")
    row(page, "r3").click()
    expect(box.get_by_role("heading", name="r3")).to_be_visible()
    made.check()


def test_numbers_have_four_ranges_their_bits_and_the_value_of_the_run(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    goto(page, 9)
    row(page, "r4").locator(".reg-name").click()
    box = popover(page)
    lines = box.locator(".nl-row")
    expect(lines).to_have_count(4)
    expect(lines.first).to_contain_text("0 … 255")
    expect(lines.first.locator(".nl-tick")).not_to_have_css("display", "none")
    expect(box.locator(".value-bits svg")).to_have_attribute("aria-label", re.compile("unknown bits 0xff"))
    expect(box.locator(".value-now")).to_contain_text("in the run")
    made.check()


def test_keys_and_wheel_walk_the_reads_and_writes(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    goto(page, 12)
    row(page, "r2").locator(".reg-name").focus()
    page.keyboard.press("Enter")
    box = popover(page)
    expect(box.locator(".uses-text")).to_contain_text("reads")
    page.keyboard.press(",")
    at(page, 6)
    page.keyboard.press(".")
    at(page, 14)
    box.locator(".value-head").hover()
    page.mouse.wheel(0, -120)
    at(page, 6)
    box.get_by_role("button", name="Next read or write").click()
    at(page, 14)
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(row(page, "r2")).to_have_class(re.compile("selected"))
    page.keyboard.press("v")
    expect(box).to_be_visible()
    made.check()


def test_it_closes_by_a_press_elsewhere_unless_it_is_pinned(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    goto(page, 12)
    row(page, "r1").locator(".reg-name").click()
    box = popover(page)
    expect(box).to_be_visible()
    page.get_by_role("tab", name="Shape").click()
    expect(box).to_be_hidden()
    page.keyboard.press("v")
    box.get_by_role("button", name="Pin").click()
    page.get_by_role("tab", name="Log").click()
    expect(box).to_be_visible()
    box.get_by_role("button", name="Close").click()
    expect(box).to_be_hidden()
    made.check()


def test_a_run_has_its_own_reads_and_writes(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    page.keyboard.press("m")
    expect(page.locator("bs-scrubber .mode")).to_have_text("run")
    goto(page, 10)
    row(page, "r3").locator(".reg-name").click()
    box = popover(page)
    expect(box.locator(".uses-text")).to_contain_text("writes")
    expect(box.locator(".made li").first).to_contain_text("r3")
    expect(box.locator(".made-ran").first).to_be_visible()
    made.check()


def test_what_it_holds_is_never_covered(tab: Tabs) -> None:
    """Two lines of what the register holds, above a long history."""
    made = tab(width=1000, height=560)
    page = made.open()
    goto(page, 12)
    row(page, "r1").locator(".reg-name").click()
    box = popover(page)
    expect(box.locator(".made-ran").first).to_be_visible()
    now = box.locator(".value-now")
    now.evaluate("e => e.append(Object.assign(document.createElement('span'), {textContent: ' more'.repeat(40)}))")
    assert now.evaluate("e => e.scrollHeight <= e.clientHeight + 1")
    made.check()


def test_on_a_phone_it_is_a_sheet(tab: Tabs) -> None:
    made = tab(width=360, height=740, has_touch=True)
    page = made.open()
    page.get_by_role("radio", name="State").click()
    row(page, "r1").locator(".reg-name").tap()
    box = popover(page)
    expect(box).to_be_visible()
    place = box.bounding_box()
    assert place["x"] == 0 and place["width"] == 360 and place["y"] > 200
    assert place["y"] + place["height"] <= page.locator("bs-scrubber").bounding_box()["y"] + 2
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box.get_by_role("button", name="Close").tap()
    expect(box).to_be_hidden()
    made.check()


def test_facts_stand_at_the_ends_of_lines_and_can_be_switched_off(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    ink = page.locator("bs-editor .bs-ink")
    goto(page, 5)
    expect(ink).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(page.locator("bs-editor .bs-fact.gained")).to_have_text("≥ 14 B")
    page.keyboard.press("ArrowRight")
    expect(ink).to_have_text("≥ 14 B")
    expect(page.locator("bs-editor .bs-fact.gained")).to_have_count(0)
    goto(page, 12)
    expect(page.locator("bs-editor s.bs-fact.lost")).to_have_text("eth->h_proto = 8")
    toggle = page.get_by_role("button", name="Facts")
    expect(toggle).to_have_attribute("aria-pressed", "true")
    toggle.click()
    expect(ink).to_have_count(0)
    page.reload()
    expect(page.get_by_role("button", name="Facts")).to_have_attribute("aria-pressed", "false")
    made.check()


def test_hostile_names_stay_text(recorded_tab: Tabs) -> None:
    messages = copy.deepcopy(recorded.packet_program())
    reg = {"k": "map_value", "t": RUDE, "map": RUDE, "w": 0}
    event = {
        "step": 0, "insn": 0, "name": RUDE, "kind": RUDE, "why": RUDE, "via": [RUDE], "was": None, "now": reg,
        "at": None, "concrete": None,
    }  # fmt: skip
    answer = {
        "type": "value", "stage": "verify", "run": 0, "step": 0, "name": "r1", "frame": 0, "walk_step": 0, "reg": reg,
        "writer": 0, "events": [event], "repeated": True, "cut": True, "writes": [0], "reads": [], "first": 0,
        "last": 3, "begun": False, "ended": False, "concrete": None,
    }  # fmt: skip
    facts = {"type": "facts", "step": 0, "first": 0, "last": 12, "cut": False, "facts": [
        {"insn": 0, "line": 3, "text": RUDE, "first": 0, "last": None, "lost": False}]}  # fmt: skip
    made = recorded_tab(messages, answers={"value": [answer], "facts": [facts]})
    page = made.open()
    page.keyboard.press("Home")
    expect(page.locator("bs-editor .bs-ink")).to_contain_text("<img src=x onerror=alert(1)>\\u202e\\x1b[31m")
    row(page, "r1").locator(".reg-name").click()
    expect(popover(page).locator(".made")).to_contain_text("<img src=x onerror=alert(1)>\\u202e\\x1b[31m")
    assert page.locator("img:not(.cm-widgetBuffer)").count() == 0
    made.check()

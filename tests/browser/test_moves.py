"""Moving as a person does: keys, buttons, playing, breakpoints, conditions, what is closed, the size of type."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_access import faults
from tests.browser.test_flow import another, place, stage

Tabs = Callable[..., Any]
CALLS = """.type xdp
    r6 = 0
again:
    r1 = r6
    call twice
    r6 += 1
    if r6 < 3 goto again
    r0 = 2
    exit
twice:
    r0 = r1
    r0 += r1
    exit
"""
LONG = ".type xdp\nr7 = 0\nr8 = 0\nloop:\nr8 = r7\nr8 &= 255\nr7 += 1\nif r7 < 3000 goto loop\nr0 = r7\nexit\n"


def step(page: Any) -> int:
    expect(place(page)).to_contain_text(re.compile(r"step \d+ of"))
    found = re.search(r"step (\d+) of", place(page).inner_text())
    assert found is not None
    return int(found[1])


def at(page: Any, number: int) -> None:
    expect(place(page)).to_contain_text(re.compile(rf"step {number} of"))


def run_assembly(page: Any, text: str) -> None:
    page.locator(".kind-select").select_option("asm")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)
    with another(page, "run", "done"):
        page.keyboard.press("Control+Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("Home")
    at(page, 1)


def test_over_out_calls_and_visits_by_key(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    run_assembly(page, CALLS)
    page.keyboard.press("c")
    expect(place(page)).not_to_contain_text("step 1 of")
    expect(page.locator(".insns .vl-row.active")).to_contain_text("call")
    first = step(page)
    page.keyboard.press("ArrowRight")
    at(page, first + 1)
    page.keyboard.press("o")
    expect(place(page)).not_to_contain_text(f"step {first + 1} of")
    assert step(page) > first + 2
    expect(page.locator(".insns .vl-row.active")).not_to_contain_text("r0 =")
    page.keyboard.press("C")
    at(page, first)
    page.keyboard.press("c")
    expect(place(page)).not_to_contain_text(f"step {first} of")
    assert step(page) > first
    page.keyboard.press("Home")
    page.keyboard.press("Alt+ArrowRight")
    # The same in the run.
    page.keyboard.press("m")
    expect(page.locator("bs-scrubber .mode")).to_have_text("run")
    page.keyboard.press("Home")
    at(page, 1)
    page.keyboard.press("c")
    expect(place(page)).not_to_contain_text("step 1 of")
    expect(page.locator(".insns .vl-row.active")).to_contain_text("call")
    outside = step(page)
    page.keyboard.press("ArrowRight")
    at(page, outside + 1)
    page.keyboard.press("O")
    expect(place(page)).not_to_contain_text(f"step {outside + 1} of")
    assert step(page) <= outside
    made.check()


def test_playing_stops_at_a_breakpoint_and_when_the_person_moves(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    page.locator(".speed").select_option("30")
    page.locator(".insns .vl-row").nth(6).locator(".bp-mark").click()
    expect(page.locator('.insns .bp-mark[data-stop="on"]')).to_have_count(1)
    at(page, 1)  # a click beside the instruction does not go there
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play (Space)")).to_be_visible()
    expect(page.locator("bs-pipeline .note")).to_contain_text("Stopped at a breakpoint: instruction 6.")
    at(page, 7)
    page.locator(".speed").select_option("1")
    page.get_by_role("button", name="Play (Space)").click()
    expect(page.get_by_role("button", name="Pause (Space)")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Play (Space)")).to_be_visible()
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator(".speed")).to_have_value("1")
    expect(page.locator('.insns .bp-mark[data-stop="on"]')).to_have_count(1)
    made.check()


def test_breakpoints_on_lines_go_with_their_line(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    gutter = page.locator(".bs-break-gutter .cm-gutterElement")
    line = page.locator(".cm-lineNumbers .cm-gutterElement", has_text=re.compile("^20$"))
    box, where = line.bounding_box(), gutter.last.bounding_box()
    page.mouse.click(where["x"] + where["width"] / 2, box["y"] + box["height"] / 2)
    page.get_by_role("tab", name="Breakpoints").click()
    expect(page.locator(".breakpoints li")).to_have_text(re.compile("line 20"))
    page.keyboard.press("F8")
    expect(page.locator("bs-pipeline .note")).to_contain_text("Stopped at a breakpoint: line 20.")
    expect(page.locator(".bs-current")).to_contain_text("data_end")
    page.locator(".cm-content").click(position={"x": 5, "y": 5})
    page.keyboard.press("Control+Home")
    page.keyboard.insert_text("// one more line\n")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".breakpoints li")).to_have_text(re.compile("line 21"))
    stage(page, "run", "done")
    page.keyboard.press("Escape")
    page.keyboard.press("Home")
    page.keyboard.press("F8")
    expect(page.locator("bs-pipeline .note")).to_contain_text("line 21")
    expect(page.locator(".bs-current")).to_contain_text("data_end")
    made.check()


def test_a_condition_is_found_far_away_and_a_wrong_one_is_said(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    run_assembly(page, LONG)
    page.get_by_role("tab", name="Breakpoints").click()
    value = page.locator(".breakpoint-value")
    value.fill("r7.umin >")
    value.press("Enter")
    expect(page.locator("bs-breakpoints [role=status]")).to_contain_text("Column 10: The condition is not complete")
    expect(value).to_have_attribute("aria-invalid", "true")
    value.fill("r7 == 2500")
    value.press("Enter")
    expect(page.locator(".breakpoints li")).to_contain_text("r7 == 2500")
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.locator("bs-pipeline .note")).to_contain_text("Stopped at a breakpoint: r7 == 2500.", timeout=30_000)
    assert step(page) > 9_000
    expect(page.locator('bs-state tr[data-name="r7"] .holds')).to_have_text(re.compile("2500"))
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.locator("bs-breakpoints [role=status]")).to_contain_text("No later step stops at a breakpoint.")
    page.locator(".breakpoints input").uncheck()
    page.locator(".breakpoint-form select").select_option("helper")
    value.fill("<img src=x onerror=alert(1)>")
    value.press("Enter")
    expect(page.locator("bs-breakpoints [role=status]")).to_contain_text("This program has no call of <img")
    page.get_by_role("button", name="Remove r7 == 2500").click()
    expect(page.locator(".breakpoints")).to_contain_text("No breakpoints yet")
    assert faults(page) == []
    made.check()


def test_search_finds_registers(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("/")
    page.keyboard.insert_text("packet end")
    page.locator(".goto-results button", has_text="r2").first.click()
    expect(page.locator('bs-state tr[data-name="r2"]')).to_have_class(re.compile("selected"))
    made.check()


def test_columns_and_panels_are_closed_and_come_back_after_a_reload_too(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    page.get_by_role("button", name="Close the source").click()
    expect(page.locator("bs-editor")).to_be_hidden()
    left = page.locator("bs-insns").bounding_box()
    assert left["x"] == 0 and left["width"] > 500
    page.get_by_role("tab", name="Log").click()
    page.get_by_role("button", name="Close the panel Log").click()
    expect(page.get_by_role("tab", name="Log", exact=True)).to_have_count(0)
    bar = page.get_by_role("separator", name="Width of instructions and state")
    bar.focus()
    before = int(bar.get_attribute("aria-valuenow"))
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    after = int(bar.get_attribute("aria-valuenow"))
    assert after > before
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("bs-editor")).to_be_hidden()
    expect(page.get_by_role("tab", name="Log", exact=True)).to_have_count(0)
    expect(bar).to_have_attribute("aria-valuenow", str(after))
    assert faults(page) == []
    page.get_by_role("button", name="Close the instructions").click()
    expect(page.get_by_role("button", name="Close the state")).to_be_hidden()  # one column stays
    assert page.locator("bs-state").bounding_box()["width"] > 1400
    page.locator(".menu-view summary").click()
    assert faults(page) == []
    page.get_by_role("checkbox", name="Source").check()
    expect(page.locator("bs-editor")).to_be_visible()
    page.get_by_role("button", name="Restore the default view").click()
    expect(page.locator("bs-insns")).to_be_visible()
    expect(page.get_by_role("tab", name="Log", exact=True)).to_have_count(1)
    made.check()


def test_a_handle_is_dragged(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    before = page.locator("bs-editor").bounding_box()["width"]
    box = page.get_by_role("separator", name="Width of source and instructions").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] - 148, box["y"] + 100, steps=5)
    page.mouse.up()
    assert abs(page.locator("bs-editor").bounding_box()["width"] - before + 150) < 4
    made.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_at_200_percent_of_a_projector_each_column_shows_eight_lines(tab: Tabs, scheme: str) -> None:
    made = tab(width=1920, height=1080, color_scheme=scheme)
    page = made.open()
    small = page.locator(".insns .vl-row").first.bounding_box()["height"]
    page.locator(".menu-view summary").click()
    page.get_by_label("Size of all type").select_option("2")
    page.keyboard.press("Escape")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".insns .vl-row.active")).to_have_count(1)
    assert page.locator(".insns .vl-row").first.bounding_box()["height"] == 2 * small
    counts = page.evaluate(
        """() => {
          const inside = (rows, box) => rows.filter((row) => {
            const at = row.getBoundingClientRect();
            return at.top >= box.top - 1 && at.bottom <= box.bottom + 1;
          }).length;
          const list = document.querySelector('.insns.vl'), states = document.querySelector('.state-scroll');
          const editor = document.querySelector('.editor-host'), root = editor.shadowRoot;
          return [
            inside([...root.querySelectorAll('.cm-line')], editor.getBoundingClientRect()),
            inside([...list.querySelectorAll('.vl-row')], list.getBoundingClientRect()),
            inside([...states.querySelectorAll('tbody tr')], states.getBoundingClientRect()),
          ];
        }"""
    )
    assert min(counts) >= 8, counts
    size = page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert size == [1920, 1080]
    assert faults(page) == []
    page.keyboard.press("-")
    expect(page.locator("html")).to_have_attribute("style", re.compile(r"--scale: 1.75"))
    made.check()


def test_a_phone_has_the_moves_under_the_thumb(tab: Tabs) -> None:
    made = tab(width=360, height=740, has_touch=True, is_mobile=True)
    page = made.open()
    page.get_by_role("button", name="Next step, into calls (→)").first.tap()
    at(page, 2)
    page.locator(".moves-menu summary").tap()
    box = page.locator(".moves-list").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360 and box["y"] >= 0
    page.locator(".moves-list").get_by_role("button", name="Next call").tap()
    expect(page.locator(".insns .vl-row.active")).to_contain_text("call")
    assert faults(page) == []
    page.get_by_role("radio", name="State").tap()
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("bs-state")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    made.check()


def test_what_this_browser_kept_may_be_anything(tab: Tabs) -> None:
    made = tab()
    bad = {
        "layout": {"columns": "<b>", "closed": [1, {}], "scale": 1e9},
        "choices": [7],
        "breakpoints": {"of": 1, "list": {}},
    }
    for name, value in bad.items():
        made.page.add_init_script(f"localStorage.setItem('bpfscope.{name}', {json.dumps(json.dumps(value))})")
    page = made.open()
    page.keyboard.press("ArrowRight")
    at(page, 2)
    made.check()

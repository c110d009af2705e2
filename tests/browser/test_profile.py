"""What a walk costs, heat in the gutters, advice, settings of constants, and two walks compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.fixtures import recorded
from tests.browser.test_access import in_schemes
from tests.browser.test_flow import replace_source, source
from tests.browser.test_recorded import rude
from tests.corpus import first

Tabs = Callable[..., Any]
PROGRAMS = Path(__file__).parents[1] / "vm" / "profile" / "programs"
SHORTER = (PROGRAMS / "shorter.c").read_text()
SETTINGS = (PROGRAMS / "settings.c").read_text()


def ran(page: Any, text: str) -> None:
    replace_source(page, text)
    page.keyboard.press("Control+Enter")
    page.wait_for_function(
        "text => { const s = document.querySelector('bs-editor').store.state; return s.ran?.source === text"
        " && s.stages.run?.status === 'done'; }",
        arg=text,
    )


def cursor(page: Any) -> tuple[int, int]:
    here = page.evaluate(
        "(() => { const h = document.querySelector('bs-editor').scope.cursor.now(); return [h.idx, h.line]; })()"
    )
    return here[0], here[1]


def test_where_the_walk_goes_and_a_change_that_shortens_it(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    ran(page, SHORTER)
    page.get_by_role("tab", name="Profile").press("Enter")
    pane = page.locator("bs-profile")
    expect(pane.locator(".profile-sum")).to_contain_text("1,054 instructions processed")
    lines = pane.locator("details", has_text="Lines").locator("tbody tr")
    expect(lines.first).to_contain_text("if (a & 16) w -= b;")
    expect(lines.first).to_contain_text("25.6 %")
    lines.nth(1).get_by_role("button").press("Enter")
    expect(page.locator("bs-scrubber output")).to_contain_text("step")
    assert cursor(page)[1] == 11
    assert page.locator("bs-editor").evaluate("e => e.shadowRoot === null")
    heated = ".cm-lineNumbers [class*=bs-heat-]"
    heat = f"() => document.querySelector('bs-editor').view.dom.querySelectorAll('{heated}').length"
    assert page.evaluate(heat) == 0
    page.get_by_label("Colour the line numbers").check()
    expect(page.locator("bs-editor").locator(heated).nth(3)).to_be_attached()
    expect(page.locator(".insns .vl-row[data-heat]").first).to_be_visible()
    cards = pane.locator(".fix-card")
    expect(cards.first.locator("h3")).to_have_text("Make weigh() a global function: 1,054 → 83", timeout=30_000)
    expect(pane.locator(".profile-advice")).not_to_contain_text("Trying changes", timeout=30_000)
    before = source(page)
    cards.first.get_by_role("button", name="Apply").press("Enter")
    expect(pane.locator(".profile-sum")).to_contain_text("83 instructions processed", timeout=20_000)
    assert "__attribute__((noinline)) int weigh" in source(page)
    expect(pane.locator("details", has_text="Functions")).to_contain_text("verified once")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+z")
    assert source(page) == before
    expect(cards).to_have_count(0)
    # The heat is kept for the next visit.
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("document.querySelector('bs-editor').store.state.heat") is True
    made.check()


def test_settings_of_constants(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    ran(page, SETTINGS)
    page.get_by_role("tab", name="Profile").click()
    form = page.locator("bs-profile form")
    button = form.get_by_role("button", name="Compare settings")
    button.click()
    expect(page.locator("bs-profile [role=alert]")).to_have_text("Write values for at least one variable.")
    form.get_by_label("rounds").fill("1, 64,900")
    form.get_by_label("verbose").fill("true")
    form.get_by_label("verbose").press("Enter")
    rows = page.locator(".settings-table tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("accept")
    assert [row.split("\t")[:2] for row in rows.all_inner_texts()] == [["1", "true"], ["64", "true"], ["900", "true"]]
    form.get_by_label("rounds").fill("<img src=x onerror=alert(1)>")
    button.click()
    expect(page.locator("bs-profile [role=alert]")).to_contain_text("'<img src=x onerror=alert(1)>' is none.")
    made.check()


def test_a_run_beside_an_earlier_one_and_other_options(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    ran(page, SHORTER.replace("__always_inline int", "__attribute__((noinline)) int"))
    ran(page, SHORTER)
    page.get_by_role("tab", name="Compare").click()
    pane = page.locator("bs-compare")
    what = pane.get_by_label("Compare this run")
    expect(what.locator("option")).to_contain_text(
        ["the same source", "another source", "accepted, 270 processed", "earlier run"]
    )
    what.select_option(index=2)
    expect(pane.get_by_label("Optimisation level")).to_be_hidden()
    button = pane.get_by_role("button", name="Compare")
    button.focus()
    page.keyboard.press("Enter")
    figures = pane.locator(".compare-sum tbody tr")
    expect(figures.nth(1)).to_contain_text("−784", timeout=20_000)
    expect(figures.nth(1).locator("td").nth(1)).to_have_text("270")
    expect(pane.locator(".compare-parting").first).to_contain_text("The programs differ here")
    rows = pane.locator(".compare-lines tbody tr")
    expect(rows.filter(has_text="if (a & 16) w -= b;")).to_have_count(1)
    rows.filter(has_text="if (a & 16) w -= b;").get_by_role("button").press("Enter")
    expect(page.locator(".cm-line.bs-current")).to_contain_text("if (a & 16) w -= b;")
    what.select_option("options")
    pane.get_by_label("Instruction set version").select_option("v1")
    button.click()
    expect(figures.nth(1).locator("td").nth(0)).to_have_text("1,054")
    expect(figures.nth(1).locator("td").nth(1)).not_to_have_text("270")
    what.select_option("text")
    pane.get_by_label("Other source").fill("int x")
    button.click()
    expect(pane.locator(".compare-told > p.bad")).to_contain_text("does not compile")
    made.check()


ANSWERS: dict[str, list[dict[str, Any]]] = {
    "profile": [
        {
            "type": "profile", "program": "p", "verdict": "accept", "message": "", "insns_processed": 40, "states": 2,
            "pruned": 1, "missed": 3,
            "lines": [
                {"file": "", "line": 18, "insns": 30, "states": 1, "pruned": 1, "missed": 3},
                {"file": "/usr/include/x.h", "line": 3, "insns": 10, "states": 1, "pruned": 0, "missed": 0},
            ],
            "insns": [[0, 30, 1, 1, 3], [1, 10, 1, 0, 0]],
            "functions": [
                {"name": "f", "insn": 0, "line": None, "calls": 1, "insns": 30, "total": 40, "alone": True},
                {"name": "g", "insn": 1, "line": 18, "calls": 2, "insns": 10, "total": 10, "alone": False},
            ],
            "loops": [
                {"kind": "loop", "insn": 0, "line": 18, "rounds": 4, "insns": 30, "states": 1, "pruned": 1,
                 "why_not_pruned": "r6: 4 different values"},
            ],
            "misses": [
                {"insn": 0, "line": 18, "name": "r6", "failed": 3, "arrivals": 3, "values": 4, "whole": True,
                 "rule": "done", "text": "r6: 4 different values", "needed_by": 1, "needed": "the value decides"},
            ],
            "constants": [
                {"name": "limit", "type": "const volatile int", "value": "4", "least": "-5", "most": "5",
                 "words": ["A"]},
            ],
        },
    ],
    "advice": [
        {"type": "advice", "title": "Do it otherwise", "why": "It is shorter.",
         "diff": "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n", "edits": [], "before": 40, "insns_processed": 4},
        {"type": "advice_done", "found": 1},
    ],
    "settings": [
        {"type": "setting", "values": {"limit": "1"}, "verdict": "reject", "errno": -22, "message": "no",
         "insns_processed": 3, "states": 1, "xlated": None, "jited": None},
        {"type": "settings_done", "message": "The time is over."},
    ],
    "compare": [
        {
            "type": "compare", "program": "p",
            "a": {"name": "p", "verdict": "accept", "errno": 0, "message": "", "insns_processed": 40, "states": 2,
                  "insns": 9, "xlated": 9, "jited": 50},
            "b": {"name": "p", "verdict": "reject", "errno": -13, "message": "R1 invalid", "insns_processed": 30,
                  "states": 1, "insns": 8, "xlated": None, "jited": None},
            "lines": [
                {"kind": "changed", "file": "", "a": {"line": 18, "text": "x", "insns": 30, "states": 1},
                 "b": {"line": 19, "text": "y", "insns": 20, "states": 1},
                 "insns": [[0, None, 30, 0], [None, 0, 0, 20]]},
                {"kind": "b", "file": "/x.h", "a": {"line": None, "text": "", "insns": 0, "states": 0},
                 "b": {"line": 3, "text": "z", "insns": 10, "states": 0}, "insns": [[None, 1, 0, 10]]},
            ],
            "left_out": 0,
            "parting": {"kind": "value", "agreed": 3, "a_step": 3, "b_step": 3, "a_insn": 1, "b_insn": 1, "name": "r1",
                        "a": "1", "b": "2", "why": "The same instruction leaves another value."},
            "ways": {"kind": "end", "agreed": 9, "a_step": 3, "b_step": None, "a_insn": 1, "b_insn": None, "name": "",
                     "a": "exit", "b": "", "why": "One walk is over here."},
        },
    ],
}  # fmt: skip


def shown(recorded_tab: Tabs, answers: dict[str, list[dict[str, Any]]], **options: Any) -> Any:
    made = recorded_tab(recorded.packet_program(), answers=answers, **options)
    page = made.open()
    page.get_by_role("tab", name="Profile").click()
    expect(page.locator(".profile-sum")).to_be_visible()
    page.get_by_label("Colour the line numbers").check()
    page.locator("bs-profile form input").fill("1")
    page.get_by_role("button", name="Compare settings").click()
    expect(page.locator(".settings-table tbody tr")).to_have_count(1)
    expect(page.locator("bs-profile .fix-card")).to_have_count(1)
    return made


@pytest.mark.parametrize("size", first([(1440, 900), (360, 740)]))
def test_axe(recorded_tab: Tabs, size: tuple[int, int]) -> None:
    made = shown(recorded_tab, ANSWERS, width=size[0], height=size[1])
    page = made.page
    assert in_schemes(page, "bs-dock") == []
    wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) <= 0
    page.get_by_role("tab", name="Compare").click()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator(".compare-lines tbody tr")).to_have_count(2)
    assert in_schemes(page, "bs-dock") == []
    assert page.evaluate(wide) <= 0
    page.get_by_role("button", name="step 4").first.click()
    expect(page.locator("bs-scrubber output")).to_contain_text("step 4 of")
    made.check()


def test_rude_text_stays_text(recorded_tab: Tabs) -> None:
    answers = {name: [rude_but_kinds(message) for message in messages] for name, messages in ANSWERS.items()}
    made = shown(recorded_tab, answers)
    page = made.page
    page.get_by_role("tab", name="Compare").click()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator(".compare-lines")).to_contain_text("onerror")
    for pane in ("bs-profile", "bs-compare"):
        assert page.locator(f"{pane} img").count() == page.locator(f"{pane} script").count() == 0
    made.check()


def rude_but_kinds(value: Any, name: str = "") -> Any:
    """rude() of all texts that are not one of a few words."""
    if isinstance(value, dict):
        return {key: rude_but_kinds(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [rude_but_kinds(each, name) for each in value]
    return value if name in ("type", "kind", "verdict", "rule", "diff") else rude(value)


def test_an_answer_that_fails_is_a_sentence(recorded_tab: Tabs) -> None:
    answer = {"type": "error", "code": "analysis", "asked": "profile", "message": "All workers are busy."}
    made = recorded_tab(recorded.packet_program(), answers={"profile": [answer]})
    page = made.open()
    page.get_by_role("tab", name="Profile").click()
    expect(page.locator("bs-profile .bad").first).to_have_text("All workers are busy.")
    made.check()

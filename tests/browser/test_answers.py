"""What is found out about a rejection after the run: fixes to apply, and an input that makes the access fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.fixtures import recorded
from tests.browser.test_access import in_schemes
from tests.browser.test_recorded import RUDE, rude
from tests.corpus import first

Tabs = Callable[..., Any]


def source(page: Any) -> str:
    return str(page.evaluate("document.querySelector('bs-editor').view.state.doc.toString()"))


def said(tab: Any, kind: str) -> list[dict[str, Any]]:
    return [message for message in tab.said if message["type"] == kind]


# Fixes ------------------------------------------------------------------------------------------------------------


def test_a_fix_is_shown_and_applied_and_taken_back(recorded_tab: Tabs) -> None:
    messages = recorded.explained()
    tab = recorded_tab(messages, answers={"fixes": recorded.fixes()})
    page = tab.open()
    cards = page.locator(".fix-card")
    expect(cards).to_have_count(2)
    expect(cards.first.locator("h3")).to_have_text("Fix: Check the packet's length before the access")
    expect(cards.first).to_contain_text("The access takes 1 byte, and none is proven readable.")
    expect(cards.first.locator(".verified")).to_have_text("✔ Verified: accepted, 41 instructions processed.")
    expect(cards.nth(1).locator(".verified")).to_contain_text("1 instruction processed.")
    expect(cards.first.locator(".diff-line.added")).to_have_text(
        ["+\tif (p + 1 > end)\n", "+\t\treturn XDP_ABORTED;\n"]
    )
    expect(cards.first.locator(".diff")).not_to_contain_text("prog.c")
    expect(cards.first.locator(".diff-line.place")).to_have_text("line 18\n")
    expect(cards.nth(1).locator(".diff-line.removed")).to_have_count(1)
    assert len(said(tab, "fixes")) == 1
    messages[:] = recorded.packet_program()
    before = source(page)
    cards.first.get_by_role("button", name="Apply").click()
    expect(page.locator('.stage[data-stage="verify"]')).to_have_attribute("data-status", "done")
    assert source(page) == before.replace("\treturn *p", recorded.CHECK + "\treturn *p")
    assert said(tab, "run")[-1]["request"]["source"] == source(page)
    expect(cards).to_have_count(0)
    page.keyboard.press("Control+z")
    assert source(page) == before
    tab.check()


@pytest.mark.parametrize("name", ["e", "size", "Map", "skb->cb"])
def test_names_are_spelt_as_in_the_program(recorded_tab: Tabs, name: str) -> None:
    """A sentence may begin with a variable of the program's: no letter of it is changed."""
    messages = recorded.explained()
    fail = next(m for m in messages if m.get("stage") == "verify" and m.get("status") == "failed")["fail"]
    fail |= {"needed": f"{name} compared with 4 before it is used", "proven_text": f"{name} is a number"}
    fix, done = recorded.fixes()[0], recorded.fixes()[-1]
    fix["why"] = f"{name} may be NULL here."
    shown = recorded.counterexample("none")
    shown |= {"why": f"{name} is safe.", "forgotten": f"{name} was compared"}
    tab = recorded_tab(messages, answers={"fixes": [fix, done], "counterexample": [shown]})
    page = tab.open()
    expect(page.locator(".fix-card > p").first).to_have_text(f"{name} may be NULL here.")
    expect(page.locator(".fail-card .side p")).to_have_text(
        [f"{name} is a number.", f"{name} compared with 4 before it is used."]
    )
    page.get_by_role("button", name="Search for an input").click()
    said = page.locator(".go-wrong")
    expect(said.get_by_text(f"{name} is safe.", exact=True)).to_be_visible()
    expect(said.get_by_text(f"{name} was compared.", exact=True)).to_be_visible()
    tab.check()


def test_nothing_is_said_where_no_fix_was_found(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.explained(), answers={"fixes": [{"type": "fixes_done", "found": 0}]})
    page = tab.open()
    expect(page.locator(".fail-card")).to_be_visible()
    expect(page.locator(".fix-search")).to_have_text("")
    assert said(tab, "fixes")
    expect(page.locator(".fix-card")).to_have_count(0)
    tab.check()


def test_while_fixes_are_looked_for_nothing_moves(recorded_tab: Tabs) -> None:
    """The line is there before, meanwhile and after, and what stands below it stays where it is."""
    answers: dict[str, list[dict[str, Any]]] = {"fixes": []}
    tab = recorded_tab(recorded.explained(), answers=answers)
    page = tab.open()
    status = page.get_by_role("status").filter(has_text="Looking for a fix…")
    expect(status).to_be_visible()

    def places() -> list[tuple[float, float]]:
        boxes = [page.locator(each).first.bounding_box() for each in (".at-fault", ".chain h3", "bs-scrubber")]
        return [(box["x"], box["y"]) for box in boxes]

    before = places()
    take = "(all) => { for (const m of all) document.querySelector('bs-why').scope.protocol.handle(m) }"
    page.evaluate(take, recorded.fixes())
    expect(page.get_by_role("button", name="2 fixes found")).to_be_visible()
    assert places() == before
    tab.check()


def test_a_fix_of_a_text_that_was_edited_is_not_offered(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.explained(), answers={"fixes": recorded.fixes()})
    page = tab.open()
    apply = page.locator(".fix-card").first.get_by_role("button", name="Apply")
    expect(apply).to_be_enabled()
    page.locator(".cm-content").click()
    page.keyboard.type("// ")
    expect(apply).to_be_disabled()
    expect(page.locator(".fix-card").first).to_contain_text("Run it again to look for fixes.")
    page.keyboard.press("Control+z")
    tab.check()


def test_fixes_by_keyboard_alone(recorded_tab: Tabs) -> None:
    messages = recorded.explained()
    tab = recorded_tab(messages, answers={"fixes": recorded.fixes()})
    page = tab.open()
    expect(page.locator(".fix-card")).to_have_count(2)
    page.get_by_role("button", name="2 fixes found").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".fix-card").first).to_be_focused()
    expect(page.locator(".fix-card").first.locator("h3")).to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(page.get_by_role("region", name="Change: Check the packet's length")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".fix-card").first.get_by_role("button", name="Apply")).to_be_focused()
    messages[:] = recorded.packet_program()
    page.keyboard.press("Enter")
    expect(page.locator('.stage[data-stage="verify"]')).to_have_attribute("data-status", "done")
    assert recorded.CHECK in source(page)
    tab.check()


def test_an_accepted_program_and_an_object_are_not_asked_about(recorded_tab: Tabs) -> None:
    answers = {"fixes": recorded.fixes(), "counterexample": [recorded.counterexample()]}
    tab = recorded_tab(recorded.packet_program(), answers=answers)
    page = tab.open()
    page.keyboard.press("1")
    expect(page.locator(".why-step")).to_be_visible()
    expect(page.locator(".why-answers article")).to_have_count(0)
    assert not said(tab, "fixes")
    tab.check()


def test_a_server_that_answers_no_questions_is_not_asked(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.explained())
    page = tab.open()
    expect(page.locator(".fail-card")).to_be_visible()
    expect(page.locator(".fix-search")).to_have_text("")
    expect(page.locator(".why-answers article")).to_have_count(0)
    assert not said(tab, "fixes")
    tab.check()


# See it go wrong --------------------------------------------------------------------------------------------------


def test_an_input_is_found_and_run_to_the_fault(recorded_tab: Tabs) -> None:
    messages = recorded.explained()
    tab = recorded_tab(messages, answers={"counterexample": [recorded.counterexample()]})
    page = tab.open()
    card = page.locator(".go-wrong")
    assert not said(tab, "counterexample")
    card.get_by_role("button", name="Search for an input").click()
    expect(card).to_contain_text(
        "With this input the program stops at instruction 6: read of 1 byte at 0xffff888000001100"
    )
    expect(card).to_contain_text("The packet is empty.")
    expect(card.locator(".go-wrong-input dt")).to_have_text(["Packet, 14 bytes", "Calls return"])
    expect(card.locator(".go-wrong-input code")).to_have_text(
        ["02 00 00 00 00 00 00 00 00 00 00 00 00 00", "instruction 3: result 7"]
    )
    expect(card.get_by_role("table", name="Registers at instruction 6").locator("tr")).to_have_count(11)
    expect(card.locator("tr", has_text="r1").first).to_contain_text("0xffff888000001100")
    run = card.get_by_role("button", name="Run with this input")
    expect(run).to_be_focused()
    messages[:] = recorded.faulting_run()
    page.keyboard.press("Enter")
    expect(page.locator("bs-scrubber output")).to_have_text("step 3 of 3")
    expect(page.locator("bs-scrubber .mode")).to_have_text("run")
    expect(page.locator("bs-state h2")).to_have_text("Machine after 6")
    expect(page.locator('bs-state tr[data-name="r1"]')).to_contain_text("0xffff888000001100")
    expect(page.locator("bs-output")).to_contain_text("read of 1 byte, outside of the packet")
    request = said(tab, "run")[-1]["request"]
    assert request["input"] == {"kind": "given", "json": recorded.GIVEN}
    assert request["options"].get("verify") is not False
    expect(page.locator('.stage[data-stage="verify"]')).to_contain_text("rejected")
    expect(page.locator('.stage[data-stage="run"]')).to_contain_text("stopped")
    expect(page.locator("bs-pipeline .note")).to_contain_text("outside of the packet")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("bs-scrubber output")).to_have_text("step 2 of 3")
    page.get_by_role("tab", name="Packet").click()
    expect(page.locator("bs-packet .given")).to_contain_text("Packet, 14 bytes")
    tab.check()


@pytest.mark.parametrize(
    ("status", "sentences"),
    [
        (
            "none",
            [
                "it is safe, but the verifier cannot see it.",
                "The copy of r1 was compared with the packet's end.",
            ],
        ),
        ("unknown", ["The search gave no answer", "The search was stopped after 10 seconds."]),
    ],
)
def test_what_was_not_found_is_said(recorded_tab: Tabs, status: str, sentences: list[str]) -> None:
    tab = recorded_tab(recorded.explained(), answers={"counterexample": [recorded.counterexample(status)]})
    page = tab.open()
    page.get_by_role("button", name="Search for an input").click()
    for sentence in sentences:
        expect(page.locator(".go-wrong")).to_contain_text(sentence)
    expect(page.locator(".go-wrong button")).to_have_count(0)
    tab.check()


def test_a_search_that_fails_says_why(recorded_tab: Tabs) -> None:
    answer = {"type": "error", "code": "analysis", "asked": "counterexample", "message": "All workers are busy."}
    tab = recorded_tab(recorded.explained(), answers={"counterexample": [answer]})
    page = tab.open()
    page.get_by_role("button", name="Search for an input").click()
    expect(page.locator(".go-wrong")).to_contain_text("All workers are busy.")
    expect(page.locator("bs-pipeline .note")).to_contain_text("invalid access to packet")
    tab.check()


def test_while_an_input_is_searched_the_button_says_so(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.explained(), answers={"counterexample": []})
    page = tab.open()
    page.get_by_role("button", name="Search for an input").focus()
    page.keyboard.press("Enter")
    searching = page.get_by_role("button", name="Searching…")
    expect(searching).to_be_focused()
    expect(searching).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Enter")
    assert len(said(tab, "counterexample")) == 1
    tab.check()


def test_a_rejection_about_no_access_has_no_card(recorded_tab: Tabs) -> None:
    answer = {**recorded.counterexample("unknown"), "status": "other", "why": ""}
    tab = recorded_tab(recorded.explained(), answers={"counterexample": [answer]})
    page = tab.open()
    page.get_by_role("button", name="Search for an input").click()
    expect(page.locator(".go-wrong")).to_have_count(0)
    tab.check()


# Both -------------------------------------------------------------------------------------------------------------


def test_rude_text_stays_text_in_the_answers(recorded_tab: Tabs) -> None:
    fix, done = recorded.fixes()[0], recorded.fixes()[-1]
    fix |= {name: f"{fix[name]}{RUDE}" for name in ("title", "why", "diff")}
    fix["edits"][0]["text"] = f"// {RUDE}\n"
    fix["diff"] += "\n".join(["+" + "x" * 1000] * 1000)
    shown = rude(recorded.counterexample())
    shown |= {"status": "found", "input": json.dumps({"packet": RUDE, "maps": {RUDE: [[RUDE, RUDE]]}, "ctx": 7})}
    messages = recorded.explained()
    tab = recorded_tab(messages, answers={"fixes": [fix, done], "counterexample": [shown]})
    page = tab.open()
    expect(page.locator(".fix-card h3")).to_contain_text("<script>alert(2)</script>\\u202e\\x1b[31m")
    expect(page.locator(".diff")).to_contain_text("<img src=x onerror")
    assert page.locator(".diff-line").count() <= 201
    page.get_by_role("button", name="Search for an input").click()
    expect(page.locator(".go-wrong-input")).to_contain_text("<script>alert(2)</script>")
    page.locator(".fix-card").get_by_role("button", name="Apply").click()
    assert RUDE in source(page)
    assert page.locator("img:not(.cm-widgetBuffer)").count() == 0
    page.wait_for_timeout(100)
    tab.check()


@pytest.mark.parametrize("size", first([(1440, 900), (960, 540), (390, 844)]))
def test_axe_and_nothing_is_wider_than_the_window(recorded_tab: Tabs, size: tuple[int, int]) -> None:
    answers = {"fixes": recorded.fixes(), "counterexample": [recorded.counterexample()]}
    tab = recorded_tab(recorded.explained(), answers=answers, width=size[0], height=size[1])
    page = tab.open()
    page.get_by_role("button", name="Search for an input").click()
    expect(page.get_by_role("button", name="Run with this input")).to_be_visible()
    assert in_schemes(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for card in page.locator(".why-answers article").all():
        box = card.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= size[0]
    tab.check()

"""Why: what led to a rejection, what covered a path, what had to be precise, what is held, what is not emulated."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.fixtures import recorded
from tests.browser.test_access import in_schemes
from tests.browser.test_flow import replace_source, stage
from tests.browser.test_recorded import RUDE, SIXTY_STEPS, rude, state_row
from tests.corpus import first
from tests.playground.present.test_run import WORK_QUEUE

Tabs = Callable[..., Any]


def place(page: Any) -> Any:
    return page.locator("bs-scrubber output")


def goto(page: Any, step: int) -> None:
    """As the key g does; steps count from 1, as the page shows them."""
    page.keyboard.press("g")
    page.keyboard.type(str(step))
    page.keyboard.press("Enter")
    expect(place(page)).to_contain_text(f"step {step} of")


def open_why(page: Any) -> None:
    """By its key: with the tab itself in focus the arrow keys would choose tabs."""
    page.keyboard.press("1")
    expect(page.get_by_role("tab", name="Why")).to_have_attribute("aria-selected", "true")


def unfold(page: Any) -> None:
    """Opens all that is folded at this step, which the page shows in the frame after its key."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    for summary in page.locator("bs-why summary").all():
        summary.click()


# A rejection ------------------------------------------------------------------------------------------------------


def test_the_card_says_what_it_comes_to(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.explained())
    page = tab.open()
    expect(page.get_by_role("tab", name="Why")).to_have_attribute("aria-selected", "true")
    card = page.locator(".fail-card")
    expect(card.locator("h3")).to_contain_text("An access that is not proven safe")
    note = page.locator("bs-pipeline .note")
    expect(note).to_contain_text("Verifier: R1 offset is outside of the packet — invalid access to packet")
    expect(note).to_contain_text("An access that is not proven safe")
    expect(card.locator(".group")).to_have_text("Memory Safety")
    expect(card.locator(".kernel-said")).to_contain_text("R1 offset is outside of the packet")
    expect(card.locator(".side").first).to_contain_text("Proven")
    expect(card.locator(".side").first).to_contain_text("r1 is a pointer into the packet")
    expect(card.locator(".side.needed")).to_have_text(f"Needed{recorded.NEEDED}.")
    boxes = [card.locator(".side").nth(i).bounding_box() for i in (0, 1)]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    expect(card.locator(".fault-name")).to_have_text("r1")
    page.keyboard.press("Home")
    state_row(page, "r1").locator(".reg-name").click()
    expect(page.get_by_role("dialog", name="r1")).to_be_visible()
    state_row(page, "r1").locator(".reg-name").click()
    expect(state_row(page, "r1")).not_to_have_class(re.compile("selected"))
    card.locator(".fault-name").click()
    expect(state_row(page, "r1")).to_have_class(re.compile("selected"))
    tab.check()


def test_the_chain_moves_the_cursor(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.explained())
    page = tab.open()
    causes = page.locator(".chain li")
    expect(causes).to_have_count(3)
    expect(causes.nth(0).locator("button")).to_have_count(0)  # what was there at the start has no step
    expect(page.locator(".chain [aria-current]")).to_contain_text("refused here")
    causes.nth(1).locator("button").click()
    expect(place(page)).to_contain_text("step 2 of 3")
    expect(page.locator(".insns .vl-row.active .insn-text")).to_have_text("r1 = *(u32 *)(r1 +0)")
    expect(page.locator(".bs-current")).to_contain_text("ctx->data;")
    expect(page.locator(".chain [aria-current]")).to_contain_text("4 bytes loaded from the context")
    # The card stays as it was made: stepping only marks the place in it.
    expect(page.locator(".fail-card")).to_be_visible()
    tab.check()


def test_the_chain_by_keyboard_marks_its_lines(recorded_tab: Tabs) -> None:
    page = recorded_tab(recorded.explained()).open()
    page.get_by_role("tab", name="Why").focus()
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.className"))
        if seen[-1] == "cause":
            break
    assert seen[-1] == "cause", seen
    expect(page.locator(".insns .vl-row.hovered .insn-text")).to_have_text("r1 = *(u32 *)(r1 +0)")
    expect(page.locator(".bs-hover")).to_contain_text("ctx->data;")
    page.keyboard.press("Enter")
    expect(place(page)).to_contain_text("step 2 of 3")
    assert page.evaluate("document.activeElement.className") == "cause"


def test_the_chain_stands_in_both_gutters(recorded_tab: Tabs) -> None:
    page = recorded_tab(recorded.explained()).open()
    row = page.locator(".insns .vl-row", has_text="r1 = *(u32 *)(r1 +0)")
    expect(row.locator(".cause-mark")).to_have_text("2")
    expect(row.locator(".cause-mark")).to_have_attribute("title", re.compile("4 bytes loaded"))
    expect(page.locator(".insns .vl-row.active .cause-mark")).to_have_text("3")
    expect(page.locator(".bs-cause")).to_have_text("2")
    page.keyboard.press("Home")
    expect(page.locator(".bs-cause")).to_have_text(["2", "3"])


# A step -----------------------------------------------------------------------------------------------------------


def test_what_covered_a_path(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.reasoned())
    page = tab.open()
    dot = page.get_by_role("tab", name="Why")
    expect(dot).to_have_attribute("data-dot", "off")
    goto(page, 13)
    expect(dot).to_have_attribute("data-dot", "on")
    dot.click()
    said = page.locator(".why-step")
    expect(said).to_contain_text("Path 2 ends here: the state before step 11 covers it.")
    expect(said).to_contain_text("All paths from the checkpoint on were verified")
    assert page.locator(".why-table").count() == 0  # made when it is opened, not before
    page.get_by_text("What was compared: 2 values").click()
    rows = page.locator(".why-table tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("scalar(umax=2)")
    said.get_by_role("button", name="step 11").click()
    expect(place(page)).to_contain_text("step 11 of")
    expect(said).to_contain_text("The state before this step covered path 2 (after step 13), path 3 (after step 9).")
    expect(said).to_contain_text("Path 0 reached exit.")
    said.get_by_role("button", name="step 9").click()
    expect(said).to_contain_text("Path 3, forked here, did not need to be verified")
    tab.check()


def test_a_checkpoint_that_did_not_cover(recorded_tab: Tabs) -> None:
    page = recorded_tab(recorded.reasoned()).open()
    open_why(page)
    goto(page, 12)
    assert page.locator(".arrivals").count() == 0
    page.get_by_text("1 checkpoint did not cover this state").click()
    expect(page.locator(".arrivals li")).to_have_text(
        "before step 11: r0: the checkpoint allows umin=2, here it is umin=1."
    )


def test_why_a_value_had_to_be_precise(recorded_tab: Tabs) -> None:
    page = recorded_tab(recorded.reasoned()).open()
    goto(page, 9)
    open_why(page)
    expect(page.locator(".why-step")).to_contain_text("r1 had to be precise: the value decides which branch is taken.")
    page.get_by_text("Tracked back over 2 instructions").click()
    links = page.locator(".back button")
    expect(links).to_have_text(["6: r1 = *(u8 *)(r1 +0)", "1: r1 = *(u32 *)(r1 +0)"])
    links.nth(1).click()
    expect(place(page)).to_contain_text("step 2 of")
    # From the register's side: the reason is one click away.
    goto(page, 10)
    page.get_by_role("tab", name="Log").click()
    state_row(page, "r1").locator(".reg-name").click()
    page.locator("bs-state .detail").get_by_role("button", name="why?").click()
    expect(place(page)).to_contain_text("step 9 of")
    expect(page.locator(".why-step")).to_contain_text("r1 had to be precise")


def test_a_step_of_which_there_is_no_more_to_say(recorded_tab: Tabs) -> None:
    page = recorded_tab(recorded.reasoned()).open()
    open_why(page)
    expect(page.locator(".why-step")).to_contain_text("Nearest steps with an explanation: step 9.")
    page.locator(".why-step").get_by_role("button", name="step 9").click()
    expect(place(page)).to_contain_text("step 9 of")


def test_a_walk_too_long_to_be_told_in_full_says_so(recorded_tab: Tabs) -> None:
    messages = recorded.reasoned()
    verify = next(m for m in messages if m.get("stage") == "verify" and m.get("status") == "done")
    verify["reasons_total"]["arrivals"] = 9000
    page = recorded_tab(messages).open()
    open_why(page)
    expect(page.locator(".why-step")).to_contain_text("No path ends at this step")
    goto(page, 10)
    explained = "precision are recorded up to step 9 only. Nearest steps with an explanation: step 9"
    expect(page.locator(".why-step")).to_contain_text(explained)


def test_who_wrote_a_register(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.reasoned())
    page = tab.open()
    goto(page, 9)
    detail = page.locator("bs-state .detail")
    state_row(page, "r0").locator(".what").hover()
    expect(detail).to_contain_text("written at step 8 by 7: r0 = 1, line 19")
    expect(page.locator(".insns .vl-row.hovered .insn-text")).to_have_text("r0 = 1")
    state_row(page, "r10").locator(".what").hover()
    expect(detail).to_contain_text("present from the start")
    page.locator("bs-scrubber").hover()
    expect(detail).to_contain_text("Select a register")
    # By keyboard: coming to a register shows it; w goes to who wrote the selected one.
    state_row(page, "r0").locator(".reg-name").click()
    page.keyboard.press("w")
    expect(place(page)).to_contain_text("step 8 of")
    goto(page, 9)
    detail.get_by_role("button", name="step 8").click()
    expect(place(page)).to_contain_text("step 8 of")
    tab.check()


def test_who_wrote_a_register_by_touch(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.reasoned(), width=390, height=844, has_touch=True, is_mobile=True)
    page = tab.open()
    page.get_by_role("radio", name="State").tap()
    page.keyboard.press("End")
    state_row(page, "r3").locator(".reg-name").tap()
    page.locator("bs-state .detail").get_by_role("button", name="step 6").tap()
    expect(place(page)).to_contain_text("step 6 of")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tab.check()


def test_what_is_held(recorded_tab: Tabs) -> None:
    page = recorded_tab(recorded.reasoned()).open()
    held = page.locator("bs-state .held")
    expect(held).to_be_hidden()
    goto(page, 6)
    expect(held).to_contain_text(
        "reference 3 acquired at step 5 by bpf_sk_lookup_tcp(). Released at step 8 (bpf_sk_release())."
    )
    goto(page, 8)  # given back by this step
    expect(held).to_be_hidden()
    goto(page, 10)
    expect(held).to_contain_text("lock acquired at step 10 by bpf_spin_lock(). Never released.")
    goto(page, 12)  # forked before the lock was taken
    expect(held).to_be_hidden()
    goto(page, 13)  # forked while the reference was held
    expect(held).to_contain_text("reference 3")
    held.get_by_role("button", name="step 5").click()
    expect(place(page)).to_contain_text("step 5 of")


# Not emulated -----------------------------------------------------------------------------------------------------


def test_not_emulated_is_a_state_of_its_own(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.not_emulated())
    page = tab.open()
    button = page.locator('.stage[data-stage="verify"]')
    expect(button).to_have_attribute("data-status", "unknown")
    expect(button.locator(".stage-meta")).to_have_text("not emulated")
    note = page.locator("bs-pipeline .note")
    expect(note).to_contain_text(f"not emulated: {recorded.STOPPED}")
    expect(note).to_contain_text("not a verdict")
    expect(note).not_to_have_attribute("data-tone", "bad")
    expect(page.locator(".bs-rejected")).to_have_count(0)
    card = page.locator(".stop-card")
    expect(card).to_contain_text("The verifier got as far as 6: r1 = *(u8 *)(r1 +0) line 19 after step 2")
    expect(card).to_contain_text("Do not load this program")
    expect(card).not_to_contain_text("bpftool")
    expect(place(page)).to_have_text("step 2 of 2")
    page.keyboard.press("ArrowLeft")  # what was walked can be stepped
    expect(place(page)).to_have_text("step 1 of 2")
    card.get_by_role("button", name="Run without the verifier").click()
    page.wait_for_timeout(100)
    assert [m for m in tab.said if m["type"] == "run"][-1]["request"]["options"]["verify"] is False
    tab.check()


def test_what_is_not_emulated_in_the_real_thing(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    replace_source(page, WORK_QUEUE)
    page.keyboard.press("Control+Enter")
    stage(page, "verify", "unknown")
    expect(page.locator(".stop-card .kernel-said")).to_contain_text("not emulated: a work queue")
    expect(page.locator(".bs-current")).to_contain_text("bpf_wq_init")
    page.get_by_role("button", name="Run without the verifier").click()
    expect(page.locator('.stage[data-stage="verify"] .stage-meta')).to_have_text("switched off", timeout=20_000)
    made.check()


# The real thing ---------------------------------------------------------------------------------------------------


def test_a_rejection_of_the_real_verifier(tab: Tabs) -> None:
    made = tab()
    page = made.open("/examples/missing-bounds-check")
    expect(page.locator(".fail-card h3")).to_contain_text("Memory Safety")
    expect(page.locator(".fail-card .side")).to_have_count(2)
    causes = page.locator(".chain button")
    assert causes.count() >= 3
    causes.first.click()
    expect(page.locator(".bs-current")).to_contain_text("ctx->data;")
    expect(page.locator(".insns .vl-row.active .cause-mark")).to_have_text("1")
    made.check()


def test_a_loop_of_the_real_verifier(tab: Tabs) -> None:
    made = tab()
    page = made.open("/examples/bounded-loop")
    open_why(page)
    # A path that ended without a step of its own is told where it was forked: at the loop's way out.
    page.locator(".insns .vl-row", has_text="goto pc+4").click()
    expect(page.locator(".why-step")).to_contain_text("did not need to be verified")
    page.get_by_text(re.compile("What was compared")).first.click()
    expect(page.locator(".why-table tbody th").first).to_have_text(re.compile(r"^(r\d|fp-)"))
    made.check()


# What holds throughout --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("messages", [recorded.explained, recorded.reasoned, recorded.not_emulated])
def test_rude_reasons_stay_text(recorded_tab: Tabs, messages: Callable[[], list[dict[str, Any]]]) -> None:
    tab = recorded_tab(rude(messages()))
    page = tab.open()
    open_why(page)
    for key in ("Home", *["ArrowRight"] * 13):
        page.keyboard.press(key)
        unfold(page)
    assert page.locator("img:not(.cm-widgetBuffer)").count() == 0
    if messages is not recorded.reasoned:
        expect(page.locator(".why-card")).to_contain_text(RUDE[:20])
    assert "\u202e" not in page.locator("bs-why").inner_text()
    tab.check()


def test_nothing_moves_while_stepping(recorded_tab: Tabs) -> None:
    page = recorded_tab(recorded.reasoned()).open()
    open_why(page)
    expect(page.locator(".why-step > h3")).to_be_visible()
    boxes = """() => ['bs-editor', 'bs-insns', 'bs-state', '.state-scroll', '.detail', 'bs-scrubber', 'bs-dock',
      '#tab-log', '#tab-machine', '.why-step > h3'].map(each => {
        const { x, y, height } = document.querySelector(each).getBoundingClientRect();
        return [each, x, y, height];
      })"""
    before = page.evaluate(boxes)
    for _ in range(12):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(30)
        assert page.evaluate(boxes) == before


def test_a_step_with_much_to_say_paints_within_a_frame(recorded_tab: Tabs) -> None:
    """As test_a_step_paints_within_a_frame(): Why is open, and something of every kind is told of each step."""
    messages, steps = recorded.long_walk(1000)
    verify = next(m for m in messages if m.get("stage") == "verify" and m.get("status") == "done")
    told = recorded.reasoned()
    reasons = next(m for m in told if m.get("stage") == "verify" and m.get("status") == "done")
    for name in ("prunings", "arrivals", "precision"):
        at = "step" if name == "precision" else "after"
        verify[name] = [{**reasons[name][0], "path": 0, at: i} for i in range(500)]
    page = recorded_tab(messages, steps).open()
    open_why(page)
    expect(place(page)).to_have_text("step 1 of 1000")
    work = page.evaluate(SIXTY_STEPS)
    expect(page.locator(".why-item")).to_have_count(3)
    assert work[len(work) // 20] < 16, work


@pytest.mark.parametrize("size", first([(1440, 900), (390, 844)]))
def test_axe_of_why(recorded_tab: Tabs, size: tuple[int, int]) -> None:
    options = {"width": size[0], "height": size[1]}
    for messages in (recorded.explained(), recorded.reasoned(), recorded.not_emulated()):
        page = recorded_tab(messages, **options).open()
        open_why(page)
        if size[0] < 900:
            page.get_by_role("radio", name="State").click()
        for step in ("ArrowLeft", "ArrowLeft", "End"):
            page.keyboard.press(step)
            unfold(page)
        page.wait_for_timeout(150)
        assert in_schemes(page, "bs-why") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]

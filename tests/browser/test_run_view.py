"""The run's view: what stands beside a value is true of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.browser.fixtures import recorded
from tests.browser.test_flow import replace_source

Tabs = Callable[..., Any]
EXAMPLE = Path(__file__).parents[2] / "examples" / "count_drop.c"
ARP = "020000000001020000000002080600010800060400010200000000010a000001000000000000000a000002"
POINTER = 1 << 47
ROWS = """e => [...e.querySelectorAll('tbody tr')].map(row => ({
  name: row.querySelector('th').textContent, kind: row.dataset.kind, value: row.title,
  knew: row.querySelector('.knew').textContent,
})).filter(row => row.knew && !row.knew.startsWith('0x') && row.kind !== 'memory')"""


def test_what_the_verifier_knew_holds_for_every_value(tab: Tabs) -> None:
    """An ARP packet ends the first example early, where other paths met in a checkpoint."""
    made = tab()
    draft = {
        "kind": "c",
        "source": "// edited\n" + EXAMPLE.read_text(),
        "options": {},
        "input": {"kind": "packet", "hex": ARP},
    }
    made.page.add_init_script(f"localStorage.setItem('bpfscope.draft', {json.dumps(json.dumps(draft))})")
    page = made.open()
    page.keyboard.press("Control+Enter")
    expect(page.locator('.stage[data-stage="run"]')).to_have_attribute("data-status", "done", timeout=20_000)
    page.locator('.stage[data-stage="run"]').click()
    output = page.locator("bs-scrubber output")
    expect(page.locator("bs-state .detail")).to_contain_text("the verifier's state")
    expect(output).to_contain_text("step 1 of")
    steps = int(str(output.text_content()).split()[3])
    assert steps > 10
    seen = 0
    for step in range(1, steps + 1):
        expect(output).to_contain_text(f"step {step} of {steps}")
        for row in page.locator("bs-state").evaluate(ROWS):
            where = f"step {step}: {row['name']} = {row['value']} beside {row['knew']!r}"
            if row["kind"] == "number":
                if row["knew"].isdigit():
                    assert int(row["value"], 16) == int(row["knew"]), where
            elif row["knew"] != "·":
                assert int(row["value"], 16) >= POINTER, where
            seen += row["knew"] != "·"
        page.keyboard.press("ArrowRight")
    assert seen > 3 * steps
    made.check()


def test_a_call_that_is_not_emulated_is_no_fault_of_the_program(recorded_tab: Tabs) -> None:
    messages = recorded.packet_program()
    run = next(message for message in messages if message.get("stage") == "run" and "runs" in message)
    fault = {"kind": "helper", "message": "not emulated: bpf_seq_printf (iterators)", "insn_idx": 3, "step": 2}
    run |= {"status": "failed", "message": fault["message"], "runs": [run["runs"][0] | {"fault": fault}]}
    opened = recorded_tab(messages)
    page = opened.open()
    expect(page.locator('.stage[data-stage="run"]')).to_have_attribute("data-status", "unknown")
    expect(page.locator("bs-pipeline")).to_contain_text("bpf_seq_printf (iterators). The verdict is valid.")
    opened.check()


def test_a_program_that_is_not_taken_leaves_nothing_of_the_one_before(tab: Tabs) -> None:
    opened = tab()
    page = opened.open()
    for text, said in (("int f(;", "clang did not accept the source"), ("A" * 70_000, "appear here after the program")):
        replace_source(page, text)
        page.keyboard.press("Control+Enter")
        expect(page.locator("bs-insns .empty")).to_contain_text(said)
    expect(page.locator("bs-pipeline")).to_contain_text("at most 65,536 bytes")


def test_on_a_phone_what_clang_lacks_is_one_tap_away(tab: Tabs) -> None:
    opened = tab(width=360, height=740)
    draft = {"kind": "c", "source": "int family = IPPROTO_UDP;\n", "options": {}, "input": {"kind": "auto"}}
    opened.page.add_init_script(f"localStorage.setItem('bpfscope.draft', {json.dumps(json.dumps(draft))})")
    page = opened.open()  # which runs the draft
    expect(page.get_by_role("button", name="Add #include <linux/in.h>")).to_be_visible()
    opened.check()

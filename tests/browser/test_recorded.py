"""The page alone, fed with recorded protocol messages: the cursor, windows, marks, reconnection, rude text."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.fixtures import recorded

Tabs = Callable[..., Any]
SIXTY_STEPS = """() => {
  const out = [];
  const store = document.querySelector('bs-state').store;
  for (let i = 0; i < 60; i++) {
    const start = performance.now();
    dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
    store.flush();
    document.body.offsetHeight;
    out.push(performance.now() - start);
  }
  return out.sort((a, b) => a - b);
}"""
"""Milliseconds that each of sixty steps takes with what it changes and the layout, in ascending order."""


def where(page: Any) -> str:
    return str(page.locator("bs-scrubber output").inner_text())


def state_row(page: Any, name: str) -> Any:
    return page.locator(f'bs-state tr[data-name="{name}"]')


def test_one_cursor_moves_everything(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()
    expect(page.locator("bs-scrubber output")).to_have_text("step 1 of 13 · path 0")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    expect(page.locator("bs-scrubber output")).to_have_text("step 7 of 13 · path 0")
    expect(page.locator(".insns .vl-row.active .insn-text")).to_have_text("r1 = *(u8 *)(r1 +0)")
    expect(page.locator(".log .vl-row.active")).to_contain_text("6: (71) r1 = *(u8 *)(r1 +0)")
    expect(page.locator(".bs-current")).to_contain_text("return *p > 9")
    expect(page.locator("bs-scrubber input")).to_have_value("6")
    row = state_row(page, "r1")
    expect(row).to_have_class(re.compile("changed"))
    expect(row.locator(".holds")).to_have_text("0…255")
    expect(row.locator(".was")).to_have_text("was packet +0 · 1 B proven")
    expect(row.locator(".rw")).to_have_text("rw")
    expect(row.locator(".line-link")).to_have_text("19")
    page.keyboard.press("ArrowLeft")
    expect(state_row(page, "r1").locator(".holds")).to_have_text("packet +0 · 1 B proven")
    page.locator(".log .vl-row", has_text="4: (b7) r0 = 2").click()
    expect(page.locator("bs-scrubber output")).to_have_text("step 5 of 13 · path 0")
    page.locator(".insns .vl-row", has_text="exit").click()
    expect(page.locator("bs-scrubber output")).to_have_text("step 11 of 13 · path 0")
    page.keyboard.press("End")
    expect(page.locator("bs-scrubber output")).to_have_text("step 13 of 13 · path 2")
    tab.check()


def test_a_branch_taken_up_shows_what_the_fork_left(recorded_tab: Tabs) -> None:
    """The state jumps back where a path is taken up; that is no change the instruction made."""
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()
    expect(page.locator("bs-scrubber output")).to_contain_text("of 13")
    page.keyboard.press("End")
    expect(page.locator("bs-scrubber output")).to_contain_text("step 13 of 13")
    expect(state_row(page, "r1").locator(".holds")).to_have_text("packet +0 · 0 B proven")
    expect(state_row(page, "r1")).not_to_have_class(re.compile("changed|wrote"))
    expect(state_row(page, "r1").locator(".line-link")).to_have_text("17")
    tab.check()


def test_keys(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()
    place = page.locator("bs-scrubber output")
    expect(place).to_contain_text("of 13")
    page.keyboard.press("g")
    page.keyboard.type("i8")
    page.keyboard.press("Enter")
    expect(place).to_contain_text("step 9 of 13")
    page.keyboard.press("g")
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    expect(place).to_contain_text("step 3 of 13")
    page.keyboard.press("Alt+ArrowRight")
    expect(page.locator("bs-pipeline .note")).to_contain_text("No later visit of line 17")
    state_row(page, "r1").locator(".reg-name").click()
    page.keyboard.press(".")
    expect(place).to_contain_text("step 6 of 13")
    page.keyboard.press(".")
    expect(place).to_contain_text("step 7 of 13")
    page.keyboard.press(",")
    expect(place).to_contain_text("step 6 of 13")
    page.keyboard.press("]")
    expect(place).to_contain_text("step 9 of 13")  # a fork
    page.keyboard.press("]")
    expect(place).to_contain_text("step 11 of 13")
    page.keyboard.press("/")
    page.keyboard.type("goto pc+4")
    page.keyboard.press("Enter")
    expect(place).to_contain_text("step 6 of 13")
    page.keyboard.press("5")
    expect(page.get_by_role("tab", name="Maps")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("x")
    expect(page.locator("bs-state .chip")).to_have_text("hex")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    expect(page.locator("#help")).to_contain_text("next and previous visit of this C line")
    page.keyboard.press("Escape")
    tab.check()


def test_run_mode_pairs_code_and_registers(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()
    page.locator('.stage[data-stage="run"]').click()
    expect(page.locator("bs-pipeline .note")).to_contain_text("returned XDP_PASS")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    active = page.locator(".insns .vl-row.active")
    expect(active).to_contain_text("r1 = *(u8 *)(r1 +0)")
    expect(active).to_contain_text("movzx rdi, byte ptr [rdi]")
    row = page.locator("bs-state tbody tr", has=page.get_by_role("button", name="r1", exact=True))
    expect(row.locator(".native")).to_have_text("rdi")
    expect(row.locator(".holds")).to_have_text("2")
    expect(row.locator(".knew")).to_have_text("0…255")
    expect(row.locator(".ruler")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.locator("bs-state tr.memory .reg-name")).to_have_text("fp-8")
    page.get_by_role("tab", name="Packet").click()
    expect(page.locator(".packet-out mark")).to_have_text("ff")
    page.get_by_role("tab", name="Maps").click()
    expect(page.locator(".map-table tbody tr")).to_contain_text("3  (03 00 00 00 00 00 00 00)")
    page.get_by_role("tab", name="Output").click()
    expect(page.locator("bs-output .events")).to_contain_text("first byte 2")
    tab.check()


def test_a_rejection_opens_on_its_step(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.rejected())
    page = tab.open()
    expect(page.locator("bs-scrubber output")).to_have_text("step 3 of 3")
    expect(page.locator(".bs-sentence")).to_contain_text("R1 offset is outside of the packet")
    expect(page.locator(".bs-rejected")).to_have_text("return *p > 9 ? XDP_DROP : XDP_PASS;")
    expect(page.locator('.stage[data-stage="verify"]')).to_have_attribute("data-status", "failed")
    expect(page.locator("bs-pipeline .note")).to_contain_text("invalid access to packet")
    expect(state_row(page, "r1")).to_have_class(re.compile("fault"))
    expect(page.locator("bs-state h2")).to_have_text("State before 6")
    tab.check()


def test_long_walks_come_in_windows(recorded_tab: Tabs) -> None:
    messages, steps = recorded.long_walk(20_000)
    tab = recorded_tab(messages, steps)
    page = tab.open()
    expect(page.locator("bs-scrubber output")).to_have_text("step 1 of 20000")
    page.keyboard.press("End")
    expect(page.locator("bs-scrubber output")).to_have_text("step 20000 of 20000")
    expect(state_row(page, "r4").locator(".holds")).to_have_text("19999")
    expect(state_row(page, "r3").locator(".holds")).to_have_text("19998")
    page.keyboard.press("g")
    page.keyboard.type("10001")
    page.keyboard.press("Enter")
    expect(state_row(page, "r0").locator(".holds")).to_have_text("10000")
    asked = [m for m in tab.said if m["type"] == "window"]
    assert all(m["to"] - m["from"] <= 1024 for m in asked)
    assert len(asked) < 12
    tab.check()


def test_a_step_paints_within_a_frame(recorded_tab: Tabs) -> None:
    """The key, what it changes, and the layout; the fastest tenth, as a busy machine takes its turns in between."""
    messages, steps = recorded.long_walk(4000)
    page = recorded_tab(messages, steps).open()
    expect(page.locator("bs-scrubber output")).to_have_text("step 1 of 4000")
    work = page.evaluate(SIXTY_STEPS)
    assert work[len(work) // 10] < 16, work
    expect(page.locator("bs-scrubber output")).to_have_text("step 61 of 4000")


RUDE = '<img src=x onerror="alert(1)"><script>alert(2)</script>\u202e\x1b[31m'


def rude(value: Any) -> Any:
    """Every text of the messages made rude, apart from those that steer."""
    steering = {"type", "stage", "status", "k", "verdict", "end", "run", "addr"}
    steering |= {"umin", "umax", "smin", "smax", "value", "mask"}
    if isinstance(value, dict):
        return {
            k: v if k in steering or k in ("regs", "x", "hex", "packet_out", "packet_in", "r0", "entries") else rude(v)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [rude(v) for v in value]
    return f"{value} {RUDE}" if isinstance(value, str) else value


def test_rude_text_stays_text(recorded_tab: Tabs) -> None:
    messages = rude(copy.deepcopy(recorded.packet_program()))
    tab = recorded_tab(messages)
    page = tab.open()
    expect(page.locator("bs-scrubber output")).to_contain_text("of 13")
    for pane in ("Log", "Shape", "Packet", "Maps", "Output", "Machine code"):
        page.get_by_role("tab", name=pane).click()
    page.keyboard.press("m")
    expect(page.locator(".insns .vl-row.active")).to_contain_text("<img src=x onerror=")
    expect(page.locator(".insns .vl-row.active")).to_contain_text("\\u202e\\x1b[31m")
    page.locator("bs-editor").evaluate("(e, text) => e.store.set({ source: text })", RUDE)
    # The editor puts images of its own beside its widgets.
    assert page.locator("img:not(.cm-widgetBuffer)").count() == 0
    page.wait_for_timeout(100)
    tab.check()


def test_a_lost_connection_comes_back_and_goes_on(tab: Tabs) -> None:
    messages = recorded.packet_program()
    cut = next(i for i, m in enumerate(messages) if m.get("stage") == "verify")
    made = tab()
    sockets: list[str] = []

    def socket(ws: Any) -> None:
        ws.send(json.dumps({"type": "hello", "v": 1, "limits": {"window": 1024}}))

        def on(text: str) -> None:
            message = json.loads(text)
            sockets.append(message["type"])
            if len(sockets) == 1:
                for m in messages[:cut]:
                    ws.send(json.dumps(m))
                ws.close(code=1011)
            else:
                for m in messages:
                    ws.send(json.dumps(m))

        ws.on_message(on)

    made.page.route_web_socket("**/ws/run", socket)
    draft = json.dumps({"kind": "c", "source": recorded.SOURCE, "options": {}, "input": {"kind": "none"}})
    made.page.add_init_script(f"localStorage.setItem('bpfscope.draft', {json.dumps(draft)})")
    # It may be said for a few tenths of a second only: every word of the line is kept.
    made.page.add_init_script(
        """window.notes = [];
        addEventListener('DOMContentLoaded', () => new MutationObserver(() => notes.push(document.body.innerText))
          .observe(document.querySelector('bs-pipeline'), { childList: true, characterData: true, subtree: true }));"""
    )
    page = made.open()
    page.wait_for_function("() => notes.some(text => text.includes('connection was lost'))")
    expect(page.locator("bs-scrubber output")).to_have_text("step 1 of 13 · path 0")
    assert [asked for asked in sockets if asked != "facts"] == ["run", "resume"]
    assert page.locator(".cm-line").first.inner_text() == "#include <linux/bpf.h>"
    made.check()


def test_the_text_survives_a_reload(recorded_tab: Tabs) -> None:
    page = recorded_tab(recorded.packet_program()).open()
    page.locator(".cm-content").click()
    page.keyboard.press("Control+Home")
    page.keyboard.type("// mine\n")
    page.wait_for_timeout(400)
    page.reload()
    expect(page.locator(".cm-line").first).to_have_text("// mine")


def test_diagnostics_stand_at_their_place(recorded_tab: Tabs) -> None:
    failed = [
        recorded.packet_program()[0],
        {
            "type": "stage", "stage": "compile", "status": "failed", "ms": 40, "compiler": "clang 22.1.8",
            "message": "use of undeclared identifier 'IPPROTO_UDP'", "object_bytes": 0, "added": [],
            "diagnostics": [{"line": 17, "column": 6, "end_column": 7, "severity": "error",
                             "message": "use of undeclared identifier 'IPPROTO_UDP'"}],
            "missing": [{"what": "IPPROTO_UDP", "add": "#include <linux/in.h>",
                         "message": "IPPROTO_UDP is declared in <linux/in.h>"}],
        },
        *({"type": "stage", "stage": s, "status": "skipped"} for s in ("load", "verify", "jit", "run")),
        {"type": "done", "ms": 41, "cancelled": False},
    ]  # fmt: skip
    tab = recorded_tab(failed)
    page = tab.open()
    expect(page.locator(".missing")).to_contain_text("IPPROTO_UDP is declared in <linux/in.h>")
    expect(page.locator(".cm-lintRange-error")).to_have_text("p")
    expect(page.locator('.stage[data-stage="compile"]')).to_have_attribute("data-status", "failed")
    page.get_by_role("button", name="Add #include <linux/in.h>").click()
    page.wait_for_timeout(100)
    runs = [m for m in tab.said if m["type"] == "run"]
    assert runs[-1]["request"]["options"]["fix_includes"] is True
    tab.check()


def test_pasting_says_what_it_took_it_for(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()

    def paste(text: str) -> None:
        page.locator(".cm-content").click()
        page.keyboard.press("Control+a")
        page.locator(".cm-content").evaluate(
            """(e, text) => {
              const data = new DataTransfer();
              data.setData('text/plain', text);
              const how = { clipboardData: data, bubbles: true, cancelable: true, composed: true };
              e.dispatchEvent(new ClipboardEvent('paste', how));
            }""",
            text,
        )

    paste("r0 = 0\nexit\n")
    expect(page.locator(".kind-select")).to_have_value("asm")
    expect(page.locator("bs-editor .column-info")).to_have_text("Recognized as BPF assembly.")
    paste("b700000000000000 9500000000000000")
    expect(page.locator(".kind-select")).to_have_value("hex")
    paste('SEC("xdp")\nint p(void *ctx)\n{\n\treturn 1;\n}\n')
    expect(page.locator(".kind-select")).to_have_value("c")
    tab.check()

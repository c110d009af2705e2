"""What a first visitor does: pasting, undoing, going back, editing packets, looking words up. Recorded messages."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.fixtures import recorded

Tabs = Callable[..., Any]
PASTE = """(e, text) => {
  const data = new DataTransfer();
  data.setData('text/plain', text);
  const how = { clipboardData: data, bubbles: true, cancelable: true, composed: true };
  e.dispatchEvent(new ClipboardEvent('paste', how));
}"""


def paste(page: Any, text: str) -> None:
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.locator(".cm-content").evaluate(PASTE, text)


def source(page: Any) -> str:
    return str(page.locator("bs-editor").evaluate("e => e.view.state.doc.toString()"))


def note(page: Any) -> Any:
    return page.locator("bs-pipeline .note")


def place(page: Any) -> Any:
    return page.locator("bs-scrubber output")


def stage_message(messages: list[dict[str, Any]], stage: str, status: str = "done") -> dict[str, Any]:
    return next(m for m in messages if m.get("stage") == stage and m.get("status") == status)


# -- pasting --------------------------------------------------------------------------------------------


def test_the_cursor_stands_behind_a_paste_and_undo_brings_back_what_was_there(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()
    before = source(page)
    paste(page, "r0 = 0\nexit\n")
    page.keyboard.type(";x")
    assert source(page) == "r0 = 0\nexit\n;x"
    expect(page.locator(".kind-select")).to_have_value("asm")
    page.keyboard.press("Control+z")
    assert source(page) == "r0 = 0\nexit\n"
    page.keyboard.press("Control+z")
    assert source(page) == before
    expect(page.locator(".kind-select")).to_have_value("c")
    page.keyboard.press("Control+y")
    assert source(page) == "r0 = 0\nexit\n"
    expect(page.locator(".kind-select")).to_have_value("asm")
    tab.check()


XLATED = "int first(struct xdp_md * ctx):\n; return 1;\n   0: (b7) r0 = 1\n   1: (95) exit\n"
OBJDUMP = (
    "prog.o:\tfile format elf64-bpf\n\nDisassembly of section xdp:\n\n0000000000000000 <first>:\n"
    "       0:\tb7 00 00 00 01 00 00 00\tr0 = 0x1\n       1:\t95 00 00 00 00 00 00 00\texit\n"
)
READ = {
    "log": recorded.LOG,
    "log of libbpf": "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n0: R1=ctx(off=0,imm=0) R10=fp0\n; SEC(\"xdp\")\n"
    "0: (61) r2 = *(u32 *)(r1 +4)\nR2 invalid mem access 'inv'\nprocessed 1 insns (limit 1000000) max_states\n",
    "listing": XLATED,
    "listing of llvm": OBJDUMP,
}
FOREIGN = {
    "bpftrace": "kprobe:vfs_read /pid == 1/\n{\n\t@start[tid] = nsecs;\n}\nEND { clear(@start); }\n",
    "bpftrace on a command line": "sudo bpftrace -e 'tracepoint:syscalls:sys_enter_open { @[comm] = count(); }'\n",
    "BCC": 'from bcc import BPF\nb = BPF(text="""\n#include <linux/fs.h>\nint hello(void *ctx) { return 0; }\n""")\n',
    "BCC, only its C": "BPF_HASH(start, u32);\nint kprobe__sys_clone(void *ctx)\n{\n\treturn 0;\n}\n",
    "listing of machine code": "   0:\tnopl 0x0(%rax,%rax,1)\n   5:\tpush %rbp\n   6:\tmov %rsp,%rbp\n   9:\tret\n",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_source_is_said_and_not_compiled(recorded_tab: Tabs, name: str) -> None:
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()
    sent = len([m for m in tab.said if m["type"] == "run"])
    paste(page, FOREIGN[name])
    word = re.split(" on|,", name)[0]
    expect(note(page)).to_contain_text(f"This looks like a {word}")
    page.keyboard.press("Control+Enter")
    expect(note(page)).to_contain_text(f"This looks like a {word}")
    assert len([m for m in tab.said if m["type"] == "run"]) == sent
    expect(note(page)).to_contain_text("The stages and panels still show the last run")
    # What this page takes instead stands at the end of the sentence: none of it is cut.
    whole = "e => e.scrollHeight <= e.clientHeight + 1 && e.scrollWidth <= e.clientWidth"
    assert page.locator("bs-pipeline .note-text").evaluate(whole)
    paste(page, 'SEC("xdp")\nint p(void *ctx)\n{\n\treturn 1;\n}\n')
    expect(note(page)).not_to_contain_text("This looks like")
    tab.check()


@pytest.mark.parametrize("name", READ)
def test_a_pasted_log_or_listing_is_read_as_one_and_not_as_c(recorded_tab: Tabs, name: str) -> None:
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()
    paste(page, READ[name])
    kind = name.split(" ")[0]
    expect(page.locator(".kind-select")).to_have_value(kind)
    page.locator(".kind-select").select_option("c")
    sent = len([m for m in tab.said if m["type"] == "run"])
    page.keyboard.press("Control+Enter")
    expect(note(page)).to_contain_text("which cannot be compiled. Choose")
    assert len([m for m in tab.said if m["type"] == "run"]) == sent
    page.locator(".kind-select").select_option(kind)
    page.keyboard.press("Control+Enter")
    expect(note(page)).not_to_contain_text("cannot be compiled")
    assert [m for m in tab.said if m["type"] == "run"][-1]["request"]["kind"] == kind
    tab.check()


def test_the_verifier_switched_off_is_said_and_not_inherited(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()
    page.get_by_text("Program", exact=False).first.click()
    page.get_by_label("Verify before running").uncheck()
    expect(page.locator(".mode-chip")).to_contain_text("Verifier off")
    page.keyboard.press("Escape")
    assert [m for m in tab.said if m["type"] == "run"][-1]["request"]["options"]["verify"] is False
    paste(page, 'SEC("xdp")\nint p(void *ctx)\n{\n\treturn 1;\n}\n')
    page.keyboard.press("Control+Enter")
    expect(page.locator(".mode-chip")).to_have_count(0)
    page.wait_for_timeout(100)
    assert [m for m in tab.said if m["type"] == "run"][-1]["request"]["options"]["verify"] is True
    tab.check()


# -- the input ------------------------------------------------------------------------------------------

UDP = "02000000000102000000000208004500002400010000401166c60a0000010a0000023039003500101ea562706673636f7065"
EVENT = {
    "kind": "event", "hook": "kprobe/tcp_sendmsg", "name": "tcp_sendmsg", "values": {"size": 512},
    "fields": [
        {"name": "sk", "type": "struct sock *", "value": "a socket", "read": False},
        {"name": "size", "type": "size_t", "value": 512, "read": True},
    ],
}  # fmt: skip


PROBE = 'SEC("kprobe/tcp_sendmsg")\nint p(void *ctx)\n{\n\treturn 1;\n}\n'


def with_input(given: dict[str, Any]) -> list[dict[str, Any]]:
    messages = recorded.packet_program()
    stage_message(messages, "load")["input"] = given
    return messages


def test_a_pasted_program_gets_its_own_input_until_that_is_changed(recorded_tab: Tabs) -> None:
    tab = recorded_tab(with_input(EVENT))
    page = tab.open()
    paste(page, 'SEC("kprobe/tcp_sendmsg")\nint p(void *ctx)\n{\n\treturn 1;\n}\n')
    page.keyboard.press("Control+Enter")
    page.get_by_role("tab", name="Event").click()
    expect(page.get_by_role("radio", name="Automatic")).to_be_checked()
    expect(page.locator(".packet-in")).to_contain_text("kprobe/tcp_sendmsg")
    event = page.get_by_label("event (empty: the one the program attaches to)")
    expect(event).to_have_attribute("placeholder", "kprobe/tcp_sendmsg")
    expect(page.locator(".event-table tbody tr").first).to_contain_text("size")  # what the program reads comes first
    runs = [m for m in tab.said if m["type"] == "run"]
    assert runs[-1]["request"].get("input", {"kind": "auto"}) == {"kind": "auto"}
    page.get_by_label("size, size_t").fill("77")
    expect(page.get_by_role("radio", name="Event")).to_be_checked()
    expect(note(page)).to_contain_text("Edited since the last run")
    page.keyboard.press("Control+Enter")
    expect(note(page)).not_to_contain_text("Edited since")
    runs = [m for m in tab.said if m["type"] == "run"]
    assert runs[-1]["request"]["input"] == {"kind": "event", "name": "tcp_sendmsg", "values": {"size": 77}}
    tab.check()


def test_an_event_s_types_are_not_broken_inside_words_on_a_phone(recorded_tab: Tabs) -> None:
    tab = recorded_tab(with_input(EVENT), width=390, height=844)
    page = tab.open()
    page.evaluate("document.querySelector('bs-pipeline').store.set({ input: { kind: 'auto' } })")
    page.get_by_role("tab", name="Event").click()
    cell = page.locator(".event-table tr", has_text="size_t").locator(".variable-type")
    assert cell.bounding_box()["height"] < 40
    assert page.locator(".packet-left").evaluate("e => e.scrollWidth <= e.clientWidth")
    tab.check()


def test_a_packet_for_a_program_that_takes_an_event_has_a_way_back(recorded_tab: Tabs) -> None:
    tab = recorded_tab(with_input(EVENT))
    page = tab.open()
    page.get_by_role("tab", name="Packet").click()
    expect(page.locator(".packet-left")).to_contain_text("This program takes an event.")
    page.get_by_role("button", name="Use the program's own input").click()
    expect(page.get_by_role("radio", name="Automatic")).to_be_checked()
    expect(page.locator(".packet-left")).not_to_contain_text("This program takes")
    expect(page.get_by_role("tab", name="Event")).to_have_attribute("aria-selected", "true")
    page.get_by_role("radio", name="None").click()
    expect(page.get_by_role("tab", name="Input")).to_have_attribute("aria-selected", "true")
    page.get_by_role("radio", name="Hex").click()
    expect(page.get_by_role("tab", name="Packet")).to_have_attribute("aria-selected", "true")
    tab.check()


def test_a_text_put_in_place_of_everything_is_a_new_program_without_a_paste_event(recorded_tab: Tabs) -> None:
    """Input methods and some keyboards insert the clipboard as text."""
    tab = recorded_tab(with_input(EVENT))
    page = tab.open()
    before = source(page)
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(PROBE)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("tab", name="Event")).to_be_visible()
    assert [m for m in tab.said if m["type"] == "run"][-1]["request"].get("input") is None
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+z")
    assert source(page) == before
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("tab", name="Packet")).to_be_visible()
    assert [m for m in tab.said if m["type"] == "run"][-1]["request"]["input"]["kind"] == "packet"


def test_an_edited_packet_is_an_edit(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()
    page.get_by_role("tab", name="Packet").click()
    expect(note(page)).not_to_contain_text("Edited")
    page.get_by_label("Packet bytes in hex").fill(UDP)
    expect(note(page)).to_contain_text("Edited since the last run")
    tab.check()


def test_hex_is_read_into_the_form_and_back(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()
    page.get_by_role("tab", name="Packet").click()
    page.get_by_label("Packet bytes in hex").fill(UDP)
    page.get_by_role("radio", name="Form").click()
    ip = page.get_by_role("group", name="IPv4")
    expect(ip.get_by_label("source")).to_have_value("10.0.0.1")
    expect(page.get_by_role("group", name="UDP").get_by_label("source port")).to_have_value("12345")
    ip.get_by_label("source").fill("10.0.0.9")
    page.get_by_role("radio", name="Hex").click()
    assert page.get_by_label("Packet bytes in hex").input_value().replace(" ", "")[52:60] == "0a000009"
    # What the form has no fields for is kept, byte by byte, and that is said.
    options = UDP[:28] + "46" + UDP[30:68] + "01010101" + UDP[68:]
    page.get_by_label("Packet bytes in hex").fill(options)
    page.get_by_role("radio", name="Form").click()
    expect(page.locator(".packet-left")).to_contain_text("kept as bytes")
    page.get_by_role("radio", name="Hex").click()
    assert page.get_by_label("Packet bytes in hex").input_value().replace(" ", "") == options
    tab.check()


def captured() -> list[dict[str, Any]]:
    """The program run on two packets of which the second takes a step less, as a capture is."""
    messages = recorded.packet_program(0x02)
    other = recorded.packet_program(0x20)
    run, second = stage_message(messages, "run"), stage_message(other, "run")
    run["runs"].append(second["runs"][0])
    run["packet_in"].append(second["packet_in"][0])
    steps = next(copy.deepcopy(m) for m in other if m["type"] == "steps" and m["stage"] == "run")
    messages.insert(messages.index(run), {**steps, "run": 1})
    messages.insert(messages.index(run), {"type": "progress", "stage": "run", "run": 0, "total": 11})
    # A longer packet of which no step came unasked.
    run["runs"].append({**second["runs"][0], "steps": 40})
    run["packet_in"].append("00" * 14)
    messages.insert(messages.index(run), {"type": "progress", "stage": "run", "run": 2, "total": 40})
    return messages


def test_each_packet_of_a_capture_has_its_own_steps_and_sentence(recorded_tab: Tabs) -> None:
    tab = recorded_tab(captured())
    page = tab.open()
    page.locator('.stage[data-stage="run"]').click()
    expect(place(page)).to_have_text("step 1 of 11")
    expect(note(page)).to_contain_text("packet 1 of 3 returned XDP_PASS")
    page.keyboard.press("End")
    expect(place(page)).to_have_text("step 11 of 11")
    page.wait_for_timeout(600)
    expect(note(page)).not_to_contain_text("Fetching")
    page.get_by_role("tab", name="Packet").click()
    page.locator(".packet-out select").select_option("1")
    expect(place(page)).to_have_text("step 1 of 10")
    expect(note(page)).to_contain_text("packet 2 of 3 returned XDP_DROP after 10")
    page.keyboard.press("Escape")
    page.locator(".insns").focus()
    page.keyboard.press("End")
    expect(place(page)).to_have_text("step 10 of 10")
    tab.check()


# -- the columns ----------------------------------------------------------------------------------------


def test_a_click_anywhere_in_a_row_selects_it(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()
    row = page.locator('bs-state tr[data-name="r1"]')
    row.locator(".holds").click()
    expect(row).to_have_class(re.compile("selected"))
    page.locator('.stage[data-stage="run"]').click()
    row = page.locator('bs-state tr[data-name="r2"]')
    row.locator(".holds").click()
    expect(row).to_have_class(re.compile("selected"))
    names = page.locator("bs-state tbody th").all_inner_texts()
    assert len(names) == len(set(names)), names
    assert "r9" in names and "x86 r9" in names
    tab.check()


def test_functions_have_a_heading(recorded_tab: Tabs) -> None:
    messages = recorded.packet_program()
    stage_message(messages, "load")["insns"][6]["func"] = "helper"
    tab = recorded_tab(messages)
    page = tab.open()
    said = [re.compile(rf"^{name} function, line \d+, entered 1 time$") for name in ("first_byte", "helper")]
    expect(page.locator(".func-head")).to_have_text(said)
    page.locator(".insns .vl-row", has_text="r0 = 1").click()
    expect(place(page)).to_contain_text("step 8 of 13")
    tab.check()


def test_one_count_of_instructions(recorded_tab: Tabs) -> None:
    messages = recorded.packet_program()
    load = stage_message(messages, "load")
    load["insns"][10].update(hex="00" * 16, idx=10)
    load["summary"] = "1 map, 12 instructions"
    tab = recorded_tab(messages)
    page = tab.open()
    button = page.locator('.stage[data-stage="load"]')
    expect(button).to_contain_text("11 instructions")
    button.click()
    expect(note(page)).to_contain_text("11 instructions in 12 slots: 1 64-bit load takes two")
    tab.check()


def test_a_failed_compilation_leaves_no_name_behind(recorded_tab: Tabs) -> None:
    messages = recorded.packet_program()
    failed = {"type": "stage", "stage": "compile", "status": "failed", "message": "no",
              "diagnostics": [], "missing": [], "added": []}  # fmt: skip
    rest = [{"type": "stage", "stage": s, "status": "skipped"} for s in ("load", "verify", "jit", "run")]
    answers = [messages, [messages[0], failed, *rest, messages[-1]]]
    tab = recorded_tab(messages)

    def socket(ws: Any) -> None:
        ws.on_message(lambda text: [ws.send(json.dumps(m)) for m in (answers.pop(0) if "run" in text else [])])

    tab.page.route_web_socket("**/ws/run", socket)
    page = tab.open()
    expect(page.locator("bs-insns .column-info")).to_have_text("first_byte")
    page.get_by_role("button", name="Run (Ctrl+Enter)").click()
    expect(page.locator('.stage[data-stage="compile"]')).to_have_attribute("data-status", "failed")
    expect(page.locator("bs-insns .column-info")).to_have_text("")
    page.get_by_role("tab", name="Log").click()
    expect(page.locator("bs-log")).to_contain_text("There is no log, because clang did not accept the source.")
    expect(page.locator("bs-log")).not_to_contain_text("without the verifier")
    tab.check()


def test_the_kernel_s_sentence_comes_first(recorded_tab: Tabs) -> None:
    """Where values had to be made precise at the failing step, the log has lines of that before the sentence."""
    messages = recorded.explained()
    verify = stage_message(messages, "verify", "failed")
    verify["message"] = "R1 offset is outside of the packet"
    before = "mark_precise: frame0: last_idx 6\nmark_precise: x\n"
    verify["log"] = verify["log"].replace("invalid access", f"{before}invalid access")
    verify["precision"] = [
        {"step": 2, "insn": 6, "path": 0, "names": ["r1"], "why": "x", "text": "x", "chain": [[1, ["r1"]]]}
    ]
    tab = recorded_tab(messages)
    page = tab.open()
    expect(page.locator(".bs-sentence > div").first).to_have_text("✖ R1 offset is outside of the packet")
    expect(page.locator(".bs-sentence")).not_to_contain_text("mark_precise")
    assert note(page).inner_text().startswith("Verifier: R1 offset is outside of the packet")
    tab.check()


def test_low_windows_keep_eight_rows_of_each_column(recorded_tab: Tabs) -> None:
    """A screen of 1920 × 1080 at 200 %."""
    tab = recorded_tab(recorded.packet_program(), width=960, height=540, device_scale_factor=2)
    page = tab.open()
    for scroller, rows in (("bs-state .state-scroll", "bs-state tbody tr"), (".insns", ".insns .vl-row")):
        seen = page.evaluate(
            """([scroller, rows]) => {
              const box = document.querySelector(scroller).getBoundingClientRect();
              return [...document.querySelectorAll(rows)].filter(row => {
                const r = row.getBoundingClientRect();
                return r.top >= box.top - 1 && r.bottom <= box.bottom + 1;
              }).length;
            }""",
            [scroller, rows],
        )
        assert seen >= 8, (scroller, seen)
    assert page.locator("bs-editor .editor-host").bounding_box()["height"] >= 160
    tab.check()


def test_columns_and_panels_are_resized_and_stay_so(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()
    first, second, third = (page.locator(".splitter").nth(i) for i in range(3))
    width = lambda: page.locator("bs-editor").bounding_box()["width"]  # noqa: E731
    height = lambda: page.locator("bs-dock").bounding_box()["height"]  # noqa: E731
    start, low = width(), height()
    box = first.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] - 98, box["y"] + 100, steps=4)
    page.mouse.up()
    assert abs(start - width() - 100) <= 3
    third.focus()
    page.keyboard.press("ArrowUp")
    assert height() > low + 20
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert abs(start - width() - 100) <= 3 and height() > low + 20
    second.focus()
    page.keyboard.press("Home")
    assert abs(start - width()) <= 2
    tab.check()


# -- words ----------------------------------------------------------------------------------------------


def test_terms_are_defined_on_hover_and_on_focus(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program())
    page = tab.open()
    tip = page.locator("#tip")
    page.locator('bs-scrubber [data-term="path"]').hover()
    expect(tip).to_contain_text("One sequence of steps")
    page.mouse.move(5, 5)
    expect(tip).to_be_hidden()
    terms = {"processed": "bs-pipeline", "step": "bs-pipeline", "bits": "bs-state thead", "fp": "bs-state tbody"}
    for name, where in terms.items():
        page.locator(f'{where} [data-term="{name}"]').first.focus()
        expect(tip).to_be_visible()
        expect(page.locator("[aria-describedby=tip]")).to_have_count(1)
    expect(tip).to_contain_text("512 bytes of stack")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    tab.check()


def test_the_page_says_what_it_is_and_which_kernel_it_emulates(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    said = re.compile(r"eBPF playground that emulates Linux \d+\.\d+\.\d+")
    expect(page.locator(".about-line")).to_contain_text(said)
    page.get_by_role("link", name="About").click()
    expect(page.locator("main")).to_contain_text(re.compile(r"emulation of Linux \d+\.\d+\.\d+"))
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Glossary").click()
    expect(page.locator(".terms").first).to_contain_text("One sequence of steps")
    made.check()


# -- connection, history, remarks, variables ------------------------------------------------------------


def test_without_any_way_to_the_server_it_says_so_once_and_stops(tab: Tabs) -> None:
    made = tab()
    made.page.route("**/ws/poll", lambda route: route.fulfill(status=403))
    made.page.add_init_script(
        """window.tries = 0;
        window.WebSocket = class extends EventTarget {
          static OPEN = 1;
          readyState = 0;
          constructor() { super(); window.tries++; setTimeout(() => this.dispatchEvent(new Event('close')), 5); }
          send() {}
          close() {}
        };"""
    )
    page = made.open()
    page.get_by_role("button", name="Run (Ctrl+Enter)").click()
    expect(note(page)).to_contain_text("cannot open one to")
    expect(note(page)).to_contain_text("A proxy, a firewall or a browser extension may block it")
    tries = page.evaluate("tries")
    assert tries <= 3
    page.wait_for_timeout(1500)
    assert page.evaluate("tries") == tries
    expect(page.get_by_role("button", name="Run (Ctrl+Enter)")).to_be_visible()
    assert not [fault for fault in made.faults if "403" not in fault]


def test_a_new_run_ends_the_one_before(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program()[:4])  # it never ends
    page = tab.open()
    page.wait_for_timeout(200)
    page.evaluate("document.querySelector('bs-header').scope.run()")
    page.wait_for_timeout(300)
    assert [m["type"] for m in tab.said] == ["run", "cancel", "run"]
    assert tab.said[2]["instead"] == "run-1"
    tab.check()


def test_back_and_forward_bring_back_the_program(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    first = source(page)
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("// mine")
    page.get_by_text("Examples", exact=True).click()
    page.locator('a[data-example="missing-bounds-check"]').click()
    expect(page.locator("bs-editor .cm-content")).to_contain_text("drop_tcp")
    page.go_back()
    expect(page.locator("bs-editor .cm-content")).not_to_contain_text("drop_tcp")
    assert source(page) == first + "// mine"
    page.go_forward()
    expect(page.locator("bs-editor .cm-content")).to_contain_text("drop_tcp")
    expect(page.locator('.stage[data-stage="verify"]')).to_have_attribute("data-status", "failed", timeout=20_000)
    made.check()


def test_a_remark_has_a_button_that_applies_its_fix(recorded_tab: Tabs) -> None:
    messages = recorded.packet_program()
    line = recorded.SOURCE.split("\n").index('SEC("xdp")') + 1
    edit = {"line": line, "column": 6, "end_line": line, "end_column": 9, "text": "xdp.frags"}
    stage_message(messages, "load")["remarks"] = [
        {"program": "first_byte", "message": "libbpf refuses this section.", "line": line,
         "fix": {"title": 'Write SEC("xdp.frags")', "edits": [edit]}}
    ]  # fmt: skip
    tab = recorded_tab(messages)
    page = tab.open()
    expect(page.locator(".missing")).to_contain_text("libbpf refuses this section.")
    page.get_by_role("button", name='Write SEC("xdp.frags")').click()
    assert 'SEC("xdp.frags")\nint first_byte' in source(page)
    page.wait_for_timeout(100)
    assert 'SEC("xdp.frags")' in [m for m in tab.said if m["type"] == "run"][-1]["request"]["source"]
    page.keyboard.press("Control+z")
    assert source(page) == recorded.SOURCE
    tab.check()


@pytest.mark.parametrize("width", [1440, 390])
def test_a_long_remark_and_its_button_stay_in_their_card(recorded_tab: Tabs, width: int) -> None:
    messages = recorded.packet_program()
    edit = {"line": 1, "column": 1, "end_line": 1, "end_column": 1, "text": "x"}
    stage_message(messages, "load")["remarks"] = [
        {"program": "first_byte", "message": "Linux has no such function. " * 10, "line": 1,
         "fix": {"title": 'Change the section to SEC("ksyscall/execve") here', "edits": [edit]}}
    ]  # fmt: skip
    tab = recorded_tab(messages, width=width)
    page = tab.open()
    if width < 900:
        page.locator('bs-switch [data-column="code"]').click()
    card = page.locator(".missing").bounding_box()
    button = page.get_by_role("button", name="Change the section").bounding_box()
    text = page.locator(".missing .remark p").bounding_box()
    assert button["x"] + button["width"] <= card["x"] + card["width"]
    assert text["width"] >= 0.75 * card["width"]
    tab.check()


def test_variables_are_shown_by_name(recorded_tab: Tabs) -> None:
    messages = recorded.packet_program()
    spec = stage_message(messages, "load")["maps"]
    spec.append({"name": ".bss", "type": "array", "key_size": 4, "value_size": 8, "max_entries": 1, "flags": 0})
    stage_message(messages, "run")["maps"][".bss"] = {
        "type": "array", "entries": [["00000000", "2a00000000000000", ""]], "cut": 0,
        "variables": [{"name": "hits", "type": "__u64", "offset": 0, "size": 8, "value": "42"}],
    }  # fmt: skip
    tab = recorded_tab(messages)
    page = tab.open()
    page.get_by_role("tab", name="Maps").click()
    expect(page.locator(".map").nth(1).locator("tbody tr")).to_have_text(re.compile("hits.*__u64.*42"))
    tab.check()


def test_a_tapped_tab_comes_into_sight_on_a_phone(recorded_tab: Tabs) -> None:
    tab = recorded_tab(recorded.packet_program(), width=390, height=844, has_touch=True, is_mobile=True)
    page = tab.open()
    page.get_by_role("tab", name="Maps").tap()
    page.wait_for_function("() => document.querySelector('#pane-maps').getBoundingClientRect().top < 300")
    page.wait_for_timeout(500)
    box = page.locator("#pane-maps").bounding_box()
    under = page.locator("bs-scrubber").bounding_box()["y"]
    assert under - box["y"] >= 300
    tab.check()

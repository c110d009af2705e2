"""What a person does, in a real browser against the real thing: nothing is recorded, nothing stands in."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import CHROMIUM, WITH_WINDOWS, launched

Tabs = Callable[..., Any]
DONE = "html[data-ready]"
FOCUSED = """() => {
  let e = document.activeElement;
  while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  return e.getAttribute('aria-label') || e.textContent.trim();
}"""


@pytest.fixture(scope="module")
def chromium(play: Any) -> Iterator[Any]:
    """The browser that people use, and not the one without windows."""
    yield from launched(play, WITH_WINDOWS or CHROMIUM)


def place(page: Any) -> Any:
    return page.locator("bs-scrubber output")


def stage(page: Any, name: str, status: str) -> None:
    expect(page.locator(f'.stage[data-stage="{name}"]')).to_have_attribute("data-status", status, timeout=20_000)


@contextmanager
def another(page: Any, name: str, status: str) -> Iterator[None]:
    """Wait for a stage of the run that is started in the block, where an earlier run may show the same status."""
    stages = "document.querySelector('bs-editor').store.state.stages"
    before = page.evaluate_handle(f"() => {stages}['{name}']")
    yield
    ended = f"before => {stages}['{name}'] !== before && {stages}['{name}']?.status === '{status}'"
    page.wait_for_function(ended, arg=before)


def replace_source(page: Any, text: str) -> None:
    """As pasting over everything does; in a page or a frame."""
    page.locator(".cm-content").click()
    page.locator(".cm-content").press("Control+a")
    page.locator(".cm-content").evaluate(
        """(e, text) => {
          const data = new DataTransfer();
          data.setData('text/plain', text);
          e.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        text,
    )


def source(page: Any) -> str:
    return str(page.locator("bs-editor").evaluate("e => e.view.state.doc.toString()"))


def test_the_first_paint_can_be_stepped(tab: Tabs) -> None:
    """The first example comes already walked: the arrow key works although no socket was ever opened."""
    made = tab()
    sockets: list[str] = []
    made.page.on("websocket", lambda ws: sockets.append(ws.url))
    page = made.open()
    expect(page.locator("bs-editor")).to_contain_text('SEC("xdp")')
    expect(place(page)).to_contain_text("step 1 of")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(place(page)).to_contain_text("step 3 of")
    page.keyboard.press("ArrowLeft")
    expect(place(page)).to_contain_text("step 2 of")
    expect(page.locator("bs-state tr.changed")).not_to_have_count(0)
    assert sockets == []
    made.check()


def test_run_the_default_example(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    page.get_by_role("button", name="Run (Ctrl+Enter)").click()
    for name in ("compile", "object", "load", "verify", "jit", "run"):
        stage(page, name, "done")
    expect(page.locator('.stage[data-stage="run"] .stage-meta')).to_contain_text("XDP_DROP")
    page.keyboard.press("m")
    expect(page.locator('.stage[data-stage="run"]')).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    expect(page.locator("bs-state tbody tr").first.locator(".native")).to_have_text("rax")
    expect(page.locator(".insns .vl-row.active .x86-line")).not_to_have_count(0)
    page.get_by_role("tab", name="Maps").click()
    expect(page.locator(".map-table tbody tr")).not_to_have_count(0)
    made.check()


def test_deleting_a_bounds_check_is_rejected_on_its_line(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    text = source(page)
    without = re.sub(r"    if \(\(void \*\)\(ip \+ 1\) > data_end\)\n        return XDP_PASS;\n", "", text)
    assert without != text
    replace_source(page, without)
    page.locator(".cm-content").press("Control+Enter")
    stage(page, "verify", "failed")
    expect(page.locator(".bs-sentence")).to_contain_text("invalid access to packet")
    expect(page.locator(".bs-rejected")).to_contain_text("ip->protocol")
    expect(page.locator("bs-state tr.fault")).to_have_count(1)
    expect(page.locator("bs-pipeline .note")).to_contain_text("invalid access to packet")
    made.check()


def test_a_link_opens_at_the_same_step_elsewhere(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    replace_source(page, source(page) + "\n// shared\n")
    page.locator(".cm-content").press("Control+Enter")
    stage(page, "run", "done")
    page.keyboard.press("Escape")
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    page.locator('bs-state tr[data-name="r3"] .reg-name').click()
    page.keyboard.press("4")
    expect(place(page)).to_contain_text(re.compile(r"step \d"))
    said = place(page).inner_text()
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    expect(page.locator(".share-url")).to_have_value(re.compile("/s/.*#"))
    url = page.locator(".share-url").input_value()
    other = tab()
    other.page.goto(url)
    other.page.wait_for_selector(DONE)
    expect(place(other.page)).to_have_text(said)
    expect(other.page.locator('bs-state tr[data-name="r3"]')).to_have_class(re.compile("selected"))
    expect(other.page.get_by_role("tab", name="Packet")).to_have_attribute("aria-selected", "true")
    assert source(other.page).endswith("// shared\n")
    made.check()
    other.check()


def test_keyboard_only(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
    text = " | ".join(seen)
    for name in ("Examples", "Run", "verifier", "Program source", "Instructions", "r0", "First step", "Step"):
        assert name in text, (name, text)
    page.locator(".insns").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(place(page)).to_contain_text("step 3 of")
    expect(page.locator("bs-announcer")).to_contain_text("Step 3")
    made.check()


def test_a_phone(tab: Tabs) -> None:
    made = tab(width=390, height=844, has_touch=True, is_mobile=True)
    page = made.open()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("bs-insns")).to_be_visible()
    expect(page.locator("bs-state")).to_be_hidden()
    page.get_by_role("radio", name="State").tap()
    expect(page.locator("bs-state")).to_be_visible()
    box = page.locator("bs-scrubber").bounding_box()
    assert box["y"] + box["height"] <= 845
    page.get_by_role("button", name=re.compile("Next step")).tap()
    expect(place(page)).to_contain_text("step 2 of")
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    made.check()


def test_assembly_hex_and_objects(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    replace_source(page, "r0 = 2\nexit\n")
    page.keyboard.press("Control+Enter")
    stage(page, "run", "done")
    stage(page, "compile", "skipped")
    expect(page.locator('.stage[data-stage="run"] .stage-meta')).to_contain_text("XDP_PASS")
    replace_source(page, "b700000001000000 9500000000000000")
    page.keyboard.press("Control+Enter")
    expect(page.locator('.stage[data-stage="run"] .stage-meta')).to_contain_text("XDP_DROP", timeout=20_000)
    page.keyboard.press("Escape")
    expect(page.locator(".kind-select")).to_have_value("hex")
    page.locator("bs-editor input[type=file]").set_input_files(
        {"name": "bad.o", "mimeType": "application/octet-stream", "buffer": b"\x7fELF" + b"\0" * 60}
    )
    expect(page.locator(".kind-select")).to_have_value("elf")
    page.get_by_role("button", name="Run (Ctrl+Enter)").click()
    stage(page, "load", "failed")
    expect(page.locator("bs-pipeline .note")).not_to_have_text("")
    made.check()


def test_a_packet_as_a_form_and_as_a_capture(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    page.get_by_role("tab", name="Packet").click()
    page.get_by_role("radio", name="Form").click()
    page.get_by_label("transport").select_option("tcp")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Run (Ctrl+Enter)").click()
    expect(page.locator('.stage[data-stage="run"] .stage-meta')).to_contain_text("XDP_PASS", timeout=20_000)
    expect(page.locator(".packet-out")).to_contain_text("Before · 62 bytes")
    frame = bytes.fromhex("0200000000010200000000020800450000240001000040116" + "6c60a0000010a000002" + "00" * 16)
    pcap = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    pcap += 2 * (struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    page.locator("bs-packet input[type=file]").set_input_files(
        {"name": "two.pcap", "mimeType": "application/vnd.tcpdump.pcap", "buffer": pcap}
    )
    page.get_by_role("button", name="Run (Ctrl+Enter)").click()
    expect(page.locator('.stage[data-stage="run"] .stage-meta')).to_contain_text("2 packets", timeout=20_000)
    page.locator(".packet-out select").select_option("1")
    page.keyboard.press("m")
    expect(place(page)).to_contain_text("step 1 of")
    expect(page.locator("bs-state tbody tr").first.locator(".holds")).not_to_have_text("·")
    made.check()


RUDE = "<img src=x onerror=alert(1)>"


def test_rude_source_stays_text(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    replace_source(
        page,
        f"""#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
// {RUDE}
SEC("xdp")
int rude(struct xdp_md *ctx)
{{
	bpf_printk("{RUDE}");
	return XDP_PASS;
}}
char LICENSE[] SEC("license") = "GPL";
""",
    )
    page.keyboard.press("Control+Enter")
    stage(page, "run", "done")
    page.get_by_role("tab", name="Output").click()
    expect(page.locator("bs-output .events")).to_contain_text(RUDE)
    assert page.locator("img:not(.cm-widgetBuffer)").count() == 0
    replace_source(page, f'#error {RUDE}\nSEC("xdp")\nint a;\n')
    page.keyboard.press("Control+Enter")
    stage(page, "compile", "failed")
    expect(page.locator(".missing")).to_contain_text(RUDE)
    assert page.locator("img:not(.cm-widgetBuffer)").count() == 0
    made.check()


def test_what_is_missing_is_added_on_one_click(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    replace_source(page, 'SEC("xdp")\nint p(struct xdp_md *ctx)\n{\n\tu64 x = 1;\n\treturn x + IPPROTO_UDP;\n}\n')
    page.keyboard.press("Control+Enter")
    stage(page, "compile", "failed")
    expect(page.locator(".missing .offer")).to_be_visible()
    page.locator(".missing .offer .button").click()
    stage(page, "compile", "done")
    expect(page.locator(".added")).to_contain_text("linux/in.h")
    made.check()


def test_a_connection_lost_in_the_middle(tab: Tabs) -> None:
    """The socket is cut after the first stage; the page comes back by itself and the run goes on."""
    made = tab()
    cut: list[Any] = []

    def through(ws: Any) -> None:
        server = ws.connect_to_server()

        def on(text: str) -> None:
            ws.send(text)
            if not cut and '"load"' in text:
                cut.append(True)
                ws.close(code=1011)
                server.close(code=4999)  # a plain close would say that nobody wants the run any more

        server.on_message(on)

    made.page.route_web_socket("**/ws/run", through)
    page = made.open()
    # It may be said for a few tenths of a second only: every word of the line is kept.
    page.evaluate(
        """() => {
          window.notes = [];
          const note = document.querySelector('.note-text');
          new MutationObserver(() => notes.push(note.textContent)).observe(note, { childList: true, characterData: true, subtree: true });
        }"""  # noqa: E501
    )
    replace_source(page, source(page) + "// cut\n")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("() => notes.some(text => text.includes('connection was lost'))")
    stage(page, "run", "done")
    assert cut
    assert source(page).endswith("// cut\n")
    made.check()


def test_empty_source_and_bad_packet_say_so(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Control+Enter")
    expect(page.locator("bs-pipeline .note")).to_contain_text("no program yet")
    page.locator(".cm-content").click()
    page.keyboard.type("r0 = 0")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Packet").click()
    page.get_by_role("radio", name="Hex").click()
    page.get_by_label("Packet bytes in hex").fill("abc")
    expect(page.locator(".packet-in")).to_contain_text("digit is missing")
    made.check()


def test_nothing_jumps_while_stages_arrive(tab: Tabs) -> None:
    made = tab()
    made.page.add_init_script(
        """window.jumps = 0;
        new PerformanceObserver(list => {
          for (const e of list.getEntries()) if (!e.hadRecentInput) window.jumps += e.value;
        }).observe({ type: 'layout-shift', buffered: true });"""
    )
    page = made.open()
    replace_source(page, source(page) + "\n// again\n")
    page.wait_for_timeout(600)  # what follows within half a second of a key is not counted as a jump
    page.evaluate("document.querySelector('bs-header').scope.run()")
    stage(page, "run", "done")
    page.wait_for_timeout(200)
    assert page.evaluate("window.jumps") < 0.01
    made.check()


def test_the_page_weighs_little(tab: Tabs) -> None:
    """HTML, CSS and JS together, as they come over the wire to a browser that has none of it."""
    made = tab(device_scale_factor=1)
    sizes: dict[str, int] = {}
    made.page.on("response", lambda r: sizes.update({r.url: r.request.sizes()["responseBodySize"]}))
    made.open()
    made.page.wait_for_timeout(300)
    assert any(url.endswith("app.js") for url in sizes)
    assert sum(sizes.values()) < 400_000, sizes
    later = sum(size for url, size in sizes.items() if "/editor-" in url or "/htmx-" in url)
    assert later > 150_000, sizes  # half of it is not waited for before the first step is painted


def test_a_page_whose_editor_does_not_arrive_can_be_stepped(tab: Tabs) -> None:
    made = tab()
    page = made.page
    page.route("**/editor-*.js", lambda route: route.abort())
    page.goto(made.server)
    page.wait_for_selector(DONE)
    expect(page.locator("[data-part=notice]")).to_contain_text("The editor could not be loaded")
    expect(page.locator("bs-editor")).to_contain_text('SEC("xdp")')
    expect(place(page)).to_contain_text("step 1 of")
    page.keyboard.press("ArrowRight")
    expect(place(page)).to_contain_text("step 2 of")
    page.unroute("**/editor-*.js")
    assert made.faults.pop().startswith("console: Failed to load resource")
    made.check()


def test_a_menu_that_was_opened_early_is_filled(tab: Tabs) -> None:
    """htmx, which fetches it, comes after the first step was painted."""
    made = tab()
    page = made.page
    opened: list[Any] = []
    page.route("**/htmx-*.js", lambda route: opened.append(route))
    with page.expect_request("**/htmx-*.js"):
        page.goto(made.server)
    menu = page.locator("details.menu").first
    menu.locator("summary").click()
    expect(menu).to_have_attribute("open", "")
    (held,) = opened
    held.continue_()
    page.wait_for_selector(DONE)
    expect(menu.locator(".menu-body a").nth(5)).to_be_visible()
    made.check()


def test_what_keeps_a_program_from_being_shared_is_said(tab: Tabs) -> None:
    """The server's own reason, an answer that is not its own, and no answer at all."""
    made = tab()
    page = made.open()
    dialog = page.locator("dialog.shared")
    reason = '<p class="bad" role="alert">Too many.</p>'
    answers: list[tuple[str, dict[str, Any] | None]] = [
        ("Too many.", {"status": 429, "headers": {"HX-Reswap": "innerHTML"}, "body": reason}),
        ("The server answered 502", {"status": 502, "body": "<h1>nginx</h1>"}),
        ("cannot be reached", None),
    ]
    for sentence, answer in answers:
        page.unroute("**/share")
        page.route("**/share", lambda route, _, a=answer: route.fulfill(**a) if a else route.abort())
        page.keyboard.press("s")
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("alert")).to_contain_text(sentence)
        expect(dialog).not_to_contain_text("nginx")
        dialog.get_by_role("button", name="Done").click()
        expect(dialog).to_be_hidden()
    assert "/s/" not in page.url
    assert page.evaluate("window.violations") == []


def test_a_shared_link_is_copied_and_stands_selected(tab: Tabs) -> None:
    made = tab(permissions=["clipboard-read", "clipboard-write"])
    page = made.open()
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make the link").click()
    expect(page.locator("dialog.shared")).to_contain_text("The link is copied.")
    link = page.locator(".share-url").input_value()
    assert page.evaluate("navigator.clipboard.readText()") == link == page.url
    assert page.evaluate("getSelection().toString()") == link
    page.keyboard.press("Escape")
    expect(page.locator("dialog.shared")).to_be_hidden()
    made.check()


LONG_REFUSED = (
    "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n"
    + "".join(f"// {n}\n" for n in range(60))
    + 'SEC("xdp") int prog(struct xdp_md *ctx)\n{\n\tchar *p = (char *)(long)ctx->data;\n\treturn *p;\n}\n'
    + "".join(f"// {n}\n" for n in range(60))
)


def head(page: Any) -> int:
    return int(page.locator("bs-editor").evaluate("e => e.view.state.selection.main.head"))


def test_the_message_comes_into_sight_beside_the_cursor(tab: Tabs) -> None:
    """Once, with the focus and the cursor where they were, unless the person went on meanwhile."""
    made = tab()
    page = made.open()
    replace_source(page, LONG_REFUSED)
    assert head(page) == len(LONG_REFUSED)
    page.keyboard.press("Control+Enter")
    stage(page, "verify", "failed")
    message = page.locator(".bs-sentence")
    expect(message).to_be_in_viewport(ratio=1)
    expect(page.locator(".bs-rejected").first).to_be_in_viewport(ratio=1)
    expect(page.locator(".cm-content")).to_be_focused()
    assert head(page) == len(LONG_REFUSED)
    page.keyboard.press("ArrowUp")
    expect(message).not_to_be_in_viewport()
    page.keyboard.press("Control+Enter")
    expect(message).to_be_in_viewport(ratio=1)
    page.keyboard.press("ArrowUp")
    expect(message).not_to_be_in_viewport()
    with another(page, "verify", "failed"):
        page.keyboard.press("Control+Enter")
        page.keyboard.press("ArrowUp")
    page.wait_for_timeout(500)
    expect(message).not_to_be_in_viewport()
    made.check()


def test_an_error_of_the_compiler_comes_into_sight_beside_the_cursor(tab: Tabs) -> None:
    made = tab()
    page = made.open()
    replace_source(page, LONG_REFUSED.replace("return *p", "return q"))
    page.keyboard.press("Control+Enter")
    stage(page, "compile", "failed")
    expect(page.locator(".cm-lintRange-error").first).to_be_in_viewport(ratio=1)
    expect(page.locator(".cm-content")).to_be_focused()
    made.check()

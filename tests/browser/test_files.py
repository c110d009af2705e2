"""A program of several files: own headers as tabs, folders and archives, by pointer and by keyboard."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_access import faults, in_schemes
from tests.corpus import first
from tests.vm.compile.test_own_files import MAIN, MINE

HOSTILE = ["<img src=x onerror=alert(1)>.h", "../../etc/passwd", "a" * 300 + ".h", "\u202egnp.h", "vmlinux.h", "a b.h"]


def write(page: Any, text: str) -> None:
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def add(page: Any, name: str, text: str) -> None:
    page.get_by_role("button", name="+ Header").click()
    expect(page.locator(".file-form input")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.locator(".file-tab[aria-selected='true']")).to_have_attribute("data-file", name)
    page.wait_for_function("() => document.querySelector('bs-editor').view.hasFocus")
    page.keyboard.insert_text(text)


def program(page: Any) -> None:
    """The program of two files, run."""
    write(page, MAIN)
    add(page, "mine.h", MINE)
    page.keyboard.press("Control+Enter")


def shows(page: Any, file: str) -> None:
    """The editor shows this file, in a moment at the latest."""
    expect(page.locator(".file-tab[aria-selected='true']")).to_have_text(file)


def rejected(page: Any) -> None:
    page.wait_for_function("() => document.querySelector('bs-editor').store.state.stages.verify?.verdict === 'reject'")


def accepted(page: Any) -> None:
    page.wait_for_function("() => document.querySelector('bs-editor').store.state.stages.verify?.verdict === 'accept'")


def test_a_header_is_written_run_and_stepped_through_by_keyboard(tab: Callable[..., Any]) -> None:
    made = tab()
    page = made.open()
    write(page, MAIN)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="+ Header").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".file-form input")).to_be_focused()
    page.keyboard.type("mine.h")
    page.keyboard.press("Enter")
    shows(page, "mine.h")
    page.wait_for_function("() => document.querySelector('bs-editor').view.hasFocus")
    page.keyboard.insert_text(MINE)
    page.keyboard.press("Control+Enter")
    rejected(page)
    shows(page, "mine.h")
    page.keyboard.press("Escape")
    page.locator("bs-editor .bs-sentence").wait_for()
    expect(page.locator("bs-editor .bs-current")).to_have_text("return *data;")
    expect(page.locator("bs-why")).to_contain_text("line 5 of mine.h")
    # The tabs are moved through with the arrows, and who looks at another one is not called back.
    page.locator(".file-tab[aria-selected='true']").focus()
    page.keyboard.press("ArrowLeft")
    shows(page, "main.c")
    expect(page.locator(".cm-content")).to_contain_text('#include "mine.h"')
    page.wait_for_timeout(200)
    shows(page, "main.c")
    page.locator(".vl.insns, bs-insns .vl").first.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => document.querySelector('bs-editor').store.state.file === 'mine.h'")
    expect(page.locator("bs-editor .bs-current")).to_contain_text("unsigned char *data")
    assert faults(page) == []
    made.check()


def test_an_error_is_shown_in_its_file(tab: Callable[..., Any]) -> None:
    made = tab()
    page = made.open()
    write(page, MAIN)
    add(page, "mine.h", "int first(void *ctx)\n{\n\treturn nothing_here;\n}\n")
    page.locator(".file-tab").first.click()
    page.get_by_role("button", name="Run", exact=False).first.click()
    page.wait_for_function("() => document.querySelector('bs-editor').store.state.stages.compile?.status === 'failed'")
    page.wait_for_function("() => document.querySelector('bs-editor').store.state.file === 'mine.h'")
    page.locator(".cm-lintRange-error").first.wait_for()
    expect(page.locator(".cm-lintRange-error").first).to_have_text("nothing_here")
    page.locator(".file-tab").first.click()
    page.get_by_role("button", name="line 3 of mine.h").click()
    shows(page, "mine.h")
    made.check()


def test_a_header_that_is_not_there_is_pasted_or_gone_on_without(tab: Callable[..., Any]) -> None:
    made = tab()
    page = made.open()
    write(page, MAIN.replace('"mine.h"', '"../common/mine.h"'))
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("button", name="Go on without ../common/mine.h")).to_be_visible()
    page.get_by_role("button", name="Paste common/mine.h").click()
    shows(page, "mine.h")
    page.wait_for_function("() => document.querySelector('bs-editor').view.hasFocus")
    page.keyboard.insert_text(MINE)
    page.keyboard.press("Control+Enter")
    rejected(page)
    expect(page.locator("bs-why")).to_contain_text("of common/mine.h")
    made.check()


def test_a_source_that_was_copied_with_its_markdown_is_one_click_from_running(tab: Callable[..., Any]) -> None:
    made = tab()
    page = made.open()
    text = MAIN.replace('#include "mine.h"', MINE)
    write(page, f"Hi, why is this refused?\n\n```c\n{text}```\n")
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Keep what is between the marks").click()
    rejected(page)
    assert page.evaluate("document.querySelector('bs-editor').store.state.source") == text
    page.locator(".cm-content").click()
    page.keyboard.press("Control+z")
    expect(page.locator(".cm-content")).to_contain_text("why is this refused?")
    made.check()


def test_a_fix_changes_the_header_and_can_be_undone(tab: Callable[..., Any]) -> None:
    made = tab()
    page = made.open()
    program(page)
    rejected(page)
    page.locator(".file-tab").first.click()
    page.locator("bs-why .fix-card button", has_text="Apply").first.click()
    accepted(page)
    shows(page, "mine.h")
    expect(page.locator(".cm-content")).to_contain_text("data_end")
    page.keyboard.press("Control+z")
    expect(page.locator(".cm-content")).not_to_contain_text("data_end")
    made.check()


def test_files_are_renamed_removed_and_brought_back(tab: Callable[..., Any]) -> None:
    made = tab()
    page = made.open()
    program(page)
    rejected(page)  # from then on the run opens no file
    page.locator(".file-tab", has_text="mine.h").click()
    page.locator(".file-tab[aria-selected='true']").focus()
    page.keyboard.press("F2")
    expect(page.locator(".file-form input")).to_be_focused()
    page.keyboard.type("lib/other.h")
    page.keyboard.press("Enter")
    shows(page, "other.h")
    for wrong in (*HOSTILE[:4], "vmlinux.h", "../x.h", "lib/other.h"):
        page.get_by_role("button", name="+ Header").click()
        page.locator(".file-form input").fill(wrong)
        page.keyboard.press("Enter")
        # A field cuts what is too long for it; what is left of 300 letters is a name.
        if len(wrong) < 129:
            assert page.locator(".file-form input").get_attribute("aria-invalid") == "true", wrong
        page.keyboard.press("Escape")
    page.locator(".file-tab", has_text="other.h").first.click()
    page.locator(".file-tab[aria-selected='true']").focus()
    page.keyboard.press("Delete")
    assert page.locator(".file-tab", has_text="other.h").count() == 0
    page.get_by_role("button", name="Bring it back").click()
    shows(page, "other.h")
    expect(page.locator(".cm-content")).to_contain_text("return *data")
    assert faults(page) == []
    made.check()


def test_a_breakpoint_in_a_header_stops(tab: Callable[..., Any]) -> None:
    made = tab()
    page = made.open()
    write(page, MAIN)
    add(
        page,
        "mine.h",
        MINE.replace(
            "    return *data;", "    if (data + 1 > (void *)(long)ctx->data_end)\n        return 0;\n    return *data;"
        ),
    )
    page.keyboard.press("Control+Enter")
    accepted(page)
    page.keyboard.press("Escape")
    page.evaluate("document.querySelector('bs-editor').scope.search.visitOf(7, 'mine.h')")
    page.wait_for_function("() => document.querySelector('bs-editor').store.state.file === 'mine.h'")
    page.keyboard.press("F9")
    page.locator(".bs-break[data-stop='on']").last.wait_for()
    page.keyboard.press("Home")
    page.keyboard.press("F8")
    page.wait_for_function("() => document.querySelector('bs-editor').store.state.found.includes('line 7 of mine.h')")
    expect(page.locator("bs-editor .bs-current")).to_have_text("return *data;")
    made.check()


def test_a_reload_a_link_and_a_packed_link_have_the_files(tab: Callable[..., Any]) -> None:
    made = tab()
    page = made.open()
    program(page)
    rejected(page)
    page.wait_for_timeout(400)  # the draft is kept soon
    page.reload()
    page.wait_for_selector("html[data-ready]")
    rejected(page)
    assert page.locator(".file-tab").all_text_contents() == ["main.c", "mine.h"]
    made.check()
    answer = page.evaluate(
        "fetch('/api/share', {method: 'POST', headers: {'Content-Type': 'application/json'},"
        " body: JSON.stringify(document.querySelector('bs-editor').scope.protocol.request())}).then(r => r.json())"
    )
    other = tab()
    other.page.goto(answer["url"])
    other.page.wait_for_selector("html[data-ready]")
    rejected(other.page)
    shows(other.page, "mine.h")
    other.check()
    page.keyboard.press("s")
    page.get_by_label("Everything in the link", exact=False).check()
    page.get_by_role("button", name="Make the link").click()
    url = page.locator(".share-url").input_value()
    assert "z=" in url
    third = tab()
    third.page.goto(url)
    third.page.wait_for_selector("html[data-ready]")
    rejected(third.page)
    assert third.page.locator(".file-tab").all_text_contents()[1:] == ["mine.h"]
    third.check()


def archive(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            data = text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("p-1.0/link.h")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return path


FOLDER = {
    "p-1.0/src/x.bpf.c": MAIN.replace('"mine.h"', '"../include/mine.h"'), "p-1.0/include/mine.h": MINE,
    "p-1.0/README.md": "# text", "p-1.0/vmlinux.h": "not this one", **{f"p-1.0/{name}": "x" for name in HOSTILE[:1]},
}  # fmt: skip


def test_an_archive_is_opened_with_its_headers(tab: Callable[..., Any], tmp_path: Path) -> None:
    made = tab()
    page = made.open()
    path = archive(tmp_path / "p-1.0.tar.gz", {**FOLDER, "../../etc/passwd.h": "root"})
    page.locator("bs-editor input[type=file]").set_input_files(str(path))
    page.locator(".file-tab", has_text="mine.h").wait_for()
    assert "Opened src/x.bpf.c of p-1.0.tar.gz with 1 more file." in page.locator(".column-info").first.text_content()
    assert page.locator(".file-tab").all_text_contents() == ["x.bpf.c", "mine.h"]
    page.get_by_role("button", name="Run", exact=False).first.click()
    rejected(page)
    page.wait_for_function("() => document.querySelector('bs-editor').store.state.file === 'include/mine.h'")
    made.check()


def test_a_folder_is_dropped(tab: Callable[..., Any], tmp_path: Path) -> None:
    made = tab()
    page = made.open()
    for name, text in FOLDER.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    client = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(tmp_path / "p-1.0")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        client.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    page.locator(".file-tab", has_text="mine.h").wait_for()
    assert page.locator(".file-tab").all_text_contents() == ["x.bpf.c", "mine.h"]
    page.get_by_role("button", name="Run", exact=False).first.click()
    rejected(page)
    made.check()


def test_headers_alone_are_added_and_another_source_is_used(tab: Callable[..., Any], tmp_path: Path) -> None:
    made = tab()
    page = made.open()
    write(page, MAIN)
    (tmp_path / "mine.h").write_text(MINE)
    other = MAIN.replace("prog(", "other(").replace("== 7", "== 9")
    chooser = page.locator("bs-editor input[type=file]")
    chooser.set_input_files(str(tmp_path / "mine.h"))
    page.locator(".file-tab", has_text="mine.h").wait_for()
    add(page, "other.c", other)
    page.get_by_role("button", name="Use as source").click()
    page.wait_for_function("() => document.querySelector('bs-editor').store.state.stages.load?.program === 'other'")
    rejected(page)
    assert page.locator(".file-tab").all_text_contents() == ["other.c", "mine.h", "main.c"]
    for name, sentence in (("bad.tar.gz", "damaged"), ("none.tar.gz", "no BPF program")):
        if name == "bad.tar.gz":
            (tmp_path / name).write_bytes(b"\x1f\x8b" + b"x" * 600)
        else:
            archive(tmp_path / name, {"p/README": "nothing"})
        chooser.set_input_files(str(tmp_path / name))
        page.locator(".column-info[data-tone='bad']", has_text=sentence).wait_for()
    made.check()


@pytest.mark.parametrize("size", first([(1440, 900), (360, 740)]))
def test_axe_with_files(tab: Callable[..., Any], size: tuple[int, int]) -> None:
    made = tab(width=size[0], height=size[1])
    page = made.open()
    page.evaluate("document.querySelector('bs-editor').store.set({column: 'code'})")
    write(page, MAIN)
    add(page, "mine.h", MINE)
    page.keyboard.press("Control+Enter")
    rejected(page)
    page.evaluate("document.querySelector('bs-editor').store.set({column: 'code'})")
    page.get_by_role("button", name="+ Header").click()
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert in_schemes(page) == []
    made.check()


def swipe(page: Any, x: int, to: int) -> None:
    """A finger goes over the column's head in a sixth of a second, however slow the machine is."""
    y = page.evaluate(
        "(() => { const head = [...document.querySelectorAll('.column-head')].find(each => each.offsetHeight);"
        " const { top, height } = head.getBoundingClientRect(); return Math.round(top + height / 2); })()"
    )
    client = page.context.new_cdp_session(page)
    begun = time.time()
    for step in range(6):
        kind = "touchMove" if step else "touchStart"
        point = {"x": x + (to - x) * step // 5, "y": y}
        given = {"type": kind, "touchPoints": [point], "timestamp": begun + step / 30}
        client.send("Input.dispatchTouchEvent", given)
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": [], "timestamp": begun + 6 / 30})
    page.wait_for_timeout(150)


def test_columns_are_swiped_on_a_phone(tab: Callable[..., Any]) -> None:
    made = tab(width=360, height=740, has_touch=True)
    page = made.open()
    shown = "document.body.dataset.column"
    page.get_by_role("radio", name="State").click()
    swipe(page, 300, 60)  # there is nothing to the right of it
    assert page.evaluate(shown) == "state"
    swipe(page, 60, 300)
    assert page.evaluate(shown) == "insns"
    assert page.get_by_role("radio", name="Instructions").get_attribute("aria-checked") == "true"
    swipe(page, 60, 300)
    assert page.evaluate(shown) == "code"
    page.get_by_role("radio", name="Instructions").click()
    swipe(page, 300, 60)
    assert page.evaluate(shown) == "state"
    made.check()


def test_an_object_shows_the_lines_of_its_other_files(tab: Callable[..., Any], tmp_path: Path) -> None:
    from vm.compile.options import SourceFile
    from vm.pipeline import BuildOptions, Source, compile_source

    made = tab()
    page = made.open()
    compiled = compile_source(Source("c", MAIN.encode(), "p", (SourceFile("mine.h", MINE),)), BuildOptions())
    assert compiled.object is not None
    (tmp_path / "p.o").write_bytes(compiled.object)
    page.locator("bs-editor input[type=file]").set_input_files(str(tmp_path / "p.o"))
    page.get_by_role("button", name="Run", exact=False).first.click()
    rejected(page)
    page.locator(".file-tab", has_text="mine.h").wait_for()
    page.wait_for_function("() => document.querySelector('bs-editor').store.state.file === 'mine.h'")
    expect(page.locator(".cm-content")).to_contain_text("return *data;")
    expect(page.locator("bs-editor .bs-current")).to_have_text("return *data;")
    assert page.get_by_role("button", name="+ Header").count() == 0
    made.check()


@pytest.mark.parametrize("size", [(1440, 900), (360, 740)])
def test_tabs_and_form_are_within_the_column(tab: Callable[..., Any], size: tuple[int, int]) -> None:
    made = tab(width=size[0], height=size[1])
    page = made.open()
    page.evaluate("document.querySelector('bs-editor').store.set({column: 'code'})")
    write(page, MAIN)
    add(page, "mine.h", MINE)
    add(page, "a_rather_long_name_of_a_header_file.h", "")
    page.get_by_role("button", name="+ Header").click()
    column = page.locator(".column-code").bounding_box()
    for part in page.locator(
        ".file-acts button:visible, .file-form, .file-form button, .column-head button:visible"
    ).all():
        box = part.bounding_box()
        if box is not None and part.evaluate("e => Boolean(e.closest('.column-code'))"):
            assert box["x"] >= column["x"] - 1
            assert box["x"] + box["width"] <= column["x"] + column["width"] + 1


def test_an_object_of_another_compiler_steps_with_its_lines(tab: Callable[..., Any]) -> None:
    """GCC's line information is DWARF, which has numbers of lines and no text of them."""
    made = tab()
    page = made.open()
    path = Path(__file__).parents[1] / "vm" / "elf" / "lines" / "gcc-dwarf5.o"
    page.locator("bs-editor input[type=file]").set_input_files(str(path))
    page.get_by_role("button", name="Run", exact=False).first.click()
    current = page.locator("bs-editor .bs-current")
    expect(current).to_have_text("line 14 of steer.c")
    expect(page.locator(".cm-content")).to_contain_text("The object holds the line numbers of steer.c")
    page.keyboard.press("Escape")
    page.locator("bs-insns").get_by_text("goto", exact=False).first.click()
    expect(current).to_contain_text("line 16 of steer.c")
    made.check()


LINES = Path(__file__).parents[1] / "vm" / "elf" / "lines"


def test_the_source_of_an_object_is_brought_to_it(tab: Callable[..., Any], tmp_path: Path) -> None:
    """The object of GCC first, then its source: text, proved facts, heat, breakpoints and names of functions."""
    made = tab()
    page = made.open()
    chooser = page.locator("bs-editor input[type=file]")
    chooser.set_input_files(str(LINES / "gcc-dwarf5.o"))
    page.get_by_role("button", name="Run", exact=False).first.click()
    current = page.locator("bs-editor .bs-current")
    expect(current).to_have_text("line 14 of steer.c")
    for name in ("first", "twice"):
        expect(page.locator("bs-insns .vl-head, bs-insns").first).to_contain_text(name)
    wrong = tmp_path / "other.h"
    wrong.write_text("int a;")
    chooser.set_input_files(str(wrong))
    expect(page.locator("bs-editor .column-info")).to_contain_text("The object was not made of other.h")
    chooser.set_input_files(str(LINES / "steer.c"))
    expect(current).to_contain_text("__u32 queue = ctx->rx_queue_index;")
    expect(page.locator(".cm-content")).to_contain_text("bpf-gcc -O2")  # the whole file, not only lines with code
    expect(page.locator("bs-editor .column-info")).to_contain_text("steer.c: text of the object's lines.")
    page.keyboard.press("Escape")
    page.keyboard.press("End")
    expect(page.locator("bs-editor .bs-fact").first).to_be_visible()
    made.check()


def test_an_archive_with_an_object_and_its_source_offers_both(tab: Callable[..., Any], tmp_path: Path) -> None:
    made = tab()
    page = made.open()
    archive = tmp_path / "steer.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(LINES / "gcc-dwarf4.o", "proj/out/steer.o")
        tar.add(LINES / "steer.c", "proj/src/steer.c")
        tar.add(LINES / "queue.rs", "proj/src/queue.rs")
    page.locator("bs-editor input[type=file]").set_input_files(str(archive))
    expect(page.locator("bs-editor .kind-select")).to_have_value("c")
    page.get_by_role("button", name="Open steer.o instead").click()
    expect(page.locator("bs-editor .kind-select")).to_have_value("elf")
    page.get_by_role("button", name="Run", exact=False).first.click()
    expect(page.locator("bs-editor .bs-current")).to_contain_text("__u32 queue = ctx->rx_queue_index;")
    # Chosen by hand, an object and its source are the object.
    page.locator("bs-editor input[type=file]").set_input_files([str(LINES / "rustc.o"), str(LINES / "queue.rs")])
    expect(page.locator("bs-editor .column-info")).to_contain_text("with the text of queue.rs")
    page.get_by_role("button", name="Run", exact=False).first.click()
    expect(page.locator(".cm-content")).to_contain_text("rustc")
    made.check()

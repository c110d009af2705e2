"""An object file that no message carries: opened, run, asked about, shared, and sent again when the server lost it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.browser.test_flow import stage
from vm import pipeline

C = b"""#define SEC(name) __attribute__((section(name), used))
SEC("xdp") int pass_all(void *ctx) { return 2; }
char LICENSE[] SEC("license") = "GPL";
"""


def test_a_large_object_is_uploaded_by_itself(tab: Callable[..., Any], tmp_path: Path) -> None:
    compiled = pipeline.compile_source(pipeline.Source("c", C, "program"), pipeline.BuildOptions()).object
    assert compiled is not None
    large = tmp_path / "large.o"
    large.write_bytes(compiled + bytes(600_000))
    opened = tab()
    page = opened.open()
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if "/api/uploads" in request.url else None)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Open").first.click()
    chooser.value.set_files(large)
    expect(page.locator("body")).to_contain_text("Recognized as an ELF object: large.o.")
    page.keyboard.press("Control+Enter")
    stage(page, "run", "done")
    page.get_by_role("tab", name="Object file").press("Enter")
    expect(page.locator("bs-object")).to_contain_text("pass_all")
    assert len(posts) == 1, "the same file is sent once"
    # A link to it shows the stored run, and its questions upload the object again.
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.get_by_role("button", name="Make the link").click()
    url = page.locator(".share-url").input_value()
    other = tab()
    shown = other.open(url.removeprefix(other.server))
    stage(shown, "run", "done")
    shown.get_by_role("tab", name="Rewritten").press("Enter")
    expect(shown.locator("bs-rewritten")).to_contain_text("after the verifier")
    other.check()
    opened.check()

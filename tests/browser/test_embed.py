"""An embed in a page of another site: small before it is used, then the page itself in the frame."""

from __future__ import annotations

import gzip
import http.server
import json
import re
import struct
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT
from tests.browser.test_flow import replace_source, source, stage

Tabs = Callable[..., Any]
HOSTILE = "// </script><script>alert(1)</script><img src=x onerror=alert(2)>\n"
PROGRAM = (
    HOSTILE
    + """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int prog(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data;
    return *(unsigned char *)(data + 14);
}
char _license[] SEC("license") = "GPL";
"""
)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Callable[[str], str]]:
    """A page of another site with this content: its address."""
    bodies: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(bodies.get(self.path, b""))

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def page(body: str) -> str:
        path = f"/{len(bodies)}"
        bodies[path] = b"<!doctype html><title>elsewhere</title>" + body.encode()
        return f"http://localhost:{server.server_port}{path}"

    yield page
    server.shutdown()


def shared(server: str, **more: Any) -> str:
    value = {"kind": "c", "source": PROGRAM, "title": "Rejected <b>", **more}
    body = json.dumps(value).encode()
    request = urllib.request.Request(f"{server}/api/share", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["id"])


def test_it_is_small_shows_the_state_and_then_is_used(tab: Tabs, server: str, elsewhere: Callable[[str], str]) -> None:
    link = shared(server, view={"step": 1})
    made = tab(width=800, height=700)
    page = made.page
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    with urllib.request.urlopen(f"{server}/oembed?url={server}/s/{link}") as answer:
        frame = json.load(answer)["html"]
    page.goto(elsewhere(frame))
    inside = page.frame_locator("iframe")
    expect(inside.locator(".said")).to_contain_text("rejected: R")
    expect(inside.locator(".said")).to_contain_text("step 2 of")
    expect(inside.locator("h1")).to_have_text("Rejected <b>")
    expect(inside.locator(".values")).to_contain_text("pkt(")
    ours = [url for url in loaded if url.startswith(server)]
    size = sum(len(gzip.compress(urllib.request.urlopen(url).read())) for url in ours)
    assert size <= 60_000 and not [url for url in ours if url.endswith(".js")], ours
    inside.get_by_role("link", name="Step through it").click()
    expect(inside.locator("bs-scrubber output")).to_contain_text("step 2 of", timeout=20_000)
    inside.locator("bs-scrubber").get_by_role("button", name=re.compile("previous step", re.I)).click()
    expect(inside.locator("bs-scrubber output")).to_contain_text("step 1 of")
    expect(inside.get_by_role("button", name="Run (Ctrl+Enter)")).to_be_hidden()
    expect(inside.get_by_role("link", name="Open in bpfscope")).to_be_visible()
    assert not made.faults


def test_the_smallest_one_shows_the_source_over_its_whole_width(tab: Tabs, server: str) -> None:
    """No script runs in it, so its own style sheet has to know how wide the frame is."""
    made = tab(width=320, height=240)
    page = made.page
    page.goto(f"{server}/embed/{shared(server, view={'step': 1})}")
    expect(page.locator(".said")).to_contain_text("rejected: R")
    source, values = (page.locator(name).bounding_box() for name in ("[aria-label=Source]", ".values"))
    assert source["width"] > 300 and values["width"] > 300 and values["y"] >= source["y"] + source["height"]
    expect(page.locator("[aria-label=Instructions]")).to_be_hidden()
    page.get_by_role("link", name="Step through it").click()
    expect(page.locator("bs-scrubber output")).to_contain_text("step 2 of")
    # In use, too: at least four lines of the program stand between the title and the scrubber.
    line, scrubber = page.locator("bs-insns .vl-row.active"), page.locator("bs-scrubber")
    expect(line).to_be_in_viewport()
    top = page.locator(".columns").bounding_box()["y"]
    assert scrubber.bounding_box()["y"] - top > 4 * line.bounding_box()["height"]
    page.go_back()
    page.set_viewport_size({"width": 1000, "height": 600})
    expect(page.locator("[aria-label=Instructions]")).to_be_visible()


def test_one_that_can_be_edited_runs_what_was_written(tab: Tabs, server: str, elsewhere: Callable[[str], str]) -> None:
    link = shared(server)
    made = tab(width=1000, height=800)
    page = made.page
    page.goto(elsewhere(f'<iframe src="{server}/embed/{link}?edit=1&theme=dark" width="960" height="700"></iframe>'))
    inside = page.frame_locator("iframe")
    dark = "getComputedStyle(document.body).backgroundColor"
    colour = page.frames[1].evaluate(dark)
    inside.get_by_role("link", name="Edit and run").click()
    inside.locator("html[data-ready]").wait_for(state="attached")
    assert page.frames[1].evaluate(dark) == colour
    replace_source(page.frames[1], PROGRAM.replace("*(unsigned char *)(data + 14)", "2"))
    inside.get_by_role("button", name="Run (Ctrl+Enter)").click()
    stage(inside, "run", "done")
    assert source(page.frames[1]).startswith(HOSTILE)
    assert f"/embed/{link}" in page.frames[1].url
    assert not made.faults


def test_the_page_itself_is_not_framed(tab: Tabs, server: str, elsewhere: Callable[[str], str]) -> None:
    made = tab()
    made.page.goto(elsewhere(f'<iframe src="{server}/s/{shared(server)}"></iframe>'))
    made.page.wait_for_timeout(500)
    assert "frame-ancestors" in "".join(made.faults)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_smallest_frame_is_read_whole(tab: Tabs, server: str, scheme: str) -> None:
    made = tab(width=320, height=240)
    page = made.page
    page.goto(f"{server}/embed/{shared(server)}?theme={scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    expect(page.get_by_role("link", name="Step through it")).to_be_in_viewport()
    expect(page.locator("[aria-current=step]").first).to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Step through it")).to_be_focused()
    made.check()


def test_the_picture_has_the_state(server: str) -> None:
    link = shared(server)
    with urllib.request.urlopen(f"{server}/s/{link}/picture.png") as answer:
        data = answer.read()
        assert "max-age" in answer.headers["Cache-Control"]
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", data[16:24]) == (1200, 630)


def test_the_line_of_the_step_is_in_sight_in_a_low_frame(tab: Tabs, server: str) -> None:
    text = (ROOT / "examples" / "missing_bounds_check.c").read_text()
    made = tab(width=320, height=240)
    page = made.page
    page.goto(f"{server}/embed/{shared(server, source=text, view={'step': 11})}")
    marked = page.locator("[aria-label=Source] li[aria-current]")
    marked.wait_for()
    box = marked.bounding_box()
    assert box is not None and box["y"] + box["height"] <= 240
    first = page.locator("[aria-label=Source] li:visible").first.evaluate("each => each.value")
    assert first == marked.evaluate("each => each.value") - 2

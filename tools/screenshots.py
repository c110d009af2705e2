"""Screenshots of every state of the page (`make screenshots`), with the real server, Chromium and the examples.

Writes docs/screenshots/NAME-DEVICE-SCHEME.png, without NAME for the page as it comes.
`python -m tools.screenshots NAME…` takes those scenes only.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--headless"]
DEVICES: Final = {"desktop": (1440, 900, 1), "zoomed": (960, 540, 2), "phone": (390, 844, 2)}
"""Name -> width, height, pixels of the device for each; `zoomed` is a screen of 1920 x 1080 at 200 %."""
REJECTED = "/examples/missing-bounds-check"
UNSEEN = "/errors/packet-access-out-of-range/rejected"
"""A program whose rejected access is safe on its path: every packet has the bytes it reads."""
PASTE = """text => {
    const view = document.querySelector("bs-editor").view;
    view.focus();
    view.dispatch({ selection: { anchor: 0, head: view.state.doc.length } });
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", text);
    view.contentDOM.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


def nothing(page: Any) -> None:
    """The page as it comes."""


def keys(*names: str) -> Callable[[Any], None]:
    """Press keys one after the other."""

    def press(page: Any) -> None:
        for name in names:
            page.keyboard.press(name)

    return press


def tab(name: str) -> Callable[[Any], None]:
    """Open a panel."""
    return lambda page: page.get_by_role("tab", name=name).click()


def shape(part: str) -> Callable[[Any], None]:
    """Show a part of the panel Shape, at a step of the loop."""

    def act(page: Any) -> None:
        keys("g", *"32", "Enter")(page)
        tab("Shape")(page)
        page.locator(f'.shape-views [data-part="{part}"]').click()
        page.wait_for_timeout(1000)

    return act


def fix(page: Any) -> None:
    page.get_by_role("button", name=re.compile("fix(es)? found")).click(timeout=60_000)


def counterexample(page: Any) -> None:
    page.get_by_role("button", name="Search for an input").click()
    page.locator(".go-wrong button", has_text="Search").wait_for(state="detached", timeout=60_000)
    page.locator(".go-wrong").scroll_into_view_if_needed()


def fault(page: Any) -> None:
    counterexample(page)
    page.get_by_role("button", name="Run with this input").click()
    page.locator('.stage[data-stage="run"][data-status="failed"]').wait_for(timeout=60_000)


def sample() -> tuple[str, str]:
    """A log and the source of its program, of the gallery."""
    found = json.loads((ROOT / "gallery" / "index.json").read_text())
    error = next(each for each in found["errors"] if each["name"] == "invalid-memory-access")
    return error["ours"]["log"], (ROOT / "gallery" / error["program"]["path"]).read_text()


def log(page: Any) -> None:
    page.evaluate(PASTE, sample()[0])
    page.locator('[data-part="run"]').click()
    page.locator("#read-from-label").wait_for(state="attached", timeout=60_000)


def log_beside(page: Any) -> None:
    log(page)
    if page.locator("bs-switch").is_visible():
        page.get_by_role("radio", name="Source").click()
    page.get_by_role("button", name="Add the source").click()
    page.get_by_label("C source of the program").fill(sample()[1])
    page.get_by_role("button", name="Compare").click()
    page.locator(".parting").wait_for(state="attached", timeout=60_000)


def hover(page: Any) -> None:
    page.locator(".insns .vl-row", has_text="call").first.locator(".insn-text").hover()
    page.wait_for_timeout(700)


@dataclass(frozen=True, slots=True)
class Scene:
    """A state of the page: where it is, how one gets there, and the column that a phone shows."""

    path: str = "/"
    act: Callable[[Any], None] = nothing
    column: str = "Instructions"
    needs: str = ""
    """the question that the server must answer"""
    plain: bool = False
    """a page without the instrument"""


SCENES: Final = {
    "page": Scene(act=keys(*("ArrowRight",) * 8), column="State"),
    "rejected": Scene(REJECTED, column="Source"),
    "why": Scene("/examples/bounded-loop", keys("1", "g", *"144", "Enter")),
    "run": Scene(act=keys("m", *("ArrowRight",) * 15)),
    "fix": Scene(REJECTED, fix, needs="fixes"),
    "counterexample": Scene(REJECTED, counterexample, needs="counterexample"),
    "counterexample-none": Scene(UNSEEN, counterexample, needs="counterexample"),
    "fault": Scene(REJECTED, fault, "State", needs="counterexample"),
    "log": Scene(act=log),
    "log-beside": Scene(act=log_beside, column="Source"),
    "object": Scene(act=tab("Object file")),
    "profile": Scene("/examples/bounded-loop", act=tab("Profile"), needs="profile"),
    "compare": Scene("/examples/bounded-loop", act=tab("Compare"), needs="compare"),
    "shape": Scene("/examples/bounded-loop", shape("paths")),
    "states": Scene("/examples/bounded-loop", shape("states")),
    "graph": Scene("/examples/bounded-loop", shape("graph"), needs="graph"),
    "loop": Scene("/examples/bounded-loop", shape("loops"), needs="graph"),
    "rewritten": Scene(act=tab("Rewritten")),
    "hover": Scene(act=hover),
    "errors": Scene("/errors/", plain=True),
    "error": Scene("/errors/packet-access-out-of-range", plain=True),
    "glossary": Scene("/glossary?q=packet", plain=True),
}


def main(names: list[str]) -> int:
    if not Path(CHROMIUM).exists():
        print(f"screenshots need Chromium at {CHROMIUM}", file=sys.stderr)
        return 1
    if unknown := set(names) - set(SCENES):
        print(f"no such scenes: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as var:
        address, process = serve(var)
        try:
            take_all(address, names or list(SCENES))
        finally:
            process.terminate()
            process.wait(10)
    return 0


def serve(var: str) -> tuple[str, subprocess.Popen[bytes]]:
    """A server of this checkout with its own data, and its examples already run."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    environment = {**os.environ, "BPFSCOPE_VAR": var, "PORT": str(port), "HOST": "127.0.0.1", "SHUTDOWN_SECONDS": "0"}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=ROOT, env=environment, check=True)
    process = subprocess.Popen([sys.executable, "-m", "playground"], cwd=ROOT, env=environment)
    address = f"http://127.0.0.1:{port}"
    paths = {"/", *(scene.path for scene in SCENES.values() if scene.path.startswith("/examples/"))}
    for _ in range(600):
        try:
            if all(b'"messages"' in urllib.request.urlopen(address + p, timeout=5).read() for p in paths):
                return address, process
        except OSError:
            pass
        time.sleep(0.1)
    process.terminate()
    raise SystemExit("the server did not come up with its examples walked")


def take_all(address: str, names: list[str]) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        for name in names:
            for device, (width, height, scale) in DEVICES.items():
                for scheme in ("light", "dark"):
                    context = browser.new_context(
                        viewport={"width": width, "height": height},
                        device_scale_factor=scale,
                        color_scheme=scheme,
                        reduced_motion="reduce",
                    )
                    file = f"{device}-{scheme}.png" if name == "page" else f"{name}-{device}-{scheme}.png"
                    take(context.new_page(), address, device, SCENES[name], OUT / file)
                    context.close()
        browser.close()


def take(page: Any, address: str, device: str, scene: Scene, out: Path) -> None:
    page.goto(address + scene.path)
    if not scene.plain:
        page.wait_for_selector("html[data-ready]")
        config = json.loads(page.locator("#config").text_content() or "{}")
        if scene.needs and scene.needs not in config["analyses"]:
            print(f"{out.relative_to(ROOT)}: not taken, this server does not answer {scene.needs!r}", file=sys.stderr)
            return
    scene.act(page)
    if device == "phone" and not scene.plain:
        page.get_by_role("radio", name=scene.column).click()
    page.wait_for_timeout(500)
    page.screenshot(path=str(out))
    print(out.relative_to(ROOT))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

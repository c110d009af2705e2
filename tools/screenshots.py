"""Screenshots of the page for docs/ (`make screenshots`), with the real server, Chromium and the examples.

Writes docs/screenshots/{desktop,phone}-{light,dark}.png and some other views of the page.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--headless"]
DESKTOP, PHONE = (1440, 900), (390, 844)

# name: (address, keys pressed, column on a phone; "" on pages without the instrument)
SCENES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "": ("/", ("ArrowRight",) * 8, "State"),
    "rejected-": ("/examples/missing-bounds-check", (), "Source"),
    "why-": ("/examples/bounded-loop", ("1", "g", *"144", "Enter"), "Instructions"),
    "run-": ("/", ("v", *("ArrowRight",) * 15), "Instructions"),
    "errors-": ("/errors/", (), ""),
    "error-": ("/errors/packet-access-out-of-range", (), ""),
}


def main() -> int:
    if not Path(CHROMIUM).exists():
        print(f"screenshots need Chromium at {CHROMIUM}", file=sys.stderr)
        return 1
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as var:
        address, process = serve(var)
        try:
            take_all(address)
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
    paths = {path for path, _, column in SCENES.values() if column}
    for _ in range(600):
        try:
            if all(b'"messages"' in urllib.request.urlopen(address + p, timeout=5).read() for p in paths):
                return address, process
        except OSError:
            pass
        time.sleep(0.1)
    process.terminate()
    raise SystemExit("the server did not come up with its examples walked")


def take_all(address: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        for device, (width, height) in (("desktop", DESKTOP), ("phone", PHONE)):
            for scheme in ("light", "dark"):
                for name, scene in SCENES.items():
                    context = browser.new_context(
                        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
                    )
                    take(context.new_page(), address, device, scene, OUT / f"{name}{device}-{scheme}.png")
                    context.close()
        browser.close()


def take(page: Any, address: str, device: str, scene: tuple[str, tuple[str, ...], str], out: Path) -> None:
    path, keys, column = scene
    page.goto(address + path)
    page.wait_for_selector("html[data-ready]")
    for key in keys:
        page.keyboard.press(key)
    if device == "phone" and column:
        page.get_by_role("radio", name=column).click()
    page.wait_for_timeout(500)
    page.screenshot(path=str(out))
    print(out.relative_to(ROOT))


if __name__ == "__main__":
    raise SystemExit(main())

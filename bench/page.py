"""From a key press to the frame that shows it, in a real Chromium on a real playground."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Final

CHROMIUM: Final = "/usr/bin/chromium"
ARGS: Final = ["--no-sandbox", "--disable-gpu", "--headless"]
KEYS: Final = 60

# The time of the key event itself, then the first moment after the frame was painted.
MEASURE: Final = """() => {
  window.painted = [];
  addEventListener('keydown', event => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => painted.push(performance.now() - event.timeStamp);
    channel.port2.postMessage(0);
  }), true);
}"""


def key_to_paint(address: str) -> dict[str, list[float]]:
    """Milliseconds of KEYS key presses, by what is pressed; {} where there is no Chromium or no playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return {}
    if not Path(CHROMIUM).exists():
        return {}
    found: dict[str, list[float]] = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        # A key that means nothing is what the machine and the browser take by themselves.
        for label, pane, key in (
            ("a key without effect", "log", "q"),
            ("a step", "log", "ArrowRight"),
            ("a step, Why open", "why", "ArrowRight"),
        ):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{address}/examples/bounded-loop#pane={pane}")
            page.wait_for_selector("html[data-ready]")
            page.wait_for_function("() => /of \\d{2}/.test(document.querySelector('bs-scrubber output').textContent)")
            page.evaluate(MEASURE)
            for n in range(KEYS + 1):
                page.keyboard.press(key)
                page.wait_for_function(f"() => painted.length > {n}")
            found[label] = page.evaluate("painted")[1:]
            page.close()
        browser.close()
    return found


def rows(address: str) -> list[tuple[str, str]]:
    """Median and slowest tenth, as the bench prints them."""
    found = key_to_paint(address)
    if not found:
        return [("not measured", "there is no Chromium or no playwright here")]
    return [
        (
            f"{name}: median, slowest tenth",
            f"{statistics.median(ms):8.1f} ms {statistics.quantiles(ms, n=10)[-1]:8.1f} ms",
        )
        for name, ms in found.items()
    ]

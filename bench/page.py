"""The page in a real Chromium on a real playground: from a key to its frame, and what a frame costs."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.rows import Clock, Row, skipped

CHROMIUM: Final = "/usr/bin/chromium"
ARGS: Final = ["--no-sandbox", "--disable-gpu", "--headless"]
KEYS: Final = 60
FRAMES: Final = 120

# The time of the key event itself, then the first moment after the frame was painted.
MEASURE: Final = """() => {
  window.painted = [];
  addEventListener('keydown', event => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => painted.push(performance.now() - event.timeStamp);
    channel.port2.postMessage(0);
  }), true);
}"""
NEXT_FRAME: Final = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))"
ENDED: Final = "() => /of 1000000/.test(document.querySelector('bs-scrubber output').textContent)"


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser; None without Chromium or playwright."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        yield None
        return
    if not Path(CHROMIUM).exists():
        yield None
        return
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


NO_BROWSER: Final = "there is no Chromium or no playwright"


def key_to_paint(address: str) -> list[Row]:
    """Milliseconds of KEYS key presses, by what is pressed."""
    found: list[Row] = []
    with chromium() as browser:
        if browser is None:
            return [skipped("from a key press to its frame", NO_BROWSER)]
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
            found.append(Row(label, page.evaluate("painted")[1:], " ms"))
            page.close()
    return found


def frames(address: str, source: str, clock: Clock) -> list[Row]:
    """Script time of each frame while the arrow key and then the scrubber move through the walk of `source`."""
    labels = ("script time a frame, stepping, p95", "script time a frame, dragging, p95", "JavaScript heap at most")
    with chromium() as browser:
        if browser is None:
            return [skipped(label, NO_BROWSER) for label in labels]
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        draft = json.dumps({"kind": "asm", "source": source, "options": {}})
        page.add_init_script(f"localStorage.setItem('bpfscope.draft', {json.dumps(draft)})")
        page.goto(f"{address}/")
        page.wait_for_selector("html[data-ready]")
        page.keyboard.press("Control+Enter")
        page.wait_for_function(ENDED, timeout=1000 * max(1.0, clock.left() - 5))
        metrics = page.context.new_cdp_session(page)
        metrics.send("Performance.enable")
        heap = [0.0]

        def script(act: Callable[[], object]) -> float:
            """Milliseconds of script until the frame after the action was painted."""
            before = _metrics(metrics)
            act()
            page.evaluate(NEXT_FRAME)
            after = _metrics(metrics)
            heap.append(after["JSHeapUsedSize"] / 1e6)
            return 1000 * (after["ScriptDuration"] - before["ScriptDuration"])

        page.evaluate("document.activeElement?.blur?.()")
        half = Clock(clock.left() / 2)
        stepping = half.repeat(lambda: script(lambda: page.keyboard.press("ArrowLeft")), FRAMES)
        box = page.locator("bs-scrubber input[type=range]").bounding_box()
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] / 2, middle)
        page.mouse.down()
        places = iter([box["x"] + box["width"] * (0.05 + 0.9 * (i * 37 % FRAMES) / FRAMES) for i in range(FRAMES)])
        dragging = clock.repeat(lambda: script(lambda: page.mouse.move(next(places), middle)), FRAMES)
        page.mouse.up()
    return [
        _p95(labels[0], stepping),
        _p95(labels[1], dragging),
        Row(labels[2], [max(heap)], " MB", 50),
    ]


def _metrics(session: Any) -> dict[str, float]:
    return {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}


def _p95(label: str, milliseconds: list[float]) -> Row:
    if len(milliseconds) < 20:
        return Row(label)
    note = f"median {statistics.median(milliseconds):.1f} ms of {len(milliseconds)} frames"
    return Row(label, [statistics.quantiles(milliseconds, n=20)[-1]], " ms", 8, note=note)

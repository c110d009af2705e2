"""The page in a real Chromium on a real playground: from a key to its frame, and what a frame costs."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench import long_log
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
# Instructions, and a state, of the log: those of the example that the page opens with are there before.
FIRST_SCREEN: Final = f"""() =>
  document.querySelector('bs-insns').textContent.includes({json.dumps(long_log.LAST_INSN)})
  && document.querySelector('bs-state tr[data-name=r10]')
  && / of \\d/.test(document.querySelector('bs-scrubber output').textContent)"""
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


LOADS: Final = 5
FIRST_PAINT: Final = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def first_paint(address: str) -> list[Row]:
    """Milliseconds from a navigation to the first paint: the server's first page, and later ones without a cache."""
    labels = ("first paint of a cold server", "first paint of a warm server", "cold to warm")
    with chromium() as browser:
        if browser is None:
            return [skipped(label, NO_BROWSER) for label in labels]
        # What the browser itself takes when it starts is not the page's.
        browser.new_page().goto("data:text/html,<p>warm")
        took = []
        for _ in range(LOADS + 1):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            page = context.new_page()
            page.goto(f"{address}/")
            page.wait_for_function(f"() => ({FIRST_PAINT})() !== null")
            took.append(float(page.evaluate(FIRST_PAINT)))
            context.close()
    cold, *warm = took
    return [
        Row(labels[0], [cold], " ms", 1000),
        Row(labels[1], warm, " ms", 1000),
        Row(labels[2], [cold / statistics.median(warm)]),
    ]


def run_page(browser: Any, address: str, source: str) -> Any:
    """A page that has just begun to run an assembly source: it does so by itself with a draft that was kept."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    draft = json.dumps({"kind": "asm", "source": source, "options": {}})
    page.add_init_script(f"localStorage.setItem('bpfscope.draft', {json.dumps(draft)})")
    page.goto(f"{address}/")
    page.wait_for_selector("html[data-ready]")
    return page


def tree_frames(address: str, source: str, nodes: int, clock: Clock) -> list[Row]:
    """Script time of each frame while one steps, drags and scrolls with a tree of `nodes` nodes in sight."""
    labels = tuple(f"script time a frame, {what} with the tree, p95" for what in ("stepping", "dragging", "scrolling"))
    with chromium() as browser:
        if browser is None:
            return [skipped(label, NO_BROWSER) for label in labels]
        page = run_page(browser, address, source)
        page.locator("#tab-paths").click()
        sum_ = f"() => document.querySelector('.shape-sum')?.textContent.includes('{nodes:,} nodes')"
        page.wait_for_function(sum_, timeout=1000 * max(1.0, clock.left() - 5))
        page.evaluate("document.activeElement?.blur?.()")
        page.keyboard.press("End")  # as of a rejected program, from where the arrow key leads back
        meter = Meter(page)
        stepping = meter.stepping(Clock(clock.left() / 3))
        dragging = meter.dragging(Clock(clock.left() / 2))
        scrolling = meter.scrolling(".paths", clock)
    return [_p95(label, took) for label, took in zip(labels, (stepping, dragging, scrolling), strict=True)]


def frames(address: str, source: str, clock: Clock) -> list[Row]:
    """Script time of each frame while the arrow key and then the scrubber move through the walk of `source`."""
    labels = ("script time a frame, stepping, p95", "script time a frame, dragging, p95", "JavaScript heap at most")
    with chromium() as browser:
        if browser is None:
            return [skipped(label, NO_BROWSER) for label in labels]
        page = run_page(browser, address, source)
        page.wait_for_function(ENDED, timeout=1000 * max(1.0, clock.left() - 5))
        meter = Meter(page)
        page.evaluate("document.activeElement?.blur?.()")
        stepping = meter.stepping(Clock(clock.left() / 2))
        dragging = meter.dragging(clock)
    return [
        _p95(labels[0], stepping),
        _p95(labels[1], dragging),
        Row(labels[2], [max(meter.heap, default=0.0)], " MB", 50),
    ]


def log_frames(address: str, file: Path, clock: Clock) -> list[Row]:
    """A long log as a person reads it: sent, the first screen, moved through while it is read and afterwards."""
    labels = (
        "100 MB log: from the key that sends it to the first screen",
        "100 MB log: from the same key to its end",
        "100 MB log: script time a frame, dragging while it is read, p95",
        "100 MB log: script time a frame, stepping, p95",
        "100 MB log: script time a frame, dragging, p95",
        "100 MB log: script time a frame, scrolling its text, p95",
        "100 MB log: JavaScript heap at most",
    )
    with chromium() as browser:
        if browser is None:
            return [skipped(label, NO_BROWSER) for label in labels]
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{address}/")
        page.wait_for_selector("html[data-ready]")
        page.locator("bs-editor input[type=file]").first.set_input_files(str(file))
        page.wait_for_function("() => document.querySelector('.kind-select').value === 'log'")
        started = time.monotonic()
        page.keyboard.press("Control+Enter")
        page.wait_for_function(FIRST_SCREEN)
        first = time.monotonic() - started
        meter = Meter(page)
        page.evaluate("document.activeElement?.blur?.()")
        meanwhile = meter.dragging(Clock(20))
        page.wait_for_selector(".fail-card", timeout=1000 * max(1.0, clock.left() - 30))
        ended = time.monotonic() - started
        stepping = meter.stepping(Clock(clock.left() / 3))
        dragging = meter.dragging(Clock(clock.left() / 2))
        page.get_by_role("tab", name="Log", exact=True).click()
        page.wait_for_selector("bs-log .vl-row")
        scrolling = meter.scrolling("bs-log .vl", clock)
    return [
        Row(labels[0], [first], " s", 3),
        Row(labels[1], [ended], " s"),
        _p95(labels[2], meanwhile),
        _p95(labels[3], stepping),
        _p95(labels[4], dragging),
        _p95(labels[5], scrolling),
        Row(labels[6], [max(meter.heap, default=0.0)], " MB", 50),
    ]


class Meter:
    """Milliseconds of script until the frame after an action was painted, and the heap then in MB."""

    def __init__(self, page: Any) -> None:
        self.heap: list[float] = []
        self._page = page
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def script(self, act: Callable[[], object]) -> float:
        """One action."""
        before = _metrics(self._session)
        act()
        self._page.evaluate(NEXT_FRAME)
        after = _metrics(self._session)
        self.heap.append(after["JSHeapUsedSize"] / 1e6)
        return 1000 * (after["ScriptDuration"] - before["ScriptDuration"])

    def stepping(self, clock: Clock) -> list[float]:
        """The arrow key, FRAMES times."""
        return clock.repeat(lambda: self.script(lambda: self._page.keyboard.press("ArrowLeft")), FRAMES)

    def dragging(self, clock: Clock) -> list[float]:
        """The scrubber, held and moved across the whole walk."""
        mouse = self._page.mouse
        box = self._page.locator("bs-scrubber input[type=range]").bounding_box()
        middle = box["y"] + box["height"] / 2
        mouse.move(box["x"] + box["width"] / 2, middle)
        mouse.down()
        places = iter([box["x"] + box["width"] * (0.05 + 0.9 * (i * 37 % FRAMES) / FRAMES) for i in range(FRAMES)])
        found = clock.repeat(lambda: self.script(lambda: mouse.move(next(places), middle)), FRAMES)
        mouse.up()
        return found

    def scrolling(self, list_: str, clock: Clock) -> list[float]:
        """The wheel over a list, half a screen at a time."""
        box = self._page.locator(list_).bounding_box()
        self._page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        turns = iter([-1 if n % 40 < 20 else 1 for n in range(FRAMES)])
        return clock.repeat(
            lambda: self.script(lambda: self._page.mouse.wheel(0, next(turns) * box["height"] / 2)), FRAMES
        )


def _metrics(session: Any) -> dict[str, float]:
    return {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}


def _p95(label: str, milliseconds: list[float]) -> Row:
    if len(milliseconds) < 20:
        return Row(label)
    note = f"median {statistics.median(milliseconds):.1f} ms of {len(milliseconds)} frames"
    return Row(label, [statistics.quantiles(milliseconds, n=20)[-1]], " ms", 8, note=note)

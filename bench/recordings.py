"""A recording of 100 events on the page: from a link, and from a file, until its first step is there."""

from __future__ import annotations

import base64
import json
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bench.page import NO_BROWSER, chromium
from bench.rows import Clock, Row, skipped
from bench.submit import Playground
from vm import pipeline
from vm.kernel.release import VERSION
from vm.pipeline import BuildOptions, Choice, Recording, Source

EVENTS: Final = 100
OPENED: Final = 15
"""How often each is opened, at most."""
GOAL: Final = 300.0
SIZES: Final = {"about 100": 8, "about 200": 24}
"""Machine instructions of an event, and the rounds that the program takes for that."""
PROGRAM: Final = """#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct seen { __u64 calls; __u64 bits; __u32 last; __u32 most; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 512); __type(key, __u32); __type(value, struct seen); }
tasks SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 64); __type(key, __u32); __type(value, __u64); }
slots SEC(".maps");
__u64 total;

SEC("raw_tp/sys_enter")
int count(struct bpf_raw_tracepoint_args *ctx)
{
    __u64 number = ctx->args[1], hash = 0xcbf29ce484222325ULL;
    __u32 pid = bpf_get_current_pid_tgid() >> 32;
    struct seen *task = bpf_map_lookup_elem(&tasks, &pid);
    if (!task) {
        struct seen fresh = {.last = number};
        bpf_map_update_elem(&tasks, &pid, &fresh, BPF_ANY);
        task = bpf_map_lookup_elem(&tasks, &pid);
        if (!task)
            return 0;
    }
#pragma unroll
    for (int i = 0; i < ROUNDS; i++) {
        hash = (hash ^ (number >> (8 * (i & 7)) & 0xff)) * 0x100000001b3ULL;
        task->bits ^= hash;
    }
    __u32 slot = hash & 63;
    __u64 *times = bpf_map_lookup_elem(&slots, &slot);
    if (times)
        __sync_fetch_and_add(times, 1);
    task->calls++;
    task->last = number;
    if (number > task->most)
        task->most = number;
    total++;
    return 0;
}
char LICENSE[] SEC("license") = "GPL";
"""
# The run's first step with its registers, painted. The time is that of the page's clock, which a navigation starts.
WATCH: Final = """(said) => {
  window.shown = 0;
  const look = () => {
    const told = document.querySelector('bs-scrubber output')?.textContent ?? '';
    const value = document.querySelector('bs-state tr[data-name=r1]');
    const run = document.querySelector('.stage[data-stage="run"]');
    if (/step 1 of \\d/.test(told) && run?.textContent.includes(said) && value) {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => { window.shown = performance.now(); };
      channel.port2.postMessage(0);
    } else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
CHOICE: Final = """() => {
  const chooser = document.querySelector('bs-editor input[type=file]');
  chooser.addEventListener('change', () => { window.chosen = performance.now(); }, { capture: true, once: true });
}"""
SMALL: Final[dict[str, Any]] = {"kind": "asm", "source": "r0 = 2\nexit\n"}
SAID: Final = {False: "XDP_PASS", True: f"{EVENTS} events"}
"""What the stage says of a run, and of a recording."""
STEPPED: Final = "() => /step 2 of \\d/.test(document.querySelector('bs-scrubber output').textContent)"


def recorded(rounds: int) -> Recording:
    """EVENTS events of PROGRAM, recorded in a guest. SystemExit if there are fewer."""
    source = Source("c", PROGRAM.replace("ROUNDS", str(rounds)).encode(), "count.c")
    _, build = pipeline.built(source, BuildOptions())
    (state,) = pipeline.guests([VERSION])
    assert build is not None
    (found,) = (
        each
        for each in pipeline.record(build, source, state, Choice(EVENTS), workload="shell", seconds=20)
        if isinstance(each, Recording)
    )
    if len(found.events) != EVENTS:
        raise SystemExit(f"bench: {len(found.events)} events were recorded instead of {EVENTS}")
    return found


def anew(recording: Recording) -> Iterator[Recording]:
    """The recording, each time of another text of the same program, so that no stored answer is told."""
    number = 0
    while True:
        number += 1
        text = f"{recording.source['source']}// {number}\n"
        yield replace(recording, source={**recording.source, "source": text})


def request_of(recording: Recording) -> dict[str, Any]:
    """As the page asks for it, which knows no name: another request would be another stored answer."""
    data = base64.b64encode(pipeline.recording_file(recording)).decode()
    source = {name: value for name, value in recording.source.items() if name != "name"}
    return {**source, "input": {"kind": "recording", "base64": data}}


def shared(address: str, request: dict[str, Any]) -> str:
    """A link to the first recorded step."""
    told = {**request, "view": {"stage": "run", "step": 0, "packet": 0}}
    asked = urllib.request.Request(
        f"{address}/api/share", json.dumps(told).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return f"{address}/s/{json.load(answer)['id']}"


def by_link(browser: Any, link: str, said: str = SAID[True]) -> float:
    """Milliseconds from the navigation until the first step is painted; then it is stepped."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(f"({WATCH})({json.dumps(said)})")
    page.goto(link, wait_until="commit")
    page.wait_for_function("() => window.shown > 0", timeout=30_000)
    took = float(page.evaluate("window.shown"))
    page.keyboard.press("ArrowRight")
    page.wait_for_function(STEPPED)
    context.close()
    return took


def store(browser: Any, link: str) -> None:
    """Open a link until its answer is whole, and stored: who leaves before stops the run."""
    page = browser.new_page()
    page.goto(link)
    page.wait_for_function("() => document.querySelector('bs-dock')?.store?.state.status.state === 'done'")
    page.close()


def by_file(page: Any, file: Path) -> float:
    """Milliseconds from the choice of the file until the first recorded step is painted; then it is stepped."""
    page.evaluate(CHOICE)
    page.evaluate(WATCH, SAID[True])
    page.locator("bs-editor input[type=file]").set_input_files(str(file))
    page.wait_for_function("() => window.shown > 0", timeout=30_000)
    took = float(page.evaluate("window.shown - window.chosen"))
    page.evaluate("document.activeElement?.blur?.()")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(STEPPED)
    return took


def recordings(clock: Clock) -> list[Row]:
    """A recording of 100 events: navigation or choice of the file until the first recorded step can be stepped."""
    if not any(each.release == VERSION or each.name == VERSION for each in pipeline.saved_guests().states):
        return [skipped("a recording of 100 events", "there is no saved guest (docs/kernels.md)")]
    found: list[Row] = []
    with chromium() as browser, Playground() as playground, tempfile.TemporaryDirectory() as tmp:
        if browser is None:
            return [skipped("a recording of 100 events", NO_BROWSER)]
        address = playground.address
        for n, (label, rounds) in enumerate(SIZES.items()):
            made = anew(recorded(rounds))
            part = Clock(clock.left() / (len(SIZES) - n))
            link = shared(address, request_of(next(made)))
            store(browser, link)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{address}/examples/count-drop")
            page.wait_for_selector("html[data-ready]")
            file = Path(tmp, "events.rec")

            def opened(page: Any = page, file: Path = file, made: Iterator[Recording] = made) -> float:
                file.write_bytes(pipeline.recording_file(next(made)))
                return by_file(page, file)

            plain = shared(address, SMALL)
            ways: dict[str, Callable[[], float]] = {
                "link to a run of two steps": lambda plain=plain: by_link(browser, plain, SAID[False]),  # type: ignore[misc]
                "link, stored answer": lambda link=link: by_link(browser, link),  # type: ignore[misc]
                "link, replayed": lambda made=made: by_link(browser, shared(address, request_of(next(made)))),  # type: ignore[misc]
                "file, replayed": opened,
            }
            for way, action in ways.items():
                values = Clock(part.left() / len(ways)).repeat(lambda action=action: _alone(action), OPENED)  # type: ignore[misc]
                found.append(Row(f"{EVENTS} events of {label} instructions, {way}", values, " ms", GOAL))
            page.close()
    return found


def _alone(action: Callable[[], float]) -> float:
    """An action that nothing of the one before disturbs."""
    time.sleep(0.5)
    return action()

"""Questions about values as a person asks them: from the click on a register or slot to the frame with its history."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from bench.page import NO_BROWSER, chromium, run_page
from bench.rows import Clock, Row, skipped

STEPS: Final = 12
"""Steps of each stage of a walk whose values are asked, evenly spread; in each all of them."""
SLOW: Final = 60
"""Milliseconds from which an answer is listed with what it waited for."""
GOAL: Final = 100
LISTED: Final = 8

# Each value is clicked in its row. The question leaves with the click; `answered` is when its answer was taken, and the
# end is the frame after the popover told it. The first click is the first question of its page.
ASK: Final = """async ([most, until]) => {
  const { scope } = document.querySelector('bs-editor');
  const { store, cursor, values, session } = scope;
  const popover = document.querySelector('bs-value');
  const found = [];
  let missing = 0, answered = 0;
  const end = performance.now() + until;
  const paint = () => new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
  const take = values.take;
  values.take = function (message) {
    if (message.type === 'value') answered = performance.now();
    return take.call(this, message);
  };
  const row = name => document.querySelector(`bs-state tr[data-name="${name}"] .reg-name`);
  for (const view of ['verify', 'run']) {
    const total = scope.steps[view].total;
    if (!total) continue;
    const at = store.state.view === view ? store.state.step : -1;
    const count = Math.min(total, most);
    const steps = Array.from({ length: count }, (_, n) => Math.floor(n * total / count));
    for (const step of at < 0 ? steps : [at, ...steps.filter(each => each !== at)]) {
      store.set({ selected: null, reg: '', asking: '' });
      if (store.state.view !== view) cursor.show(view, step);
      else if (store.state.step !== step) cursor.goto(step);
      for (let wait = 0; !cursor.now() && wait < 100; wait++) await paint();
      const here = cursor.now();
      if (!here) continue;
      const names = view === 'verify' ? [...here.state.keys()] : Object.keys(here.regs);
      for (const name of names) {
        const now = performance.now();
        if (now > end) return { found, missing };
        if (!/^(\\d+:)?(r\\d{1,2}|fp-\\d+)$/.test(name)) continue;
        // Of the frames below the page shows what they keep for their return.
        const colon = name.indexOf(':');
        const below = view === 'verify' && (colon < 0 ? 0 : Number(name.slice(0, colon))) < here.frame;
        if (below && !/(r[6-9]|fp-\\d+)$/.test(name)) continue;
        for (let wait = 0; !row(name) && wait < 100; wait++) await paint();
        const button = row(name);
        if (!button) { missing++; continue; }
        const short = name.slice(name.indexOf(':') + 1);
        answered = 0;
        const begun = performance.now();
        button.click();
        const told = () => {
          const [value, shown] = popover.stamp;
          return value && shown === step && value.step === step && value.stage === view && value.name === short
            && store.state.selected?.name === short;
        };
        while (!told() && performance.now() - begun < 5000) await paint();
        const took = performance.now() - begun;
        if (told()) found.push({ took, answered: answered ? answered - begun : 0, view, step, name });
        else missing++;
      }
    }
  }
  store.set({ asking: '' });
  return { found, missing };
}"""

THERE: Final = """least => {
  const { scope } = document.querySelector('bs-editor');
  const { status } = scope.store.state.stages.verify ?? {};
  return status && status !== 'working' && scope.steps.verify.total >= least
    && document.querySelector('bs-state tr[data-name=r10]');
}"""


class Walk(NamedTuple):
    """What a page opens: a path of the server, or else an assembly source that is run first."""

    name: str
    path: str = ""
    source: str = ""
    least: int = 1
    """Steps that the walk has at least."""


class Answer(NamedTuple):
    """One question: milliseconds to the frame and to its message, and where it was asked; the first of its page?"""

    took: float
    answered: float
    where: str
    first: bool

    def told(self) -> str:
        """What the time went into."""
        return f"the answer was there after {self.answered:.0f} ms{', the first of its page' * self.first}"


def values(address: str, walks: Sequence[Walk], clock: Clock, ready: Callable[[], object]) -> list[Row]:
    """Rows of all questions, of the first ones of each page, and of each answer that took SLOW milliseconds.

    ready -- waits until all workers are there: one that a closed page left in the middle of something is replaced
    """
    label = "from the click on a value to its history"
    answers: list[Answer] = []
    missing = opened = 0
    with chromium() as browser:
        if browser is None:
            return [skipped(label, NO_BROWSER)]
        for number, walk in enumerate(walks):
            share = clock.left() / (len(walks) - number)
            if share < 1:
                break
            ready()
            said = _asked(browser, address, walk, share)
            for n, each in enumerate(said["found"]):
                where = f"{walk.name} {each['view']} {each['step']} {each['name']}"
                answers.append(Answer(each["took"], each["answered"], where, not n))
            missing += said["missing"]
            opened += 1
    if not answers:
        return [Row(label)]
    took = sorted(answer.took for answer in answers)
    first = [answer.took for answer in answers if answer.first]
    note = f"{len(took):,} values of {opened} walks" + (f", {missing} without an answer" if missing else "")
    slow = [answer for answer in sorted(answers, reverse=True) if answer.took >= SLOW]
    return [
        Row(f"{label}, median", [statistics.median(took)], " ms", note=note),
        Row(f"{label}, p99", [took[len(took) * 99 // 100]], " ms", GOAL),
        Row(f"{label}, slowest", [took[-1]], " ms", GOAL, note=f"{len(slow)} took {SLOW} ms or more"),
        Row("the first question of a page, median", [statistics.median(first)], " ms"),
        Row("the first question of a page, slowest", [max(first)], " ms", GOAL),
        *(Row(f"  {each.where}", [each.took], " ms", note=each.told()) for each in slow[:LISTED]),
    ]


def _asked(browser: Any, address: str, walk: Walk, seconds: float) -> dict[str, Any]:
    """What ASK found on a page that was just opened."""
    clock = Clock(seconds)
    if walk.source:
        page = run_page(browser, address, walk.source)
    else:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{address}{walk.path}")
        page.wait_for_selector("html[data-ready]")
    page.wait_for_function(THERE, arg=walk.least, timeout=60_000)
    found: dict[str, Any] = page.evaluate(ASK, [STEPS, max(500.0, 1000 * clock.left() - 800)])
    page.close()
    return found

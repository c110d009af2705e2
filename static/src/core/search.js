/** Moves of the cursor that look for something: a visit, a change, a writer, a fork. */

import { KINDS, stopsOf, tested } from "./breakpoints.js";
import { lineName } from "./files.js";
import { REASONS } from "./lists.js";

/** @import { Breakpoint } from "./breakpoints.js" */
/** @import { Stop } from "./seeker.js" */
/** @import { MachineStep, Path, VerifierStep } from "../types/messages.js" */
/** @import { ListName } from "./lists.js" */
/** @import { RunWindows, WalkWindows } from "./windows.js" */

/** @typedef {VerifierStep | MachineStep} Raw */

/**
 * A test of the steps that are here: the number of the stop that holds, -1 for none; undefined where it takes steps that
 * are not here.
 * @typedef {(raw: Raw, step: number) => number | undefined} Test
 */

/** Windows fetched by one search, at most, where the server does not search. */
const SEARCH_WINDOWS = 400;
/** Milliseconds after which the page says that it still searches. */
const LATE = 400;

export class Search {
  /** @type {symbol | undefined} the latest search: an older one stops when its window arrives */
  ticket;
  /** What is searched for, in words. */
  what = "";

  /**
   * @param {import("./cursor.js").Cursor} cursor
   * @param {import("./lists.js").Lists} lists
   * @param {import("./seeker.js").Seeker} seeker
   * @param {Pick<import("./values.js").Values, "walk"> | null} values
   */
  constructor(cursor, lists, seeker, values = null) {
    this.values = values;
    this.cursor = cursor;
    this.lists = lists;
    this.seeker = seeker;
    this.steps = cursor.steps;
    this.store = cursor.store;
  }

  get state() {
    return this.store.state;
  }

  /**
   * Find the next step in a direction for which a test holds, and go there.
   * @param {number} direction 1 or -1
   * @param {((raw: Raw, step: number) => boolean) | null} test decides steps that are here; null: only the server can
   * @param {string} what is looked for, in words
   * @param {Stop[]} stops what the server looks for in the steps that are not here; without them they are fetched
   */
  seek(direction, test, what, stops = []) {
    return this.find(direction, stops, what, test && ((raw, step) => (test(raw, step) ? 0 : -1)));
  }

  /**
   * The same by stops.
   * @param {number} direction
   * @param {Stop[]} stops
   * @param {string} what
   * @param {Test | null} test
   */
  async find(direction, stops, what, test = this.testOf(stops)) {
    this.what = `${direction > 0 ? "next" : "previous"} ${what}`;
    const ticket = this.begin();
    const found = await this.nearest(direction, stops, this.state.step, test);
    if (this.ticket !== ticket) return false;
    if (found) this.cursor.goto(found.step);
    else if (found === null) this.store.set({ found: `No ${direction > 0 ? "later" : "earlier"} ${what}.` });
    return Boolean(found);
  }

  /**
   * The nearest step at which one of the stops holds, among the steps that are here and, behind them, on the server.
   * @param {number} direction
   * @param {Stop[]} stops
   * @param {number} from
   * @param {Test | null} test
   * @returns {Promise<{step: number, stop: number} | null | undefined>} undefined: given up, which was said
   */
  async nearest(direction, stops, from, test = this.testOf(stops)) {
    const { windows } = this.cursor;
    const { ticket } = this;
    const able = this.seeker.able && stops.length > 0;
    let fetched = 0;
    let s = from;
    while (test && s + direction >= 0 && s + direction < windows.total) {
      const raw = windows.step(s + direction);
      const stop = raw ? test(raw, s + direction) : undefined;
      if (stop !== undefined) {
        s += direction;
        if (stop >= 0) return { step: s, stop };
        continue;
      }
      if (able || ++fetched > SEARCH_WINDOWS) break;
      this.store.set({ found: `Searching for the ${this.what}: step ${s + 1}…` });
      const wanted = s + direction - (raw ? 1 : 0);
      windows.need(wanted);
      if (!(await this.arrival(windows, wanted)) || this.ticket !== ticket) return undefined;
    }
    if (s + direction < 0 || s + direction >= windows.total) return null;
    return this.asked(direction, stops, s);
  }

  /**
   * The same by the server alone.
   * @param {number} direction
   * @param {Stop[]} stops
   * @param {number} from
   */
  async asked(direction, stops, from) {
    const { view, packetRun } = this.state;
    const { ticket } = this;
    if (!this.seeker.able) {
      this.store.set({ found: "This takes a server that searches." });
      return undefined;
    }
    let at = from;
    const late = setInterval(() => this.ticket === ticket && this.store.set({ found: `Searching for the ${this.what}: step ${at + 1}…` }), LATE);
    try {
      for (;;) {
        const found = await this.seeker.find({ view, run: packetRun, from: at, direction }, stops);
        if (this.ticket !== ticket) return undefined;
        const wrong = found?.problems[0];
        if (!found || wrong) {
          this.store.set({ found: wrong ? `${wrong.message} (column ${wrong.column} of “${stops[wrong.stop].text}”)` : "The server did not answer the search; try again." });
          return undefined;
        }
        if (found.step !== null) return { step: found.step, stop: found.stop ?? 0 };
        if (!found.more) return null;
        at = found.at;
      }
    } finally {
      clearInterval(late);
    }
  }

  /** A test of what steps alone decide; null where it takes the server. @param {Stop[]} stops @returns {Test | null} */
  testOf(stops) {
    const { windows } = this.cursor;
    const test = tested(stops);
    return test && ((raw, step) => {
      const before = step > 0 ? windows.step(step - 1) : null;
      // Whether a line is come to, the step before it says.
      return step > 0 && !before && stops.some((stop) => stop.kind === "line") ? undefined : test(raw, before);
    });
  }

  /** A new search: the one before, if it still waits, ends. */
  begin() {
    this.ticket = Symbol();
    return this.ticket;
  }

  /** Wait until a window is here; false after ten seconds. @param {WalkWindows | RunWindows} windows @param {number} step */
  async arrival(windows, step) {
    for (let i = 0; i < 500; i++) {
      if (windows.step(step)) return true;
      await new Promise((resolve) => setTimeout(resolve, 20));
      windows.need(step);
    }
    return false;
  }

  /** Wait until lists are here as a whole; false after ten seconds, or when another search began. @param {ListName[]} names */
  async fetched(...names) {
    const ticket = this.begin();
    for (let i = 0; i < 500; i++) {
      if (this.lists.all(...names)) return true;
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (this.ticket !== ticket) return false;
    }
    return false;
  }

  /** Next or previous step that does not go into a call. @param {number} direction */
  over(direction) {
    const frame = this.cursor.now()?.frame ?? 0;
    return this.seek(direction, (raw) => (raw.frame ?? 0) <= frame, "step of this function", [{ kind: "frame", most: frame + 1 }]);
  }

  /** Out of the function or callback: to the first step after it, or to the last one before it. @param {number} direction */
  out(direction) {
    const frame = this.cursor.now()?.frame ?? 0;
    if (!frame) {
      this.store.set({ found: "This is the outermost function." });
      return false;
    }
    return this.seek(direction, (raw) => (raw.frame ?? 0) < frame, "step outside of this function", [{ kind: "frame", most: frame }]);
  }

  /** Next or previous call of a helper, kernel function or function. @param {number} direction */
  call(direction) {
    const insns = [...this.state.code.calls.values()].flat();
    if (!insns.length) {
      this.store.set({ found: "This program calls nothing." });
      return false;
    }
    return this.visits(direction, insns, "call");
  }

  /** @param {number} direction @param {number[]} insns @param {string} what */
  visits(direction, insns, what) {
    return this.find(direction, [{ kind: "insn", insns }], what);
  }

  /** On to the next breakpoint. @param {number} direction */
  async on(direction) {
    const { breakpoints, code } = this.state;
    const { stops, of } = stopsOf(breakpoints, code);
    if (!stops.length) {
      const none = breakpoints.some((each) => each.enabled) ? "No enabled breakpoint is at a place of this program." : "There is no breakpoint. Click beside a line or an instruction, or press F9.";
      this.store.set({ found: none });
      return false;
    }
    this.what = `${direction > 0 ? "next" : "previous"} breakpoint`;
    const ticket = this.begin();
    const found = await this.nearest(direction, stops, this.state.step);
    if (this.ticket !== ticket || found === undefined) return false;
    if (found) this.cursor.goto(found.step);
    this.store.set({ found: found ? this.stoppedAt(of[found.stop]) : `No ${direction > 0 ? "later" : "earlier"} step stops at a breakpoint.` });
    return Boolean(found);
  }

  /** @param {Breakpoint} breakpoint */
  stoppedAt({ kind, value }) {
    return `Stopped at a breakpoint: ${KINDS[kind].says(value)}.`;
  }

  /** Next or previous visit of a C line that the cursor is on. @param {number} direction */
  visitLine(direction) {
    const { line, file } = this.cursor.now() ?? {};
    if (!line) return false;
    return this.find(direction, [{ kind: "line", insns: this.state.code.slots(line, file) }], `visit of ${lineName(line, file)}`);
  }

  /** Next or previous step at an instruction, else wrap to the first one from the other end. @param {number} idx */
  async visitInsn(idx) {
    if (this.cursor.windows.step(this.state.step)?.insn === idx) return true;
    const visits = this.state.stages.verify?.visits;
    if (this.state.view === "verify" && visits && !visits[idx]) {
      this.store.set({ found: `The verifier never reached instruction ${idx}.` });
      return false;
    }
    return (await this.visits(1, [idx], `visit of instruction ${idx}`)) || this.visits(-1, [idx], `visit of instruction ${idx}`);
  }

  /** The nearest visit of any instruction of a C line. @param {number} line @param {string} [file] */
  async visitOf(line, file = "") {
    const slots = this.state.code.slots(line, file);
    if (!slots.length) {
      this.store.set({ found: `${lineName(line, file).replace("line", "Line")} has no instruction.` });
      return false;
    }
    const now = this.cursor.now();
    if (now?.line === line && now.file === file) return true;
    return (await this.visits(1, slots, `visit of ${lineName(line, file)}`)) || this.visits(-1, slots, `visit of ${lineName(line, file)}`);
  }

  /** Next or previous change of the selected register; while its history is shown, next or previous read or write. @param {number} direction */
  change(direction) {
    if (this.values?.walk(direction)) return true;
    const { reg, view } = this.state;
    if (!reg) {
      this.store.set({ found: "Select a register first." });
      return false;
    }
    /** @param {VerifierStep} raw */
    const walked = (raw) => (raw.wrote ? raw.wrote.includes(reg) : reg in (raw.set ?? {}) || (raw.del ?? []).includes(reg));
    /** @param {MachineStep} raw */
    const ran = (raw) => reg in (raw.regs ?? {}) || reg in (raw.x ?? {});
    const touches = /** @type {(raw: Raw) => boolean} */ (view === "verify" ? walked : ran);
    return this.seek(direction, touches, `change of ${reg}`, [{ kind: "change", name: reg }]);
  }

  /**
   * Back from `step` along its path to where `insns`, newest first, were visited last: go to the last of them.
   * @param {number} step
   * @param {number[]} insns
   */
  async backTo(step, insns) {
    const walk = this.steps.verify;
    const ticket = this.begin();
    let fetched = 0;
    let s = step;
    let at = -1;
    for (const insn of insns) {
      for (at = -1; s >= 0 && at < 0; ) {
        if (!walk.step(s)) {
          if (++fetched > SEARCH_WINDOWS) break;
          this.store.set({ found: `Searching backwards: step ${s + 1}…` });
          walk.need(s);
          if (!(await this.arrival(walk, s)) || this.ticket !== ticket) return false;
        }
        const raw = walk.step(s);
        if (!raw) return false;
        if (raw.insn === insn) at = s;
        s = raw.prev ?? s - 1;
      }
      if (at < 0) break;
    }
    if (at < 0) {
      this.store.set({ found: `Instruction ${insns.at(-1)} was not visited on this path before.` });
      return false;
    }
    if (this.state.view !== "verify") this.cursor.show("verify", at);
    else this.cursor.goto(at);
    return true;
  }

  /** To the step that wrote the selected register or slot. */
  writer() {
    const { reg } = this.state;
    const value = this.cursor.walked()?.state.get(reg);
    if (!value) this.store.set({ found: reg ? `${reg} has no value here.` : "Select a register first." });
    else if (value.w === undefined || value.w < 0) this.store.set({ found: `${reg} has had this value since the program started.` });
    else this.cursor.goto(value.w);
  }

  /** To the step where a register or slot had to be precise, with the reason open. @param {string} name */
  whyPrecise(name) {
    if (!this.lists.all(...REASONS)) {
      void this.fetched(...REASONS).then((whole) => whole && this.whyPrecise(name));
      return;
    }
    const here = this.cursor.walked();
    const mark = here && this.state.reasons.whyPrecise(name, here.step, here.raw.path);
    if (!mark) {
      this.store.set({ found: `It is not recorded why ${name} had to be precise at this step.` });
      return;
    }
    this.store.set({ pane: "why", dock: true });
    this.cursor.goto(mark.step);
  }

  /** Next or previous step where the walk forked, took up another path, was pruned or ended. @param {number} direction */
  branch(direction) {
    return this.mark(direction, "path");
  }

  /**
   * Next or previous step where something happened to a path.
   * @param {number} direction
   * @param {keyof typeof MARKS} kind
   * @returns {boolean | Promise<boolean>}
   */
  mark(direction, kind) {
    const { view, step, stages } = this.state;
    const { what, of } = MARKS[kind];
    if (view !== "verify") {
      this.store.set({ found: "Only the verifier forks paths, a run does not. Press m to switch to the verifier." });
      return false;
    }
    const paths = stages.verify?.paths ?? [];
    const whole = (stages.verify?.paths_total ?? paths.length) <= (stages.verify?.more?.paths ?? paths.length);
    if (this.seeker.able && !(whole && this.lists.all("paths"))) return this.seek(direction, null, what, [{ kind }]);
    if (!this.lists.all("paths")) return this.fetched("paths").then((came) => (came ? this.mark(direction, kind) : false));
    const places = paths.flatMap(of).filter((place) => place >= 0 && place < this.cursor.total && (place - step) * direction > 0);
    if (!places.length) this.store.set({ found: `No ${direction > 0 ? "later" : "earlier"} ${what}.` });
    else this.cursor.goto(direction > 0 ? Math.min(...places) : Math.max(...places));
    return places.length > 0;
  }
}

/** What happens to paths, by the kind of stop. @type {{[kind in "fork" | "prune" | "path"]: {what: string, of: (path: Path) => number[]}}} */
const MARKS = {
  fork: { what: "fork of a path", of: (path) => [path.push_step] },
  prune: { what: "prune", of: (path) => (path.end === "safe" ? [path.last_step] : []) },
  path: { what: "fork, prune or end of a path", of: (path) => [path.push_step, path.first_step, path.last_step] },
};

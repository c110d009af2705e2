/** Moves of the cursor that look for something: a visit, a change, a writer, a fork. */

import { REASONS } from "./lists.js";

/** @import { MachineStep, VerifierStep } from "../types/messages.js" */
/** @import { ListName } from "./lists.js" */
/** @import { RunWindows, WalkWindows } from "./windows.js" */

/** @typedef {VerifierStep | MachineStep} Raw */

/** Windows fetched by one search, at most. */
const SEARCH_WINDOWS = 400;

export class Search {
  /** @type {symbol | undefined} the latest search: an older one stops when its window arrives */
  ticket;

  /**
   * @param {import("./cursor.js").Cursor} cursor
   * @param {import("./lists.js").Lists} lists
   * @param {Pick<import("./values.js").Values, "walk"> | null} values
   */
  constructor(cursor, lists, values = null) {
    this.values = values;
    this.cursor = cursor;
    this.lists = lists;
    this.steps = cursor.steps;
    this.store = cursor.store;
  }

  get state() {
    return this.store.state;
  }

  /**
   * Find the next step in a direction for which `test(raw, step)` holds, fetching windows as needed, and go there.
   * @param {number} direction 1 or -1
   * @param {(raw: Raw, step: number) => boolean} test
   * @param {string} what is looked for, in words
   * @param {number} from a step
   */
  async seek(direction, test, what, from = this.state.step) {
    const { windows } = this.cursor;
    const ticket = this.begin();
    let fetched = 0;
    for (let s = from + direction; s >= 0 && s < windows.total; s += direction) {
      /** @type {Raw | null} */
      let raw = windows.step(s);
      if (!raw) {
        if (++fetched > SEARCH_WINDOWS) break;
        this.store.set({ found: `Searching for the ${direction > 0 ? "next" : "previous"} ${what}: step ${s + 1}…` });
        windows.need(s);
        if (!(await this.arrival(windows, s)) || this.ticket !== ticket) return false;
        raw = windows.step(s);
      }
      if (raw && test(raw, s)) {
        this.cursor.goto(s);
        return true;
      }
    }
    this.store.set({ found: `No ${direction > 0 ? "later" : "earlier"} ${what}.` });
    return false;
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
    return this.seek(direction, (raw) => (raw.frame ?? 0) <= frame, "step of this function");
  }

  /** Next or previous visit of a C line that the cursor is on. @param {number} direction */
  visitLine(direction) {
    const line = this.cursor.now()?.line;
    if (!line) return false;
    let left = false;
    const { code } = this.state;
    return this.seek(
      direction,
      (raw) => {
        const here = code.line(raw.insn) === line;
        if (!here) left = true;
        return here && left;
      },
      `visit of line ${line}`,
    );
  }

  /** Next or previous step at an instruction, else wrap to the first one from the other end. @param {number} idx */
  async visitInsn(idx) {
    /** @param {Raw} raw */
    const same = (raw) => raw.insn === idx;
    if (this.cursor.windows.step(this.state.step)?.insn === idx) return true;
    const visits = this.state.stages.verify?.visits;
    if (this.state.view === "verify" && visits && !visits[idx]) {
      this.store.set({ found: `The verifier never reached instruction ${idx}.` });
      return false;
    }
    return (await this.seek(1, same, `visit of instruction ${idx}`)) || this.seek(-1, same, `visit of instruction ${idx}`);
  }

  /** The nearest visit of any instruction of a C line. @param {number} line */
  async visitOf(line) {
    const slots = new Set(this.state.code.byLine.get(line) ?? []);
    if (!slots.size) {
      this.store.set({ found: `Line ${line} has no instruction.` });
      return false;
    }
    if (this.cursor.now()?.line === line) return true;
    /** @param {Raw} raw */
    const test = (raw) => slots.has(raw.insn);
    return (await this.seek(1, test, `visit of line ${line}`)) || this.seek(-1, test, `visit of line ${line}`);
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
    return this.seek(direction, touches, `change of ${reg}`);
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
    const { view, step, stages } = this.state;
    if (view !== "verify") {
      this.store.set({ found: "Only the verifier forks paths, a run does not. Press m to switch to the verifier." });
      return;
    }
    if (!this.lists.all("paths")) {
      void this.fetched("paths").then((whole) => whole && this.branch(direction));
      return;
    }
    const places = new Set();
    for (const path of stages.verify?.paths ?? [])
      for (const place of [path.push_step, path.first_step, path.last_step]) if (place >= 0) places.add(place);
    const sorted = [...places].filter((place) => place < this.cursor.total).sort((a, b) => (a - b) * direction);
    const next = sorted.find((s) => (s - step) * direction > 0);
    if (next === undefined) this.store.set({ found: `No ${direction > 0 ? "later" : "earlier"} fork, prune or end of a path.` });
    else this.cursor.goto(next);
  }
}

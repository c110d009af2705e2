/** The one cursor: which step of the walk or of a packet's run is selected, what stands there, and moving it. */

import { baseName } from "./files.js";
import { missing } from "./replayed.js";

/** @import { Insn, Reg } from "../types/messages.js" */
/** @import { View } from "./store.js" */
/** @import { RunAt, WalkAt } from "./windows.js" */

/** @typedef {{idx: number, insn: Insn | null, line: number | null, file: string, frame: number}} Place where a step stands */
/** @typedef {WalkAt & Place & {view: "verify"}} WalkHere */
/** @typedef {RunAt & Place & {view: "run"}} RunHere */

/** @typedef {WalkHere | RunHere} Here */

/**
 * What the verifier knew beside a step of the machine. `before`: the state that its step found, not the one it left;
 * `outside`: registers it knew nothing of, or with `wrong`, whose values contradict what it had proved;
 * `shown`: whether the step is of the walk that the page shows, not of a program that a tail call entered.
 * @typedef {{step: number, shown: boolean, before: boolean, state: Map<string, Reg>, frame: number, wrote: Set<string>, outside: Set<string>, wrong: boolean}} Abstract
 */

const NOT_THERE = "The steps of this event are not there: it was not replayed.";

/** Milliseconds after which the page says that a step is still being fetched. */
const LATE = 400;

/** The name of a register in a frame, as steps spell it. @param {number} frame @param {string} name */
export const inFrame = (frame, name) => (frame ? `${frame}:${name}` : name);

export class Cursor {
  /**
   * @param {import("./store.js").Store} store holds the cursor: `view`, `step` and `packetRun`
   * @param {import("./steps.js").Steps} steps
   */
  constructor(store, steps) {
    this.store = store;
    this.steps = steps;
    /** The step that was last selected in each view. */
    this.kept = { verify: 0, run: 0 };
    this.late = 0;
  }

  get state() {
    return this.store.state;
  }

  /** Windows of the current view. */
  get windows() {
    return this.steps[this.state.view];
  }

  /** Steps in the current view. */
  get total() {
    return this.windows.total;
  }

  /** Everything the cursor points at, or null while its window is on the way. */
  now() {
    return this.state.view === "verify" ? this.walked() : this.ran();
  }

  /** The same in the verifier's view; null in the other one. @returns {WalkHere | null} */
  walked() {
    const here = this.state.view === "verify" ? this.steps.verify.at(this.state.step) : null;
    return here && { ...here, ...this.place(here.raw), view: "verify" };
  }

  /** The same in the machine's view; null in the other one. @returns {RunHere | null} */
  ran() {
    const here = this.state.view === "run" ? this.steps.run.at(this.state.step) : null;
    return here && { ...here, ...this.place(here.raw), view: "run" };
  }

  /** @param {{insn: number, frame?: number}} raw @returns {Place} */
  place(raw) {
    const insn = this.state.code.at(raw.insn);
    return { idx: raw.insn, insn, line: insn?.line ?? null, file: insn?.file ?? "", frame: raw.frame ?? 0 };
  }

  /** Move to a step of the current view. @param {number} step */
  goto(step) {
    const to = this.within(step);
    this.kept[this.state.view] = to;
    this.store.set({ step: to, found: "" });
    this.look();
  }

  /** Switch to the verifier's walk or the machine's run. @param {View} view */
  show(view, step = this.kept[view]) {
    this.kept[this.state.view] = this.state.step;
    this.store.set({ view, step: this.within(step, view), focusStage: view, found: "" });
    this.look();
  }

  /** Look at the run of another packet. @param {number} n */
  packet(n) {
    const windows = this.steps.runOf(n);
    this.steps.run = windows;
    this.kept.run = 0;
    const known = this.state.stages.run?.runs?.[n]?.steps;
    if (known) windows.total = Math.max(windows.total, known);
    this.store.set({ packetRun: n });
    if (this.state.view === "run") this.show("run", 0);
  }

  /** The nearest step there is. @param {number} step */
  within(step, view = this.state.view) {
    return Math.max(0, Math.min(step, Math.max(0, this.steps[view].total - 1)));
  }

  /** A new run begins. */
  reset() {
    this.kept = { verify: 0, run: 0 };
    this.store.set({ step: 0, packetRun: 0, found: "", peek: "" });
  }

  /** Make sure what the cursor needs is coming. */
  look() {
    const { view, step } = this.state;
    const { windows } = this;
    windows.want(step);
    clearTimeout(this.late);
    if (windows.total && !windows.step(step))
      this.late = window.setTimeout(() => this.store.set({ found: this.lost() ? NOT_THERE : `Fetching step ${step + 1}…` }), LATE);
    const raw = view === "run" ? this.steps.run.step(step) : null;
    if (raw?.walk_step !== undefined) this.steps.walkOf(raw.insn)?.need(raw.walk_step);
  }

  /** Whether the event in view has no steps, because it was not replayed. */
  lost() {
    const { packetRun, rest, stages, view } = this.state;
    return view === "run" && this.windows.none && missing(stages.run, rest, packetRun);
  }

  /** Steps arrived: if those of the cursor are among them, nothing is being fetched any more. */
  arrived() {
    if (this.windows.step(this.state.step)) {
      clearTimeout(this.late);
      if (this.state.found.startsWith("Fetching")) this.store.set({ found: "" });
    } else if (this.lost()) {
      clearTimeout(this.late);
      this.store.set({ found: NOT_THERE });
    }
    this.store.set({ windows: this.state.windows + 1 });
  }

  // What stands beside the cursor --------------------------------------------------------------------------------

  /**
   * What the verifier knew after a step of the machine, on the path the run took. Null where nothing is known, or its
   * window is on the way.
   * @param {number} step
   * @returns {Abstract | null}
   */
  abstract(step) {
    const raw = this.steps.run.step(step);
    if (raw?.walk_step === undefined) return null;
    const walk = this.steps.walkOf(raw.insn);
    const here = walk?.at(raw.walk_step);
    if (!here) {
      walk?.need(raw.walk_step);
      return null;
    }
    const before = Boolean(raw.walk_before);
    return {
      step: raw.walk_step,
      shown: walk === this.steps.verify,
      before,
      state: before ? here.before : here.state,
      frame: raw.walk_frame ?? 0,
      wrote: before ? new Set() : here.wrote,
      outside: new Set(raw.walk_outside ?? []),
      wrong: Boolean(raw.walk_wrong),
    };
  }

  /** Instruction of the step that wrote a register, or null when that step's window is not here. @param {Reg | null | undefined} reg */
  writerInsn(reg) {
    if (!reg || reg.w === undefined || reg.w < 0) return null;
    return this.steps.verify.step(reg.w)?.insn ?? null;
  }

  /** C line of that instruction, or null. @param {Reg | null | undefined} reg */
  writerLine(reg) {
    const idx = this.writerInsn(reg);
    const line = idx === null ? null : this.state.code.line(idx);
    const file = idx === null ? "" : this.state.code.file(idx);
    return line && file ? `${baseName(file)}:${line}` : line;
  }
}

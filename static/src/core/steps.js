/** The steps of a whole run: those of the verifier's walk, and those of the machine, one sequence for each packet. */
import { programOf } from "./model.js";
import { RunWindows, WIDTH, WalkWindows } from "./windows.js";

/** @import { Entered, Limits, Progress, RunSteps, VerifySteps } from "../types/messages.js" */
/** @import { Ask } from "./windows.js" */

/** Steps in one window request, at most. */
const WIDEST = 256;

export class Steps {
  /** @param {Ask} ask */
  constructor(ask) {
    this.ask = ask;
    this.width = WIDTH;
    this.verify = new WalkWindows(ask);
    /** The machine's steps for the packet in view. */
    this.run = new RunWindows(ask);
    /** @type {RunWindows[]} the machine's steps by packet; a packet that nobody looked at has no entry */
    this.runs = [this.run];
    /** @type {(WalkWindows | null)[]} the verifier's walks of programs that tail calls entered, by number; as far as they came */
    this.entered = [];
  }

  /** Take the walks of programs that tail calls enter: what did not come with them cannot be asked for. @param {Entered[]} programs */
  enter(programs) {
    this.entered = [];
    for (const [i, { insns, walk }] of programs.entries()) {
      if (!walk) continue;
      const windows = new WalkWindows(() => undefined);
      windows.add({ from: 0, ...walk });
      // Programs that are too long are left out, and keep their numbers.
      this.entered[insns.length ? programOf(insns[0].idx) : i + 1] = windows;
    }
  }

  /** The walk of the program that an instruction is of; null where there is none. @param {number} insn */
  walkOf(insn) {
    const program = programOf(insn);
    return program ? (this.entered[program] ?? null) : this.verify;
  }

  /** Know how many steps the server sends at once. @param {Partial<Limits> | null | undefined} limits */
  limit(limits) {
    if (!limits?.window) return;
    this.width = Math.min(limits.window, WIDEST);
    for (const windows of this.all()) windows.width = this.width;
  }

  /** Steps of one packet's run. @param {number} n */
  runOf(n) {
    if (!this.runs[n]) {
      this.runs[n] = new RunWindows(this.ask, n);
      this.runs[n].width = this.width;
    }
    return this.runs[n];
  }

  /** Take steps. @param {VerifySteps | RunSteps} message */
  add(message) {
    if (message.stage === "run") this.runOf(message.run).add(message);
    else this.verify.add(message);
  }

  /** Know how many steps there are by now. @param {Pick<Progress, "stage" | "run" | "total">} message */
  grow({ stage, run, total }) {
    const windows = stage === "run" ? this.runOf(run) : this.verify;
    if (!windows.total && total && !run) windows.expect();
    windows.total = Math.max(windows.total, total);
  }

  all() {
    return [this.verify, ...this.runs].filter(Boolean);
  }

  /** A new run begins: nothing of the one before is kept. */
  clear() {
    this.verify.clear();
    this.run = new RunWindows(this.ask);
    this.run.width = this.width;
    this.runs = [this.run];
    this.entered = [];
  }

  /** The connection is gone: no window is on its way any more. */
  forget() {
    for (const windows of this.all()) windows.forget();
  }
}

/** What stages said, indexed for the panels. Made once a stage arrives, never per step. */

/** @import { Insn, Loaded, Log as WholeLog, MachineInsn, Translated, Verified } from "../types/messages.js" */

/** Lines of an object's source that are shown, at most. */
const MOST_LINES = 20000;

export class Code {
  /** @param {Pick<Loaded, "insns"> & Partial<Pick<Loaded, "lines">> | null} load the `load` stage message */
  constructor(load) {
    /** @type {Insn[]} */
    this.insns = load?.insns ?? [];
    /** @type {Map<number, number>} slot -> row in the list */
    this.row = new Map(this.insns.map((insn, row) => [insn.idx, row]));
    /** @type {Map<number, number[]>} C line -> slots */
    this.byLine = new Map();
    for (const insn of this.insns) {
      if (!insn.line) continue;
      const slots = this.byLine.get(insn.line);
      if (slots) slots.push(insn.idx);
      else this.byLine.set(insn.line, [insn.idx]);
    }
    /** @type {Record<string, string>} */
    this.lines = load?.lines ?? {};
    /** How many functions there are. */
    this.funcs = this.insns.filter((insn) => insn.func).length;
  }

  /** The instruction at a slot, or null. @param {number} idx */
  at(idx) {
    const row = this.row.get(idx);
    return row === undefined ? null : this.insns[row];
  }

  /** The C line of a slot, or null. @param {number} idx */
  line(idx) {
    return this.at(idx)?.line ?? null;
  }

  /** Name of the function a slot is in. @param {number} idx */
  func(idx) {
    for (let row = this.row.get(idx) ?? -1; row >= 0; row--) {
      const { func } = this.insns[row];
      if (func) return func;
    }
    return "";
  }

  /** What an object's line information holds of its source, in its lines; "" for nothing. */
  text() {
    const numbers = Object.keys(this.lines).map(Number);
    if (!numbers.length) return "";
    const last = Math.min(Math.max(...numbers), MOST_LINES);
    return Array.from({ length: last }, (_, i) => this.lines[i + 1] ?? "").join("\n");
  }
}

/** The verifier's log, its lines tied to steps both ways. */
export class Log {
  /** @param {Partial<Pick<Verified, "log" | "log_steps" | "log_cut" | "log_more">> | WholeLog | null} verify the `verify` stage message, or the whole log */
  constructor(verify) {
    const text = verify?.log ?? "";
    this.lines = text ? text.replace(/\n$/, "").split("\n") : [];
    this.pairs = verify?.log_steps ?? [];
    this.cut = verify?.log_cut ?? 0;
    /** Whether there is more of it than was sent: of a long walk it is made when somebody asks. */
    this.more = Boolean(verify && "log_more" in verify && verify.log_more);
    /** @type {Map<number, number>} */
    this.stepOf = new Map(this.pairs);
  }

  /** Last log line that speaks of a step at or before this one, or -1. @param {number} step */
  lineOf(step) {
    let low = 0;
    let high = this.pairs.length - 1;
    let found = -1;
    while (low <= high) {
      const mid = (low + high) >> 1;
      if (this.pairs[mid][1] <= step) {
        found = mid;
        low = mid + 1;
      } else high = mid - 1;
    }
    return found < 0 ? -1 : this.pairs[found][0];
  }

  /** What the kernel said after a step, up to its closing count: for a rejection, the reason in full. @param {number} step */
  after(step) {
    const line = this.lineOf(step);
    if (line < 0 || this.stepOf.get(line) !== step) return "";
    const rest = this.lines.slice(line + 1, line + 40);
    const end = rest.findIndex((text) => text.startsWith("processed "));
    return rest.slice(0, end < 0 ? undefined : end).filter((text) => text.trim()).join("\n");
  }

  /** Step of a line: its own, or that of the nearest line above. @param {number} line */
  stepAt(line) {
    for (let i = line; i >= 0; i--) {
      const step = this.stepOf.get(i);
      if (step !== undefined) return step;
    }
    return -1;
  }
}

/** Machine code by BPF instruction. */
export class Machine {
  /** @param {Pick<Translated, "listing"> | null} jit the `jit` stage message */
  constructor(jit) {
    /** @type {MachineInsn[]} */
    this.listing = jit?.listing ?? [];
    /** @type {Map<number, MachineInsn[]>} */
    this.byInsn = new Map();
    for (const item of this.listing) {
      const list = this.byInsn.get(item.insn);
      if (list) list.push(item);
      else this.byInsn.set(item.insn, [item]);
    }
  }
}

/** What stages said, indexed for the panels. Made once a stage arrives, never per step. */

export class Code {
  /** @param {any} load the `load` stage message */
  constructor(load) {
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
    this.lines = load?.lines ?? {};
    /** How many functions there are. */
    this.funcs = this.insns.filter((insn) => insn.func).length;
  }

  /** The instruction at a slot, or null. */
  at(idx) {
    const row = this.row.get(idx);
    return row === undefined ? null : this.insns[row];
  }

  line(idx) {
    return this.at(idx)?.line ?? null;
  }

  /** Name of the function a slot is in. */
  func(idx) {
    for (let row = this.row.get(idx) ?? -1; row >= 0; row--) if (this.insns[row].func) return this.insns[row].func;
    return "";
  }
}

/** The verifier's log, its lines tied to steps both ways. */
export class Log {
  constructor(verify) {
    const text = verify?.log ?? "";
    this.lines = text ? text.replace(/\n$/, "").split("\n") : [];
    this.pairs = verify?.log_steps ?? [];
    this.cut = verify?.log_cut ?? 0;
    /** Whether there is more of it than was sent: of a long walk it is made when somebody asks. */
    this.more = verify?.log_more ?? false;
    /** @type {Map<number, number>} */
    this.stepOf = new Map(this.pairs);
  }

  /** Last log line that speaks of a step at or before this one, or -1. */
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

  /** What the kernel said after a step, up to its closing count: for a rejection, the reason in full. */
  after(step) {
    const line = this.lineOf(step);
    if (line < 0 || this.stepOf.get(line) !== step) return "";
    const rest = this.lines.slice(line + 1, line + 40);
    const end = rest.findIndex((text) => text.startsWith("processed "));
    return rest.slice(0, end < 0 ? undefined : end).filter((text) => text.trim()).join("\n");
  }

  /** Step of a line: its own, or that of the nearest line above. */
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
  constructor(jit) {
    this.listing = jit?.listing ?? [];
    /** @type {Map<number, any[]>} */
    this.byInsn = new Map();
    for (const item of this.listing) {
      const list = this.byInsn.get(item.insn);
      if (list) list.push(item);
      else this.byInsn.set(item.insn, [item]);
    }
  }
}

/**
 * Why the walk went as it did: what the `verify` stage tells beside its steps (docs/protocol.md), indexed once by step,
 * so that a step only looks up.
 */

/** @import { Arrival, Cause, Holding, NotCovered, Path, Precision, Pruning, ReasonsTotal } from "../types/messages.js" */
/** @import { Stages } from "./store.js" */

/** @typedef {Cause & {n: number}} NumberedCause a step that led to the rejection, numbered from 1 */

/** What the kernel said of a rejection; `beside` is what else it said at that step. @typedef {{sentence: string, beside: string[]}} Said */

/**
 * What covered a path. Past what the server tells in full, `compared` is null.
 * @typedef {Pick<Pruning, "insn" | "path" | "after" | "checkpoint" | "rule" | "text">
 *   & {exact?: string, compared: Pruning["compared"] | null}} Covered
 */

/** @template T @param {Map<number, T[]>} map @param {number} key @param {T} value */
function put(map, key, value) {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

export class Reasons {
  /** @param {Stages["verify"] | null} verify the `verify` stage message */
  constructor(verify) {
    this.fail = verify?.verdict === "reject" ? (verify.fail ?? null) : null;
    const causes = this.fail?.causes ?? [];
    /** @type {NumberedCause[]} oldest first; none where only the rejection itself is told */
    this.causes = causes.length > 1 ? causes.map((cause, i) => ({ ...cause, n: i + 1 })) : [];
    /** @type {NotCovered[]} what the emulation does not cover */
    this.stop = verify?.status === "failed" ? (verify.not_covered ?? []) : [];
    /** What a log says beside the message; null for a walk. @type {string[] | null} */
    this.partners = verify?.read_from ? (verify.fail?.partners ?? []) : null;
    this.stopped = verify?.stopped ?? null;
    /** @type {Map<number, Path>} by id */
    this.paths = new Map((verify?.paths ?? []).map((path) => [path.id, path]));
    /** @type {Holding[]} */
    this.holdings = verify?.holdings ?? [];
    /** @type {Precision[]} */
    this.precision = verify?.precision ?? [];
    /** @type {Partial<ReasonsTotal>} */
    this.totals = verify?.reasons_total ?? {};
    /** @type {Map<number, NumberedCause[]>} instruction -> causes */
    this.causesOf = new Map();
    /** @type {Map<number, Covered[]>} step -> what covered the path that ends after it, or one forked there */
    this.prunings = new Map();
    /** @type {Map<number, Covered[]>} step -> paths that the state before it covered */
    this.covers = new Map();
    /** @type {Map<number, Arrival[]>} step -> checkpoints that did not cover what arrived */
    this.arrivals = new Map();
    /** @type {Map<number, Precision[]>} step -> values that had to be precise there */
    this.marks = new Map();
    /** @type {Map<number, Path[]>} step -> paths that end with it */
    this.ends = new Map();
    /** @type {number[] | undefined} */
    this.told = undefined;
    /** The last step all is told of: of long walks the server tells the first few hundred of each kind. */
    this.until = Infinity;
    this.index(verify);
  }

  /**
   * What the kernel said of the rejection. Where values had to be made precise at that step, what else it said is mostly
   * how, and stays in the log.
   * @param {string} message
   * @param {import("./model.js").Log} log
   * @returns {Said}
   */
  said(message, log) {
    if (!this.fail) return { sentence: message, beside: [] };
    if (this.partners) return { sentence: message, beside: this.partners };
    const lines = this.marks.has(this.fail.step) ? [] : log.after(this.fail.step).split("\n");
    return { sentence: message || lines.at(-1) || "rejected", beside: lines.filter((line) => line && line !== message) };
  }

  /** @param {Stages["verify"] | null} verify */
  index(verify) {
    for (const cause of this.causes) if (cause.insn >= 0) put(this.causesOf, cause.insn, cause);
    const told = new Set();
    for (const pruning of verify?.prunings ?? []) {
      told.add(pruning.path);
      put(this.prunings, pruning.after, pruning);
      if (pruning.checkpoint >= 0) put(this.covers, pruning.checkpoint, pruning);
    }
    for (const path of this.paths.values()) {
      if (path.last_step >= path.first_step) put(this.ends, path.last_step, path);
      if (path.end !== "safe" || told.has(path.id)) continue;
      // Past what the server tells in full: that it was covered, and by what, is known still.
      const after = path.last_step < path.first_step ? path.push_step : path.last_step;
      const pruning = { path: path.id, after, checkpoint: path.pruned_by, insn: -1, rule: "", text: "", compared: null };
      put(this.prunings, after, pruning);
      if (path.pruned_by >= 0) put(this.covers, path.pruned_by, pruning);
    }
    for (const arrival of verify?.arrivals ?? []) put(this.arrivals, this.visit(arrival), arrival);
    for (const mark of this.precision) put(this.marks, mark.step, mark);
    const { arrivals = [], prunings = [] } = verify ?? {};
    const { precision, totals } = this;
    this.upTo(arrivals.map((each) => each.after), totals.arrivals);
    this.upTo(prunings.map((each) => each.after), totals.prunings);
    this.upTo(precision.map((each) => each.step), totals.precision);
  }

  /** Of a list that is not whole, all is told up to its last step only. @param {number[]} steps @param {number} [total] how many there are */
  upTo(steps, total = 0) {
    if (steps.length && total > steps.length) this.until = Math.min(this.until, Math.max(...steps));
  }

  /** Step of the visit an arrival led to; where it was pruned there is none, and it belongs to the step before. @param {Arrival} arrival */
  visit({ path: id, after }) {
    const path = this.paths.get(id);
    if (!path || path.last_step < path.first_step) return after;
    const next = after < path.first_step ? path.first_step : after + 1;
    return next <= path.last_step ? next : after;
  }

  /** True when there is more to say of a step than its state. @param {number} step */
  any(step) {
    return this.prunings.has(step) || this.covers.has(step) || this.arrivals.has(step) || this.marks.has(step);
  }

  /** The nearest steps before and after one of which there is more to say; -1 for none. @param {number} step */
  around(step) {
    this.told ??= [...new Set([...this.prunings.keys(), ...this.covers.keys(), ...this.arrivals.keys(), ...this.marks.keys()])]
      .filter((each) => each >= 0)
      .sort((a, b) => a - b);
    const next = this.told.findIndex((each) => each > step);
    const after = next < 0 ? -1 : this.told[next];
    const before = (next < 0 ? this.told : this.told.slice(0, next)).findLast((each) => each < step) ?? -1;
    return [before, after];
  }

  /** The path of a step and those it was forked from -> the last step on it that still counts. @param {number} step @param {number} id of its path */
  line(step, id) {
    /** @type {Map<number, number>} */
    const line = new Map([[id, step]]);
    for (let path = this.paths.get(id); path && path.parent >= 0 && !line.has(path.parent); path = this.paths.get(path.parent))
      line.set(path.parent, path.push_step);
    return line;
  }

  /** References, locks and sections that are held after a step of a path. @param {number} step @param {number} id of the path */
  held(step, id) {
    if (!this.holdings.length) return [];
    const line = this.line(step, id);
    /** @param {{step: number, path: number}} at */
    const on = (at) => at.step <= (line.get(at.path) ?? -2);
    return this.holdings.filter((holding) => on(holding) && !holding.released.some(on));
  }

  /** The last reason, up to a step of a path, why a register or slot had to be precise; null where none is kept. @param {string} name @param {number} step @param {number} id of the path */
  whyPrecise(name, step, id) {
    const line = this.line(step, id);
    for (let i = this.precision.length - 1; i >= 0; i--) {
      const mark = this.precision[i];
      if (mark.step > (line.get(mark.path) ?? -2)) continue;
      if (mark.names.includes(name) || mark.chain.some(([, names]) => names.includes(name))) return mark;
    }
    return null;
  }
}

/**
 * Steps of one stage, held as windows. A window is a keyframe (the state before its first step) and deltas; a state
 * is made by folding. Only the windows used last are kept, so a walk of 200,000 steps costs what 40 windows cost.
 */

/** @import { MachineKeyframe, MachineStep, MemoryWrite, Reg, VerifierKeyframe, VerifierStep } from "../types/messages.js" */
/** @import { View } from "./store.js" */

/** @typedef {(stage: View, from: number, to: number, run: number) => void} Ask sends a window request */

/**
 * The verifier's state after a step and before it. `wrote`: names the instruction wrote.
 * @typedef {{
 *   step: number, raw: VerifierStep, state: Map<string, Reg>, before: Map<string, Reg>, wrote: Set<string>, depth: number,
 * }} WalkAt
 */

/** @typedef {{regs: Record<string, string>, x: Record<string, string>, mem: Map<string, MemoryWrite & {step: number}>}} MachineState */

/**
 * The machine's state after a step and before it. `mem`: the last stores by address, with the step that made each; in a
 * recording also what was loaded, and what calls wrote.
 * @typedef {{step: number, raw: MachineStep, before: MachineState} & MachineState} RunAt
 */

const KEEP = 40;
/** Steps in a window until the server has said how many it sends at once. */
export const WIDTH = 512;

/**
 * @template Step
 * @template Key
 * @typedef {{from: number, steps: Step[], keyframe: Key | null, used: number}} Chunk
 */

/**
 * @template {{insn: number}} Step
 * @template Key the full state before a step
 * @template {{step: number, raw: Step}} At what is known at a step
 */
export class Windows {
  /** @type {Chunk<Step, Key>[]} */
  chunks = [];
  total = 0;
  clock = 0;
  /** @type {Map<number, number>} start of an asked window -> time */
  asked = new Map();
  /** @type {At | null} the state that was folded last */
  last = null;
  /** Whether what was asked for last is not there. */
  none = false;

  /**
   * @param {View} stage
   * @param {Ask} ask
   * @param {number} run which of several packets the steps belong to
   */
  constructor(stage, ask, run = 0) {
    this.stage = stage;
    this.ask = ask;
    this.run = run;
    this.width = WIDTH;
    this.clear();
  }

  clear() {
    this.chunks = [];
    this.total = 0;
    this.clock = 0;
    this.asked = new Map();
    this.last = null;
  }

  /**
   * Take a `steps` message.
   * @param {{from: number, total: number, keyframe: Key | null, steps: Step[]}} message
   */
  add(message) {
    if (typeof message.total === "number") this.total = Math.max(this.total, message.total);
    this.none = !message.steps?.length;
    if (this.none) return;
    const from = message.from;
    this.total = Math.max(this.total, from + message.steps.length);
    this.chunks = this.chunks.filter((c) => !(c.from >= from && c.from + c.steps.length <= from + message.steps.length));
    this.chunks.push({ from, steps: message.steps, keyframe: message.keyframe, used: ++this.clock });
    this.added(from, message.steps);
    for (const start of [...this.asked.keys()]) if (this.chunk(start)) this.asked.delete(start);
    if (this.chunks.length > KEEP) {
      this.chunks.sort((a, b) => b.used - a.used);
      this.chunks.length = KEEP;
    }
  }

  /**
   * Steps were added: forget what was folded, for it may have lacked them.
   * @param {number} _from
   * @param {Step[]} _steps
   */
  added(_from, _steps) {
    this.last = null;
  }

  /**
   * The state after a step of a chunk and before it.
   * @param {Chunk<Step, Key>} _chunk
   * @param {number} _step
   * @returns {At}
   */
  fold(_chunk, _step) {
    throw new Error("windows of no stage");
  }

  /** The window that holds a step, or null. @param {number} step */
  chunk(step) {
    for (const c of this.chunks)
      if (step >= c.from && step < c.from + c.steps.length) {
        c.used = ++this.clock;
        return c;
      }
    return null;
  }

  /** The raw step, or null when its window is not here. @param {number} step */
  step(step) {
    const c = this.chunk(step);
    return c ? c.steps[step - c.from] : null;
  }

  /** Ask for what the cursor needs now and next. @param {number} step */
  want(step) {
    this.need(step);
    const ahead = Math.max(8, this.width >> 2);
    if (step + ahead < this.total) this.need(step + ahead);
    if (step - ahead >= 0) this.need(step - ahead);
  }

  /** Ask for the window around one step unless it is here or on its way. @param {number} step */
  need(step) {
    if (step < 0 || step >= this.total || this.chunk(step)) return;
    const from = step - (step % this.width);
    const now = performance.now();
    if (now - (this.asked.get(from) ?? -1e9) < 3000) return;
    this.asked.set(from, now);
    this.ask(this.stage, from, Math.min(from + this.width, this.total), this.run);
  }

  /** The first steps come without being asked for, and are on their way. */
  expect() {
    if (!this.chunks.length) this.asked.set(0, performance.now());
  }

  /** Nothing asked is on its way any more (the connection went). */
  forget() {
    this.asked.clear();
  }

  /** The state after a step and the one before it, or null when its window is not here. @param {number} step */
  at(step) {
    if (this.last?.step === step) return this.last;
    const c = this.chunk(step);
    if (!c) return null;
    this.last = this.fold(c, step);
    return this.last;
  }
}

/** Steps of the verifier's walk. @extends {Windows<VerifierStep, VerifierKeyframe, WalkAt>} */
export class WalkWindows extends Windows {
  /** @param {Ask} ask */
  constructor(ask) {
    super("verify", ask);
  }

  /**
   * Write into each register which step wrote it: the wire leaves it out where it is the step itself.
   * @param {number} from
   * @param {VerifierStep[]} steps
   * @override
   */
  added(from, steps) {
    super.added(from, steps);
    for (const [i, raw] of steps.entries()) {
      const source = raw.prev === undefined || raw.prev < 0 ? null : this.at(raw.prev);
      for (const [name, reg] of Object.entries(raw.set ?? {})) {
        if (reg.w !== undefined) continue;
        if (raw.prev === undefined || raw.wrote?.includes(name)) reg.w = from + i;
        else if (raw.prev < 0) reg.w = -1;
        else if (source) reg.w = source.state.get(name)?.w;
      }
    }
    this.last = null;
  }

  /**
   * @param {Chunk<VerifierStep, VerifierKeyframe>} chunk
   * @param {number} step
   * @returns {WalkAt}
   * @override
   */
  fold(chunk, step) {
    const state = new Map(Object.entries(chunk.keyframe?.state ?? {}));
    let depth = chunk.keyframe?.depth ?? 1;
    let before = state;
    for (let i = chunk.from; i <= step; i++) {
      if (i === step) before = new Map(state);
      const each = chunk.steps[i - chunk.from];
      for (const name of each.del ?? []) state.delete(name);
      for (const [name, reg] of Object.entries(each.set ?? {})) state.set(name, reg);
      if (each.depth !== undefined) depth = each.depth;
    }
    const raw = chunk.steps[step - chunk.from];
    const wrote = new Set(raw.wrote ?? [...Object.keys(raw.set ?? {}), ...(raw.del ?? [])]);
    if (raw.prev !== undefined) {
      // A branch is taken up: what the instruction started from is the state of its path, not the step above.
      before = new Map(state);
      for (const name of wrote) before.delete(name);
      for (const [name, reg] of Object.entries(raw.was ?? {})) before.set(name, reg);
    }
    return { step, raw, state, before, wrote, depth };
  }
}

/** Bytes of a piece of memory. @param {MemoryWrite} m */
const extent = (m) => BigInt(m.missing ?? m.hex.length / 2);

/**
 * Memory with a piece that a step told: bytes of older pieces are replaced by it, and a load from within an older piece
 * tells nothing new.
 * @param {MachineState["mem"]} mem
 * @param {MemoryWrite} m
 * @param {number} step
 */
function keep(mem, m, step) {
  const [start, end] = [BigInt(m.addr), BigInt(m.addr) + extent(m)];
  for (const [addr, old] of mem) {
    const [from, to] = [BigInt(addr), BigInt(addr) + extent(old)];
    if (to <= start || end <= from) continue;
    if (start <= from && to <= end) mem.delete(addr);
    else if (from <= start && end <= to && !m.missing && !old.missing) {
      const at = 2 * Number(start - from);
      mem.set(addr, { ...old, hex: old.hex.slice(0, at) + m.hex + old.hex.slice(at + m.hex.length), by: m.by, step });
      return;
    }
  }
  mem.set(m.addr, { ...m, step });
}

/** Steps of the machine on one packet. @extends {Windows<MachineStep, MachineKeyframe, RunAt>} */
export class RunWindows extends Windows {
  /** @param {Ask} ask @param {number} [run] which of several packets */
  constructor(ask, run = 0) {
    super("run", ask, run);
  }

  /**
   * @param {Chunk<MachineStep, MachineKeyframe>} chunk
   * @param {number} step
   * @returns {RunAt}
   * @override
   */
  fold(chunk, step) {
    const regs = { ...(chunk.keyframe?.regs ?? {}) };
    const x = { ...(chunk.keyframe?.x ?? {}) };
    /** @type {MachineState["mem"]} */
    const mem = new Map((chunk.keyframe?.mem ?? []).map((m) => [m.addr, { ...m, step: -1 }]));
    let before = { regs, x, mem };
    for (let i = chunk.from; i <= step; i++) {
      if (i === step) before = { regs: { ...regs }, x: { ...x }, mem: new Map(mem) };
      const raw = chunk.steps[i - chunk.from];
      Object.assign(regs, raw.regs);
      Object.assign(x, raw.x);
      for (const m of raw.mem ?? []) keep(mem, m, i);
    }
    return { step, raw: chunk.steps[step - chunk.from], regs, x, mem, before };
  }
}

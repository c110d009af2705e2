/**
 * Steps of one stage, held as windows. A window is a keyframe (the state before its first step) and deltas; a state
 * is made by folding. Only the windows used last are kept, so a walk of 200,000 steps costs what 40 windows cost.
 */

const KEEP = 40;
/** Steps in a window until the server has said how many it sends at once. */
export const WIDTH = 512;

/**
 * @typedef {{from: number, steps: any[], keyframe: any, used: number}} Chunk
 */

export class Windows {
  /** @type {Chunk[]} */
  chunks = [];
  total = 0;
  clock = 0;
  /** @type {Map<number, number>} start of an asked window -> time */
  asked = new Map();
  /** @type {any} the state that was folded last */
  last = null;

  /**
   * @param {"verify" | "run"} stage
   * @param {(stage: string, from: number, to: number, run: number) => void} ask sends a window request
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

  /** Take a `steps` message. */
  add(message) {
    if (typeof message.total === "number") this.total = Math.max(this.total, message.total);
    if (!message.steps?.length) return;
    const from = message.from;
    this.total = Math.max(this.total, from + message.steps.length);
    this.chunks = this.chunks.filter((c) => !(c.from >= from && c.from + c.steps.length <= from + message.steps.length));
    this.chunks.push({ from, steps: message.steps, keyframe: message.keyframe, used: ++this.clock });
    this.last = null;
    if (this.stage === "verify") this.date(from, message.steps);
    for (const start of [...this.asked.keys()]) if (this.chunk(start)) this.asked.delete(start);
    if (this.chunks.length > KEEP) {
      this.chunks.sort((a, b) => b.used - a.used);
      this.chunks.length = KEEP;
    }
  }

  /** Write into each register which step wrote it: the wire leaves it out where it is the step itself. */
  date(from, steps) {
    for (const [i, raw] of steps.entries()) {
      const source = raw.prev === undefined || raw.prev < 0 ? null : this.at(raw.prev);
      for (const name in raw.set ?? {}) {
        const reg = raw.set[name];
        if (reg.w !== undefined) continue;
        if (raw.prev === undefined || raw.wrote?.includes(name)) reg.w = from + i;
        else if (raw.prev < 0) reg.w = -1;
        else if (source) reg.w = source.state.get(name)?.w;
      }
    }
    this.last = null;
  }

  /** The window that holds a step, or null. */
  chunk(step) {
    for (const c of this.chunks)
      if (step >= c.from && step < c.from + c.steps.length) {
        c.used = ++this.clock;
        return c;
      }
    return null;
  }

  /** The raw step, or null when its window is not here. */
  step(step) {
    const c = this.chunk(step);
    return c ? c.steps[step - c.from] : null;
  }

  /** Ask for what the cursor needs now and next. */
  want(step) {
    this.need(step);
    const ahead = Math.max(8, this.width >> 2);
    if (step + ahead < this.total) this.need(step + ahead);
    if (step - ahead >= 0) this.need(step - ahead);
  }

  /** Ask for the window around one step unless it is here or on its way. */
  need(step) {
    if (step < 0 || step >= this.total || this.chunk(step)) return;
    const from = step - (step % this.width);
    const now = performance.now();
    if (now - (this.asked.get(from) ?? -1e9) < 3000) return;
    this.asked.set(from, now);
    this.ask(this.stage, from, Math.min(from + this.width, this.total), this.run);
  }

  /** Nothing asked is on its way any more (the connection went). */
  forget() {
    this.asked.clear();
  }

  /**
   * The state after a step and the one before it, or null when its window is not here.
   * For the verifier: {step, raw, state: Map name -> Reg, before: Map, wrote: Set, depth}; for the machine:
   * {step, raw, regs, x, before: {regs, x}, mem: Map address -> {addr, hex, name, step}}.
   */
  at(step) {
    if (this.last?.step === step) return this.last;
    const c = this.chunk(step);
    if (!c) return null;
    const here = this.stage === "verify" ? foldWalk(c, step) : foldRun(c, step);
    const { prev, was } = here.raw;
    if (this.stage === "verify" && prev !== undefined) {
      // A branch is taken up: what the instruction started from is the state of its path, not the step above.
      here.before = new Map(here.state);
      for (const name of here.wrote) here.before.delete(name);
      for (const name in was ?? {}) here.before.set(name, was[name]);
    }
    this.last = here;
    return here;
  }
}

function foldWalk(chunk, step) {
  const state = new Map(Object.entries(chunk.keyframe?.state ?? {}));
  let depth = chunk.keyframe?.depth ?? 1;
  let before = state;
  for (let i = chunk.from; i <= step; i++) {
    if (i === step) before = new Map(state);
    const raw = chunk.steps[i - chunk.from];
    for (const name of raw.del ?? []) state.delete(name);
    for (const name in raw.set ?? {}) state.set(name, raw.set[name]);
    if (raw.depth !== undefined) depth = raw.depth;
  }
  const raw = chunk.steps[step - chunk.from];
  const wrote = new Set(raw.wrote ?? [...Object.keys(raw.set ?? {}), ...(raw.del ?? [])]);
  return { step, raw, state, before, wrote, depth };
}

function foldRun(chunk, step) {
  const regs = { ...(chunk.keyframe?.regs ?? {}) };
  const x = { ...(chunk.keyframe?.x ?? {}) };
  const mem = new Map((chunk.keyframe?.mem ?? []).map((m) => [m.addr, { ...m, step: -1 }]));
  let before = { regs, x, mem };
  for (let i = chunk.from; i <= step; i++) {
    if (i === step) before = { regs: { ...regs }, x: { ...x }, mem: new Map(mem) };
    const raw = chunk.steps[i - chunk.from];
    Object.assign(regs, raw.regs);
    Object.assign(x, raw.x);
    for (const m of raw.mem ?? []) mem.set(m.addr, { ...m, step: i });
  }
  return { step, raw: chunk.steps[step - chunk.from], regs, x, mem, before };
}

/** The one cursor: which step of the walk or of a packet's run is selected, what stands there, and moving it. */

/** Milliseconds after which the page says that a step is still being fetched. */
const LATE = 400;

/** The name of a register in a frame, as steps spell it. */
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
    const { view, step, code } = this.state;
    const here = this.windows.at(step);
    if (!here) return null;
    const insn = code.at(here.raw.insn);
    return { ...here, view, idx: here.raw.insn, insn, line: insn?.line ?? null, frame: here.raw.frame ?? 0 };
  }

  /** Move to a step of the current view. */
  goto(step) {
    const to = this.within(step);
    this.kept[this.state.view] = to;
    this.store.set({ step: to, found: "" });
    this.look();
  }

  /** Switch to the verifier's walk or the machine's run. */
  show(view, step = this.kept[view]) {
    this.kept[this.state.view] = this.state.step;
    this.store.set({ view, step: this.within(step, view), focusStage: view, found: "" });
    this.look();
  }

  /** Look at the run of another packet. */
  packet(n) {
    const windows = this.steps.runOf(n);
    this.steps.run = windows;
    this.kept.run = 0;
    const known = this.state.stages.run?.runs?.[n]?.steps;
    if (known) windows.total = Math.max(windows.total, known);
    this.store.set({ packetRun: n });
    if (this.state.view === "run") this.show("run", 0);
  }

  /** The nearest step there is. */
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
      this.late = window.setTimeout(() => this.store.set({ found: `Fetching step ${step + 1}…` }), LATE);
    const known = view === "run" ? windows.step(step)?.walk_step : undefined;
    if (known !== undefined) this.steps.verify.need(known);
  }

  /** Steps arrived: if those of the cursor are among them, nothing is being fetched any more. */
  arrived() {
    if (this.windows.step(this.state.step)) {
      clearTimeout(this.late);
      if (this.state.found.startsWith("Fetching")) this.store.set({ found: "" });
    }
    this.store.set({ windows: this.state.windows + 1 });
  }

  // What stands beside the cursor --------------------------------------------------------------------------------

  /**
   * What the verifier knew after a step of the machine, on the path the run took: {step, before, state, frame, wrote,
   * outside}; `outside` names registers it knew nothing of. Null where nothing is known, or its window is on the way.
   */
  abstract(step) {
    const raw = this.steps.run.step(step);
    if (raw?.walk_step === undefined) return null;
    const walk = this.steps.verify;
    const here = walk.at(raw.walk_step);
    if (!here) {
      walk.need(raw.walk_step);
      return null;
    }
    const before = Boolean(raw.walk_before);
    return {
      step: raw.walk_step,
      before,
      state: before ? here.before : here.state,
      frame: raw.walk_frame ?? 0,
      wrote: before ? new Set() : here.wrote,
      outside: new Set(raw.walk_outside ?? []),
    };
  }

  /** Instruction of the step that wrote a register, or null when that step's window is not here. */
  writerInsn(reg) {
    if (!reg || reg.w === undefined || reg.w < 0) return null;
    return reg.wi ?? this.steps.verify.step(reg.w)?.insn ?? null;
  }

  /** C line of that instruction, or null. */
  writerLine(reg) {
    const idx = this.writerInsn(reg);
    return idx === null ? null : this.state.code.line(idx);
  }
}

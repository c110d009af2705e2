/** The instrument's one brain: takes messages in, moves the one cursor, and knows what the cursor points at. */
import { contains } from "../ui/format.js";
import { Code, Log, Machine } from "./model.js";
import { Reasons } from "./reasons.js";
import { Session } from "./session.js";
import { Store } from "./store.js";
import { Windows } from "./windows.js";

export const STAGES = ["compile", "load", "verify", "jit", "run"];
const FINAL = new Set(["done", "failed", "skipped"]);
/** How far the abstract state is looked up for a concrete one: larger walks show no range in run mode. */
const PAIR_LIMIT = 8192;
const SEARCH_WINDOWS = 400;

const waiting = (position) =>
  position > 1 ? `Waiting for a worker: ${position - 1} ${position === 2 ? "run is" : "runs are"} before yours.` : "Waiting for a worker…";

/** The name of a register in a frame, as steps spell it. */
export const inFrame = (frame, name) => (frame ? `${frame}:${name}` : name);

export class Scope {
  constructor(boot) {
    const request = boot.program.request;
    this.config = boot.config;
    this.store = new Store({
      program: boot.program,
      kind: request.kind,
      source: request.source ?? "",
      options: { ...request.options },
      input: { ...(request.input ?? { kind: "none" }) },
      edited: 0,
      ran: null,
      status: { state: "idle", message: "" },
      stages: {},
      view: "verify",
      step: 0,
      windows: 0,
      reg: "",
      hover: null,
      pane: "log",
      dock: true,
      column: "insns",
      base: "dec",
      focusStage: "verify",
      packetRun: 0,
      code: new Code(null),
      log: new Log(null),
      machine: new Machine(null),
      reasons: new Reasons(null),
      peek: "",
      spoken: "",
      found: "",
    });
    this.ask = (stage, from, to, run) => this.session.window(stage, from, to, run);
    this.windows = { verify: new Windows("verify", this.ask), run: new Windows("run", this.ask) };
    /** @type {Windows[]} the machine's steps, one a packet; windows.run is the one in view */
    this.runs = [this.windows.run];
    this.kept = { verify: 0, run: 0 };
    this.restore = null;
    this.fresh = false;
    this.pairs = new Map();
    const url = new URL(boot.config.ws, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.session = new Session(
      url.href,
      (message) => this.handle(message),
      (news) => this.connection(news),
    );
    this.width(boot.config.limits);
  }

  width(limits) {
    if (limits?.window) this.step = Math.min(limits.window, 256);
    for (const w of [this.windows.verify, ...this.runs]) w.width = this.step ?? w.width;
  }

  /** Steps of one packet's run. */
  runOf(n) {
    if (!this.runs[n]) {
      this.runs[n] = new Windows("run", this.ask, n);
      this.runs[n].width = this.windows.run.width;
    }
    return this.runs[n];
  }

  /** Look at the run of another packet. */
  packet(n) {
    this.windows.run = this.runOf(n);
    this.pairs.clear();
    this.kept.run = 0;
    const run = this.state.stages.run?.runs?.[n];
    if (run?.steps) this.windows.run.total = Math.max(this.windows.run.total, run.steps);
    this.store.set({ packetRun: n });
    if (this.state.view === "run") this.show("run", 0);
  }

  get state() {
    return this.store.state;
  }

  // What goes out ------------------------------------------------------------------------------------------------

  /** The request as it stands in the page. */
  request() {
    const { kind, source, options, input } = this.state;
    return { kind, source, options, input };
  }

  /** Send the program through the whole pipeline. */
  run(extra = {}) {
    if (Object.keys(extra).length) this.store.set({ options: { ...this.state.options, ...extra } });
    const request = this.request();
    if (!request.source.trim()) {
      this.store.set({
        status: { state: "error", message: "There is no program yet: write one, paste one, or choose an example." },
      });
      return;
    }
    this.fresh = true;
    this.store.set({
      ran: { ...request, edited: this.state.edited },
      stages: {},
      status: { state: "running", message: "" },
    });
    this.session.start(request);
  }

  /** Show a stored run: the messages that came with the page. */
  adopt(record) {
    this.fresh = true;
    this.store.set({ ran: { ...this.request(), edited: this.state.edited } });
    this.session.adopt(record.run, this.request());
    for (const message of record.messages) this.handle(message);
  }

  connection(news) {
    const { status } = this.state;
    if (news.state === "lost") {
      for (const w of [this.windows.verify, ...this.runs]) w?.forget();
      const seconds = (news.wait / 1000).toFixed(news.wait < 950 ? 1 : 0);
      this.store.set({
        status: { state: "lost", message: `The connection was lost. Trying again in ${seconds} s; nothing is lost.` },
      });
    } else if (news.state === "open" && status.state === "lost") {
      this.store.set({ status: { state: this.session.over ? "done" : "running", message: "Connected again." } });
      if (this.session.over) this.look();
    } else if (news.state === "idle" && status.state === "lost") {
      this.store.set({ status: { state: "done", message: "" } });
    }
  }

  // What comes in ------------------------------------------------------------------------------------------------

  handle(message) {
    switch (message.type) {
      case "hello":
        this.width(message.limits);
        break;
      case "accepted":
        if (this.fresh) this.begin();
        break;
      case "stage":
        this.stage(message);
        break;
      case "steps":
        if (message.stage === "verify") this.windows.verify.add(message);
        else this.runOf(message.run ?? 0).add(message);
        if (this.windows[this.state.view].step(this.state.step)) {
          clearTimeout(this.late);
          if (this.state.found.startsWith("Fetching")) this.store.set({ found: "" });
        }
        this.store.set({ windows: this.state.windows + 1 });
        break;
      case "progress": {
        const w = this.windows[message.stage];
        if (w) w.total = Math.max(w.total, message.total);
        this.store.set({ windows: this.state.windows + 1 });
        break;
      }
      case "queued":
        this.store.set({ status: { state: "running", message: waiting(message.position) } });
        break;
      case "limit":
      case "error":
        this.store.set({ status: { state: "error", message: message.message } });
        if (message.type === "error") this.settle();
        break;
      case "done":
        this.done(message);
        break;
    }
  }

  /** A new run was accepted: the old one's data is let go. */
  begin() {
    this.fresh = false;
    this.windows.verify.clear();
    this.windows.run = new Windows("run", this.ask);
    this.runs = [this.windows.run];
    this.width(null);
    this.pairs.clear();
    this.visits = null;
    this.kept = { verify: 0, run: 0 };
    this.store.set({ step: 0, packetRun: 0, found: "", peek: "", reasons: new Reasons(null) });
  }

  stage(message) {
    const { stage } = message;
    const stages = this.state.stages;
    const known = stages[stage];
    if (message.status === "working" && known && FINAL.has(known.status)) return; // said again after a resume
    const patch = /** @type {any} */ ({ stages: { ...stages, [stage]: message } });
    if (message.status === "failed" && (stage === "compile" || stage === "load")) {
      Object.assign(patch, { code: new Code(null), log: new Log(null), machine: new Machine(null), reasons: new Reasons(null), focusStage: stage });
      if (message.not_emulated?.length && this.state.pane === "log") patch.pane = "why";
    }
    if (message.status === "done" && stage === "load") {
      patch.code = new Code(message);
      patch.machine = new Machine(null);
    }
    if (message.status === "done" && stage === "jit") patch.machine = new Machine(message);
    this.store.set(patch);
    if (stage === "verify" && FINAL.has(message.status)) this.walked(message, known);
    if (stage === "run" && message.runs) this.ranOnce(message);
  }

  walked(message, known) {
    this.windows.verify.total = Math.max(this.windows.verify.total, message.steps ?? 0);
    this.store.set({ log: new Log(message), reasons: new Reasons(message) });
    if (known && FINAL.has(known.status)) return;
    if (message.verdict === "reject" && message.fail && !this.restore) {
      this.store.set({ view: "verify", step: Math.max(0, message.fail.step), reg: message.fail.reg ?? "", pane: "why" });
      this.store.set({ focusStage: "verify", found: "" });
    } else if (message.status === "failed" && !this.restore) {
      this.store.set({ view: "verify", step: Math.max(0, message.stopped?.step ?? 0), pane: "why", focusStage: "verify", found: "" });
    } else if (this.state.view === "verify" || message.status !== "done") {
      this.show("verify", this.restore?.stage === "verify" ? this.restore.step : this.state.step);
    }
    this.look();
  }

  ranOnce(message) {
    const first = message.runs?.[0];
    this.windows.run.total = Math.max(this.windows.run.total, first?.steps ?? 0);
    if (this.restore?.stage === "run") this.show("run", this.restore.step);
    else if (this.state.view === "run") this.show("run", this.state.step);
    this.look();
  }

  /** The run is over: nothing is at work any more, whatever was said last. */
  settle() {
    const { stages } = this.state;
    const open = Object.values(stages).filter((m) => m.status === "working");
    if (open.length)
      this.store.set({ stages: { ...stages, ...Object.fromEntries(open.map((m) => [m.stage, { ...m, status: "stopped" }])) } });
  }

  done(message) {
    const { status } = this.state;
    this.settle();
    const { stages } = this.state;
    if (status.state !== "error")
      this.store.set({ status: { state: "done", message: message.cancelled ? "Cancelled." : "", ms: message.ms } });
    if (this.state.view === "run" && !stages.run?.runs) this.show("verify", this.kept.verify);
    // Without a walk (the verifier was not asked) what there is to step is the run.
    else if (this.state.view === "verify" && !this.windows.verify.total && this.windows.run.total) this.show("run", 0);
    this.restore = null;
    this.look();
  }

  // The cursor ---------------------------------------------------------------------------------------------------

  /** Steps in the current view. */
  get total() {
    return this.windows[this.state.view].total;
  }

  /** Everything the cursor points at, or null while its window is on the way. */
  now() {
    const { view, step, code } = this.state;
    const here = this.windows[view].at(step);
    if (!here) return null;
    const insn = code.at(here.raw.insn);
    return { ...here, view, idx: here.raw.insn, insn, line: insn?.line ?? null, frame: here.raw.frame ?? 0 };
  }

  /** Make sure what the cursor needs is coming. */
  look() {
    const { view, step } = this.state;
    this.windows[view].want(step);
    clearTimeout(this.late);
    if (this.windows[view].total && !this.windows[view].step(step))
      this.late = setTimeout(() => this.store.set({ found: `Fetching step ${step + 1}…` }), 400);
    if (view === "run" && this.windows.verify.total <= PAIR_LIMIT)
      for (let s = 0; s < this.windows.verify.total; s += this.windows.verify.width) this.windows.verify.need(s);
  }

  /** Switch to the verifier's walk or the machine's run. */
  show(view, step = this.kept[view]) {
    const total = this.windows[view].total;
    this.kept[this.state.view] = this.state.step;
    this.store.set({ view, step: Math.max(0, Math.min(step, Math.max(0, total - 1))), focusStage: view, found: "" });
    this.look();
  }

  /** Move the cursor to a step of the current view. */
  goto(step) {
    const { view } = this.state;
    const to = Math.max(0, Math.min(step, Math.max(0, this.windows[view].total - 1)));
    this.kept[view] = to;
    this.store.set({ step: to, found: "" });
    this.look();
  }

  /**
   * Find the next step in a direction for which `test(raw, step)` holds, fetching windows as needed, and go there.
   * @param {number} direction 1 or -1
   */
  async seek(direction, test, what, from = this.state.step) {
    const { view } = this.state;
    const windows = this.windows[view];
    const ticket = (this.ticket = Symbol());
    let fetched = 0;
    for (let s = from + direction; s >= 0 && s < windows.total; s += direction) {
      let raw = windows.step(s);
      if (!raw) {
        if (++fetched > SEARCH_WINDOWS) break;
        this.store.set({ found: `Looking for ${what}: step ${s + 1}…` });
        windows.need(s);
        if (!(await this.arrival(windows, s)) || this.ticket !== ticket) return false;
        raw = windows.step(s);
      }
      if (test(raw, s)) {
        this.goto(s);
        return true;
      }
    }
    this.store.set({ found: `No ${direction > 0 ? "later" : "earlier"} ${what}.` });
    return false;
  }

  /** Wait until a window is here; false after ten seconds. */
  async arrival(windows, step) {
    for (let i = 0; i < 500; i++) {
      if (windows.step(step)) return true;
      await new Promise((resolve) => setTimeout(resolve, 20));
      windows.need(step);
    }
    return false;
  }

  /** Next or previous step that does not go into a call. */
  over(direction) {
    const frame = this.now()?.frame ?? 0;
    return this.seek(direction, (raw) => (raw.frame ?? 0) <= frame, "step of this function");
  }

  /** Next or previous visit of a C line that the cursor is on. */
  visitLine(direction) {
    const line = this.now()?.line;
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

  /** Next or previous step at an instruction, else wrap to the first one from the other end. */
  async visitInsn(idx) {
    const same = (raw) => raw.insn === idx;
    if (this.windows[this.state.view].step(this.state.step)?.insn === idx) return true;
    const visits = this.state.stages.verify?.visits;
    if (this.state.view === "verify" && visits && !visits[idx]) {
      this.store.set({ found: `The verifier never reached instruction ${idx}.` });
      return false;
    }
    return (await this.seek(1, same, `visit of instruction ${idx}`)) || this.seek(-1, same, `visit of instruction ${idx}`);
  }

  /** The nearest visit of any instruction of a C line. */
  async visitOf(line) {
    const slots = new Set(this.state.code.byLine.get(line) ?? []);
    if (!slots.size) {
      this.store.set({ found: `Line ${line} has no instruction of its own.` });
      return false;
    }
    if (this.now()?.line === line) return true;
    const test = (raw) => slots.has(raw.insn);
    return (await this.seek(1, test, `visit of line ${line}`)) || this.seek(-1, test, `visit of line ${line}`);
  }

  /** Next or previous change of the selected register. */
  change(direction) {
    const { reg, view } = this.state;
    if (!reg) {
      this.store.set({ found: "Select a register first." });
      return false;
    }
    const touches =
      view === "verify"
        ? (raw) => (raw.wrote ? raw.wrote.includes(reg) : reg in (raw.set ?? {}) || (raw.del ?? []).includes(reg))
        : (raw) => reg in (raw.regs ?? {}) || reg in (raw.x ?? {});
    return this.seek(direction, touches, `change of ${reg}`);
  }

  /** Back from `step` along its path to where `insns`, newest first, were visited last: go to the last of them. */
  async backTo(step, insns) {
    const walk = this.windows.verify;
    const ticket = (this.ticket = Symbol());
    let fetched = 0;
    let s = step;
    let at = -1;
    for (const insn of insns) {
      for (at = -1; s >= 0 && at < 0; ) {
        if (!walk.step(s)) {
          if (++fetched > SEARCH_WINDOWS) break;
          this.store.set({ found: `Looking back: step ${s + 1}…` });
          walk.need(s);
          if (!(await this.arrival(walk, s)) || this.ticket !== ticket) return false;
        }
        const raw = walk.step(s);
        if (raw.insn === insn) at = s;
        s = raw.prev ?? s - 1;
      }
      if (at < 0) break;
    }
    if (at < 0) {
      this.store.set({ found: `Instruction ${insns.at(-1)} was not visited on this path before.` });
      return false;
    }
    if (this.state.view !== "verify") this.show("verify", at);
    else this.goto(at);
    return true;
  }

  /** To the step that wrote the selected register or slot. */
  writer() {
    const { reg, view } = this.state;
    const value = view === "verify" ? this.now()?.state.get(reg) : null;
    if (!value) this.store.set({ found: reg ? `${reg} holds nothing here.` : "Select a register first." });
    else if (!(value.w >= 0)) this.store.set({ found: `${reg} was there when the program started.` });
    else this.goto(value.w);
  }

  /** To the step where a register or slot had to be precise, with the reason open. */
  whyPrecise(name) {
    const here = this.now();
    const mark = here && this.state.reasons.whyPrecise(name, here.step, here.raw.path);
    if (!mark) {
      this.store.set({ found: `Why ${name} had to be precise is not kept: it was told of a step further back.` });
      return;
    }
    this.store.set({ pane: "why", dock: true });
    this.goto(mark.step);
  }

  /** Next or previous place where the walk forked, was pruned or ended. */
  branch(direction) {
    const { view, step, stages } = this.state;
    if (view !== "verify") return;
    const places = new Set();
    for (const path of stages.verify?.paths ?? []) {
      if (path.first_step >= 0) places.add(path.first_step);
      if (path.last_step >= 0) places.add(path.last_step);
    }
    const sorted = [...places].sort((a, b) => (a - b) * direction);
    const next = sorted.find((s) => (s - step) * direction > 0);
    if (next === undefined) this.store.set({ found: `No ${direction > 0 ? "later" : "earlier"} branch.` });
    else this.goto(next);
  }

  // What stands beside the cursor --------------------------------------------------------------------------------

  /**
   * The verifier's state for the machine's step: that of the visit of the same instruction whose ranges hold every
   * concrete value. Null where no visit fits or the walk is too long to hold.
   */
  abstract(step, regs) {
    if (this.pairs.has(step)) return this.pairs.get(step);
    const walk = this.windows.verify;
    if (!walk.total || walk.total > PAIR_LIMIT) return null;
    const raw = this.windows.run.step(step);
    if (!raw) return null;
    const steps = this.visitsOf(raw.insn);
    if (!steps) return null;
    const after = this.pairs.get(step - 1)?.step ?? -1;
    const order = [...steps.filter((s) => s > after), ...steps.filter((s) => s <= after)].slice(0, 64);
    for (const s of order) {
      const here = walk.at(s);
      if (!here) return null;
      const frame = here.raw.frame ?? 0;
      const fits = Object.entries(regs).every(([name, value]) => {
        const reg = here.state.get(inFrame(frame, name));
        return reg?.k !== "number" || !reg.s || contains(reg.s, value);
      });
      if (fits) {
        const pair = { step: s, state: here.state, frame };
        this.pairs.set(step, pair);
        return pair;
      }
    }
    return null;
  }

  /** Steps of the walk at an instruction, once the whole walk is here. */
  visitsOf(idx) {
    const walk = this.windows.verify;
    if (!this.visits) {
      const visits = new Map();
      for (let s = 0; s < walk.total; s++) {
        const raw = walk.step(s);
        if (!raw) return null;
        const list = visits.get(raw.insn);
        if (list) list.push(s);
        else visits.set(raw.insn, [s]);
      }
      this.visits = visits;
    }
    return this.visits.get(idx) ?? [];
  }

  /** Instruction of the step that wrote a register, or null when that step's window is not here. */
  writerInsn(reg) {
    if (!reg || reg.w === undefined || reg.w < 0) return null;
    return reg.wi ?? this.windows.verify.step(reg.w)?.insn ?? null;
  }

  /** C line of that instruction, or null. */
  writerLine(reg) {
    const idx = this.writerInsn(reg);
    return idx === null ? null : this.state.code.line(idx);
  }
}

/** The instrument's one brain: takes messages in, moves the one cursor, and knows what the cursor points at. */
import { foreign } from "./detect.js";
import { Code, Log, Machine } from "./model.js";
import { Reasons } from "./reasons.js";
import { Search } from "./search.js";
import { Session } from "./session.js";
import { Store } from "./store.js";
import { Windows } from "./windows.js";

export const STAGES = ["compile", "load", "verify", "jit", "run"];
const FINAL = new Set(["done", "failed", "skipped"]);

const waiting = (position) =>
  position > 1 ? `Waiting for a worker: ${position - 1} ${position === 2 ? "run is" : "runs are"} before yours.` : "Waiting for a worker…";

/** The name of a register in a frame, as steps spell it. */
export const inFrame = (frame, name) => (frame ? `${frame}:${name}` : name);

export class Scope extends Search {
  /** @type {number | undefined} */
  step;
  /** @type {number | undefined} */
  late;

  constructor(boot) {
    super();
    const request = boot.program.request;
    this.config = boot.config;
    this.store = new Store({
      program: boot.program,
      kind: request.kind,
      source: request.source ?? "",
      options: { ...request.options },
      input: { ...(request.input ?? { kind: "auto" }) },
      /** Release of the emulated kernel, as the server says it. */
      kernel: boot.config.kernel ?? "",
      edited: 0,
      /** Counts programs that were opened, so that the editor starts afresh with each. */
      opened: 0,
      /** True once the input was changed by hand: it then stays when another program is pasted. */
      ownInput: boot.ownInput ?? false,
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
      found: "",
    });
    this.ask = (stage, from, to, run) => this.session.window(stage, from, to, run);
    this.windows = { verify: new Windows("verify", this.ask), run: new Windows("run", this.ask) };
    /** @type {import("./trail.js").Trail | null} */
    this.trail = null;
    /** @type {Windows[]} the machine's steps, one a packet; windows.run is the one in view */
    this.runs = [this.windows.run];
    this.kept = { verify: 0, run: 0 };
    this.restore = null;
    this.fresh = false;
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
    for (const w of [this.windows.verify, ...this.runs]) if (w) w.width = this.step ?? w.width;
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
    this.kept.run = 0;
    const run = this.state.stages.run?.runs?.[n];
    if (run?.steps) this.windows.run.total = Math.max(this.windows.run.total, run.steps);
    this.store.set({ packetRun: n });
    if (this.state.view === "run") this.show("run", 0);
  }

  // What goes out ------------------------------------------------------------------------------------------------

  /** The request as it stands in the page. */
  request() {
    const { kind, source, options, input } = this.state;
    return input.kind === "auto" ? { kind, source, options } : { kind, source, options, input };
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
    const other = request.kind === "c" ? foreign(request.source) : null;
    if (other) {
      this.session.end();
      this.store.set({ status: { state: "error", message: other.said } });
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
        status: { state: "lost", message: `The connection was lost. Trying again in ${seconds} s; your program is kept.` },
      });
    } else if (news.state === "open" && status.state === "lost") {
      this.store.set({ status: { state: this.session.over ? "done" : "running", message: "Connected again." } });
      if (this.session.over) this.look();
    } else if (news.state === "given-up") void this.unreachable(news.never);
    else if (news.state === "idle" && status.state === "lost") {
      this.store.set({ status: { state: "done", message: "" } });
    }
  }

  /** No connection could be made: find out whether the server answers at all, and say what can be done. */
  async unreachable(never) {
    this.settle();
    const answers = await fetch("/healthz", { cache: "no-store" }).then(() => true, () => false);
    const { host } = new URL(this.session.url);
    const message = !answers
      ? "The server cannot be reached. Your program is kept in this browser: press Run to try again."
      : never
        ? `Programs are run over a WebSocket connection, and this browser cannot open one to ${host}. A proxy, a firewall or a browser extension may block it: allow WebSocket connections (HTTP Upgrade) to this address, then press Run.`
        : "The WebSocket connection was lost and could not be restored, although the server responds. Press Run to try again.";
    this.store.set({ status: { state: "error", message } });
  }

  // What comes in ------------------------------------------------------------------------------------------------

  handle(message) {
    switch (message.type) {
      case "hello":
        this.width(message.limits);
        if (message.kernel) this.store.set({ kernel: message.kernel });
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
        const w = message.stage === "run" ? this.runOf(message.run ?? 0) : this.windows.verify;
        w.total = Math.max(w.total, message.total);
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

  /** Nothing was run: what an earlier program left behind is let go. */
  rest() {
    this.session.end();
    this.begin();
    this.restore = null;
    this.store.set({ ran: null, code: new Code(null), log: new Log(null), machine: new Machine(null) });
  }

  /** A new run was accepted: the old one's data is let go. */
  begin() {
    this.fresh = false;
    this.windows.verify.clear();
    this.windows.run = new Windows("run", this.ask);
    this.runs = [this.windows.run];
    this.width(null);
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
    for (const [n, run] of message.runs.entries()) this.runOf(n).total = Math.max(this.runOf(n).total, run.steps ?? 0);
    const wanted = this.restore?.packet ?? 0;
    if (wanted && wanted < message.runs.length) this.packet(wanted);
    if (this.restore?.stage === "run") this.show("run", this.restore.step);
    else if (this.state.view === "run") this.show("run", this.state.step);
    this.look();
  }

  /** The run is over: nothing is at work any more, whatever was said last. */
  settle() {
    const { stages } = this.state;
    const settled = { ...stages };
    for (const [name, m] of Object.entries(stages)) if (m?.status === "working") settled[name] = { ...m, status: "stopped" };
    if (Object.values(stages).some((m) => m?.status === "working")) this.store.set({ stages: settled });
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
    const known = view === "run" ? this.windows.run.step(step)?.walk_step : undefined;
    if (known !== undefined) this.windows.verify.need(known);
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

  // What stands beside the cursor --------------------------------------------------------------------------------

  /**
   * What the verifier knew after a step of the machine, on the path the run took: {step, before, state, frame, wrote,
   * outside}; `outside` names registers it knew nothing of. Null where nothing is known, or its window is on the way.
   */
  abstract(step) {
    const raw = this.windows.run.step(step);
    if (raw?.walk_step === undefined) return null;
    const walk = this.windows.verify;
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
    return reg.wi ?? this.windows.verify.step(reg.w)?.insn ?? null;
  }

  /** C line of that instruction, or null. */
  writerLine(reg) {
    const idx = this.writerInsn(reg);
    return idx === null ? null : this.state.code.line(idx);
  }
}

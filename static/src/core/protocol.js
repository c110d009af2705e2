/** The run protocol (docs/protocol.md): the request goes out, and what the server says goes into the store. */
import { foreign } from "./detect.js";
import { REASONS } from "./lists.js";
import { Code, Log, Machine } from "./model.js";
import { Reasons } from "./reasons.js";
import { unfinished } from "./replayed.js";
import { isFinal } from "./stages.js";
import { unreachable } from "./unreachable.js";
import { upload } from "./upload.js";
import { size } from "../ui/format.js";

/** @import { Done, Executed, Options, Request, ServerMessage, StageMessage } from "../types/messages.js" */
/** @import { Part } from "./lists.js" */
/** @import { StoredRun } from "./scope.js" */
/** @import { State, View } from "./store.js" */

/** @param {import("../types/messages.js").Queued} message */
const waiting = ({ position, expected }) => {
  const seconds = (expected ?? 0) > 2 ? ` Expected to take about ${expected} seconds.` : "";
  const before = position > 1 ? `: ${position - 1} ${position === 2 ? "run is" : "runs are"} before yours.` : seconds ? "." : "…";
  return `Waiting for a worker${before}${seconds}`;
};

const SLOWER = "No WebSocket can be opened here, so messages come by repeated requests: all works, some of it slower.";
const NO_PROGRAM = "There is no program yet: write one, paste one, or choose an example.";

export class Protocol {
  /**
   * @param {import("./store.js").Store} store
   * @param {import("./steps.js").Steps} steps
   * @param {import("./cursor.js").Cursor} cursor
   * @param {Pick<import("./session.js").Session, "start" | "adopt" | "cancel" | "end" | "over" | "url">} session
   * @param {import("./analyses.js").Analyses} analyses
   * @param {import("./lists.js").Lists} lists
   * @param {import("./seeker.js").Seeker} seeker
   * @param {Pick<import("./values.js").Values, "take" | "forget"> | null} values
   * @param {Pick<import("./shape.js").Shapes, "take" | "forget"> | null} shapes
   */
  constructor(store, steps, cursor, session, analyses, lists, seeker, values = null, shapes = null) {
    this.values = values;
    this.shapes = shapes;
    this.store = store;
    this.steps = steps;
    this.cursor = cursor;
    this.session = session;
    this.analyses = analyses;
    this.lists = lists;
    this.seeker = seeker;
    /** @type {{step: number, stage: View, packet: number} | null} where a link points: taken up once its stage is here */
    this.restore = null;
    /** @type {ReturnType<typeof upload> | null} the log that is being sent */
    this.uploading = null;
    /** True from a request until it is accepted. */
    this.fresh = false;
  }

  get state() {
    return this.store.state;
  }

  // What goes out ------------------------------------------------------------------------------------------------

  /** The request as it stands in the page. @returns {Request} */
  request() {
    const { kind, source, files, options, input, beside } = this.state;
    if (kind === "log") return { kind, source, options: { program: options.program ?? "" }, ...(beside?.source.trim() ? { beside } : {}) };
    const own = ["c", "elf"].includes(kind) && Object.keys(files).length ? { files } : {};
    return /** @type {Request} */ ({ kind, source, ...own, options, ...(input.kind === "auto" ? {} : { input }) });
  }

  /** Send the program through the whole pipeline; `extra` options are kept. @param {Options} extra */
  run(extra = {}) {
    if (Object.keys(extra).length) this.store.set({ options: { ...this.state.options, ...extra } });
    const request = this.request();
    this.stop();
    const { upload: long } = this.state;
    if (request.kind === "log" && long) {
      this.send(request, long);
      return;
    }
    if (!request.source.trim()) {
      this.fail(NO_PROGRAM);
      return;
    }
    const other = request.kind === "c" ? foreign(request.source) : null;
    if (other) {
      this.session.end();
      this.fail(other.said);
      return;
    }
    this.begun();
    this.session.start(request);
  }

  /** What is shown is of a request that goes out now. */
  begun(message = "") {
    this.fresh = true;
    this.store.set({ ran: this.marked(), stages: {}, status: { state: "running", message } });
  }

  /**
   * Upload a log, then let it be read.
   * @param {Request} request
   * @param {NonNullable<State["upload"]>} log
   */
  send(request, { file, name }) {
    this.session.end();
    const all = size(file.size);
    /** @param {number} sent */
    const told = (sent) => `Sending ${name || "the log"}: ${size(sent)} of ${all}…`;
    this.begun(told(0));
    const uploading = upload(file, (sent) => this.uploading === uploading && this.store.set({ status: { state: "running", message: told(sent) } }));
    this.uploading = uploading;
    uploading.sent.then(
      (id) => {
        if (this.uploading !== uploading) return;
        this.uploading = null;
        this.store.set({ status: { state: "running", message: "The log was sent. It is being read…" } });
        this.session.start({ ...request, upload: id });
      },
      (error) => {
        if (this.uploading !== uploading) return;
        this.uploading = null;
        this.fail(error.message);
      },
    );
  }

  /** End an upload that goes on. */
  stop() {
    this.uploading?.stop();
    this.uploading = null;
  }

  /** Stop what goes on: an upload, or the run. */
  cancel() {
    if (!this.uploading) {
      this.session.cancel();
      return;
    }
    this.stop();
    this.store.set({ status: { state: "done", message: "Cancelled." } });
  }

  /** Show a stored run: the messages that came with the page. @param {StoredRun} record */
  adopt(record) {
    this.fresh = true;
    this.store.set({ ran: this.marked() });
    this.session.adopt(record.run, this.request());
    for (const message of record.messages) this.handle(message);
  }

  /** Nothing was run: what an earlier program left behind is let go. */
  rest() {
    this.stop();
    this.session.end();
    this.begin();
    this.restore = null;
    this.store.set({ ran: null, ...nothing() });
  }

  /** The request, and which edit of the program it is. */
  marked() {
    return { ...this.request(), edited: this.state.edited };
  }

  /** @param {string} message */
  fail(message) {
    this.store.set({ status: { state: "error", message } });
  }

  // The connection -----------------------------------------------------------------------------------------------

  /** @param {{state: string, wait?: number, never?: boolean, message?: string}} news of the session */
  connection(news) {
    const lost = this.state.status.state === "lost";
    if (news.state === "sending") this.store.set({ status: { state: "running", message: news.message ?? "" } });
    else if (news.state === "lost") {
      this.steps.forget();
      this.lists.forget();
      this.analyses.lost();
      this.seeker.forget();
      const wait = news.wait ?? 0;
      const seconds = (wait / 1000).toFixed(wait < 950 ? 1 : 0);
      this.store.set({
        status: { state: "lost", message: `The connection was lost. Trying again in ${seconds} s; your program is kept.` },
      });
    } else if (news.state === "open" && lost) {
      this.store.set({ status: { state: this.session.over ? "done" : "running", message: "Connected again." } });
      if (this.session.over) this.cursor.look();
    } else if (news.state === "other-way") {
      this.store.set({ notice: SLOWER, status: { state: "running", message: "" } });
    } else if (news.state === "given-up") {
      this.settle();
      this.ended("The connection to the server was lost.");
      void unreachable(this.session.url, Boolean(news.never)).then((message) => this.fail(message));
    } else if (news.state === "idle" && lost) this.store.set({ status: { state: "done", message: "" } });
  }

  // What comes in ------------------------------------------------------------------------------------------------

  /** Take one message of the server. @param {ServerMessage} message */
  handle(message) {
    if (this.analyses.take(message) || this.seeker.take(message) || this.values?.take(message) || this.shapes?.take(message)) return;
    switch (message.type) {
      case "hello":
        this.steps.limit(message.limits);
        this.seeker.limit(message.limits);
        if (message.kernel) this.store.set({ kernel: message.kernel });
        break;
      case "accepted":
        if (this.fresh) this.begin();
        break;
      case "stage":
        this.stage(message);
        break;
      case "replayed":
        this.replayed(message);
        break;
      case "part":
        this.part(message);
        break;
      case "log":
        this.store.set({ log: new Log(message) });
        break;
      case "steps":
        this.steps.add(message);
        this.cursor.arrived();
        break;
      case "progress":
        this.steps.grow(message);
        this.store.set({ windows: this.state.windows + 1 });
        break;
      case "queued":
        this.store.set({ status: { state: "running", message: waiting(message) } });
        break;
      case "limit":
      case "error":
        // What is shown of a recording stays: only the events behind it are missing.
        if (!("asked" in message && message.asked) && !(message.type === "error" && message.code === "window") && this.ended(message.message)) break;
        this.fail(message.message);
        if (message.type === "error" && message.code !== "window") this.settle();
        break;
      case "done":
        this.done(message);
        break;
    }
  }

  /** A new run was accepted: the old one's data is let go. */
  begin() {
    this.fresh = false;
    this.steps.clear();
    this.lists.clear();
    this.cursor.reset();
    this.store.set({ reasons: new Reasons(null), rest: "" });
    this.analyses.forget();
    this.values?.forget();
    this.shapes?.forget();
    this.seeker.forget();
  }

  /** @param {StageMessage} message */
  stage(message) {
    const { stage } = message;
    const { stages, pane } = this.state;
    const known = stages[stage];
    if (message.status === "working" && isFinal(known)) return; // said again after a resume
    /** @type {Partial<State>} */
    const patch = { stages: { ...stages, [stage]: message } };
    if (message.status === "failed" && (stage === "compile" || stage === "load")) {
      Object.assign(patch, nothing(), { reasons: new Reasons(null), focusStage: stage });
      if ("not_covered" in message && message.not_covered?.length && pane === "log") patch.pane = "why";
      // Where one column is shown at a time: what clang says, and what adds a missing line, stands in the source's.
      if (stage === "compile") patch.column = "code";
    }
    if (isFinal(message)) this.lists.open(message);
    if (stage === "run") patch.rest = "";
    if (message.status === "done" && message.stage === "load") {
      patch.code = new Code(message, (from, to) => this.lists.need("insns", from, to));
      patch.machine = new Machine(null);
    }
    if (message.stage === "verify" && "insns" in message && message.insns) {
      // Of a long log the instructions are known in full only when it was read to its end.
      const load = /** @type {State["stages"]["load"]} */ ({ ...stages.load, insns: message.insns, lines: message.lines ?? {} });
      patch.code = new Code({ insns: message.insns, lines: message.lines ?? {} });
      patch.stages = { ...stages, load, verify: message };
    }
    if (message.status === "done" && message.stage === "jit") patch.machine = new Machine(message);
    this.store.set(patch);
    const { verify, run } = this.state.stages;
    if (stage === "run" && run?.entered?.length && !this.state.code.entered.size) {
      const { code, machine } = this.state;
      this.steps.enter(run.entered);
      this.store.set({ code: code.with(run.entered), machine: new Machine({ listing: [...machine.listing, ...entered(run)] }) });
    }
    if (stage === "verify" && verify && isFinal(verify)) this.walked(verify, isFinal(known));
    if (stage === "run" && run?.recorded?.replayed) this.seeker.hold();
    if (stage === "run" && run?.runs) this.ranOnce(run.runs);
  }

  /**
   * The walk has ended: show where, unless that was shown already or a link points elsewhere.
   * @param {NonNullable<State["stages"]["verify"]>} message
   * @param {boolean} known whether it had ended before
   */
  walked(message, known) {
    const { cursor, restore } = this;
    this.steps.grow({ stage: "verify", run: 0, total: message.steps ?? 0 });
    this.store.set({ log: new Log(message, (from, to) => this.lists.need("log", from, to)), reasons: new Reasons(message) });
    if (known) return;
    // What the text is and what it lacks stands there.
    if (message.read_from && !restore) this.store.set({ pane: "why", dock: true });
    if (message.verdict === "reject" && message.fail && !restore)
      this.point(message.fail.step, { reg: message.fail.reg ?? "" });
    else if (message.status === "failed" && !restore) this.point(message.stopped?.step ?? 0);
    else if (this.state.view === "verify" || message.status !== "done")
      cursor.show("verify", restore?.stage === "verify" ? restore.step : this.state.step);
    cursor.look();
  }

  /**
   * Take items of a list. Where a list is needed as a whole, what is made of it is made once it is whole.
   * @param {Part} message
   */
  part(message) {
    const { lists } = this;
    const { code, log, stages, windows } = this.state;
    if (!lists.add(message)) return;
    /** @type {Partial<State>} */
    const patch = { windows: windows + 1 };
    if (message.list === "insns") code.fill(message.from, message.items);
    else if (message.list === "log") log.fill(message.from, message.items);
    else if (lists.whole(message.list)) {
      const whole = lists.items(message.list) ?? [];
      if (message.list === "listing") patch.machine = new Machine({ listing: [...whole, ...entered(stages.run)] });
      else if (stages.verify) {
        const verify = { ...stages.verify, [message.list]: whole };
        patch.stages = { ...stages, verify };
        if (REASONS.every((each) => lists.whole(each))) patch.reasons = new Reasons(verify);
      }
    }
    this.store.set(patch);
  }

  /** Select a step of the walk and open what explains it. @param {number} step @param {Partial<State>} more */
  point(step, more = {}) {
    this.store.set({ view: "verify", step: Math.max(0, step), pane: "why", focusStage: "verify", found: "", ...more });
  }

  /** @param {Executed["runs"]} runs */
  ranOnce(runs) {
    const { cursor, restore, steps } = this;
    for (const [n, run] of runs.entries()) steps.grow({ stage: "run", run: n, total: run.steps ?? 0 });
    const wanted = restore?.packet ?? 0;
    if (wanted && wanted < runs.length) cursor.packet(wanted);
    if (restore?.stage === "run") cursor.show("run", restore.step);
    else if (this.state.view === "run") cursor.show("run", this.state.step);
    cursor.look();
  }

  /** What was found out of a recording's events after the first one. @param {import("../types/messages.js").Replayed} message */
  replayed({ events, memory, recorded, returned }) {
    const { stages } = this.state;
    if (!stages.run?.runs) return;
    this.store.set({ stages: { ...stages, run: { ...stages.run, events, memory, recorded, returned } } });
    if (!recorded.replayed) this.seeker.release();
    // Events that were asked for before they were there.
    this.steps.forget();
    this.cursor.look();
  }

  /**
   * No more events of a recording will be replayed. False where none are missing, or that was said already.
   * @param {string} why
   */
  ended(why) {
    const { rest, stages } = this.state;
    if (rest || !unfinished(stages.run)) return false;
    this.store.set({ rest: why });
    this.seeker.release();
    return true;
  }

  /** The run is over: nothing is at work any more, whatever was said last. */
  settle() {
    const { stages } = this.state;
    const open = Object.values(stages).filter((m) => m?.status === "working");
    if (!open.length) return;
    const stopped = open.map((m) => [m.stage, { ...m, status: "stopped" }]);
    this.store.set({ stages: { ...stages, ...Object.fromEntries(stopped) } });
  }

  /** @param {Done} message */
  done(message) {
    const { cursor, steps } = this;
    const { status } = this.state;
    this.settle();
    this.ended(message.cancelled ? "The run was cancelled." : "The run ended before.");
    this.seeker.release();
    if (status.state !== "error")
      this.store.set({ status: { state: "done", message: message.cancelled ? "Cancelled." : "", ms: message.ms } });
    if (this.state.view === "run" && !this.state.stages.run?.runs) cursor.show("verify");
    // Without a walk (the verifier was not asked) what there is to step is the run.
    else if (this.state.view === "verify" && !steps.verify.total && steps.run.total) cursor.show("run", 0);
    this.restore = null;
    if (this.state.rest) steps.forget(); // what is there of the events that were not replayed to the last one
    cursor.look();
    // What was not there when it was asked for is there now.
    this.lists.forget();
    this.store.set({ windows: this.state.windows + 1 });
  }
}

/** The machine code of programs that tail calls enter. @param {State["stages"]["run"]} run */
const entered = (run) => (run?.entered ?? []).flatMap((each) => each.listing);

/** What stages are made into, before there are any. */
const nothing = () => ({ code: new Code(null), log: new Log(null), machine: new Machine(null) });

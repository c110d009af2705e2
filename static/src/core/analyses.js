/**
 * Questions about the program that take more work than its run (docs/protocol.md, "analysis"). Asked when somebody looks
 * at the answer, or when a panel needs it. A run of another program forgets them; one with another input only those that
 * depend on it.
 */

import { known } from "./asked-kernels.js";
import { canonical } from "./recorded.js";

/** @import { AdviceDone, Binaries, CellsDone, ClientMessage, Contents, EmulatedCell, EventRecorded, FixTried, FoundAdvice, Graph, KernelCell, Kernels, RealAttached, RealBegun, RealDone, RealMap, RealOutput, RealPacket, RecordingMade, ReducedSource, RewrittenProgram, ServerMessage, SettingsDone, Setup, SmallerSource, TriedSetting, WalkProfile, WalksCompared } from "../types/messages.js" */
/** @import { Counterexample, FixFound, FixesDone } from "../types/page.js" */

/**
 * What a question is answered with, one or more times.
 * @typedef {{
 *   contents: Contents, rewritten: RewrittenProgram, fixes: FixFound | FixesDone, counterexample: Counterexample,
 *   matrix: Kernels | KernelCell | EmulatedCell | FixTried | CellsDone,
 *   real: RealBegun | RealPacket | RealAttached | RealOutput | RealMap | RealDone,
 *   setup: Setup,
 *   record: EventRecorded | RecordingMade,
 *   binaries: Binaries,
 *   profile: WalkProfile, advice: FoundAdvice | AdviceDone, settings: TriedSetting | SettingsDone, compare: WalksCompared, graph: Graph,
 *   reduce: SmallerSource | ReducedSource,
 * }} Answers
 */
/** @typedef {keyof Answers} Question */

/** Which question a message answers, and whether it is the last of its answer. */
const ANSWERS = /** @type {const} */ ({
  contents: { asked: "contents", last: true },
  rewritten: { asked: "rewritten", last: true },
  fix: { asked: "fixes", last: false },
  fixes_done: { asked: "fixes", last: true },
  counterexample: { asked: "counterexample", last: true },
  kernels: { asked: "matrix", last: false },
  cell: { asked: "matrix", last: false },
  emulated: { asked: "matrix", last: false },
  fix_tried: { asked: "matrix", last: false },
  cells_done: { asked: "matrix", last: true },
  real: { asked: "real", last: false },
  real_packet: { asked: "real", last: false },
  real_attached: { asked: "real", last: false },
  real_output: { asked: "real", last: false },
  real_map: { asked: "real", last: false },
  real_done: { asked: "real", last: true },
  setup: { asked: "setup", last: true },
  event_recorded: { asked: "record", last: false },
  recording: { asked: "record", last: true },
  binaries: { asked: "binaries", last: true },
  profile: { asked: "profile", last: true },
  advice: { asked: "advice", last: false },
  advice_done: { asked: "advice", last: true },
  setting: { asked: "settings", last: false },
  settings_done: { asked: "settings", last: true },
  compare: { asked: "compare", last: true },
  graph: { asked: "graph", last: true },
  smaller: { asked: "reduce", last: false },
  reduced: { asked: "reduce", last: true },
});

/** Questions whose answers depend on the input of the request (OF_INPUT in playground/messages/asked.py). @type {Question[]} */
const OF_INPUT = ["real"];

/** Questions with something beside the program, whose answers a file holds as they were asked. @type {Question[]} */
const BESIDE = ["settings", "compare", "record"];

/** How many of each a file holds at most (HELD in playground/messages/endpoints.py), and their characters together. */
const HELD = 16;
const HELD_CHARS = 2_000_000;

/**
 * `message`: why the question was not answered; `more`: what was asked beside the program.
 * @template [M=Answers[Question]]
 * @typedef {{status: "asked" | "done" | "failed", parts: M[], message: string, more: Record<string, unknown>}} Answer
 */

export class Analyses {
  /**
   * @param {import("./store.js").Store} store
   * @param {Pick<import("./session.js").Session, "ask" | "request">} session
   * @param {string[]} known questions that this server answers
   * @param {boolean} [file] whether the page is a file, which says of each question that it does not hold the answer
   * @param {Record<string, Record<string, unknown>[]>} [held] what was asked beside the program before the file was made, the last one last
   */
  constructor(store, session, known, file = false, held = {}) {
    this.held = held;
    this.known = known;
    this.file = file;
    this.store = store;
    this.session = session;
    /** The program that the answers are of, without its input. */
    this.of = "";
    /** @type {Record<string, Record<string, unknown>[]>} what was asked beside it and answered, the last one last */
    this.past = {};
  }

  /**
   * What is known of a question.
   * @template {Question} Q
   * @param {Q} name
   * @returns {Answer<Answers[Q]> | undefined}
   */
  answer(name) {
    return /** @type {Answer<any> | undefined} */ (this.store.state.analyses[name]);
  }

  /** Whether the server answers a question. @param {Question} name */
  offers(name) {
    return this.known.includes(name);
  }

  /** Ask, unless that was done already. @param {Question} name */
  ask(name) {
    if (!(this.offers(name) || this.file) || this.answer(name) || !this.session.request) return;
    this.note(name, {});
    this.put(name, { status: "asked", parts: [], message: "", more: {} });
    this.session.ask(/** @type {ClientMessage} */ ({ type: name, request: this.session.request }));
  }

  /**
   * Ask once more, with something else beside the program; not while the answer before is on its way.
   * @param {Question} name
   * @param {Record<string, unknown>} more
   */
  again(name, more) {
    const { request } = this.session;
    if (!(this.offers(name) || this.file) || this.answer(name)?.status === "asked" || !request) return;
    this.note(name, more);
    this.put(name, { status: "asked", parts: [], message: "", more });
    this.session.ask(/** @type {ClientMessage} */ (/** @type {unknown} */ ({ type: name, request, ...more })));
  }

  /** Keep what real kernels are asked, for a link. @param {Question} name @param {Record<string, unknown>} more */
  note(name, { take: _, ...more }) {
    if (name === "matrix" || name === "real") this.store.set({ kernels: known({ ...this.store.state.kernels, [name]: more }) });
  }

  /** Ask for the stored answers that a link points to, once. */
  restore() {
    const { kernels } = this.store.state;
    if (kernels?.matrix && !this.answer("matrix")) {
      this.store.set({ kernelsOpen: true });
      this.again("matrix", { ...kernels.matrix, take: "stored" });
    }
    if (kernels?.real && !this.answer("real")) this.again("real", { ...kernels.real, take: "stored" });
  }

  /**
   * What was asked beside the program and answered, by question, the last one last: a file then holds it.
   * @returns {{asked: Record<string, Record<string, unknown>[]>, asked_more: Record<string, number>}} `asked_more`: how many
   *   are too many for a file
   */
  beside() {
    /** @type {ReturnType<Analyses["beside"]>} */
    const found = { asked: {}, asked_more: {} };
    let room = HELD_CHARS;
    for (const name of BESIDE) {
      const all = this.past[name] ?? [];
      let first = all.length;
      while (first > 0 && all.length - first < HELD) {
        const chars = JSON.stringify(all[first - 1]).length;
        if (chars > room) break;
        room -= chars;
        first--;
      }
      if (first < all.length) found.asked[name] = all.slice(first);
      if (first > 0) found.asked_more[name] = first;
    }
    return found;
  }

  /** Remember what was asked beside the program, for a file. @param {Question} name @param {Record<string, unknown>} more */
  remember(name, more) {
    if (!BESIDE.includes(name)) return;
    const key = canonical(more);
    this.past[name] = [...(this.past[name] ?? []).filter((each) => canonical(each) !== key), more];
  }

  /** In a file: ask what was asked last when it was made. */
  reopen() {
    for (const name of BESIDE) {
      const last = this.held[name]?.at(-1);
      if (last && this.offers(name)) this.again(name, last);
    }
  }

  /** Stop what was asked; the server says when it is stopped. @param {Question} name */
  stop(name) {
    if (this.answer(name)?.status === "asked") this.session.ask({ type: "stop", asked: name });
  }

  /** Take a message; false if it answers no question. @param {ServerMessage} message */
  take(message) {
    if (message.type === "error" && (message.code === "analysis" || (message.code === "upload" && message.asked))) {
      const name = /** @type {Question} */ (message.asked);
      const before = this.answer(name);
      if (before) this.put(name, { ...before, status: "failed", message: message.message });
      return true;
    }
    if (!Object.hasOwn(ANSWERS, message.type)) return false;
    const { asked, last } = ANSWERS[/** @type {keyof ANSWERS} */ (message.type)];
    const before = this.answer(asked);
    if (before?.status === "asked") {
      if (last) this.remember(asked, before.more);
      this.put(asked, { ...before, status: last ? "done" : "asked", parts: [...before.parts, /** @type {Answers[Question]} */ (/** @type {unknown} */ (message))] });
    }
    return true;
  }

  /** A new run was accepted. */
  forget() {
    // A link's questions are about the run that begins now; those that were answered were about the one before.
    const { analyses, kernels, kernelLog } = this.store.state;
    const before = this.of;
    this.of = ofProgram(this.session.request);
    if (!this.of || this.of !== before) {
      this.past = {};
      this.store.set({ analyses: {}, kernelLog: null, kernels: analyses.matrix || analyses.real ? null : kernels });
      return;
    }
    const kept = Object.entries(analyses).filter(([name, { status }]) => status === "done" && !OF_INPUT.includes(/** @type {Question} */ (name)));
    const { real: _, ...others } = kernels ?? {};
    this.store.set({ analyses: Object.fromEntries(kept), kernelLog, kernels: analyses.real ? known(others) : kernels });
  }

  /** The connection was lost: what was asked and not answered yet has to be asked again. */
  lost() {
    const { analyses } = this.store.state;
    this.store.set({ analyses: Object.fromEntries(Object.entries(analyses).filter(([, answer]) => answer.status !== "asked")) });
  }

  /** @param {Question} name @param {Answer} answer */
  put(name, answer) {
    this.store.set({ analyses: { ...this.store.state.analyses, [name]: answer } });
  }
}

/** A request without its input, as a key; "" for none. @param {import("../types/messages.js").Request | null} request */
function ofProgram(request) {
  if (!request) return "";
  const { input: _, ...program } = request;
  return canonical(program);
}

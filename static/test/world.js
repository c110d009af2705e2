/** What tests share: the parts of a browser that core modules touch, and a scope of a small walk without a server. */
import { Analyses } from "../src/core/analyses.js";
import { Cursor } from "../src/core/cursor.js";
import { Lists } from "../src/core/lists.js";
import { Code, Log, Machine } from "../src/core/model.js";
import { Protocol } from "../src/core/protocol.js";
import { Reasons } from "../src/core/reasons.js";
import { Player } from "../src/core/player.js";
import { Search } from "../src/core/search.js";
import { plain } from "../src/core/layout.js";
import { plain as plainShape } from "../src/core/shape.js";
import { Seeker } from "../src/core/seeker.js";
import { Steps } from "../src/core/steps.js";
import { Store } from "../src/core/store.js";

Object.assign(globalThis, {
  window: globalThis,
  document: { visibilityState: "hidden" },
  location: new URL("http://localhost/"),
});

/** A scalar with one value. */
export const known = (n) => ({ k: "number", t: String(n), s: { umin: n, umax: n, smin: n, smax: n } });

/**
 * Steps of a walk: r0 = 0 on line 3; r2 = 5; a call into frame 1 (r1 there) and back; r2 = 6 on line 3 again; exit.
 * As the server sends them: deltas, without the writer where it is the step itself.
 */
export const WALK = [
  { insn: 0, path: 0, set: { r0: known(0) }, wrote: ["r0"] },
  { insn: 1, path: 0, set: { r2: known(5) }, wrote: ["r2"] },
  { insn: 2, path: 0, frame: 0, set: { "1:r1": known(1) }, depth: 2 },
  { insn: 5, path: 0, frame: 1, set: { "1:r1": known(2) } },
  { insn: 6, path: 0, frame: 1, del: ["1:r1"], depth: 1 },
  { insn: 3, path: 0, set: { r2: known(6) }, wrote: ["r2"], read: ["r2"] },
  { insn: 4, path: 0 },
];
export const KEYFRAME = { state: { r1: { k: "ctx", t: "ctx()", w: -1 } }, depth: 1 };
export const LOAD = {
  type: "stage", stage: "load", status: "done",
  insns: [
    { idx: 0, text: "r0 = 0", line: 3, func: "main" },
    { idx: 1, text: "r2 = 5", line: 4 },
    { idx: 2, text: "call pc+2", line: 5, call: "helper" },
    { idx: 3, text: "r2 = 6", line: 3 },
    { idx: 4, text: "exit", line: 6 },
    { idx: 5, text: "r1 += 1", line: 10, func: "helper" },
    { idx: 6, text: "exit", line: 11 },
  ],
};

/** Steps [from, to) of the walk as a message. */
export const window_ = (from, to, keyframe = KEYFRAME) => ({
  type: "steps", stage: "verify", from, total: WALK.length, steps: structuredClone(WALK.slice(from, to)), keyframe,
});

/** @returns {import("../src/core/store.js").State} */
export const state = () => ({
  program: { title: "" }, kind: "c", source: "int a;", files: {}, file: "", options: {}, input: { kind: "auto" }, kernel: "", edited: 0, opened: 0,
  ownInput: false, ran: null, status: { state: "idle", message: "" }, stages: {}, view: "verify", step: 0, windows: 0, reg: "",
  hover: null, pane: "log", dock: true, column: "insns", base: "dec", focusStage: "verify", packetRun: 0,
  code: new Code(null), log: new Log(null), machine: new Machine(null), reasons: new Reasons(null), analyses: {}, kernelLog: null, kernels: null, rest: "", peek: "", found: "", notice: "",
  selected: null, asking: "", value: null, facts: null, ink: false,
  breakpoints: [], playing: false, speed: 30, layout: plain(), shape: plainShape(),
});

/** The parts of a scope, with a session that writes down what it is asked for. */
export function world() {
  /** @type {any[]} */
  const asked = [];
  const store = new Store(state());
  const steps = new Steps((stage, from, to, run) => asked.push({ stage, from, to, run }));
  const cursor = new Cursor(store, steps);
  const lists = new Lists((list, from, to) => asked.push({ list, from, to }));
  /** @type {any[]} */
  const sent = [];
  const session = {
    over: true,
    url: "ws://localhost/run",
    start: (request) => sent.push(["run", request]),
    adopt: (run) => sent.push(["adopt", run]),
    end: () => sent.push(["end"]),
    /** @type {any} */
    request: { kind: "c", source: "int a;" },
    ask: (message) => sent.push(["ask", message]),
  };
  const seeker = new Seeker(session);
  const search = new Search(cursor, lists, seeker);
  const player = new Player(store, cursor, search, () => false);
  const analyses = new Analyses(store, session, ["contents", "fixes", "counterexample", "settings", "matrix", "real"]);
  const protocol = new Protocol(store, steps, cursor, session, analyses, lists, seeker);
  return { analyses, asked, cursor, lists, player, protocol, search, seeker, sent, session, steps, store };
}

/** The same with the walk in it. */
export function walked() {
  const made = world();
  made.store.set({ code: new Code(LOAD) });
  made.steps.verify.add(window_(0, WALK.length));
  return made;
}

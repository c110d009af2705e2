/**
 * A session in one file: what the server said of a run is in the page, and is asked for as from a socket. Nothing is sent.
 */
import { USUAL } from "./options.js";

/** @import { ClientMessage, LoopRounds, ProvedFacts, ServerMessage } from "../types/messages.js" */

const [CONNECTING, OPEN, CLOSED] = [0, 1, 3];
const NO_RUN = "This file shows a recorded session, and nothing can be run in it. Open the program in bpfscope to run it.";

/**
 * What the answer to a message of the page is, for the sentence that a file does not hold it.
 * @type {Record<ClientMessage["type"], string>}
 */
const NAMES = {
  run: "another run",
  window: "these steps",
  part: "this part of the list",
  log: "the rest of the log",
  value: "how this value was made",
  facts: "what branches proved here",
  seek: "a search in steps that it left out",
  states: "these two states",
  rounds: "the rounds of this loop on this path",
  contents: "the content of the object file",
  rewritten: "the rewritten program",
  fixes: "fixes of the program",
  counterexample: "an input that makes the program fail",
  matrix: "what real kernels say of this",
  real: "a run on this real kernel",
  setup: "what can be changed before a run on a real kernel",
  record: "a recording of a real kernel",
  binaries: "these files",
  profile: "the profile of the walk",
  advice: "advice for a shorter walk",
  settings: "the walk with these values",
  compare: "a comparison with another program or other options",
  graph: "the control-flow graph",
  reduce: "a smaller source that is refused for the same reason",
  stop: "a question that could be stopped",
  resume: "another connection",
  cancel: "a run that could be stopped",
};

/** Messages that stop what goes on: in a file nothing does. */
const STOPS = ["stop", "cancel"];

/** @param {string} type */
export function notHeld(type) {
  const what = Object.hasOwn(NAMES, type) ? NAMES[/** @type {ClientMessage["type"]} */ (type)] : type;
  return `This file does not hold ${what}: it was not known when the file was made. Open the program in bpfscope to ask for it.`;
}

/** Questions about steps whose answers are held one by one (READS in playground/offline_reads.py). */
const READS = ["value", "facts", "states", "rounds"];

/** A question about steps as a key, the same for the same answer. @type {Record<string, (asked: any) => string>} */
const KEYS = {
  value: ({ stage, run, step, name, frame }) => `${stage} ${run ?? 0} ${step} ${frame ?? 0} ${name}`,
  states: ({ step, path, checkpoint }) => `${step} ${path} ${checkpoint}`,
};

export class Recorded {
  /** @type {ServerMessage[]} what is said without being asked */
  messages = [];
  /** @type {Map<string, any[]>} `steps` messages by stage and run */
  steps = new Map();
  /** @type {Map<string, any[]>} `part` messages by list */
  parts = new Map();
  /** @type {Map<string, {about: any, said: any[]}[]>} answers to questions about the program by their type; `about`: what was asked beside it */
  answers = new Map();
  /** @type {Map<string, any[]>} answers about steps by their type */
  reads = new Map();

  /** @param {string} text lines of JSON: a message, or [question, message, what else was asked] of an answer (playground/offline.py) */
  constructor(text) {
    for (const line of text.split("\n")) {
      if (!line) continue;
      const said = JSON.parse(line);
      if (Array.isArray(said)) {
        this.answered(said[0], said[1], said[2] ?? {});
      } else if (READS.includes(said.type)) put(this.reads, said.type, said);
      else if (said.type === "part") put(this.parts, said.list, said);
      else if (said.type !== "steps") this.messages.push(said);
      else put(this.steps, `${said.stage}:${said.stage === "run" ? said.run : 0}`, said);
    }
    // As from the server, the first steps of a stage come with its messages.
    for (const key of ["verify:0", "run:0"]) for (const first of this.steps.get(key) ?? []) if (first.from === 0) this.messages.splice(-1, 0, first);
  }

  /** @param {string} type @param {any} message @param {any} about */
  answered(type, message, about) {
    const key = canonical(about);
    const found = this.answers.get(type)?.find((each) => canonical(each.about) === key);
    if (found) found.said.push(message);
    else put(this.answers, type, { about, said: [message] });
  }

  /** What a message of the page is answered with. @param {any} asked @returns {any[]} */
  answer(asked) {
    const { type } = asked;
    if (type === "run") return [{ type: "error", code: "restart", message: NO_RUN }, { type: "done", ms: 0, cancelled: false }];
    if (STOPS.includes(type)) return [];
    if ("request" in asked) return this.ofProgram(asked) ?? [{ type: "error", code: "analysis", asked: type, message: notHeld(type) }];
    return this.ofSteps(asked) ?? [{ type: "error", code: "window", message: notHeld(type), ...(READS.includes(type) || type === "seek" ? { asked: type } : {}) }];
  }

  /** What is said of the program; null if that is not here. @param {any} asked @returns {any[] | null} */
  ofProgram(asked) {
    /** @param {any} about */
    const same = (about) => Object.entries(about).every(([name, told]) => asked[name] === undefined || canonical(plain(asked[name])) === canonical(plain(told)));
    return this.answers.get(asked.type)?.find(({ about }) => same(about))?.said ?? null;
  }

  /** What is said of steps; null if that is not here. @param {any} asked @returns {any[] | null} */
  ofSteps(asked) {
    const { type } = asked;
    if (type === "window") return some(this.steps.get(`${asked.stage}:${asked.run ?? 0}`), "steps", asked);
    if (type === "part") return some(this.parts.get(asked.list), "items", asked);
    const told = this.reads.get(type) ?? [];
    /** @type {any} */
    let found = null;
    if (type === "facts") found = told.find((/** @type {ProvedFacts} */ { first, last }) => first <= asked.step && asked.step <= last);
    else if (type === "rounds") found = this.rounds(told, asked);
    else if (KEYS[type]) found = told.find((each) => KEYS[type](each) === KEYS[type](asked));
    return found ? [found] : null;
  }

  /** The rounds of a loop on the path of a step: they were asked for at another step of it. @param {LoopRounds[]} told @param {any} asked */
  rounds(told, { step, insn }) {
    const path = this.path(step);
    const found = told.find((each) => each.insn === insn && (each.step === step || (each.begun && each.ended && path >= 0 && this.path(each.step) === path)));
    return found ? { ...found, step } : null;
  }

  /** The path of a step of the walk; -1 if the step is not here. @param {number} step */
  path(step) {
    const held = this.steps.get("verify:0")?.find(({ from, steps }) => from <= step && step < from + steps.length);
    return held ? held.steps[step - held.from].path : -1;
  }
}

/** JSON in which the order of names does not matter. @param {unknown} value */
export function canonical(value) {
  return JSON.stringify(value, (_, each) => (each && typeof each === "object" && !Array.isArray(each) ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each));
}

/** The same for the same program, where it is another program that is asked about. @param {any} asked */
function plain(asked) {
  if (!asked?.options) return asked;
  const { kind, source, files, options } = asked;
  return { kind, source, files: files ?? {}, options: { ...USUAL, ...options } };
}

/** @param {Map<string, any[]>} lists @param {string} key @param {any} item */
function put(lists, key, item) {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

/** The messages that hold some of [from, to), null if there are none. @param {any[] | undefined} list @param {"steps" | "items"} field @param {{from: number, to: number}} asked */
function some(list, field, { from, to }) {
  const found = (list ?? []).filter((each) => each.from < to && each.from + each[field].length > from);
  return found.length ? found : null;
}

/** As much of a WebSocket as a session uses. */
export class RecordedSocket extends EventTarget {
  /** @type {number} */
  readyState = CONNECTING;

  /** @param {Recorded} recorded @param {string} run */
  constructor(recorded, run) {
    super();
    this.recorded = recorded;
    this.run = run;
    queueMicrotask(() => {
      if (this.readyState !== CONNECTING) return;
      this.readyState = OPEN;
      this.dispatchEvent(new Event("open"));
    });
  }

  /** @param {string} data */
  send(data) {
    const asked = JSON.parse(data);
    const said = asked.type === "resume" ? [{ type: "accepted", run: this.run }] : this.recorded.answer(asked);
    queueMicrotask(() => {
      for (const each of said) if (this.readyState === OPEN) this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(each) }));
    });
  }

  close() {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.dispatchEvent(new Event("close"));
  }
}

/** The session of a page that is one file, null in another page. @returns {Promise<Recorded | null>} */
export async function recorded() {
  const packed = document.getElementById("session")?.textContent;
  if (!packed) return null;
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  return new Recorded(text);
}

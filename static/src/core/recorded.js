/**
 * A session in one file: what the server said of a run is in the page, and is asked for as from a socket. Nothing is sent.
 */

/** @import { ServerMessage } from "../types/messages.js" */

const [CONNECTING, OPEN, CLOSED] = [0, 1, 3];
const NOT_HERE = "This file does not hold these steps: they were left out when it was made. Open the program in bpfscope to see them.";
const NO_RUN = "This file shows a recorded session, and nothing can be run in it. Open the program in bpfscope to run it.";
const NO_ANSWER = "This file does not hold the answer: it was not known when the file was made.";

export class Recorded {
  /** @type {ServerMessage[]} what is said without being asked */
  messages = [];
  /** @type {Map<string, any[]>} `steps` messages by stage and run */
  steps = new Map();
  /** @type {Map<string, any[]>} `part` messages by list */
  parts = new Map();
  /** @type {Map<string, any[]>} answers to questions by their type */
  answers = new Map();

  /** @param {string} text lines of JSON: a message, or [question, message] of an answer (playground/offline.py) */
  constructor(text) {
    for (const line of text.split("\n")) {
      if (!line) continue;
      const said = JSON.parse(line);
      if (Array.isArray(said)) put(this.answers, said[0], said[1]);
      else if (said.type === "part") put(this.parts, said.list, said);
      else if (said.type !== "steps") this.messages.push(said);
      else put(this.steps, `${said.stage}:${said.stage === "run" ? said.run : 0}`, said);
    }
    // As from the server, the first steps of a stage come with its messages.
    for (const key of ["verify:0", "run:0"]) for (const first of this.steps.get(key) ?? []) if (first.from === 0) this.messages.splice(-1, 0, first);
  }

  /** What a message of the page is answered with. @param {any} asked @returns {any[]} */
  answer(asked) {
    if (asked.type === "run") return [{ type: "error", code: "restart", message: NO_RUN }, { type: "done", ms: 0, cancelled: false }];
    if (asked.type === "window") return some(this.steps.get(`${asked.stage}:${asked.run ?? 0}`), "steps", asked) ?? [{ type: "error", code: "window", message: NOT_HERE }];
    if (asked.type === "part") return some(this.parts.get(asked.list), "items", asked) ?? [{ type: "error", code: "window", message: NO_ANSWER }];
    if (asked.type === "states" || asked.type === "rounds") return [{ type: "error", code: "window", asked: asked.type, message: NO_ANSWER }];
    if (asked.type === "log") return [{ type: "error", code: "window", message: NO_ANSWER }];
    if (!("request" in asked)) return [];
    return this.answers.get(asked.type) ?? [{ type: "error", code: "analysis", asked: asked.type, message: NO_ANSWER }];
  }
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

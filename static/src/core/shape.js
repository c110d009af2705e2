/**
 * What the panel Shape shows (`store.state.shape`, plain JSON, for links), and the questions about the stored walk that it
 * asks: the two states of a comparison, the rounds of a loop. One question of a kind is on its way at a time.
 */

/** @import { ComparedStates, LoopRounds, RoundsRequest, ServerMessage, Shape, StatesRequest } from "../types/messages.js" */

/** @typedef {Required<Shape>} Shown */

export const VIEWS = /** @type {const} */ (["paths", "states", "graph", "loops", "frames"]);
const MOST_NODES = 1000;
const LONGEST = 256;
const KEPT = 24;

/** @returns {Shown} */
export const plain = () => ({ view: "paths", find: "", folded: false, nodes: [], insn: -1, checkpoint: -1 });

/** Whether this is what the panel shows at first. @param {Shape | undefined} shape */
export const isPlain = (shape) => JSON.stringify(shape) === JSON.stringify(plain());

/** @param {unknown} value @returns {value is number} */
const whole = (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

/** What a link kept, as far as it is well-formed. @param {unknown} kept @returns {Shown} */
export function known(kept) {
  const { view, find, folded, nodes, insn, checkpoint } = /** @type {Partial<Shown>} */ (kept && typeof kept === "object" ? kept : {});
  const found = plain();
  if (view && VIEWS.includes(view)) found.view = view;
  if (typeof find === "string") found.find = find.slice(0, LONGEST);
  found.folded = folded === true;
  if (Array.isArray(nodes)) found.nodes = nodes.filter(whole).slice(0, MOST_NODES);
  if (whole(insn)) found.insn = insn;
  if (whole(checkpoint)) found.checkpoint = checkpoint;
  return found;
}

/** @typedef {{states: ComparedStates, rounds: LoopRounds}} Told */
/** @typedef {{states: StatesRequest, rounds: RoundsRequest}} Asked */
/** @typedef {keyof Told} Kind */

/** A question as a key. @param {StatesRequest | RoundsRequest} question */
const keyOf = (question) =>
  question.type === "states" ? `states ${question.step} ${question.path} ${question.checkpoint}` : `rounds ${question.step} ${question.insn}`;

export class Shapes {
  /** @type {Map<string, Told[Kind]>} answers, the one used last is the last */
  answers = new Map();
  /** @type {Map<string, string>} why a question has no answer */
  refused = new Map();
  /** @type {Map<Kind, string>} what is on its way */
  asked = new Map();

  /**
   * @param {import("./store.js").Store} store
   * @param {Pick<import("./session.js").Session, "ask">} session
   */
  constructor(store, session) {
    this.store = store;
    this.session = session;
  }

  /** A new run: nothing of the one before is true. */
  forget() {
    this.answers.clear();
    this.refused.clear();
    this.asked.clear();
  }

  /** Nothing is on its way any more: the connection was lost. */
  lost() {
    this.asked.clear();
  }

  /**
   * The answer to a question, which is asked if it was not; a text says why there is none, null: it is on its way.
   * @template {Kind} K
   * @param {Asked[K] & {type: K}} question
   * @returns {Told[K] | string | null}
   */
  look(question) {
    const key = keyOf(question);
    const found = this.answers.get(key);
    if (found) {
      this.answers.delete(key);
      this.answers.set(key, found);
      return /** @type {Told[K]} */ (found);
    }
    const why = this.refused.get(key);
    if (why !== undefined) return why;
    if (!this.asked.has(question.type)) {
      this.asked.set(question.type, key);
      this.session.ask(question);
    }
    return null;
  }

  /** Take a message; false where it is no answer to these questions. @param {ServerMessage} message */
  take(message) {
    if (message.type === "states" || message.type === "rounds") {
      const key = message.type === "states" ? keyOf({ ...message, type: "states" }) : keyOf({ ...message, type: "rounds" });
      this.answers.set(key, message);
      for (const old of this.answers.keys()) if (this.answers.size > KEPT) this.answers.delete(old);
      this.asked.delete(message.type);
    } else if (message.type === "error" && message.code === "window" && (message.asked === "states" || message.asked === "rounds")) {
      const key = this.asked.get(message.asked);
      if (key !== undefined) this.refused.set(key, message.message);
      this.asked.delete(message.asked);
    } else return false;
    // What shows it draws itself again.
    this.store.set({ windows: this.store.state.windows + 1 });
    return true;
  }
}

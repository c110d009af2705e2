/**
 * Questions about one step (docs/protocol.md, "One value"): how the selected register got its value, and what branches
 * proved. Asked when the cursor comes to rest on something that no answer tells yet; one question of a kind at a time.
 */

import { programOf } from "./model.js";

/** @import { FactsRequest, ProvedFacts, ServerMessage, Value, ValueRequest } from "../types/messages.js" */
/** @import { Selected, State } from "./store.js" */

const KEPT = 128;
/** Milliseconds that the pointer rests on a value before its history is asked for. */
export const REST = 70;
/** Names that can be asked about before they are chosen. */
const ASKABLE = /^(r\d|r10|fp-[1-9]\d{0,2})$/;
const INK = "bpfscope.ink";

/** "1:r3" as {name, frame}; null for "". @param {string} reg @returns {Selected | null} */
export function selectedOf(reg) {
  if (!reg) return null;
  const colon = reg.startsWith("@") ? -1 : reg.indexOf(":");
  return colon < 0 ? { name: reg, frame: 0 } : { name: reg.slice(colon + 1), frame: Number(reg.slice(0, colon)) };
}

/** The name as steps spell it; "" for nothing. @param {Selected | null} selected */
export const regOf = (selected) => (selected ? `${selected.frame ? `${selected.frame}:` : ""}${selected.name}` : "");

/** Whether the ends of lines say what branches proved: unless that was switched off. */
export function inkWanted() {
  try {
    return localStorage.getItem(INK) !== "off";
  } catch {
    return true;
  }
}

/** @param {boolean} on */
export function keepInk(on) {
  try {
    localStorage.setItem(INK, on ? "on" : "off");
  } catch {
    // It then lasts until the page is left.
  }
}

/** A question as a key, the same for the same answer. @param {ValueRequest} question */
const keyOf = ({ stage, run, step, name, frame }) => `${stage} ${run} ${step} ${frame} ${name}`;

export class Values {
  /** @type {Map<string, Value>} */
  known = new Map();
  /** @type {ValueRequest | null} the question that is on its way */
  asked = null;
  /** @type {FactsRequest | null} */
  askedFacts = null;
  /** @type {ProvedFacts[]} of some paths, the one asked for last is the last */
  proved = [];
  /** What `selected` and `reg` named when they agreed last. */
  agreed = "";
  /** The step that was refused an answer: it is not asked about again. */
  refused = -1;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  resting;

  /**
   * @param {import("./store.js").Store} store
   * @param {import("./cursor.js").Cursor} cursor
   * @param {Pick<import("./session.js").Session, "ask" | "prepare">} session
   */
  constructor(store, cursor, session) {
    this.store = store;
    this.cursor = cursor;
    this.session = session;
    store.soon(["selected", "reg"], () => this.same());
    store.soon(["step", "view", "selected", "asking", "windows", "packetRun", "ink", "stages"], () => this.look());
    store.on(["peek", "step", "view"], () => this.rests());
  }

  get state() {
    return this.store.state;
  }

  /** `selected` and `reg` name the same: whichever was set since, the other follows. */
  same() {
    const { selected, reg } = this.state;
    const named = regOf(selected);
    if (named !== reg) this.store.set(named === this.agreed ? { selected: selectedOf(reg) } : { reg: named });
    this.agreed = named === this.agreed ? reg : named;
  }

  /** A new run: nothing of the one before is true. */
  forget() {
    this.known.clear();
    this.proved = [];
    this.asked = this.askedFacts = null;
    this.refused = -1;
    this.store.set({ value: null, facts: null });
  }

  /** Nothing is on its way any more: the connection was lost. */
  lost() {
    this.asked = this.askedFacts = null;
  }

  /** Ask what nothing tells yet. */
  look() {
    this.lookValue();
    this.lookFacts();
  }

  lookValue() {
    const question = this.question();
    if (!question) {
      if (this.state.value && !this.state.asking) this.store.set({ value: null });
      return;
    }
    const found = this.known.get(keyOf(question));
    if (found) {
      this.store.set({ value: found });
      return;
    }
    if (this.asked) return;
    this.asked = question;
    this.session.ask(question);
  }

  /** Where the pointer rests on a value its history is asked for, so that it is here when it is clicked. */
  rests() {
    clearTimeout(this.resting);
    if (!this.state.peek) return;
    this.session.prepare();
    this.resting = setTimeout(() => this.lookAhead(), REST);
  }

  lookAhead() {
    const { peek, view, packetRun, stages } = this.state;
    const selected = selectedOf(peek);
    const here = selected ? this.cursor.now() : null;
    if (!here || !selected || this.asked || !ASKABLE.test(selected.name) || stages.verify?.status === "working") return;
    /** @type {ValueRequest} */
    const question = { type: "value", stage: view, run: packetRun, step: here.step, name: selected.name, frame: view === "run" ? here.frame : selected.frame, ...this.ofEntered(here) };
    if (this.known.has(keyOf(question))) return;
    this.asked = question;
    this.session.ask(question);
  }

  /** What is to be asked of the selected register; null for nothing. @returns {ValueRequest | null} */
  question() {
    const { selected, asking, view, packetRun } = this.state;
    const here = selected && asking ? this.cursor.now() : null;
    if (!here || !selected || (view === "verify" && selected.name.startsWith("@"))) return null;
    const frame = view === "run" ? here.frame : selected.frame;
    return { type: "value", stage: view, run: packetRun, step: here.step, name: selected.name, frame, ...this.ofEntered(here) };
  }

  /** Beside a step of a program that a tail call entered the question is about the walk of that program. @param {import("./cursor.js").Here} here */
  ofEntered(here) {
    const entered = here.view === "run" ? this.state.code.enteredAt(here.idx) : null;
    return entered ? { program: entered.name } : {};
  }

  lookFacts() {
    const { ink, facts, ran } = this.state;
    const step = this.walkStep();
    if (!ink || step < 0) return;
    if (facts && facts.first <= step && step <= facts.last) return;
    const found = this.proved.findLast((each) => each.first <= step && step <= each.last);
    if (found) {
      this.store.set({ facts: found });
      return;
    }
    if (this.askedFacts || ran?.kind === "log" || step === this.refused) return;
    this.askedFacts = { type: "facts", step };
    this.session.ask(this.askedFacts);
  }

  /** The step of the walk that the cursor is at, or beside in a run; -1 for none, and in a program that a tail call entered. */
  walkStep() {
    const here = this.cursor.now();
    if (!here) return -1;
    if (here.view === "verify") return here.step;
    return programOf(here.raw.insn) ? -1 : (here.raw.walk_step ?? -1);
  }

  /** Take a message; false if it answers no question of these. @param {ServerMessage} message */
  take(message) {
    if (message.type === "error" && message.code === "window" && (message.asked === "value" || message.asked === "facts")) {
      if (message.asked === "facts") {
        this.refused = this.askedFacts?.step ?? -1;
        this.askedFacts = null;
      } else {
        const { asked } = this;
        this.asked = null;
        if (asked) this.keep(asked, nothing(asked, message.message));
      }
      return true;
    }
    if (message.type === "facts") {
      this.askedFacts = null;
      this.proved = [...this.proved.slice(1 - KEPT), message];
      this.lookFacts();
      return true;
    }
    if (message.type !== "value") return false;
    const { asked } = this;
    this.asked = null;
    if (asked) this.keep(asked, message);
    return true;
  }

  /** @param {ValueRequest} question @param {Value} answer */
  keep(question, answer) {
    if (this.known.size >= KEPT) this.known.delete([...this.known.keys()][0]);
    this.known.set(keyOf(question), answer);
    this.lookValue();
  }

  // Reads and writes ---------------------------------------------------------------------------------------------

  /** The steps that read or write the selected register, in order; null where they are not known. @returns {number[] | null} */
  accesses() {
    const { value, asking, view } = this.state;
    if (!value || !asking || value.stage !== view) return null;
    return [...new Set([...value.writes, ...value.reads])].sort((a, b) => a - b);
  }

  /** To the next or previous read or write; false where they are not known. @param {number} direction 1 or -1 */
  walk(direction) {
    const steps = this.accesses();
    const { value } = this.state;
    if (!steps || !value) return false;
    const at = this.state.step;
    const next = direction > 0 ? steps.find((step) => step > at) : steps.findLast((step) => step < at);
    if (next !== undefined) this.cursor.goto(next);
    else {
      const end = direction > 0 ? value.ended : value.begun;
      const where = end ? (value.stage === "run" ? "in this run" : "on this path") : `among the steps ${value.first + 1} to ${value.last + 1}`;
      this.store.set({ found: `No ${direction > 0 ? "later" : "earlier"} read or write of ${value.name} ${where}.` });
    }
    return true;
  }
}

/** An answer that tells nothing but why. @param {ValueRequest} question @param {string} message @returns {Value & {message: string}} */
function nothing(question, message) {
  const { stage = "verify", run = 0, step, name, frame = 0 } = question;
  return {
    type: "value", stage, run, step, name, frame, message, walk_step: null, reg: null, writer: -1, events: [], repeated: false, cut: true,
    writes: [], reads: [], first: step, last: step, begun: false, ended: false, concrete: null,
  };
}

/**
 * The facts that the ends of lines say at a step of the walk: each with its line, and whether this step proved or lost it.
 * @param {ProvedFacts | null} facts
 * @param {number} step
 * @returns {{line: number, insn: number, text: string, mark: "gained" | "lost" | ""}[]}
 */
export function inkAt(facts, step) {
  if (!facts || step < facts.first || step > facts.last) return [];
  return facts.facts
    .filter((fact) => fact.first <= step && (fact.last === null || step <= fact.last))
    .map((fact) => ({
      line: fact.line,
      insn: fact.insn,
      text: fact.text,
      mark: fact.first === step ? "gained" : fact.lost && fact.last === step ? "lost" : "",
    }));
}

/** @typedef {Pick<State, "selected" | "asking" | "value" | "facts" | "ink">} Asked what the store keeps of these */

/**
 * Questions about the program that take more work than its run (docs/protocol.md, "analysis"). Asked when somebody looks
 * at the answer, or when a panel needs it; a new run forgets them.
 */

/** Which question a message answers, and whether it is the last of its answer. */
const ANSWERS = /** @type {const} */ ({
  contents: { asked: "contents", last: true },
  rewritten: { asked: "rewritten", last: true },
});

/**
 * @typedef {{status: "asked" | "done" | "failed", parts: any[], message: string}} Answer
 */

export class Analyses {
  /**
   * @param {import("./store.js").Store} store
   * @param {Pick<import("./session.js").Session, "ask" | "request">} session
   */
  constructor(store, session) {
    this.store = store;
    this.session = session;
  }

  /** @returns {Answer | undefined} what is known of a question */
  answer(name) {
    return this.store.state.analyses[name];
  }

  /** Ask, unless that was done already. */
  ask(name) {
    if (this.answer(name) || !this.session.request) return;
    this.put(name, { status: "asked", parts: [], message: "" });
    this.session.ask({ type: name, request: this.session.request });
  }

  /** Take a message; false if it answers no question. */
  take(message) {
    if (message.type === "error" && message.code === "analysis") {
      const before = this.answer(message.asked);
      if (before) this.put(message.asked, { ...before, status: "failed", message: message.message });
      return true;
    }
    if (!Object.hasOwn(ANSWERS, message.type)) return false;
    const { asked, last } = ANSWERS[/** @type {keyof ANSWERS} */ (message.type)];
    const before = this.answer(asked);
    if (before?.status === "asked")
      this.put(asked, { ...before, status: last ? "done" : "asked", parts: [...before.parts, message] });
    return true;
  }

  /** A new run was accepted. */
  forget() {
    this.store.set({ analyses: {} });
  }

  /** The connection was lost: what was asked and not answered yet has to be asked again. */
  lost() {
    const { analyses } = this.store.state;
    this.store.set({ analyses: Object.fromEntries(Object.entries(analyses).filter(([, answer]) => answer.status !== "asked")) });
  }

  /** @param {string} name @param {Answer} answer */
  put(name, answer) {
    this.store.set({ analyses: { ...this.store.state.analyses, [name]: answer } });
  }
}

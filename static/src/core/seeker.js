/**
 * Searches in steps that are not here: a worker on the server looks through them and says where (docs/seeking.md).
 */

/** @import { ClientMessage, Found, SeekStop, ServerMessage } from "../types/messages.js" */
/** @import { View } from "./store.js" */

/** @typedef {Partial<SeekStop> & Pick<SeekStop, "kind">} Stop */

/** Milliseconds after which an answer is not expected any more. */
const PATIENCE = 15000;

export class Seeker {
  /** Whether the server searches: it says so when it says its limits. */
  able = false;
  id = 0;
  /** @type {Map<number, (found: Found | null) => void>} */
  waiting = new Map();
  /** @type {ClientMessage[] | null} searches that are sent once all of a recording is there; null: they are sent at once */
  held = null;

  /** @param {Pick<import("./session.js").Session, "ask">} session */
  constructor(session) {
    this.session = session;
  }

  /** @param {{seek_ms?: number} | null | undefined} limits */
  limit(limits) {
    this.able = Boolean(limits?.seek_ms);
  }

  /**
   * The nearest step in a direction at which one of the stops holds, as far as the server came; null without an answer.
   * @param {{view: View, run: number, from: number, direction: number}} where
   * @param {Stop[]} stops
   * @returns {Promise<Found | null>}
   */
  find({ view, run, from, direction }, stops) {
    const id = ++this.id;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answer(id, null), PATIENCE);
      this.waiting.set(id, (found) => {
        clearTimeout(timer);
        resolve(found);
      });
      const message = { type: "seek", id, stage: view, ...(view === "run" ? { run } : {}), from, direction, stops };
      if (this.held) this.held.push(/** @type {ClientMessage} */ (message));
      else this.session.ask(/** @type {ClientMessage} */ (message));
    });
  }

  /** The server does not have all events yet: it would find nothing in those that are missing. */
  hold() {
    this.held ??= [];
  }

  /** All there will be is there. */
  release() {
    const { held } = this;
    this.held = null;
    for (const message of held ?? []) this.session.ask(message);
  }

  /** @param {number} id @param {Found | null} found */
  answer(id, found) {
    const told = this.waiting.get(id);
    this.waiting.delete(id);
    told?.(found);
  }

  /** Take a message; false if it answers no search. @param {ServerMessage} message */
  take(message) {
    if (message.type === "found") this.answer(message.id, message);
    else if (message.type === "error" && message.asked === "seek") this.forget();
    else return false;
    return true;
  }

  /** No answer will come: the connection is gone, or another run begins. */
  forget() {
    this.held = null;
    for (const id of [...this.waiting.keys()]) this.answer(id, null);
  }
}

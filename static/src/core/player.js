/** Playing: one step after the other at a chosen speed, up to a breakpoint, the end, or until the person moves. */
import { stopsOf } from "./breakpoints.js";

/** Steps a second. */
export const SPEEDS = [1, 2, 5, 10, 30];
/** The fastest for people who asked for less motion. */
export const CALM = 2;

export class Player {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer;
  /** The step that playing went to last: any other one was chosen by the person. */
  at = -1;
  /** The step at which it stops. */
  stop = Infinity;
  /** @type {import("./breakpoints.js").Breakpoint | undefined} the breakpoint there */
  why;
  /** @type {symbol | undefined} which press of the button the next step belongs to */
  ticket;

  /**
   * @param {import("./store.js").Store} store
   * @param {import("./cursor.js").Cursor} cursor
   * @param {import("./search.js").Search} search
   * @param {() => boolean} calm whether less motion was asked for
   */
  constructor(store, cursor, search, calm) {
    this.store = store;
    this.cursor = cursor;
    this.search = search;
    this.calm = calm;
    store.on(["step", "view", "packetRun", "ran"], () => {
      if (store.state.playing && store.state.step !== this.at) this.pause();
    });
  }

  /** Steps a second, as many as are wanted. */
  get speed() {
    return this.calm() ? Math.min(this.store.state.speed, CALM) : this.store.state.speed;
  }

  toggle() {
    if (this.store.state.playing) this.pause();
    else void this.play();
  }

  pause(found = "") {
    clearTimeout(this.timer);
    this.ticket = undefined;
    this.store.set({ playing: false, ...(found ? { found } : {}) });
  }

  /** Play from the step under the cursor; from the first one if that is the last. */
  async play() {
    const { cursor, store } = this;
    if (!cursor.total) return;
    if (store.state.step >= cursor.total - 1) cursor.goto(0);
    const ticket = Symbol();
    this.ticket = ticket;
    this.at = store.state.step;
    this.stop = Infinity;
    this.why = undefined;
    store.set({ playing: true, found: "" });
    const { stops, of } = stopsOf(store.state.breakpoints, store.state.code);
    if (stops.length) {
      const found = await this.search.nearest(1, stops, this.at);
      if (this.ticket !== ticket) return;
      if (found) {
        this.stop = found.step;
        this.why = of[found.stop];
      }
    }
    this.next(ticket);
  }

  /** @param {symbol} ticket */
  next(ticket) {
    this.timer = setTimeout(() => {
      if (this.ticket !== ticket) return;
      const { cursor } = this;
      const step = this.at + 1;
      if (step >= cursor.total) {
        this.pause();
        return;
      }
      // What is not here yet is waited for.
      if (cursor.windows.step(step)) {
        this.at = step;
        cursor.goto(step);
        if (step >= this.stop && this.why) {
          this.pause(this.search.stoppedAt(this.why));
          return;
        }
      } else cursor.windows.need(step);
      this.next(ticket);
    }, 1000 / this.speed);
  }
}

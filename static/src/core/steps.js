/** The steps of a whole run: those of the verifier's walk, and those of the machine, one sequence for each packet. */
import { WIDTH, Windows } from "./windows.js";

/** Steps in one window request, at most. */
const WIDEST = 256;

export class Steps {
  /** @param {(stage: string, from: number, to: number, run: number) => void} ask sends a window request */
  constructor(ask) {
    this.ask = ask;
    this.width = WIDTH;
    this.verify = new Windows("verify", ask);
    /** The machine's steps for the packet in view. */
    this.run = new Windows("run", ask);
    /** @type {Windows[]} the machine's steps by packet; a packet that nobody looked at has no entry */
    this.runs = [this.run];
  }

  /** Know how many steps the server sends at once. */
  limit(limits) {
    if (!limits?.window) return;
    this.width = Math.min(limits.window, WIDEST);
    for (const windows of this.all()) windows.width = this.width;
  }

  /** Steps of one packet's run. */
  runOf(n) {
    if (!this.runs[n]) {
      this.runs[n] = new Windows("run", this.ask, n);
      this.runs[n].width = this.width;
    }
    return this.runs[n];
  }

  /** Of which steps a message speaks: {stage, run?}. */
  of(message) {
    return message.stage === "run" ? this.runOf(message.run ?? 0) : this.verify;
  }

  all() {
    return [this.verify, ...this.runs].filter(Boolean);
  }

  /** A new run begins: nothing of the one before is kept. */
  clear() {
    this.verify.clear();
    this.run = new Windows("run", this.ask);
    this.run.width = this.width;
    this.runs = [this.run];
  }

  /** The connection is gone: no window is on its way any more. */
  forget() {
    for (const windows of this.all()) windows.forget();
  }
}

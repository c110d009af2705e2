/**
 * One run and its socket (docs/protocol.md). Feeds messages to `handle`, asks for windows, and when the connection is
 * lost connects again: jittered, ever slower, with `resume`, a limited number of times.
 */

const FIRST_WAIT = 400;
const LONGEST_WAIT = 15000;
/** Attempts in a row before giving up: fewer where no connection was ever made, for then nothing was interrupted. */
const TRIES = 10;
const FIRST_TRIES = 2;

export class Session {
  /** True once the server accepted the request of this connection. */
  ready = false;
  resuming = false;

  /**
   * @param {string} url
   * @param {(message: any) => void} handle one message of the server
   * @param {(state: {state: string, wait?: number, never?: boolean}) => void} tell connection news: connecting, open,
   *   lost (tried again after `wait`), idle, given-up (`never`: no connection was ever made)
   */
  constructor(url, handle, tell) {
    this.url = url;
    this.handle = handle;
    this.tell = tell;
    /** @type {WebSocket | null} */
    this.socket = null;
    this.request = null;
    this.run = null;
    /** @type {string | null} the run that the next one replaces */
    this.instead = null;
    this.over = true;
    this.attempt = 0;
    this.timer = 0;
    /** @type {any[]} window requests that wait for a connection */
    this.waiting = [];
    /** True once a connection was made in this page. */
    this.reached = false;
    addEventListener("online", () => this.timer && this.open());
    // Who leaves the page waits for nothing: the run need not hold up others.
    addEventListener("pagehide", () => this.end());
    addEventListener("pageshow", (event) => event.persisted && !this.over && this.open());
  }

  /** Start a run; the one before, if it still goes on, is ended. */
  start(request) {
    // Where the connection is lost the cancel does not arrive: the server is told which run this one replaces.
    this.instead = this.over ? null : this.run;
    this.end();
    this.request = request;
    this.run = null;
    this.over = false;
    this.attempt = 0;
    this.waiting = [];
    this.open();
  }

  /** Know a run whose messages came with the page. */
  adopt(run, request) {
    this.end();
    this.request = request;
    this.run = run;
    this.over = true;
  }

  cancel() {
    if (this.socket?.readyState === WebSocket.OPEN) this.send({ type: "cancel" });
    else {
      this.drop();
      this.over = true;
      this.handle({ type: "done", ms: 0, cancelled: true });
    }
  }

  /** End the run, if it still goes on, without waiting for the answer, and close the connection. */
  end() {
    if (!this.over) this.send({ type: "cancel" });
    this.drop();
  }

  /** Ask for steps [from, to) of a stage, connecting when needed. */
  window(stage, from, to, run = 0) {
    this.ask({ type: "window", stage, from, to, ...(stage === "run" ? { run } : {}) });
  }

  /** Ask for the whole log of a walk that was too long to send it with the verdict. */
  log() {
    this.ask({ type: "log" });
  }

  /** Send a request about the run there is, connecting when needed. */
  ask(message) {
    if (this.socket?.readyState === WebSocket.OPEN && this.ready) this.send(message);
    else {
      this.waiting.push(message);
      if (!this.socket && !this.timer) this.open();
    }
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  drop() {
    clearTimeout(this.timer);
    this.timer = 0;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  open() {
    clearTimeout(this.timer);
    this.timer = 0;
    if (!this.request) return;
    this.ready = false;
    this.tell({ state: "connecting" });
    let socket;
    try {
      socket = new WebSocket(this.url);
    } catch {
      this.lost(); // the browser forbids it
      return;
    }
    this.socket = socket;
    socket.addEventListener("open", () => {
      this.reached = true;
      this.resuming = this.run !== null;
      const instead = this.instead ? { instead: this.instead } : {};
      this.send(this.resuming ? { type: "resume", run: this.run } : { type: "run", v: 1, request: this.request, ...instead });
    });
    socket.addEventListener("message", (event) => {
      if (socket === this.socket) this.receive(event.data);
    });
    socket.addEventListener("close", () => {
      if (socket === this.socket) this.lost();
    });
  }

  receive(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (message.type === "accepted") {
      this.run = message.run;
      this.instead = null;
      this.attempt = 0;
      this.ready = true;
      this.tell({ state: "open" });
      for (const request of this.waiting.splice(0)) this.send(request);
    }
    if (message.type === "error" && this.resuming && !this.ready) {
      // The server no longer knows this run: the same request gives the same answer.
      this.run = null;
      this.resuming = false;
      this.send({ type: "run", v: 1, request: this.request });
      return;
    }
    if (message.type === "done" || (message.type === "error" && message.code !== "window")) this.over = true;
    this.handle(message);
  }

  lost() {
    this.socket = null;
    this.ready = false;
    if (this.over && !this.waiting.length) {
      this.tell({ state: "idle" });
      return;
    }
    if (this.attempt + 1 >= (this.reached ? TRIES : FIRST_TRIES)) {
      this.attempt = 0;
      this.over = true;
      this.waiting = [];
      this.tell({ state: "given-up", never: !this.reached });
      return;
    }
    const ceiling = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.attempt++);
    const wait = ceiling / 2 + (Math.random() * ceiling) / 2;
    this.tell({ state: "lost", wait });
    this.timer = window.setTimeout(() => this.open(), wait);
  }
}

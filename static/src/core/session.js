/**
 * One run and its socket (docs/protocol.md). Feeds messages to `handle`, asks for windows, and when the connection is
 * lost connects again: jittered, ever slower, with `resume`, a limited number of times. Where no WebSocket can be made
 * it goes on by another way, if there is one. What a message is too long for is uploaded before it (fitting.js).
 */
import { Fitting } from "./fitting.js";

/** @import { ClientMessage, Request, ServerMessage } from "../types/messages.js" */
/** @import { View } from "./store.js" */

/** @typedef {{state: "connecting" | "open" | "lost" | "idle" | "given-up" | "other-way" | "sending", wait?: number, never?: boolean, message?: string}} News */

const FIRST_WAIT = 400;
const LONGEST_WAIT = 15000;
/** Attempts in a row before giving up: fewer where no connection was ever made, for then nothing was interrupted. */
const TRIES = 10;
const FIRST_TRIES = 2;
/** Milliseconds after which a connection that says nothing counts as none: some proxies neither pass nor refuse it. */
const SILENCE = 6000;

/** As much of a WebSocket as is used here. @typedef {Pick<WebSocket, "readyState" | "send" | "close" | "addEventListener">} Connection */

export class Session {
  /** True once the server accepted the request of this connection. */
  ready = false;
  resuming = false;
  /** True once all messages of the run are here: they need not be sent again. */
  whole = false;
  /** True once it was connected for what may be asked: where that fails, it is not tried at each value. */
  prepared = false;

  /**
   * @param {string} url
   * @param {(message: ServerMessage) => void} handle one message of the server
   * @param {(news: News) => void} tell connection news: connecting, open,
   *   lost (tried again after `wait`), idle, given-up (`never`: no connection was ever made), other-way (no WebSocket
   *   could be made: `other` is used from now on), sending (`message`: how much of a long text was uploaded)
   * @param {{
   *   connect?: (url: string) => Connection, other?: (() => Connection) | null, fitting?: Fitting | null,
   * }} [ways] to connect, a WebSocket by default; null for `fitting`: messages are not bounded
   */
  constructor(url, handle, tell, { connect = (at) => new WebSocket(at), other = null, fitting = new Fitting() } = {}) {
    this.fitting = fitting;
    /** @type {Map<string, ClientMessage>} the last message of each type that was too long */
    this.long = new Map();
    /** @type {WeakSet<ClientMessage>} those that were sent a second time, because the server no longer had an upload */
    this.repeated = new WeakSet();
    /** True while what a run needs is uploaded. */
    this.sending = false;
    this.url = url;
    this.connect = connect;
    this.other = other;
    this.handle = handle;
    this.tell = tell;
    /** @type {Connection | null} */
    this.socket = null;
    /** @type {Request | null} */
    this.request = null;
    /** @type {string | null} */
    this.run = null;
    /** @type {string | null} the run that the next one replaces */
    this.instead = null;
    this.over = true;
    this.attempt = 0;
    this.timer = 0;
    this.silence = 0;
    /** @type {ClientMessage[]} requests that wait for a connection */
    this.waiting = [];
    /** True once a connection was made in this page. */
    this.reached = false;
    addEventListener("online", () => this.timer && this.open());
    // Who leaves the page waits for nothing: the run need not hold up others.
    addEventListener("pagehide", () => this.end());
    addEventListener("pageshow", (event) => event.persisted && !this.over && this.open());
  }

  /** Start a run; the one before, if it still goes on, is ended. @param {Request} request */
  start(request) {
    // Where the connection is lost the cancel does not arrive: the server is told which run this one replaces.
    this.instead = this.over ? null : this.run;
    this.end();
    this.request = request;
    this.run = null;
    this.over = this.whole = false;
    this.attempt = 0;
    this.waiting = [];
    this.open();
  }

  /** Know a run whose messages came with the page. @param {string} run @param {Request} request */
  adopt(run, request) {
    this.end();
    this.request = request;
    this.run = run;
    this.over = this.whole = true;
    this.prepared = false;
  }

  /** Connect, once, before something is asked about the run that came with the page: somebody points at what can be asked. */
  prepare() {
    if (this.prepared || !this.over || this.run === null || this.socket || this.timer) return;
    this.prepared = true;
    this.open();
  }

  cancel() {
    if (this.socket?.readyState === WebSocket.OPEN && !this.sending) this.send({ type: "cancel" });
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

  /** Ask for steps [from, to) of a stage, connecting when needed. @param {View} stage @param {number} from @param {number} to @param {number} run */
  window(stage, from, to, run = 0) {
    this.ask({ type: "window", stage, from, to, ...(stage === "run" ? { run } : {}) });
  }

  /** Ask for items [from, to) of a list, connecting when needed. @param {import("./lists.js").ListName} list @param {number} from @param {number} to */
  part(list, from, to) {
    this.ask({ type: "part", list, from, to });
  }

  /** Ask for the whole log of a walk that was too long to send it with the verdict. */
  log() {
    this.ask({ type: "log" });
  }

  /** Send a request about the run there is, connecting when needed. @param {ClientMessage} message */
  ask(message) {
    if (this.socket?.readyState === WebSocket.OPEN && this.ready) this.send(message);
    else {
      this.waiting.push(message);
      if (!this.socket && !this.timer) this.open();
    }
  }

  submit() {
    if (this.request) this.send({ type: "run", v: 1, request: this.request, ...(this.instead ? { instead: this.instead } : {}) });
  }

  /** @param {ClientMessage} message */
  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const text = JSON.stringify(message);
    if (!this.fitting || this.fitting.fits(text)) this.socket.send(text);
    else void this.sendLong(message, this.fitting);
  }

  /** @param {ClientMessage} message @param {Fitting} fitting */
  async sendLong(message, fitting) {
    const { socket } = this;
    const run = message.type === "run";
    this.long.set(message.type, message);
    this.sending ||= run;
    try {
      const text = await fitting.fitted(message, (told) => run && socket === this.socket && this.tell({ state: "sending", message: told }));
      if (socket === this.socket && socket?.readyState === WebSocket.OPEN) socket.send(text);
    } catch (error) {
      if (socket !== this.socket) return;
      if (run) this.over = true;
      const why = error instanceof Error ? error.message : String(error);
      this.handle(run ? { type: "error", code: "size", message: why } : { type: "error", code: "analysis", asked: message.type, message: why });
    } finally {
      if (run && socket === this.socket) this.sending = false;
    }
  }

  /** Upload once more what the server no longer has. @param {string} type of the message that needs it @returns {boolean} whether that is done */
  repeat(type) {
    const message = this.long.get(type);
    if (!message || !this.fitting || this.repeated.has(message)) return false;
    this.repeated.add(message);
    this.fitting.forget();
    void this.sendLong(message, this.fitting);
    return true;
  }

  drop() {
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    this.fitting?.stop();
    this.sending = false;
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
      socket = this.connect(this.url);
    } catch {
      this.lost(); // the browser forbids it
      return;
    }
    this.socket = socket;
    clearTimeout(this.silence);
    this.silence = window.setTimeout(() => {
      if (socket !== this.socket) return;
      this.socket = null;
      socket.close();
      this.lost();
    }, SILENCE);
    socket.addEventListener("open", () => {
      this.resuming = this.run !== null;
      if (this.run !== null) this.send({ type: "resume", run: this.run, ...(this.whole ? { whole: true } : {}) });
      else this.submit();
    });
    socket.addEventListener("message", (event) => {
      if (socket !== this.socket) return;
      clearTimeout(this.silence);
      this.reached = true;
      this.receive(event.data);
    });
    socket.addEventListener("close", () => {
      if (socket === this.socket) this.lost();
    });
  }

  /** @param {string} data */
  receive(data) {
    /** @type {ServerMessage} */
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
    if (message.type === "hello" && this.fitting) this.fitting.most = message.limits?.message_bytes ?? this.fitting.most;
    if (message.type === "error" && message.code === "upload" && this.repeat(message.asked ?? "run")) return;
    if (message.type === "error" && this.resuming && !this.ready) {
      if (this.over && !this.waiting.length) {
        this.drop(); // nothing is wanted of it yet
        return;
      }
      // The server no longer knows this run: the same request gives the same answer.
      this.run = null;
      this.resuming = false;
      this.submit();
      return;
    }
    if (message.type === "done" && !message.cancelled) this.whole = true;
    // An error with `asked` is about a question; the run goes on.
    if (message.type === "done" || (message.type === "error" && message.code !== "window" && !(message.code === "upload" && message.asked))) this.over = true;
    this.handle(message);
  }

  lost() {
    clearTimeout(this.silence);
    this.socket = null;
    this.ready = false;
    if (this.over && !this.waiting.length) {
      this.tell({ state: "idle" });
      return;
    }
    if (!this.reached && this.other && this.attempt + 1 >= FIRST_TRIES) {
      this.connect = this.other;
      this.other = null;
      this.attempt = 0;
      this.tell({ state: "other-way" });
      this.open();
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

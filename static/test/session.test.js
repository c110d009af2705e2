import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Session } from "../src/core/session.js";
import "./world.js";

/** @type {Socket[]} */
let sockets = [];

class Socket extends EventTarget {
  static OPEN = 1;
  readyState = 0;
  /** @type {any[]} */
  sent = [];

  constructor() {
    super();
    sockets.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  accept(...messages) {
    this.readyState = Socket.OPEN;
    this.dispatchEvent(new Event("open"));
    for (const message of messages) this.say(message);
  }

  say(message) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(message) }));
  }

  close() {
    this.readyState = 3;
    this.dispatchEvent(new Event("close"));
  }
}

Object.assign(globalThis, { WebSocket: Socket, addEventListener: () => undefined });

/** @type {any[]} */
let heard = [];
/** @type {any[]} */
let news = [];
const session = () => new Session("ws://x", (message) => heard.push(message), (state) => news.push(state));
const ACCEPTED = { type: "accepted", run: "r1" };

beforeEach(() => {
  sockets = [];
  heard = [];
  news = [];
});

test("a run is sent, its messages are handed on, and its end is known", () => {
  const made = session();
  made.start({ kind: "c" });
  sockets[0].accept(ACCEPTED, { type: "done", ms: 1 });
  assert.deepEqual(sockets[0].sent, [{ type: "run", v: 1, request: { kind: "c" } }]);
  assert.deepEqual(heard.map((message) => message.type), ["accepted", "done"]);
  assert.equal(made.over, true);
  sockets[0].dispatchEvent(Object.assign(new Event("message"), { data: "no JSON" }));
  assert.equal(heard.length, 2);
});

test("a lost connection is made again, ever slower, and the run resumed", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.mock.method(Math, "random", () => 1);
  session().start({ kind: "c" });
  sockets[0].accept(ACCEPTED);
  sockets[0].close();
  assert.deepEqual(news.at(-1), { state: "lost", wait: 400 });
  t.mock.timers.tick(400);
  sockets[1].close();
  assert.deepEqual(news.at(-1), { state: "lost", wait: 800 });
  t.mock.timers.tick(800);
  sockets[2].accept();
  assert.deepEqual(sockets[2].sent, [{ type: "resume", run: "r1" }]);
  sockets[2].say(ACCEPTED);
  assert.deepEqual(news.at(-1), { state: "open" });
});

test("a server that forgot the run gets the request again", () => {
  const made = session();
  made.start({ kind: "c" });
  sockets[0].accept(ACCEPTED);
  made.socket?.close();
  made.open();
  sockets[1].accept({ type: "error", message: "unknown run" });
  assert.deepEqual(sockets[1].sent.map((message) => message.type), ["resume", "run"]);
  assert.deepEqual(heard.map((message) => message.type), ["accepted"], "the page hears nothing of it");
  made.end();
});

test("where no connection can be made it is given up after the second attempt", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  session().start({});
  sockets[0].close();
  t.mock.timers.tick(1000);
  sockets[1].close();
  assert.deepEqual(news.at(-1), { state: "given-up", never: true });
  t.mock.timers.tick(60_000);
  assert.equal(sockets.length, 2);
});

test("windows asked for without a connection wait for one", () => {
  const made = session();
  made.adopt("r1", { kind: "c" });
  made.window("run", 0, 10, 2);
  made.window("verify", 0, 10);
  assert.equal(sockets.length, 1);
  sockets[0].accept();
  assert.deepEqual(sockets[0].sent, [{ type: "resume", run: "r1", whole: true }]);
  sockets[0].say(ACCEPTED);
  assert.deepEqual(sockets[0].sent.slice(1), [{ type: "window", stage: "run", from: 0, to: 10, run: 2 }, { type: "window", stage: "verify", from: 0, to: 10 }]);
});

test("a run whose end is here need not be sent again", () => {
  const made = session();
  made.start({ kind: "c" });
  sockets[0].accept(ACCEPTED, { type: "done", ms: 1, cancelled: false });
  sockets[0].close();
  made.window("verify", 0, 10);
  sockets[1].accept();
  assert.deepEqual(sockets[1].sent, [{ type: "resume", run: "r1", whole: true }]);
  made.start({ kind: "c" });
  sockets[2].accept(ACCEPTED, { type: "done", ms: 1, cancelled: true });
  sockets[2].close();
  made.window("verify", 0, 10);
  sockets[3].accept();
  assert.deepEqual(sockets[3].sent, [{ type: "resume", run: "r1" }], "a run that was cancelled may have more");
  made.end();
});

test("a connection can be made before anything is asked", () => {
  const made = session();
  made.prepare();
  assert.equal(sockets.length, 0, "of no run there is nothing to ask");
  made.adopt("r1", { kind: "c" });
  made.prepare();
  made.prepare();
  assert.equal(sockets.length, 1);
  sockets[0].accept(ACCEPTED);
  made.window("verify", 0, 10);
  assert.equal(sockets.length, 1);
  assert.deepEqual(sockets[0].sent.map((message) => message.type), ["resume", "window"]);
  sockets[0].close();
  made.prepare();
  assert.equal(sockets.length, 1, "where that fails it is not tried at each value");
});

test("a run that the server forgot is not run again before something is asked of it", () => {
  const made = session();
  made.adopt("r1", { kind: "c" });
  made.prepare();
  sockets[0].accept({ type: "error", message: "unknown run" });
  assert.deepEqual(sockets[0].sent.map((message) => message.type), ["resume"]);
  made.window("verify", 0, 10);
  sockets[1].accept({ type: "error", message: "unknown run" }, ACCEPTED);
  assert.deepEqual(sockets[1].sent.map((message) => message.type), ["resume", "run", "window"]);
  assert.deepEqual(heard.map((message) => message.type), ["accepted"]);
  made.end();
});

test("a new run cancels the one that goes on, and names it in case that did not arrive", () => {
  const made = session();
  made.start({ n: 1 });
  sockets[0].accept(ACCEPTED);
  made.start({ n: 2 });
  assert.deepEqual(sockets[0].sent.at(-1), { type: "cancel" });
  sockets[1].accept();
  assert.deepEqual(sockets[1].sent[0], { type: "run", v: 1, request: { n: 2 }, instead: "r1" });
  sockets[0].say({ type: "done", ms: 9 });
  assert.deepEqual(heard.map((message) => message.type), ["accepted"], "of the old run nothing is heard");
  made.end();
});

test("cancelling without a connection ends the run here", () => {
  const made = session();
  made.start({});
  made.cancel();
  assert.deepEqual(heard, [{ type: "done", ms: 0, cancelled: true }]);
  const other = session();
  other.start({});
  sockets[1].accept(ACCEPTED);
  other.cancel();
  assert.deepEqual(sockets[1].sent.at(-1), { type: "cancel" });
  other.end();
});

test("a window that cannot be read does not end the run", () => {
  const session = new Session("ws://here/ws/run", () => undefined, () => undefined);
  session.start({ kind: "asm", source: "exit" });
  sockets[0].accept({ type: "hello" }, { type: "accepted", run: "a-1" });
  sockets[0].say({ type: "error", code: "window", message: "damaged" });
  assert.equal(session.over, false);
  sockets[0].say({ type: "error", code: "internal", message: "a bug" });
  assert.equal(session.over, true);
});

/** A session whose other way is a socket of its own kind. */
function two() {
  /** @type {Socket[]} */
  const others = [];
  const other = () => {
    const made = new Socket();
    sockets.pop();
    others.push(made);
    return made;
  };
  const made = new Session("ws://x", (message) => heard.push(message), (state) => news.push(state), /** @type {any} */ ({ other }));
  return { made, others };
}

test("where no WebSocket can be made the other way is taken, once, and is kept", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { made, others } = two();
  made.start(/** @type {any} */ ({ kind: "c" }));
  sockets[0].close();
  context.mock.timers.tick(400);
  assert.equal(others.length, 0);
  sockets[1].close();
  assert.equal(others.length, 1);
  assert.equal(news.filter(({ state }) => state === "other-way").length, 1);
  others[0].accept({ type: "hello" }, ACCEPTED);
  assert.deepEqual(others[0].sent, [{ type: "run", v: 1, request: { kind: "c" } }]);
  others[0].close();
  context.mock.timers.tick(400);
  assert.equal(others.length, 2);
  others[1].accept();
  assert.deepEqual(others[1].sent, [{ type: "resume", run: "r1" }]);
  assert.equal(sockets.length, 2);
});

test("a connection that says nothing counts as none", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { made, others } = two();
  made.start(/** @type {any} */ ({ kind: "c" }));
  sockets[0].accept();
  context.mock.timers.tick(6000);
  context.mock.timers.tick(400);
  context.mock.timers.tick(6000);
  assert.equal(others.length, 1);
});

test("a connection that was made once is not given up for another way", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { made, others } = two();
  made.start(/** @type {any} */ ({ kind: "c" }));
  sockets[0].accept({ type: "hello" }, ACCEPTED);
  for (let i = 0; i < 5; i++) {
    sockets.at(-1)?.close();
    context.mock.timers.tick(15000);
  }
  assert.equal(others.length, 0);
});

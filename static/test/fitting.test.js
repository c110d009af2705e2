import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Fitting, places } from "../src/core/fitting.js";
import { Session } from "../src/core/session.js";
import "./world.js";

/** @type {{kind: string, bytes: number, stopped: boolean}[]} */
let sent = [];
/** What an upload is answered with. @type {(number: number) => Promise<string>} */
let answer = (number) => Promise.resolve(String(number).padStart(32, "0"));

/** @param {Blob} file @param {(sent: number) => void} progress @param {string} kind */
function send(file, progress, kind) {
  const one = { kind, bytes: file.size, stopped: false };
  sent.push(one);
  progress(file.size);
  return { sent: answer(sent.length), stop: () => (one.stopped = true) };
}

const long = (length) => "x".repeat(length);
const run = (request) => ({ type: "run", v: 1, request });
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

beforeEach(() => {
  sent = [];
  answer = (number) => Promise.resolve(String(number).padStart(32, "0"));
});

test("a text of each kind has its place", () => {
  const elf = { kind: "elf", source: "aaaa" };
  const found = places({
    request: { kind: "log", source: "log", beside: elf },
    other: { kind: "c", source: "c", files: { "a.h": "aa", "b.h": "" }, input: { kind: "pcap", base64: "bbbbb" } },
  });
  assert.deepEqual(found.map(({ field, kind }) => [field, kind]), [
    ["base64", "capture"], ["source", "object"], ["source", "log"], ["a.h", "header"], ["source", "source"],
  ]);
  assert.deepEqual(places(run({ kind: "c", source: "x", input: { kind: "event", values: { source: "y" } } })).length, 1);
});

test("no more is uploaded than does not fit, and each text once", async () => {
  const fitting = new Fitting(send);
  const message = run({ kind: "c", source: long(60_000), files: { "a.h": long(90_000), "b.h": long(20_000) }, input: { kind: "packet", hex: "00".repeat(40_000) } });
  assert.equal(fitting.fits(JSON.stringify(message)), false);
  const { request } = JSON.parse(await fitting.fitted(message, () => undefined));
  assert.deepEqual(sent.map(({ kind, bytes }) => [kind, bytes]), [["header", 90_000], ["packet", 40_000]]);
  assert.deepEqual(request.uploads, { "a.h": "1".padStart(32, "0") });
  assert.deepEqual(Object.keys(request.files), ["b.h"]);
  assert.deepEqual(request.input, { kind: "packet", hex: "", upload: "2".padStart(32, "0") });
  assert.equal(request.source.length, 60_000);
  await fitting.fitted(message, () => undefined);
  assert.equal(sent.length, 2);
  fitting.forget();
  await fitting.fitted(message, () => undefined);
  assert.equal(sent.length, 4);
  assert.equal(message.request.files["a.h"].length, 90_000, "the page's own request stays as it is");
});

test("bytes count, not characters", () => {
  const fitting = new Fitting(send);
  assert.equal(fitting.fits("é".repeat(65_536)), true);
  assert.equal(fitting.fits("é".repeat(65_537)), false);
  assert.equal(fitting.fits("x".repeat(131_072)), true);
  assert.equal(fitting.fits("x".repeat(131_073)), false);
});

test("what is no file and does not fit is refused with a sentence", async () => {
  const fitting = new Fitting(send);
  const message = run({ kind: "asm", source: "exit", input: { kind: "event", values: { a: long(200_000) } } });
  await assert.rejects(fitting.fitted(message, () => undefined), /one message may have/);
});

class Socket extends EventTarget {
  readyState = 1;
  /** @type {any[]} */
  out = [];
  send(text) {
    this.out.push(JSON.parse(text));
  }
  say(message) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(message) }));
  }
  close() {
    this.readyState = 3;
  }
}
Object.assign(globalThis, { WebSocket: { OPEN: 1 }, addEventListener: () => undefined });

/** @type {Session[]} */
const sessions = [];
// A session waits for its server for seconds, and the process for the session.
afterEach(() => {
  for (const session of sessions.splice(0)) session.drop();
});

function connected(request) {
  const socket = new Socket();
  /** @type {any[]} */
  const heard = [];
  /** @type {any[]} */
  const news = [];
  const session = new Session("ws://x", (message) => heard.push(message), (each) => news.push(each), { connect: () => socket, fitting: new Fitting(send) });
  sessions.push(session);
  session.start(request);
  socket.dispatchEvent(new Event("open"));
  return { socket, heard, news, session };
}
const OBJECT = { kind: "elf", source: btoa(long(150_000)) };

test("a run with a long object is sent after its upload, and says how far that is", async () => {
  const { socket, news } = connected(OBJECT);
  assert.deepEqual(socket.out, []);
  await turn();
  assert.deepEqual(socket.out, [run({ kind: "elf", source: "", upload: "1".padStart(32, "0") })]);
  assert.equal(sent[0].bytes, 150_000);
  assert.match(news.find(({ state }) => state === "sending").message, /Sending the object file: 150/);
});

test("what the server no longer has is uploaded again, once", async () => {
  const { socket, heard, session } = connected(OBJECT);
  await turn();
  socket.say({ type: "error", code: "upload", message: "gone" });
  await turn();
  assert.deepEqual(socket.out.map(({ request }) => request.upload.at(-1)), ["1", "2"]);
  assert.deepEqual(heard, []);
  socket.say({ type: "accepted", run: "r1" });
  session.ask({ type: "fixes", request: OBJECT });
  await turn();
  socket.say({ type: "error", code: "upload", asked: "fixes", message: "gone" });
  await turn();
  assert.deepEqual(socket.out.slice(2).map(({ type, request }) => [type, request.upload.at(-1)]), [["fixes", "2"], ["fixes", "3"]]);
  assert.equal(session.over, false);
  socket.say({ type: "error", code: "upload", asked: "fixes", message: "gone" });
  assert.equal(session.over, false);
  assert.equal(heard.at(-1).message, "gone");
});

test("an upload that is refused ends the run with the sentence", async () => {
  answer = () => Promise.reject(new Error("The object file is too long."));
  const { socket, heard, session } = connected(OBJECT);
  await turn();
  assert.deepEqual(socket.out, []);
  assert.deepEqual(heard, [{ type: "error", code: "size", message: "The object file is too long." }]);
  assert.equal(session.over, true);
});

test("a run that is cancelled while it is uploaded is not sent", async () => {
  let resolve = (/** @type {string} */ _) => undefined;
  answer = () => new Promise((done) => (resolve = done));
  const { socket, heard, session } = connected(OBJECT);
  session.cancel();
  assert.equal(sent[0].stopped, true);
  assert.deepEqual(heard.at(-1), { type: "done", ms: 0, cancelled: true });
  resolve("0".repeat(32));
  await turn();
  assert.deepEqual(socket.out, []);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { notReplayed } from "../src/core/replayed.js";
import { LOAD, walked, window_, world } from "./world.js";

const VERIFY = { type: "stage", stage: "verify", status: "done", verdict: "accept", steps: 7, log: "" };

test("an input that nobody changed is not part of the request", () => {
  const { protocol, store } = world();
  assert.deepEqual(protocol.request(), { kind: "c", source: "int a;", options: {} });
  store.set({ input: { kind: "packet", hex: "00" } });
  assert.deepEqual(protocol.request().input, { kind: "packet", hex: "00" });
});

test("a run sends the request with the options that came with it", () => {
  const { protocol, sent, store } = world();
  store.set({ stages: { load: LOAD }, edited: 3 });
  protocol.run({ verify: false });
  assert.deepEqual(sent, [["run", { kind: "c", source: "int a;", options: { verify: false } }]]);
  assert.deepEqual(store.state.stages, {});
  assert.equal(store.state.ran?.edited, 3);
  assert.equal(store.state.status.state, "running");
});

test("nothing is sent without a program, nor for a text that is known not to compile", () => {
  const { protocol, sent, store } = world();
  store.set({ source: " \n" });
  protocol.run();
  assert.deepEqual(sent, []);
  assert.match(store.state.status.message, /no program yet/);
  store.set({ source: "kprobe:do_nanosleep { printf(\"x\"); }" });
  protocol.run();
  assert.deepEqual(sent, [["end"]]);
  assert.match(store.state.status.message, /bpftrace/);
});

test("the old run's data is let go when the new one is accepted, not before", () => {
  const { cursor, protocol, steps, store } = walked();
  cursor.goto(3);
  protocol.run();
  assert.equal(steps.verify.total, 7);
  protocol.handle({ type: "accepted", run: "a" });
  assert.deepEqual([steps.verify.total, store.state.step], [0, 0]);
  // After a resume the same run is accepted again: nothing is let go.
  protocol.handle(window_(0, 7));
  protocol.handle({ type: "accepted", run: "a" });
  assert.equal(steps.verify.total, 7);
});

test("a stored run is shown without a connection", () => {
  const { protocol, sent, steps, store } = world();
  protocol.adopt({ run: "r", messages: [{ type: "accepted", run: "r" }, LOAD, VERIFY, window_(0, 7), { type: "done", ms: 5 }] });
  assert.deepEqual(sent, [["adopt", "r"]]);
  assert.equal(steps.verify.total, 7);
  assert.deepEqual(store.state.status, { state: "done", message: "", ms: 5 });
  assert.equal(store.state.code.at(4)?.text, "exit");
});

test("a rejection is shown where it happened, with its reason open", () => {
  const { protocol, store } = world();
  protocol.handle({ ...VERIFY, verdict: "reject", fail: { step: 5, insn: 3, reg: "r2" } });
  const { step, reg, pane, view } = store.state;
  assert.deepEqual({ step, reg, pane, view }, { step: 5, reg: "r2", pane: "why", view: "verify" });
  // Said again after a resume, it does not move the cursor.
  store.set({ step: 1, pane: "log" });
  protocol.handle({ ...VERIFY, verdict: "reject", fail: { step: 5, insn: 3, reg: "r2" } });
  assert.deepEqual([store.state.step, store.state.pane], [1, "log"]);
});

test("a link's place is taken instead of the rejection's, and only once", () => {
  const { protocol, store } = world();
  protocol.restore = { step: 2, stage: "verify", packet: 0 };
  protocol.handle({ ...VERIFY, verdict: "reject", fail: { step: 5, insn: 3 } });
  assert.deepEqual([store.state.step, store.state.pane], [2, "log"]);
  protocol.handle({ type: "done", ms: 1 });
  assert.equal(protocol.restore, null);
});

test("a link into another packet's run", () => {
  const { protocol, store } = world();
  protocol.restore = { step: 3, stage: "run", packet: 1 };
  protocol.handle({ type: "stage", stage: "run", status: "done", runs: [{ steps: 2 }, { steps: 9 }] });
  assert.deepEqual([store.state.view, store.state.step, store.state.packetRun], ["run", 3, 1]);
});

test("where the emulation stops, Why is opened", () => {
  const { protocol, store } = world();
  protocol.handle({ ...VERIFY, status: "failed", stopped: { step: 4, insn: 6 }, not_emulated: ["x"], not_covered: [{ kind: "other", name: "", text: "x" }] });
  assert.deepEqual([store.state.step, store.state.pane], [4, "why"]);
  const early = world();
  early.protocol.handle({ type: "stage", stage: "load", status: "failed", not_emulated: ["x"], not_covered: [{ kind: "other", name: "", text: "x" }] });
  assert.deepEqual([early.store.state.focusStage, early.store.state.pane], ["load", "why"]);
});

test("a program that does not compile takes away what the one before left", () => {
  const { protocol, store } = walked();
  protocol.handle({ type: "stage", stage: "compile", status: "failed", message: "no" });
  assert.deepEqual(store.state.code.insns, []);
  assert.equal(store.state.pane, "log");
});

test("a stage that is done does not go back to work", () => {
  const { protocol, store } = world();
  protocol.handle(VERIFY);
  protocol.handle({ ...VERIFY, status: "working" });
  assert.equal(store.state.stages.verify?.status, "done");
});

test("when the run is over, no stage is at work", () => {
  const { protocol, store } = world();
  protocol.handle({ type: "stage", stage: "verify", status: "working" });
  protocol.handle({ type: "done", ms: 1, cancelled: true });
  assert.equal(store.state.stages.verify?.status, "stopped");
  assert.equal(store.state.status.message, "Cancelled.");
});

test("without a walk the run is shown, without a run the walk", () => {
  const { protocol, steps, store } = world();
  steps.run.total = 3;
  protocol.handle({ type: "done", ms: 1 });
  assert.equal(store.state.view, "run");
  protocol.handle({ type: "done", ms: 1 });
  assert.equal(store.state.view, "verify", "the run stage said nothing");
});

test("progress, places in the queue, limits and errors", () => {
  const { protocol, steps, store } = world();
  protocol.handle({ type: "hello", kernel: "1.2.3", limits: { window: 100 } });
  assert.deepEqual([store.state.kernel, steps.verify.width, steps.runOf(3).width], ["1.2.3", 100, 100]);
  protocol.handle({ type: "progress", stage: "run", run: 3, total: 40 });
  assert.equal(steps.runOf(3).total, 40);
  for (const [position, said] of [[1, /^Waiting for a worker…$/], [2, /1 run is before/], [3, /2 runs are before/]]) {
    protocol.handle({ type: "queued", position });
    assert.match(store.state.status.message, /** @type {RegExp} */ (said));
  }
  protocol.handle({ type: "limit", message: "too long" });
  assert.deepEqual(store.state.status, { state: "error", message: "too long" });
  protocol.handle({ type: "done", ms: 1 });
  assert.equal(store.state.status.state, "error", "the end does not hide it");
});

test("a lost connection is said, and that it came back", () => {
  const { protocol, session, steps, store, asked } = walked();
  steps.verify.total = 5000;
  steps.verify.need(4000);
  protocol.connection({ state: "lost", wait: 430 });
  assert.match(store.state.status.message, /in 0\.4 s/);
  protocol.connection({ state: "lost", wait: 12_400 });
  assert.match(store.state.status.message, /in 12 s/);
  steps.verify.need(4000);
  assert.equal(asked.length, 2, "what was asked is asked again");
  protocol.connection({ state: "open" });
  assert.deepEqual(store.state.status, { state: "done", message: "Connected again." });
  session.over = false;
  protocol.connection({ state: "lost", wait: 1 });
  protocol.connection({ state: "open" });
  assert.equal(store.state.status.state, "running");
  protocol.connection({ state: "idle" });
  assert.equal(store.state.status.state, "running", "nothing was lost");
});

test("a connection that was given up: what to do depends on whether the server answers", async (t) => {
  const { protocol, store } = world();
  const said = async (answers, never) => {
    t.mock.method(globalThis, "fetch", () => (answers ? Promise.resolve({}) : Promise.reject(new Error("no"))));
    protocol.connection({ state: "given-up", never });
    await new Promise((resolve) => setTimeout(resolve, 5));
    return store.state.status.message;
  };
  assert.match(await said(false, true), /server cannot be reached/);
  assert.match(await said(true, true), /WebSocket connection.*localhost/);
  assert.match(await said(true, false), /could not be restored/);
});

test("a program that is not run leaves nothing of the one before", () => {
  const { protocol, steps, store } = walked();
  protocol.rest();
  assert.deepEqual([steps.verify.total, store.state.ran, store.state.code.insns.length], [0, null, 0]);
});

test("of a long recording the first event is stepped before the others are there", () => {
  const { asked, cursor, protocol, seeker, sent, store } = world();
  const run = { r0: "0x0", result: "0", packet_out: null, insns: 3, steps: 3, steps_cut: false, fault: null };
  const recorded = { kernel: "6.12", tasks: ["sh (1)", "sh (2)"], outside: [], structs: [], replayed: 1 };
  const early = { type: "stage", stage: "run", status: "done", summary: "0", runs: [run, run], events: [], recorded };
  const events = [{ run: 1, step: 2, kind: "call", text: "f()", hex: "", decoded: "" }];
  const later = { type: "replayed", events, memory: [], returned: [], recorded: { ...recorded, outside: [[1, 2]], replayed: undefined } };
  protocol.restore = { step: 0, stage: "run", packet: 0 };
  protocol.handle(early);
  protocol.handle({ type: "steps", stage: "run", run: 0, from: 0, total: 3, keyframe: { regs: {}, x: {}, mem: [] }, steps: [{ insn: 0 }, { insn: 1 }, { insn: 2 }] });
  assert.equal(store.state.view, "run");
  // The second event is asked for, and is not there yet; a search in it is sent once it is.
  cursor.packet(1);
  assert.deepEqual(asked.filter((each) => each.run === 1).length, 1);
  void seeker.find({ view: "run", run: 1, from: 0, direction: 1 }, [{ kind: "insn" }]);
  assert.deepEqual(sent, []);
  protocol.handle(later);
  assert.deepEqual(store.state.stages.run.recorded.outside, [[1, 2]]);
  assert.deepEqual(store.state.stages.run.events, events);
  assert.equal(store.state.stages.run.runs.length, 2);
  assert.deepEqual(asked.filter((each) => each.run === 1).length, 2);
  assert.deepEqual(sent.map(([what, message]) => [what, message.type, message.run]), [["ask", "seek", 1]]);
  // A run that ends before all events are there says so, and holds no search back.
  protocol.handle(early);
  protocol.handle({ type: "done", ms: 1, cancelled: true });
  void seeker.find({ view: "run", run: 1, from: 0, direction: 1 }, [{ kind: "insn" }]);
  assert.equal(sent.length, 2);
});

/** A page that has the result of a recording of three events, of which the first is replayed. */
function replaying() {
  const made = world();
  const run = { r0: "0x0", result: "0", packet_out: null, insns: 1, steps: 1, steps_cut: false, fault: null };
  const recorded = { kernel: "6.12", tasks: [], outside: [], structs: [], replayed: 1 };
  const early = { type: "stage", stage: "run", status: "done", summary: "0", runs: [run, run, run], events: [], recorded };
  made.protocol.handle({ type: "accepted", run: "a" });
  made.protocol.handle(early);
  return { ...made, early, recorded };
}

const ENDS = [
  ["a limit", { type: "limit", limit: "memory", message: "Too much." }, "Too much."],
  ["a worker that died", { type: "error", code: "crashed", message: "It died." }, "It died."],
  ["a server that stops", { type: "error", code: "restart", message: "It stops." }, "It stops."],
  ["somebody", { type: "done", ms: 1, cancelled: true }, "The run was cancelled."],
];
for (const [what, end, why] of ENDS)
  test(`a replay that ${what} ends leaves what is shown, and says what is missing`, () => {
    const { cursor, protocol, seeker, sent, steps, store } = replaying();
    protocol.handle({ type: "steps", stage: "run", run: 0, from: 0, total: 1, keyframe: { regs: {}, x: {}, mem: [] }, steps: [{ insn: 0 }] });
    void seeker.find({ view: "run", run: 1, from: 0, direction: 1 }, [{ kind: "insn" }]);
    protocol.handle(end);
    protocol.handle({ type: "done", ms: 1, cancelled: false });
    assert.equal(store.state.rest, why);
    assert.equal(store.state.status.state, "done");
    assert.equal(store.state.stages.run.status, "done");
    assert.equal(steps.run.step(0).insn, 0);
    assert.deepEqual(notReplayed(store.state.stages.run, store.state.rest), [`Events 2 to 3 could not be replayed. ${why}`]);
    assert.equal(sent.length, 1); // what was searched for is not waited for any longer
    // An event that has no steps says so, where the server says that there are none.
    cursor.show("run", 0);
    cursor.packet(1);
    protocol.handle({ type: "steps", stage: "run", run: 1, from: 0, total: 0, keyframe: null, steps: [] });
    assert.match(store.state.found, /not replayed/);
    cursor.packet(0);
    assert.equal(store.state.found, "");
  });

test("what is asked about a recording that is being replayed may fail as ever", () => {
  const { protocol, store } = replaying();
  protocol.handle({ type: "error", code: "window", message: "Busy." });
  assert.deepEqual([store.state.rest, store.state.status.state], ["", "error"]);
});

test("a resumed run whose events are replayed in the end lacks none", () => {
  const { early, protocol, recorded, store } = replaying();
  protocol.connection({ state: "given-up" });
  assert.match(store.state.rest, /connection/);
  assert.equal(store.state.stages.run.status, "done");
  protocol.handle(early);
  assert.equal(store.state.rest, "");
  protocol.handle({ type: "replayed", events: [], memory: [], returned: [], recorded: { ...recorded, replayed: undefined } });
  protocol.handle({ type: "done", ms: 1, cancelled: false });
  assert.equal(store.state.rest, "");
  // Part of the events, and the reason behind it.
  protocol.handle(early);
  protocol.handle({ type: "replayed", events: [], memory: [], returned: [], recorded: { ...recorded, replayed: 2 } });
  protocol.handle({ type: "error", code: "internal", message: "A fault." });
  assert.deepEqual(notReplayed(store.state.stages.run, store.state.rest), ["Event 3 could not be replayed. A fault."]);
  protocol.handle({ type: "accepted", run: "a" });
  protocol.fresh = true;
  protocol.handle({ type: "accepted", run: "b" });
  assert.equal(store.state.rest, "");
});

test("events that cannot be told in full are named with the reason", () => {
  const runs = [{}, {}, {}, {}, {}];
  const lacking = [{ events: [1, 2, 4], why: "Damaged." }, { events: [3], why: "Odd." }];
  assert.deepEqual(notReplayed({ runs, recorded: { lacking } }, ""), [
    "Events 2 to 3, 5 could not be replayed in full, and have their steps without calls and memory. Damaged.",
    "Event 4 could not be replayed in full, and has its steps without calls and memory. Odd.",
  ]);
});

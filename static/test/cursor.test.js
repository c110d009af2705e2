import assert from "node:assert/strict";
import { test } from "node:test";
import { inFrame } from "../src/core/cursor.js";
import { WALK, walked, window_, world } from "./world.js";

test("the cursor stays within the walk", () => {
  const { cursor, store } = walked();
  cursor.goto(99);
  assert.equal(store.state.step, 6);
  cursor.goto(-3);
  assert.equal(store.state.step, 0);
  assert.equal(cursor.total, 7);
});

test("without steps there is nothing to point at", () => {
  const { cursor, store } = world();
  cursor.goto(5);
  assert.equal(store.state.step, 0);
  assert.equal(cursor.now(), null);
});

test("what the cursor points at: step, instruction, line and frame", () => {
  const { cursor } = walked();
  cursor.goto(3);
  const here = cursor.now();
  assert.equal(here.insn.text, "r1 += 1");
  assert.deepEqual([here.idx, here.line, here.frame, here.depth, here.view], [5, 10, 1, 2, "verify"]);
});

test("each view keeps its place", () => {
  const { cursor, steps, store } = walked();
  steps.run.add({ from: 0, total: 3, steps: [{ insn: 0 }, { insn: 1 }, { insn: 2 }], keyframe: {} });
  cursor.goto(5);
  cursor.show("run", 2);
  assert.deepEqual([store.state.view, store.state.step], ["run", 2]);
  cursor.show("verify");
  assert.deepEqual([store.state.view, store.state.step, store.state.focusStage], ["verify", 5, "verify"]);
  cursor.show("run");
  assert.equal(store.state.step, 2);
});

test("another packet's run begins at its first step", () => {
  const { cursor, steps, store, asked } = walked();
  steps.run.add({ from: 0, total: 1, steps: [{ insn: 0 }], keyframe: {} });
  cursor.show("run", 0);
  store.set({ stages: { run: { stage: "run", status: "done", runs: [{ steps: 1 }, { steps: 4 }] } } });
  cursor.packet(1);
  assert.equal(store.state.packetRun, 1);
  assert.equal(cursor.total, 4);
  assert.equal(cursor.now(), null);
  assert.deepEqual(asked.at(-1), { stage: "run", from: 0, to: 4, run: 1 });
});

test("a step whose window is not here is asked for, and said after a while until it arrives", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { asked, cursor, steps, store } = world();
  steps.verify.total = 7;
  cursor.goto(4);
  assert.deepEqual(asked[0], { stage: "verify", from: 0, to: 7, run: 0 });
  assert.equal(store.state.found, "");
  t.mock.timers.tick(400);
  assert.equal(store.state.found, "Fetching step 5…");
  steps.verify.add(window_(0, WALK.length));
  cursor.arrived();
  assert.equal(store.state.found, "");
  assert.equal(cursor.now().idx, 6);
});

test("who wrote a value: its instruction and its line, where they are known", () => {
  const { cursor } = walked();
  assert.equal(cursor.writerInsn({ w: 5 }), 3);
  assert.equal(cursor.writerLine({ w: 5 }), 3);
  assert.equal(cursor.writerInsn({ w: 200 }), null);
  assert.equal(cursor.writerLine({ w: -1 }), null);
  assert.equal(cursor.writerInsn(undefined), null);
});

test("beside a machine step stands what the verifier knew there", () => {
  const { cursor, steps } = walked();
  const run = [{ insn: 0, walk_step: 1, walk_outside: ["r9"] }, { insn: 1, walk_step: 5, walk_before: true }, { insn: 2 }];
  steps.run.add({ from: 0, total: 3, steps: run, keyframe: {} });
  const after = cursor.abstract(0);
  assert.equal(after?.state.get("r2").t, "5");
  assert.deepEqual([...(after?.outside ?? [])], ["r9"]);
  const before = cursor.abstract(1);
  assert.equal(before?.state.get("r2").t, "5", "before the step that makes it 6");
  assert.deepEqual([...(before?.wrote ?? [])], []);
  assert.equal(cursor.abstract(2), null);
});

test("beside a step of a program that a tail call entered stands what was known in its own walk", () => {
  const { asked, cursor, steps } = walked();
  const first = 1 << 24;
  const walk = { total: 2, keyframe: { state: { r1: { t: "ctx()" } }, depth: 1 }, steps: [{ insn: 0, path: 0, frame: 0, set: { r0: { t: "7" } } }] };
  steps.enter([{ name: "second", insns: [], listing: [], walk }, { name: "third", insns: [], listing: [] }]);
  steps.run.add({ from: 0, total: 4, steps: [{ insn: 0, walk_step: 0 }, { insn: first, walk_step: 0 }, { insn: first + 1, walk_step: 1 }, { insn: 2 * first, walk_step: 0 }], keyframe: {} });
  const own = cursor.abstract(0);
  assert.equal(own?.shown, true);
  const entered = cursor.abstract(1);
  assert.equal(entered?.shown, false);
  assert.deepEqual([...(entered?.state ?? [])].map(([name, reg]) => [name, reg.t]), [["r1", "ctx()"], ["r0", "7"]]);
  assert.equal(cursor.abstract(2), null, "a step that did not come");
  assert.equal(cursor.abstract(3), null, "a program whose walk did not come");
  assert.deepEqual(asked, [], "and cannot be asked for");
  steps.clear();
  assert.equal(steps.walkOf(first), null);
});

test("names of registers in frames", () => {
  assert.equal(inFrame(0, "r1"), "r1");
  assert.equal(inFrame(2, "r1"), "2:r1");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Reasons } from "../src/core/reasons.js";
import { WALK, walked, window_, world } from "./world.js";

test("over a call and back", async () => {
  const { cursor, search, store } = walked();
  cursor.goto(2);
  assert.equal(await search.over(1), true);
  assert.equal(store.state.step, 5);
  await search.over(-1);
  assert.equal(store.state.step, 2);
});

test("visits of a line: the next one, not the step beside it", async () => {
  const { search, store } = walked();
  assert.equal(await search.visitLine(1), true);
  assert.equal(store.state.step, 5);
  assert.equal(await search.visitLine(1), false);
  assert.equal(store.state.found, "No later visit of line 3.");
  assert.equal(store.state.step, 5);
});

test("visits of an instruction: ahead first, then behind", async () => {
  const { cursor, search, store } = walked();
  cursor.goto(4);
  assert.equal(await search.visitInsn(1), true);
  assert.equal(store.state.step, 1);
  store.set({ stages: { verify: { stage: "verify", status: "done", visits: [1, 1, 1, 1, 1, 1, 1] } } });
  assert.equal(await search.visitInsn(9), false);
  assert.match(store.state.found, /never reached instruction 9/);
});

test("the nearest visit of a line", async () => {
  const { search, store } = walked();
  assert.equal(await search.visitOf(10), true);
  assert.equal(store.state.step, 3);
  assert.equal(await search.visitOf(99), false);
  assert.match(store.state.found, /Line 99 has no instruction\./);
});

test("changes of the selected register", async () => {
  const { search, store } = walked();
  search.change(1);
  assert.equal(store.state.found, "Select a register first.");
  store.set({ reg: "r2" });
  await search.change(1);
  assert.equal(store.state.step, 1);
  await search.change(1);
  assert.equal(store.state.step, 5);
  await search.change(1);
  assert.equal(store.state.found, "No later change of r2.");
});

test("the writer of the selected register", () => {
  const { cursor, search, store } = walked();
  cursor.goto(6);
  store.set({ reg: "r2" });
  search.writer();
  assert.equal(store.state.step, 5);
  store.set({ reg: "r1" });
  search.writer();
  assert.match(store.state.found, /since the program started/);
  store.set({ reg: "r8" });
  search.writer();
  assert.equal(store.state.found, "r8 has no value here.");
});

test("forks and ends of paths", () => {
  const { search, store } = walked();
  const paths = [{ push_step: -1, first_step: 0, last_step: 3 }, { push_step: 1, first_step: 4, last_step: 6 }];
  store.set({ stages: { verify: { stage: "verify", status: "done", paths } } });
  const seen = [1, 2, 3, 4].map(() => {
    search.branch(1);
    return store.state.step;
  });
  assert.deepEqual(seen, [1, 3, 4, 6]);
  search.branch(-1);
  assert.equal(store.state.step, 4);
  store.set({ view: "run" });
  search.branch(1);
  assert.match(store.state.found, /a run does not/);
});

test("windows that are not here are fetched on the way", async () => {
  const { asked, cursor, search, steps, store } = world();
  steps.verify.width = 2;
  steps.verify.add({ ...window_(0, 2), total: 7 });
  const going = search.seek(1, (raw) => raw.insn === 3, "visit of instruction 3");
  for (const from of [2, 4]) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert.match(store.state.found, /Searching for the next visit/);
    steps.verify.add(window_(from, from + 2));
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  assert.equal(await going, true);
  assert.equal(cursor.state.step, 5);
  assert.deepEqual(asked[0], { stage: "verify", from: 2, to: 4, run: 0 });
});

test("a later search ends the one that waits", async () => {
  const { search, steps, store } = world();
  steps.verify.width = 2;
  steps.verify.add({ ...window_(0, 2), total: 7 });
  const first = search.seek(1, () => false, "first");
  const second = search.seek(1, (raw) => raw.insn === 5, "second");
  steps.verify.add(window_(2, WALK.length));
  assert.equal(await first, false);
  assert.equal(await second, true);
  assert.equal(store.state.step, 3);
});

test("back along the path to where instructions were visited last", async () => {
  const { search, store } = walked();
  assert.equal(await search.backTo(6, [4, 3, 1]), true);
  assert.equal(store.state.step, 1);
  assert.equal(await search.backTo(3, [4]), false);
  assert.match(store.state.found, /Instruction 4 was not visited/);
});

test("why a value had to be precise", () => {
  const { cursor, search, store } = walked();
  cursor.goto(6);
  search.whyPrecise("r2");
  assert.match(store.state.found, /not recorded/);
  const precision = [{ step: 5, path: 0, names: ["r2"], text: "compared", chain: [] }];
  store.set({ reasons: new Reasons({ precision, paths: [{ id: 0, parent: -1, first_step: 0, last_step: 6 }] }), pane: "log" });
  search.whyPrecise("r2");
  assert.deepEqual([store.state.step, store.state.pane], [5, "why"]);
});

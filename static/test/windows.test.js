import assert from "node:assert/strict";
import { test } from "node:test";
import { RunWindows, WalkWindows } from "../src/core/windows.js";
import { KEYFRAME, WALK, known, window_ } from "./world.js";

const windows = (stage = "verify") => {
  const asked = [];
  const made = new (stage === "run" ? RunWindows : WalkWindows)((...request) => asked.push(request));
  return { made, asked };
};

test("the deltas of a walk are folded onto the keyframe", () => {
  const { made } = windows();
  made.add(window_(0, 7));
  assert.equal(made.total, 7);
  const third = made.at(3);
  assert.deepEqual([...third.state.keys()].sort(), ["1:r1", "r0", "r1", "r2"]);
  assert.equal(third.state.get("1:r1").t, "2");
  assert.equal(third.before.get("1:r1").t, "1");
  assert.equal(third.depth, 2);
  assert.deepEqual([...third.wrote], ["1:r1"]);
  const fourth = made.at(4);
  assert.equal(fourth.state.has("1:r1"), false);
  assert.equal(fourth.before.get("1:r1").t, "2");
  assert.equal(fourth.depth, 1);
});

test("the first steps are not asked for while they are on their way", () => {
  const { made, asked } = windows();
  made.expect();
  made.total = 7;
  made.want(0);
  assert.deepEqual(asked, []);
  made.add({ ...window_(0, 7), total: 300 });
  made.want(9);
  assert.deepEqual(asked, [["verify", 0, 300, 0]]);
});

test("a state is the same whether the window starts at 0 or later", () => {
  const { made } = windows();
  made.add(window_(0, 7));
  const whole = made.at(5);
  const late = windows().made;
  late.add(window_(5, 7, { state: Object.fromEntries(made.at(4).state), depth: 1 }));
  assert.deepEqual([...late.at(5).state], [...whole.state]);
  assert.deepEqual(late.at(5).wrote, whole.wrote);
});

test("each value says which step wrote it", () => {
  const { made } = windows();
  made.add(window_(0, 7));
  assert.equal(made.at(1).state.get("r2").w, 1);
  assert.equal(made.at(6).state.get("r2").w, 5);
  assert.equal(made.at(6).state.get("r1").w, -1, "of the keyframe");
});

test("where a path is taken up, what was before is the state of that path", () => {
  const { made } = windows();
  const steps = [
    { insn: 0, set: { r0: known(0) }, wrote: ["r0"] },
    { insn: 1, set: { r0: known(1), r3: known(3) }, wrote: ["r0", "r3"] },
    { insn: 2, prev: 0, set: { r0: known(9) }, del: ["r3"], wrote: ["r0"], was: { r0: known(0) } },
  ];
  made.add({ from: 0, total: 3, steps, keyframe: { state: {}, depth: 1 } });
  const here = made.at(2);
  assert.equal(here.before.get("r0").t, "0");
  assert.equal(here.before.has("r3"), false);
  assert.equal(here.state.get("r0").w, 2);
});

test("the machine's steps are folded: registers, x86 registers and memory", () => {
  const { made } = windows("run");
  const steps = [
    { insn: 0, regs: { r0: "1" }, x: { rsp: "64" } },
    { insn: 1, regs: { r0: "2" }, mem: [{ addr: "0x10", hex: "ff", name: "" }] },
  ];
  made.add({ from: 0, total: 2, steps, keyframe: { regs: { r1: "7" }, x: {}, mem: [{ addr: "0x20", hex: "00" }] } });
  const here = made.at(1);
  assert.deepEqual(here.regs, { r0: "2", r1: "7" });
  assert.deepEqual(here.before.regs, { r0: "1", r1: "7" });
  assert.deepEqual(here.x, { rsp: "64" });
  assert.equal(here.mem.get("0x10").step, 1);
  assert.equal(here.mem.get("0x20").step, -1);
  assert.equal(here.before.mem.has("0x10"), false);
});

test("a window is asked for once, along with its neighbours, and again after the connection was lost", () => {
  const { made, asked } = windows();
  made.width = 10;
  made.total = 100;
  made.want(18);
  assert.deepEqual(asked, [["verify", 10, 20, 0], ["verify", 20, 30, 0]]);
  made.want(18);
  assert.equal(asked.length, 2);
  made.forget();
  made.need(18);
  assert.equal(asked.length, 3);
});

test("the last window ends with the walk, and steps beyond it are not asked for", () => {
  const { made, asked } = windows();
  made.width = 10;
  made.total = 25;
  made.need(24);
  made.need(25);
  made.need(-1);
  assert.deepEqual(asked, [["verify", 20, 25, 0]]);
});

test("windows that were not used for longest are dropped", () => {
  const { made } = windows();
  for (let i = 0; i < 50; i++) {
    made.add({ from: i, total: 50, steps: [{ insn: i }], keyframe: KEYFRAME });
    made.step(0);
  }
  assert.equal(made.chunks.length, 40);
  assert.notEqual(made.step(0), null);
  assert.notEqual(made.step(49), null);
  assert.equal(made.step(1), null);
  assert.equal(made.at(1), null);
  assert.equal(WALK.length, 7);
});

test("a window that covers smaller ones takes their place", () => {
  const { made } = windows();
  made.add(window_(0, 2));
  made.add(window_(0, 7));
  assert.equal(made.chunks.length, 1);
});

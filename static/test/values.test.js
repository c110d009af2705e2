import assert from "node:assert/strict";
import { test } from "node:test";
import { REST, Values, inkAt, regOf, selectedOf } from "../src/core/values.js";
import { goes } from "../src/panels/value-made.js";
import { asOn, place, LINES } from "../src/ui/number-line.js";
import { walked } from "./world.js";

/** A scope with questions: what was asked is kept. */
function asking() {
  const world = walked();
  /** @type {any[]} */
  const asked = [];
  const values = new Values(world.store, world.cursor, { ask: (message) => asked.push(message), prepare: () => undefined });
  world.search.values = values;
  return { ...world, values, asked };
}

const answer = (question, more = {}) => ({
  type: "value", stage: question.stage, run: question.run, step: question.step, name: question.name, frame: question.frame, walk_step: question.step,
  reg: null, writer: 1, events: [], repeated: false, cut: false, writes: [1, 5], reads: [2, 5], first: 0, last: 6, begun: true, ended: true, concrete: null, ...more,
});
const facts = (first, last) => ({
  type: "facts", step: first, first, last, cut: false,
  facts: [{ insn: 1, line: 3, text: "≥ 14 B", first: 1, last: 4, lost: true }, { insn: 2, line: 3, text: "i ≤ 3", first: 2, last: 3, lost: false }],
});

test("a name and its frame, both ways", () => {
  for (const [reg, selected] of [["r3", { name: "r3", frame: 0 }], ["1:fp-8", { name: "fp-8", frame: 1 }], ["@0x10", { name: "@0x10", frame: 0 }]]) {
    assert.deepEqual(selectedOf(reg), selected);
    assert.equal(regOf(selected), reg);
  }
  assert.equal(selectedOf(""), null);
  assert.equal(regOf(null), "");
});

test("what is selected and its name follow each other", () => {
  const { store } = asking();
  store.set({ reg: "1:r1" });
  store.flush();
  assert.deepEqual(store.state.selected, { name: "r1", frame: 1 });
  store.set({ selected: { name: "r2", frame: 0 } });
  store.flush();
  assert.equal(store.state.reg, "r2");
  store.set({ selected: null });
  store.flush();
  assert.equal(store.state.reg, "");
});

test("where the pointer rests on a value, its history is here before it is chosen", async () => {
  const { store, values, asked } = asking();
  /** @param {string} peek @param {number} ms */
  const point = async (peek, ms) => {
    store.set({ peek });
    store.flush();
    await new Promise((done) => setTimeout(done, ms));
  };
  store.set({ ink: false });
  await point("r1", REST / 4);
  await point("r2", 2 * REST);
  assert.deepEqual(asked.map((question) => question.name), ["r2"]);
  values.take(answer(asked[0]));
  assert.equal(store.state.value, null);
  store.set({ selected: { name: "r2", frame: 0 }, asking: "open" });
  store.flush();
  assert.equal(store.state.value?.name, "r2");
  await point("rdi", 2 * REST);
  await point("", 2 * REST);
  assert.equal(asked.length, 1);
});

test("one question at a time, each once, the last one counts", () => {
  const { store, cursor, values, asked } = asking();
  store.set({ ink: false, selected: { name: "r2", frame: 0 }, asking: "open" });
  store.flush();
  cursor.goto(1);
  store.flush();
  cursor.goto(2);
  store.flush();
  assert.deepEqual(asked.map((question) => question.step), [0]);
  assert.equal(values.take(answer(asked[0])), true);
  assert.deepEqual(asked.map((question) => question.step), [0, 2]);
  values.take(answer(asked[1]));
  assert.equal(store.state.value.step, 2);
  cursor.goto(0);
  store.flush();
  assert.equal(store.state.value.step, 0, "an answer is kept");
  assert.equal(asked.length, 2);
});

test("the keys walk the reads and writes while the history is shown", async () => {
  const { store, values, asked, search } = asking();
  store.set({ ink: false, reg: "r2", asking: "open" });
  store.flush();
  values.take(answer(asked[0]));
  await search.change(1);
  assert.equal(store.state.step, 1);
  await search.change(1);
  assert.equal(store.state.step, 2);
  await search.change(1);
  await search.change(1);
  assert.equal(store.state.step, 5);
  assert.equal(store.state.found, "No later read or write of r2 on this path.");
  await search.change(-1);
  assert.equal(store.state.step, 2);
});

test("a question that is refused is answered with why, and facts are not asked again", () => {
  const { store, values, asked } = asking();
  store.set({ reg: "r2", asking: "open", ink: true });
  store.flush();
  assert.deepEqual(asked.map((question) => question.type), ["value", "facts"]);
  assert.equal(values.take({ type: "error", code: "window", message: "Too far.", asked: "value" }), true);
  assert.equal(store.state.value.message, "Too far.");
  assert.equal(values.take({ type: "error", code: "window", message: "Too far.", asked: "facts" }), true);
  values.look();
  assert.equal(asked.length, 2);
  assert.equal(values.take({ type: "error", code: "window", message: "steps" }), false);
});

test("facts are asked for the steps no answer tells, and shown where they hold", () => {
  const { store, cursor, values, asked } = asking();
  store.set({ ink: true });
  store.flush();
  values.take(facts(0, 4));
  for (const step of [1, 2, 4]) {
    cursor.goto(step);
    store.flush();
  }
  assert.equal(asked.length, 1);
  cursor.goto(5);
  store.flush();
  assert.deepEqual(asked.map((question) => question.step), [0, 5]);
  const at = (step) => inkAt(facts(0, 4), step).map(({ text, mark }) => `${text} ${mark}`);
  assert.deepEqual(at(0), []);
  assert.deepEqual(at(1), ["≥ 14 B gained"]);
  assert.deepEqual(at(2), ["≥ 14 B ", "i ≤ 3 gained"]);
  assert.deepEqual(at(3), ["≥ 14 B ", "i ≤ 3 "]);
  assert.deepEqual(at(4), ["≥ 14 B lost"]);
  assert.deepEqual(at(5), []);
  values.forget();
  assert.equal(store.state.facts, null);
});

test("values have their places on the four lines", () => {
  const [u64, s64, u32, s32] = LINES;
  assert.equal(place(u64, 0n), 0);
  assert.equal(place(u64, (1n << 64n) - 1n), 1);
  assert.equal(place(s64, 0n), 0.5);
  assert.ok(place(s64, -1n) < 0.5 && place(s64, -(1n << 63n)) < 0.001);
  assert.ok(place(u32, 255n) > 0.24 && place(u32, 255n) < 0.26);
  assert.equal(asOn(s32, 0xffffffffn), -1n);
  assert.equal(asOn(u32, -1n), 0xffffffffn);
});

test("a refusal of another question is not taken for one of a value", () => {
  const { values } = asking();
  for (const asked of ["states", "rounds", "seek"]) assert.equal(values.take({ type: "error", code: "window", asked, message: "No." }), false);
  for (const asked of ["value", "facts"]) assert.equal(values.take({ type: "error", code: "window", asked, message: "No." }), true);
});

test("beside a step of a program that a tail call entered the question is about its walk", () => {
  const { asked, cursor, steps, store, values } = asking();
  const first = 1 << 24;
  const programs = [{ name: "second", insns: [{ idx: first, text: "r0 = 7" }, { idx: first + 1, text: "exit" }], listing: [] }];
  store.set({ code: store.state.code.with(programs) });
  steps.enter(programs);
  steps.run.add({ from: 0, total: 2, steps: [{ insn: 0, regs: {} }, { insn: first, regs: {}, frame: 1 }], keyframe: {} });
  cursor.show("run", 1);
  store.set({ selected: { name: "r0", frame: 0 }, asking: "open" });
  store.flush();
  const question = asked.findLast((each) => each.type === "value");
  assert.deepEqual(question, { type: "value", stage: "run", run: 0, step: 1, name: "r0", frame: 1, program: "second" });
  values.take({ ...answer(question), program: "second" });
  cursor.goto(0);
  store.flush();
  assert.equal("program" in asked.findLast((each) => each.type === "value"), false);
});

test("a step of another walk that the run did not take leads nowhere", () => {
  const event = (step, at, insn) => ({ step, at, insn });
  assert.equal(goes(event(3, null, 5), "run"), true, "to the walk that is shown");
  assert.equal(goes(event(3, null, (1 << 24) + 5), "run"), false);
  assert.equal(goes(event(3, 7, (1 << 24) + 5), "run"), true);
  assert.equal(goes(event(-1, null, -1), "run"), false);
  assert.equal(goes(event(3, null, 5), "verify"), true);
});

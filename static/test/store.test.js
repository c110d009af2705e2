import assert from "node:assert/strict";
import { test } from "node:test";
import { Store } from "../src/core/store.js";

/** Whatever waits for the end of the turn has run. */
const turn = () => new Promise((done) => queueMicrotask(() => done(undefined)));

function watched() {
  globalThis.document ??= /** @type {any} */ ({ visibilityState: "hidden" });
  const store = new Store(/** @type {any} */ ({ step: 0, reg: "", value: null }));
  /** @type {string[]} */
  const told = [];
  store.on(["step", "value"], (changed) => told.push(`frame ${[...changed]}`));
  store.soon(["step", "reg"], (changed) => told.push(`turn ${[...changed]}`));
  told.length = 0;
  return { store, told };
}

test("what does not wait for the frame is told once a turn", async () => {
  const { store, told } = watched();
  store.set({ step: 1 });
  store.set({ step: 2, reg: "r1" });
  assert.deepEqual(told, []);
  await turn();
  assert.deepEqual(told, ["turn step,reg"]);
  store.flush();
  assert.deepEqual(told, ["turn step,reg", "frame step,reg"]);
});

test("a frame that comes first tells it first, and only once", async () => {
  const { store, told } = watched();
  store.set({ step: 3 });
  store.flush();
  await turn();
  assert.deepEqual(told, ["turn step", "frame step"]);
});

test("keys that nobody waits for tell nobody at the end of the turn", async () => {
  const { store, told } = watched();
  store.set({ value: /** @type {any} */ ({}) });
  await turn();
  assert.deepEqual(told, []);
  store.flush();
  assert.deepEqual(told, ["frame value"]);
});

test("who asks for a layout is told before the others, whenever it was added", () => {
  const store = new Store({ step: 0 });
  /** @type {string[]} */
  const told = [];
  store.on(["step"], () => told.push("a"));
  store.first(["step"], () => told.push("first"));
  store.on(["step"], () => told.push("b"));
  store.first(["step"], () => told.push("second"));
  assert.deepEqual(told.splice(0), ["a", "first", "b", "second"], "each at once when it is added");
  store.set({ step: 1 });
  store.flush();
  assert.deepEqual(told, ["first", "second", "a", "b"]);
});

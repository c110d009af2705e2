import assert from "node:assert/strict";
import { test } from "node:test";
import "./world.js";
import { CHOICES, choices, keepChoices } from "../src/core/choices.js";
import { closable, known, opened, plain, readLayout, saveLayout, scaled, shown } from "../src/core/layout.js";
import { fitted, holds } from "../src/core/room.js";
import { Store } from "../src/core/store.js";

const kept = new Map();
Object.assign(globalThis, { localStorage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) } });

test("what a link or this browser holds is checked", () => {
  const good = { columns: [0.2, 0.3, 0.5], dock: 200, closed: ["code", "log"], scale: 1.5 };
  assert.deepEqual(known(good), good);
  for (const bad of [null, 7, "x", [], { columns: [1, 2, 3] }, { columns: [0.5, 0.5] }, { dock: -1 }, { dock: "9" }, { scale: 3 }, { scale: Number.NaN }, { closed: "code" }, { closed: ["<b>", 3] }])
    assert.deepEqual(known(bad), plain());
  assert.deepEqual(known({ closed: ["code", "insns", "state", "log"] }).closed, ["log"]);
});

test("columns are closed and opened; one stays", () => {
  let layout = opened(plain(), "code", false);
  assert.deepEqual(shown(layout), ["insns", "state"]);
  layout = opened(layout, "insns", false);
  assert.equal(closable(layout, "state"), false);
  assert.equal(closable(layout, "log"), true);
  assert.deepEqual(shown(opened(layout, "code", true)), ["code", "state"]);
});

test("a layout is read as it was saved", () => {
  assert.deepEqual(readLayout(), plain());
  const layout = { ...plain(), scale: 2, closed: ["paths"] };
  saveLayout(layout);
  assert.deepEqual(readLayout(), layout);
  kept.set("bpfscope.layout", "{");
  assert.deepEqual(readLayout(), plain());
});

test("sizes of all type, up and down", () => {
  assert.equal(scaled(1, 1), 1.1);
  assert.equal(scaled(1.3, -1), 1.25);
  assert.equal(scaled(2, 1), 2);
  assert.equal(scaled(1, -1), 1);
});

test("larger type leaves less room, on a phone as much as fits", () => {
  assert.deepEqual(fitted(2, { width: 1920, height: 1080 }), { scale: 2, room: { width: 960, height: 540 } });
  assert.equal(fitted(2, { width: 360, height: 700 }).scale, 360 / 320);
  assert.equal(fitted(1, { width: 300, height: 700 }).scale, 1);
  assert.equal(holds({ "max-height": 640, "min-width": 900 }, { width: 960, height: 540 }), true);
  assert.equal(holds({ "max-width": 899.98 }, { width: 960, height: 540 }), false);
});

test("choices are kept, and what is none is not taken", () => {
  const store = new Store(/** @type {any} */ (choices()));
  for (const name of Object.keys(CHOICES)) assert.ok(name in store.state);
  keepChoices(store);
  assert.equal(kept.has("bpfscope.choices"), false);
  store.set({ base: "hex", speed: 30, dock: false });
  store.flush();
  assert.deepEqual(choices(), { base: "hex", column: "insns", speed: 30, dock: false });
  kept.set("bpfscope.choices", JSON.stringify({ base: "oct", speed: 1e9, dock: "no" }));
  assert.deepEqual(choices(), { base: "dec", column: "insns", speed: 2, dock: true });
});

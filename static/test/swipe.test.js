import assert from "node:assert/strict";
import { test } from "node:test";
import { LEAST, scrolls, swiped } from "../src/core/swipe.js";

test("a swipe is long, level and quick", () => {
  const from = { x: 200, y: 300, at: 0 };
  assert.equal(swiped(from, { x: 200 - LEAST, y: 310, at: 300 }), 1);
  assert.equal(swiped(from, { x: 200 + LEAST, y: 290, at: 300 }), -1);
  assert.equal(swiped(from, { x: 201 - LEAST, y: 300, at: 300 }), 0);
  assert.equal(swiped(from, { x: 100, y: 360, at: 300 }), 0);
  assert.equal(swiped(from, { x: 100, y: 300, at: 800 }), 0);
});

test("what can be scrolled sideways that way is scrolled", () => {
  /** @type {any} */
  const box = { parentElement: null };
  /** @param {number} scrollLeft @param {string} overflowX @returns {any} */
  const inner = (scrollLeft, overflowX = "auto") => ({ scrollWidth: 300, clientWidth: 100, scrollLeft, overflowX, parentElement: box });
  globalThis.getComputedStyle = /** @type {any} */ ((/** @type {any} */ element) => element);
  assert.ok(scrolls(inner(0), box, 1) && !scrolls(inner(0), box, -1));
  assert.ok(!scrolls(inner(200), box, 1) && scrolls(inner(200), box, -1));
  assert.ok(!scrolls(inner(0, "hidden"), box, 1));
  assert.ok(!scrolls(null, box, 1));
});

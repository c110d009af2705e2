import assert from "node:assert/strict";
import { test } from "node:test";
import { fragment, looks, placed, readFragment, shown } from "../src/core/link.js";
import { pack, packedIn, unpack } from "../src/core/packed.js";
import { plain as noLayout } from "../src/core/layout.js";
import { state } from "./world.js";

test("a fragment says what is in view, and is read back", () => {
  const view = { ...state(), step: 12, view: /** @type {const} */ ("run"), packetRun: 2, reg: "1:fp-16", pane: "log" };
  const hash = fragment(view);
  assert.equal(hash, "#step=13&stage=run&packet=3&reg=1%3Afp-16&pane=log");
  assert.deepEqual(readFragment(hash), { step: 12, packet: 2, stage: "run", reg: "1:fp-16", pane: "log" });
});

test("what makes no sense in a fragment is left out", () => {
  const nothing = { step: null, packet: 0, stage: null, reg: null, pane: null };
  for (const hash of ["", "#", "#step=0", "#step=x&stage=jit", "#reg=<b>&pane=A1", "#packet=-4", "#reg=r111"])
    assert.deepEqual(readFragment(hash), nothing, hash);
  assert.equal(readFragment("#step=3junk").step, 2);
});

const POINT = { kind: "condition", value: "r3.umax > 64", enabled: false };

test("what a link stores of the page has what the page has", () => {
  const plain = { stage: "verify", step: 3, packet: 0, reg: "r3", pane: "log", dock: true, base: "hex" };
  const now = { ...state(), step: 3, reg: "r3", base: /** @type {const} */ ("hex") };
  assert.deepEqual(shown(now), { ...plain, layout: now.layout, breakpoints: [] });
  const more = { selected: { name: "r1", frame: 0 }, layout: { columns: [1, 2] }, breakpoints: [POINT] };
  assert.deepEqual(shown(/** @type {any} */ ({ ...now, ...more })), { ...plain, ...more });
});

test("a stored view is taken up where the fragment says nothing", () => {
  const view = { step: 3, stage: /** @type {const} */ ("run"), packet: 1, reg: "r3", base: /** @type {const} */ ("hex"), layout: { a: 1 }, breakpoints: [POINT] };
  assert.deepEqual(placed(view, readFragment("")), { step: 3, stage: "run", packet: 1, reg: "r3", pane: null });
  assert.equal(placed(view, readFragment("#step=9")).step, 8);
  assert.equal(placed(null, readFragment("")).step, null);
  // What this page does not have is left alone.
  const { layout: _, breakpoints: __, ...bare } = state();
  assert.deepEqual(looks(/** @type {any} */ (view), /** @type {any} */ (bare)), { dock: true, base: "hex" });
  const able = { ...state(), layout: {}, breakpoints: [] };
  assert.deepEqual(looks(/** @type {any} */ (view), able), { dock: true, base: "hex", layout: noLayout(), breakpoints: [POINT] });
});

const CARRIED = { request: { kind: "c", source: "int ü; // </script>".repeat(200), options: { opt: "O1" }, input: { kind: "none" } }, title: "t", view: { step: 4, stage: "run" } };

test("a link carries a program, and gives it back", async () => {
  const packed = await pack(/** @type {any} */ (CARRIED));
  assert.match(packed, /^[\w-]+$/);
  assert.ok(packed.length < CARRIED.request.source.length);
  const hash = fragment({ ...state(), step: 1 }, packed);
  assert.equal(packedIn(hash), packed);
  assert.equal(readFragment(hash).step, 1);
  assert.deepEqual(await unpack(packed), CARRIED);
});

test("what no page packed is not taken", async () => {
  const wrong = [5, null, {}, { request: { kind: "word", source: "" } }, { request: { kind: "c", source: 5 } }, { request: [] }];
  for (const value of wrong) assert.equal(await unpack(await pack(/** @type {any} */ (value))), null);
  assert.equal(await unpack("AAAA"), null);
  assert.equal(await unpack((await pack(/** @type {any} */ (CARRIED))).slice(0, -9)), null);
  const bomb = { request: { kind: "c", source: "x".repeat(4 << 20) }, title: "" };
  assert.equal(await unpack(await pack(/** @type {any} */ (bomb))), null);
  const odd = { request: { kind: "c", source: "x", options: { opt: {}, verify: false, a: 1 }, input: { kind: 5 }, upload: "f" }, title: 5, view: { step: -1, reg: {}, base: "hex", breakpoints: [POINT, { kind: "line" }, 5] } };
  assert.deepEqual(await unpack(await pack(/** @type {any} */ (odd))), { request: { kind: "c", source: "x", options: { verify: false } }, title: "", view: { base: "hex", breakpoints: [POINT] } });
});

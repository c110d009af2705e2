import assert from "node:assert/strict";
import { test } from "node:test";
import { fragment, readFragment } from "../src/core/link.js";
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

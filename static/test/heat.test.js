import assert from "node:assert/strict";
import test from "node:test";
import { heatStamp, level, levels } from "../src/core/heat.js";

const PROFILE = {
  type: "profile", insns_processed: 1000, states: 3,
  lines: [
    { file: "", line: 4, insns: 700 },
    { file: "/x.h", line: 5, insns: 299 },
    { file: "", line: null, insns: 1 },
  ],
  insns: [[7, 700, 1, 0, 0], [8, 0, 0, 0, 0]],
};
const state = (heat, status = "done") => ({ heat, analyses: { profile: { status, parts: [PROFILE], message: "" } } });

test("a larger share is a higher level, and nothing is none", () => {
  const found = [0, 1, 5, 20, 60, 150, 1000].map((n) => level(n, 1000));
  assert.deepEqual(found, [0, 1, 2, 3, 4, 5, 5]);
  assert.equal(level(0, 0), 0);
});

test("lines have levels, those of headers by their files", () => {
  const found = levels(state(true));
  assert.deepEqual([...(found.lines.get("") ?? [])], [[4, 5]]);
  assert.deepEqual([...(found.lines.get("/x.h") ?? [])], [[5, level(299, 1000)]]);
  assert.deepEqual([...found.insns], [[7, 5], [8, 0]]);
});

test("nothing is coloured before it is wanted and known", () => {
  assert.equal(levels(state(false)), null);
  assert.equal(levels(state(true, "asked")), null);
  assert.equal(levels({ heat: true, analyses: {} }), null);
  assert.notEqual(heatStamp(state(true)), heatStamp(state(false)));
});

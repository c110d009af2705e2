import assert from "node:assert/strict";
import { test } from "node:test";
import { Log } from "../src/core/model.js";
import { Reasons } from "../src/core/reasons.js";

const PATHS = [
  { id: 0, parent: -1, push_step: -1, first_step: 0, last_step: 9, end: "exit" },
  { id: 1, parent: 0, push_step: 3, first_step: 10, last_step: 14, end: "safe", pruned_by: 6 },
  { id: 2, parent: 0, push_step: 5, first_step: 15, last_step: 14, end: "safe", pruned_by: 7 },
];

test("what is told of steps, and the nearest others", () => {
  const reasons = new Reasons({ paths: PATHS, prunings: [{ path: 1, after: 14, checkpoint: 6 }] });
  assert.equal(reasons.prunings.get(14)?.[0].checkpoint, 6);
  // The server told only the first in full; that the other was covered is known of its path.
  assert.equal(reasons.prunings.get(5)?.[0].path, 2);
  assert.deepEqual(reasons.around(6), [5, 7]);
  assert.deepEqual(reasons.around(0), [-1, 5]);
  assert.deepEqual(reasons.around(99), [14, -1]);
  assert.equal(reasons.any(6), true);
  assert.equal(reasons.any(8), false);
});

test("an arrival belongs to the step of its visit", () => {
  const reasons = new Reasons({ paths: PATHS, arrivals: [{ path: 0, after: 2 }, { path: 1, after: 3 }, { path: 2, after: 5 }] });
  assert.deepEqual([...reasons.arrivals.keys()], [3, 10, 5]);
});

test("what is held counts on the path and those it was forked from", () => {
  const holding = { kind: "reference", id: 1, step: 2, path: 0, released: [{ step: 12, path: 1 }] };
  const reasons = new Reasons({ paths: PATHS, holdings: [holding] });
  assert.deepEqual(reasons.held(1, 0), []);
  assert.deepEqual(reasons.held(9, 0), [holding], "released on another path only");
  assert.deepEqual(reasons.held(11, 1), [holding]);
  assert.deepEqual(reasons.held(12, 1), []);
});

test("the last reason on a path why a value had to be precise", () => {
  const precision = [
    { step: 2, path: 0, names: ["r1"], chain: [], text: "first" },
    { step: 8, path: 0, names: ["r2"], chain: [[1, ["r1"]]], text: "after the fork" },
  ];
  const reasons = new Reasons({ paths: PATHS, precision });
  assert.equal(reasons.whyPrecise("r1", 9, 0).text, "after the fork");
  assert.equal(reasons.whyPrecise("r1", 12, 1).text, "first", "step 8 is not on path 1");
  assert.equal(reasons.whyPrecise("r9", 9, 0), null);
});

test("the kernel's sentence, and what else it said at that step", () => {
  const log = new Log({ log: "5: (79) r1 = *(u64 *)(r2 +0)\nR2 invalid mem access 'scalar'\nhint\nprocessed 1 insns\n", log_steps: [[0, 5]] });
  const reasons = new Reasons({ verdict: "reject", fail: { step: 5, causes: [{ insn: 1 }, { insn: 2 }] } });
  assert.deepEqual(reasons.said("R2 invalid mem access 'scalar'", log), { sentence: "R2 invalid mem access 'scalar'", beside: ["hint"] });
  assert.equal(reasons.said("", log).sentence, "hint");
  assert.deepEqual(reasons.causes.map((cause) => cause.n), [1, 2]);
  assert.deepEqual(new Reasons(null).said("x", log), { sentence: "x", beside: [] });
});

test("of long walks the server tells a part: up to where is known", () => {
  const verify = { prunings: [{ path: 0, after: 40, checkpoint: 1 }], reasons_total: { prunings: 9 } };
  assert.equal(new Reasons(verify).until, 40);
  assert.equal(new Reasons({ ...verify, reasons_total: { prunings: 1 } }).until, Number.POSITIVE_INFINITY);
});

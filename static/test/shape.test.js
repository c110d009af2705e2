import assert from "node:assert/strict";
import { test } from "node:test";
import { byPlace, fields, pairs } from "../src/core/contain.js";
import { layered } from "../src/core/flow.js";
import { looks, shown } from "../src/core/link.js";
import { Shapes, known, plain } from "../src/core/shape.js";
import { around, unfolded, varying } from "../src/core/loops.js";
import { state } from "./world.js";

const number = (umin, umax, more = {}) => ({ k: "number", t: `${umin}`, s: { umin: String(umin), umax: String(umax), smin: String(umin), smax: String(umax), value: "0x0", mask: "0xff", u32min: umin, u32max: umax, s32min: umin, s32max: umax }, ...more });

test("which fields keep one value from containing another", () => {
  assert.deepEqual(fields(number(0, 9), number(0, 9)), []);
  assert.deepEqual(fields(number(0, 9), number(3, 9)), [{ field: "umin=smin=u32min=s32min", stored: "0", arrived: "3", fits: true }]);
  const [first, second] = fields(number(0, 9), number(3, 12));
  assert.deepEqual([first.field, first.fits, second.fits], ["umax=smax=u32max=s32max", false, true]);
  const bits = fields({ ...number(0, 9), s: { ...number(0, 9).s, value: "0x4", mask: "0x3" } }, number(0, 9));
  assert.deepEqual(bits, [{ field: "var_off", stored: "(0x4; 0x3)", arrived: "(0x0; 0xff)", fits: false }]);
  assert.equal(fields({ k: "map_value", t: "a", null: true }, { k: "map_value", t: "b" })[0].fits, true);
  assert.equal(fields({ k: "map_value", t: "a" }, { k: "map_value", t: "b", null: true })[0].fits, false);
  assert.deepEqual(fields({ k: "packet", t: "p", range: 14 }, { k: "packet", t: "q", range: 20 }).map(({ field, fits }) => [field, fits]), [["proven bytes", true]]);
  assert.equal(fields({ k: "kernel", t: "ptr_sock" }, { k: "kernel", t: "ptr_task" })[0].field, "value");
});

test("two states by name, in the order of frames, registers and slots", () => {
  const list = pairs({ r10: { k: "stack", t: "fp0" }, "fp-16": number(1, 1), "fp-8": number(1, 1), r2: number(0, 9) }, { "1:r1": number(0, 1), r10: { k: "stack", t: "fp0" }, r2: number(0, 12), "fp-8": number(1, 1) });
  assert.deepEqual(list.map(({ name, relation }) => [name, relation]), [["r2", "outside"], ["r10", "same"], ["fp-8", "same"], ["fp-16", "gone"], ["1:r1", "new"]]);
  assert.ok(byPlace("fp-8", "r9") > 0);
});

/** Whether two nodes of the same row overlap. */
const overlaps = ({ spots }) => spots.some((a, i) => spots.some((b, k) => i < k && a.row === b.row && Math.abs(a.x - b.x) < 0.999));

test("a branch and a loop in rows", () => {
  // 0 -> 1 | 2 -> 3 -> 4 -> 3 (back) | 5
  const links = [{ from: 0, to: 1 }, { from: 0, to: 2 }, { from: 1, to: 3 }, { from: 2, to: 3 }, { from: 3, to: 4 }, { from: 4, to: 3 }, { from: 4, to: 5 }];
  const layout = layered(6, links);
  assert.deepEqual(layout.spots.map(({ row }) => row), [0, 1, 1, 2, 3, 4]);
  assert.deepEqual(layout.back, [false, false, false, false, false, true, false]);
  assert.equal(overlaps(layout), false);
  assert.ok(layout.spots.every(({ x }) => x >= 0.499 && x <= layout.width));
});

test("an edge over several rows has a bend in each", () => {
  const layout = layered(4, [{ from: 0, to: 1 }, { from: 1, to: 2 }, { from: 2, to: 3 }, { from: 0, to: 3 }]);
  assert.deepEqual(layout.spots.map(({ row }) => row), [0, 1, 2, 3]);
  assert.equal(layout.bends[3].length, 2);
});

test("graphs of thousands of blocks, unreachable ones and none", () => {
  assert.deepEqual(layered(0, []).rows, 0);
  assert.equal(layered(3, []).rows, 1);
  const links = [];
  for (let i = 0; i + 3 < 4000; i++) links.push({ from: i, to: i + 1 }, { from: i, to: i + 3 });
  const layout = layered(4000, links);
  assert.ok(links.every(({ from, to }) => layout.spots[to].row > layout.spots[from].row));
  assert.ok(layout.spots.every(({ x }) => Number.isFinite(x)));
});

test("what a link says of the panel is checked", () => {
  assert.deepEqual(known(null), plain());
  assert.deepEqual(known({ view: "graph", find: "exit", folded: true, nodes: [3, -1, "x", 9], insn: 4, checkpoint: 7 }), { view: "graph", find: "exit", folded: true, nodes: [3, 9], insn: 4, checkpoint: 7 });
  assert.deepEqual(known({ view: "other", find: 3, nodes: "no", insn: -5, checkpoint: 1.5, folded: "yes" }), plain());
  assert.equal(known({ nodes: Array.from({ length: 5000 }, (_, i) => i) }).nodes.length, 1000);
  const here = { ...state(), shape: { ...plain(), view: "loops", nodes: Array.from({ length: 5000 }, (_, i) => i) } };
  const view = shown(here);
  assert.equal(view.shape.nodes.length, 1000);
  assert.equal(looks(view, here).shape.view, "loops");
});

/** Questions about a walk, and what of them was sent. */
function questions() {
  const asked = [];
  const store = { state: { windows: 0 }, set: (patch) => Object.assign(store.state, patch) };
  return { asked, store, shapes: new Shapes(store, { ask: (message) => asked.push(message) }) };
}

test("a question is asked once, and its answer is kept", () => {
  const { asked, store, shapes } = questions();
  const question = { type: "states", step: 4, path: 1, checkpoint: 2 };
  assert.equal(shapes.look(question), null);
  assert.equal(shapes.look({ ...question, checkpoint: 3 }), null);
  assert.equal(asked.length, 1);
  const answer = { ...question, insn: 3, stored: {}, arrived: {} };
  assert.equal(shapes.take({ type: "found" }), false);
  assert.equal(shapes.take(answer), true);
  assert.equal(store.state.windows, 1);
  assert.equal(shapes.look(question), answer);
  shapes.look({ ...question, checkpoint: 3 });
  assert.equal(asked.length, 2);
  assert.equal(shapes.take({ type: "error", code: "window", asked: "states", message: "Too far." }), true);
  assert.equal(shapes.look({ ...question, checkpoint: 3 }), "Too far.");
  shapes.look({ type: "rounds", step: 1, insn: 2 });
  shapes.lost();
  shapes.look({ type: "rounds", step: 1, insn: 2 });
  assert.equal(asked.length, 4);
  shapes.forget();
  assert.equal(shapes.look(question), null);
});

test("rounds from what each changed", () => {
  const told = { type: "rounds", step: 9, insn: 2, begun: true, ended: true, rounds: [
    { step: 2, path: 0, frame: 0, set: { r1: number(0, 0), r2: number(5, 5) }, gone: [] },
    { step: 5, path: 0, frame: 0, set: { r1: number(1, 1) }, gone: [] },
    { step: 8, path: 0, frame: 0, set: { r1: number(2, 2) }, gone: ["r2"] },
  ] };
  const rounds = unfolded(told);
  assert.deepEqual(rounds.map(({ state: each }) => [...each.keys()]), [["r1", "r2"], ["r1", "r2"], ["r1"]]);
  assert.equal(rounds[0].state.get("r1").t, "0");
  assert.deepEqual(varying(rounds), ["r1", "r2"]);
});

test("the innermost loop around an instruction", () => {
  const loops = [{ kind: "loop", insn: 1, line: 1, ranges: [[1, 9]] }, { kind: "loop", insn: 3, line: 1, ranges: [[3, 4], [6, 6]] }];
  assert.equal(around(loops, 4)?.insn, 3);
  assert.equal(around(loops, 5)?.insn, 1);
  assert.equal(around(loops, 12), undefined);
});

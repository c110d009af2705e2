import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, Log } from "../src/core/model.js";
import { needs } from "../src/core/lists.js";
import { LOAD, state, world } from "./world.js";

/** A program of `count` instructions of which the message holds the first two; slot 1 is a 64-bit load. */
const longLoad = (count) => ({
  ...LOAD,
  insns: [{ idx: 0, text: "a", line: 1, hex: "" }, { idx: 1, text: "b", line: 1, hex: "" }],
  more: { insns: count },
  wide: [1, 5],
  line_info: [[0, 1], [3, 2], [5, null]],
  func_info: [[0, "main"], [4, "helper"]],
});
const VERIFY = {
  type: "stage", stage: "verify", status: "done", verdict: "accept", steps: 7, paths: [{ id: 0 }], paths_total: 3,
  prunings: [], arrivals: [], precision: [], holdings: [], more: { paths: 3 }, log: "",
};

test("rows that are not here are known by slot, line and function, and asked for once", () => {
  const { asked, lists, protocol, store } = world();
  protocol.handle(longLoad(5));
  const { code } = store.state;
  assert.deepEqual(code.insns.map((insn) => insn.idx), [0, 1, 3, 4, 5]);
  assert.deepEqual(code.insns.map((insn) => insn.line), [1, 1, 2, 2, null]);
  assert.deepEqual([code.funcs, code.func(5), code.line(4)], [1, "helper", 2]);
  assert.deepEqual(code.byLine.get(2), [3, 4]);
  assert.deepEqual(asked, []);
  assert.equal(code.at(4)?.text, "");
  code.at(3);
  assert.deepEqual(asked, [{ list: "insns", from: 2, to: 5 }]);
  const before = store.state.windows;
  protocol.handle({ type: "part", list: "insns", from: 1, items: [{ idx: 1, text: "b" }, { idx: 3, text: "c" }, { idx: 4, text: "d" }, { idx: 5, text: "e" }] });
  assert.equal(code.at(4)?.text, "d");
  assert.ok(store.state.windows > before && lists.whole("insns"));
  assert.equal(code.at(99), null);
});

test("what is asked for again, and what is not", () => {
  const { asked, lists } = world();
  lists.open({ more: { log: 3000 } });
  lists.need("log", 10, 20);
  lists.need("log", 15, 30);
  lists.need("other", 0, 5);
  assert.deepEqual(asked, [{ list: "log", from: 10, to: 20 }, { list: "log", from: 20, to: 30 }]);
  lists.forget();
  asked.length = 0;
  assert.equal(lists.all("log"), false);
  assert.deepEqual(asked.map(({ from, to }) => [from, to]), [[0, 1024], [1024, 2048], [2048, 3000]]);
  assert.equal(lists.add({ list: "log", from: 0, items: [] }), false);
  assert.equal(lists.add({ list: "unknown", from: 0, items: [1] }), false);
});

test("lists that are shown as a whole are put in place once they are whole", () => {
  const { asked, lists, protocol, store } = world();
  protocol.handle(VERIFY);
  assert.equal(store.state.stages.verify?.paths.length, 1);
  const path = (id) => ({ id, parent: id - 1, push_step: id, first_step: id, last_step: id + 1, end: "safe", pruned_by: 0 });
  assert.equal(lists.all("paths", "prunings"), false);
  assert.deepEqual(asked.filter(({ list }) => list), [{ list: "paths", from: 1, to: 3 }]);
  protocol.handle({ type: "part", list: "paths", from: 0, items: [path(0), path(1)] });
  assert.equal(store.state.stages.verify?.paths.length, 1);
  protocol.handle({ type: "part", list: "paths", from: 2, items: [path(2)] });
  assert.equal(store.state.stages.verify?.paths.length, 3);
  assert.equal(store.state.reasons.paths.size, 3);
  // Another run has lists of its own.
  protocol.fresh = true;
  protocol.handle({ type: "accepted", run: "b" });
  assert.equal(lists.all("paths"), true);
});

test("what the server did not have yet is asked for again when the run is over", () => {
  const { asked, lists, protocol, store } = world();
  protocol.handle(VERIFY);
  store.on(["windows"], () => lists.all("paths"));
  const wanted = () => asked.filter(({ list }) => list).length;
  assert.equal(wanted(), 1);
  protocol.handle({ type: "part", list: "paths", from: 1, items: [] });
  store.flush();
  assert.equal(wanted(), 1);
  protocol.handle({ type: "done", ms: 1 });
  store.flush();
  assert.equal(wanted(), 2);
});

test("the machine code is made anew once all of it is here", () => {
  const { protocol, store } = world();
  const row = (off) => ({ off, hex: "", text: `x${off}`, insn: off });
  protocol.handle({ type: "stage", stage: "jit", status: "done", bytes: 3, listing: [row(0)], more: { listing: 3 } });
  assert.equal(store.state.machine.listing.length, 1);
  protocol.handle({ type: "part", list: "listing", from: 0, items: [row(0), row(1), row(2)] });
  assert.deepEqual(store.state.machine.byInsn.get(2), [row(2)]);
});

test("only the lists of panels in sight are asked for", () => {
  const { asked, lists } = world();
  lists.open({ ...VERIFY, more: { paths: 3, prunings: 9, listing: 4 } });
  const look = (more) => {
    asked.length = 0;
    lists.forget();
    needs({ ...state(), stages: { verify: VERIFY }, ...more }, lists);
    return asked.map(({ list }) => list);
  };
  assert.deepEqual(look({ pane: "log" }), []);
  assert.deepEqual(look({ pane: "machine" }), ["listing"]);
  assert.deepEqual(look({ pane: "machine", dock: false }), []);
  assert.deepEqual(look({ view: "run" }), ["listing"]);
  assert.deepEqual(look({ pane: "paths" }), ["paths"]);
  assert.deepEqual(look({ pane: "paths", shape: { view: "states" } }), ["paths", "prunings"]);
  assert.deepEqual(look({ pane: "paths", shape: { view: "graph" } }), []);
  assert.deepEqual(look({ pane: "why", step: 3 }), ["paths", "prunings"]);
  const refused = { ...VERIFY, fail: { step: 3 } };
  assert.deepEqual(look({ pane: "why", step: 3, stages: { verify: refused } }), []);
  const held = { ...VERIFY, reasons_total: { holdings: 1 } };
  assert.deepEqual(look({ stages: { verify: held } }), ["paths"]);
});

test("a log of which only the beginning and the end are here", () => {
  /** @type {any[]} */
  const asked = [];
  const verify = {
    log: "l0\nl1\n… left out …\nl8\nl9\n", log_head: 2, log_steps: [[1, 0], [3, 8], [4, 9]], more: { log: 10 },
    log_index: [[1, 0], [4, 3], [6, 5]], log_more: true, log_cut: 12,
  };
  const log = new Log(verify, (from, to) => asked.push([from, to]));
  assert.deepEqual([log.lines.length, log.line(0), log.line(9), log.more, log.cut], [10, "l0", "l9", false, 0]);
  // What is known at either end needs no request.
  assert.deepEqual([log.lineOf(0), log.lineOf(8), log.lineOf(20)], [1, 8, 9]);
  assert.equal(log.after(8), "l9");
  assert.deepEqual(asked, []);
  assert.equal(log.lineOf(4), 4);
  assert.deepEqual(asked, [[4, 6]]);
  log.fill(2, [["l2", 1], ["l3", 2], ["l4", 3], ["l5", 4], ["l6", 5], ["l7", 7]]);
  assert.deepEqual([log.lineOf(4), log.lineOf(6), log.stepAt(7), log.line(5)], [5, 6, 7, "l5"]);
  assert.equal(asked.length, 1);
  assert.equal(new Log({ log: "a\n", log_more: true }).more, true);
});

test("a program that came whole asks for nothing", () => {
  const code = new Code(LOAD, () => assert.fail());
  assert.equal(code.at(3)?.text, "r2 = 6");
});

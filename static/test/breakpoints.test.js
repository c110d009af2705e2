import assert from "node:assert/strict";
import { test } from "node:test";
import { KINDS, MOST, keepBreakpoints, kept, known, stopsOf, tested, toggled, withCode } from "../src/core/breakpoints.js";
import { Code } from "../src/core/model.js";
import { LOAD, walked } from "./world.js";

const CODE = new Code(LOAD);
const on = (kind, value) => ({ kind, value, enabled: true });

test("what a link holds is checked", () => {
  const good = [on("line", 3), on("insn", 0), on("helper", "bpf_redirect"), { kind: "condition", value: "r0 == 0", enabled: false }];
  assert.deepEqual(known(good), good);
  const bad = [null, 7, on("luck", 1), on("line", "3"), on("line", -1), on("line", 1.5), on("insn", null), on("helper", ""), on("condition", "r".repeat(201)), on("constructor", 1)];
  assert.deepEqual(known([...bad, on("line", 3), on("line", 3)]), [on("line", 3)]);
  assert.deepEqual(known("x"), []);
  assert.equal(known(Array.from({ length: 200 }, (_, i) => on("insn", i))).length, MOST);
});

test("a breakpoint is set and removed", () => {
  const set = toggled([], "insn", 4);
  assert.deepEqual(set, [on("insn", 4)]);
  assert.deepEqual(toggled(set, "insn", 4), []);
});

test("every kind says what it is, and where it stops", () => {
  for (const kind of Object.values(KINDS)) assert.ok(kind.label && kind.says(1));
  const { stops, of } = stopsOf([on("line", 3), { ...on("insn", 5), enabled: false }, on("helper", "helper"), on("helper", "bpf_none"), on("condition", "r0 == 0")], CODE);
  assert.deepEqual(stops, [{ kind: "line", insns: [0, 3] }, { kind: "insn", insns: [2] }, { kind: "condition", text: "r0 == 0" }]);
  assert.deepEqual(of.map((each) => each.kind), ["line", "helper", "condition"]);
});

test("a line is visited when it is come to, not at each of its instructions", () => {
  const test = tested([{ kind: "line", insns: [3, 4] }]);
  assert.equal(test({ insn: 4 }, { insn: 3 }), -1);
  assert.equal(test({ insn: 3 }, { insn: 2 }), 0);
  assert.equal(test({ insn: 3 }, { insn: 4 }), 0); // a loop on one line
  assert.equal(test({ insn: 4, prev: 1 }, { insn: 3 }), 0); // another path
  assert.equal(tested([{ kind: "condition", text: "r0 == 0" }]), null);
});

test("on to the next breakpoint, and back", async () => {
  const { cursor, search, store } = walked();
  assert.equal(await search.on(1), false);
  assert.match(store.state.found, /There is no breakpoint/);
  store.set({ breakpoints: [on("line", 3), on("insn", 6)] });
  await search.on(1);
  assert.equal(store.state.step, 4);
  assert.equal(store.state.found, "Stopped at a breakpoint: instruction 6.");
  await search.on(1);
  assert.equal(store.state.step, 5);
  await search.on(1);
  assert.equal(store.state.found, "No later step stops at a breakpoint.");
  cursor.goto(4);
  await search.on(-1);
  assert.equal(store.state.step, 0);
  store.set({ breakpoints: [{ ...on("line", 3), enabled: false }] });
  assert.equal(await search.on(1), false);
});

test("a condition is the server's to decide", async () => {
  const { search, seeker, sent, store } = walked();
  store.set({ breakpoints: [on("condition", "r2 == 6")] });
  assert.equal(await search.on(1), false);
  assert.match(store.state.found, /takes a server/);
  seeker.limit({ seek_ms: 250 });
  const found = search.on(1);
  const asked = sent.at(-1)[1];
  assert.deepEqual({ ...asked, id: 0 }, { type: "seek", id: 0, stage: "verify", from: 0, direction: 1, stops: [{ kind: "condition", text: "r2 == 6" }] });
  seeker.take({ type: "found", id: asked.id, step: null, stop: null, at: 3, more: true, problems: [] });
  await new Promise((resolve) => setTimeout(resolve));
  const again = sent.at(-1)[1];
  assert.equal(again.from, 3);
  seeker.take({ type: "found", id: again.id, step: 5, stop: 0, at: 6, more: false, problems: [] });
  assert.equal(await found, true);
  assert.equal(store.state.step, 5);
});

test("what is wrong with a condition, and a server that does not answer", async () => {
  const { search, seeker, sent, store } = walked();
  seeker.limit({ seek_ms: 250 });
  store.set({ breakpoints: [on("condition", "r2 =")] });
  let found = search.on(1);
  seeker.take({ type: "found", id: sent.at(-1)[1].id, step: null, stop: null, at: 6, more: false, problems: [{ stop: 0, column: 4, message: "“=” is not part of a condition here." }] });
  assert.equal(await found, false);
  assert.match(store.state.found, /column 4 of “r2 =”/);
  found = search.on(1);
  assert.equal(seeker.take({ type: "error", code: "window", message: "busy", asked: "seek" }), true);
  assert.equal(await found, false);
  assert.match(store.state.found, /did not answer/);
  assert.equal(seeker.take({ type: "done", ms: 1, cancelled: false }), false);
});

test("breakpoints are kept with their program", () => {
  const storage = new Map();
  globalThis.localStorage = /** @type {any} */ ({ getItem: (key) => storage.get(key) ?? null, setItem: (key, value) => storage.set(key, value), removeItem: (key) => storage.delete(key) });
  const { store } = walked();
  keepBreakpoints(store);
  assert.equal(storage.size, 0);
  store.set({ breakpoints: [on("line", 3)], windows: 9, step: 2 });
  store.flush();
  const { kind, source } = store.state;
  assert.deepEqual(kept({ kind, source }), [on("line", 3)]);
  assert.deepEqual(kept({ kind, source: "another" }), []);
  store.set({ source: "edited" });
  store.flush();
  assert.deepEqual(kept({ kind, source: "edited" }), [on("line", 3)]);
  store.set({ breakpoints: [] });
  store.flush();
  assert.equal(storage.size, 0);
  storage.set("bpfscope.breakpoints", "{");
  assert.deepEqual(kept({ kind, source }), []);
});

test("a breakpoint on a line without instructions goes to the next line that has some", () => {
  assert.equal(withCode(1, CODE), 3);
  assert.equal(withCode(3, CODE), 3);
  assert.equal(withCode(9999, CODE), 9999);
  assert.equal(withCode("none.h:4", CODE), "none.h:4");
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { notHeld, Recorded } from "../src/core/recorded.js";
import { world } from "./world.js";

/** Every type of message that the page sends, as its types say. */
function types() {
  const text = readFileSync(new URL("../src/types/messages.d.ts", import.meta.url), "utf8");
  const names = text.match(/ClientMessage = ([^;]*);/)[1].split(" | ");
  return names.map((name) => text.match(new RegExp(`interface ${name} \\{[^}]*?type: "(\\w+)"`))[1]);
}

const steps = (from, paths) => ({ type: "steps", stage: "verify", from, total: 9, keyframe: null, steps: paths.map((path) => ({ insn: 0, path, frame: 0 })) });
const held = (...lines) => new Recorded(lines.map((line) => JSON.stringify(line)).join("\n"));

test("every message of the page is answered, by name where the file does not hold the answer", () => {
  const file = held({ type: "accepted", run: "r" });
  const asked = types();
  assert.ok(asked.length > 20 && asked.includes("rounds"));
  for (const type of asked) {
    const request = { type, stage: "verify", from: 0, to: 9, step: 1, insn: 1, list: "paths", ...(["contents", "graph", "matrix"].includes(type) ? { request: {} } : {}) };
    const said = file.answer(request);
    if (["stop", "cancel"].includes(type)) assert.deepEqual(said, []);
    else assert.equal(said[0].type, "error", type);
    assert.match(notHeld(type), /^This file does not hold [a-z]+ /);
  }
  assert.equal(new Set(asked.map(notHeld)).size, asked.length);
});

test("an error about steps says what was asked, which the panels wait for", () => {
  for (const type of ["value", "facts", "states", "rounds", "seek"]) assert.equal(held().answer({ type, step: 1 })[0].asked, type);
});

test("answers about steps are found by what they are about", () => {
  const states = { type: "states", step: 4, path: 1, checkpoint: 2, insn: 3, stored: {}, arrived: {} };
  const value = { type: "value", stage: "verify", run: 0, step: 3, name: "r1", frame: 0 };
  const facts = { type: "facts", step: 2, first: 1, last: 4, facts: [] };
  const file = held(states, value, facts, steps(0, [0, 0, 0, 1, 1]));
  assert.deepEqual(file.answer({ type: "states", step: 4, path: 1, checkpoint: 2 }), [states]);
  assert.equal(file.answer({ type: "states", step: 4, path: 1, checkpoint: 3 })[0].type, "error");
  assert.deepEqual(file.answer({ type: "value", stage: "verify", run: 0, step: 3, name: "r1", frame: 0 }), [value]);
  assert.equal(file.answer({ type: "value", stage: "verify", run: 0, step: 3, name: "r2", frame: 0 })[0].type, "error");
  assert.deepEqual(file.answer({ type: "facts", step: 3 }), [facts]);
  assert.equal(file.answer({ type: "facts", step: 5 })[0].type, "error");
});

test("the rounds of a loop hold for all steps of their path", () => {
  const rounds = { type: "rounds", step: 4, insn: 7, rounds: [], begun: true, ended: true };
  const file = held(rounds, { ...rounds, step: 1, insn: 8, ended: false }, steps(0, [0, 0, 0, 1, 1]));
  assert.deepEqual(file.answer({ type: "rounds", step: 3, insn: 7 }), [{ ...rounds, step: 3 }]);
  for (const [step, insn] of [[2, 7], [0, 8], [99, 7]]) assert.equal(file.answer({ type: "rounds", step, insn })[0].type, "error");
  assert.equal(file.answer({ type: "rounds", step: 1, insn: 8 })[0].type, "rounds");
});

test("what real kernels said is the answer only to what they were asked", () => {
  const file = held(["matrix", { type: "cells_done" }, { kernels: ["6.12"], clangs: [] }]);
  const ask = (more) => file.answer({ type: "matrix", request: {}, ...more })[0].type;
  assert.equal(ask({ kernels: ["6.12"] }), "cells_done");
  assert.equal(ask({ kernels: ["6.12"], clangs: [], take: "stored" }), "cells_done");
  assert.equal(ask({ kernels: ["6.1"] }), "error");
});

test("each of several answers to one question is found by what was asked", () => {
  const [two, three] = [{ values: { n: ["2"] } }, { values: { n: ["3"] } }];
  const file = held(
    ["settings", { type: "setting", of: 3 }, three], ["settings", { type: "settings_done" }, three],
    ["settings", { type: "setting", of: 2 }, two], ["settings", { type: "settings_done" }, two],
  );
  const ask = (more) => file.answer({ type: "settings", request: {}, ...more });
  assert.deepEqual(ask(two), [{ type: "setting", of: 2 }, { type: "settings_done" }]);
  assert.deepEqual(ask(three), [{ type: "setting", of: 3 }, { type: "settings_done" }]);
  assert.equal(ask({ values: { n: ["4"] } })[0].type, "error");
});

test("in a file a question that was not answered before is asked, and refused by name", () => {
  const { analyses, sent } = world();
  analyses.known = [];
  analyses.again("compare", { other: {} });
  assert.equal(sent.length, 0);
  analyses.file = true;
  analyses.again("compare", { other: {} });
  assert.equal(sent.length, 1);
});

test("another program is the same however its options are spelled", () => {
  const other = { kind: "c", source: "int b;", options: { opt: "O1", program: "" } };
  const file = held(["compare", { type: "compare" }, { other }]);
  const ask = (more) => file.answer({ type: "compare", request: {}, other: { ...other, ...more } })[0].type;
  assert.equal(ask({ options: { engine: "jit", opt: "O1", verify: true } }), "compare");
  assert.equal(ask({ options: { opt: "O2" } }), "error");
  assert.equal(ask({ source: "int c;" }), "error");
  assert.equal(ask({ files: { "a.h": "" } }), "error");
});

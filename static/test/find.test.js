import assert from "node:assert/strict";
import { test } from "node:test";
import { occurrences, place } from "../src/core/find.js";
import { Code, Log } from "../src/core/model.js";
import { LOAD } from "./world.js";

test("places by number", () => {
  assert.deepEqual(place("12"), { kind: "step", n: 11 });
  assert.deepEqual(place(" i7 "), { kind: "insn", n: 7 });
  assert.deepEqual(place("L 30"), { kind: "line", n: 30 });
  for (const text of ["", "r2", "i", "-1", "1.5", "/1"]) assert.equal(place(text), null, text);
});

test("text in instructions, source and log, whatever its case", () => {
  const log = new Log({ log: "0: R2=5\n1: EXIT\n", log_steps: [[0, 2]] });
  const state = { code: new Code(LOAD), log, source: "int r2;\nexit", kind: "c" };
  const where = (text, most = 50) => occurrences(state, text, most).map((hit) => [hit.where, hit.kind, hit.n]);
  assert.deepEqual(where("r2"), [["insn 1", "insn", 1], ["insn 3", "insn", 3], ["line 1", "line", 1], ["log 1", "step", 2]]);
  assert.deepEqual(where("EXIT").at(-1), ["log 2", "step", 2]);
  assert.equal(where("r", 3).length, 3);
  assert.deepEqual(where("nowhere"), []);
  assert.deepEqual(occurrences({ ...state, kind: "elf" }, "int r2", 9), [], "an object's base64 is not searched");
});

test("registers and stack slots at the cursor are searched too", () => {
  const state = { code: new Code(null), log: new Log(null), source: "", kind: "c" };
  const values = [["r1", "packet +14"], ["fp-8", "number 7"]];
  assert.deepEqual(occurrences(state, "PACKET", 9, values), [{ where: "r1", text: "packet +14", kind: "value", n: -1, name: "r1" }]);
  assert.equal(occurrences(state, "fp-8", 9, values)[0].name, "fp-8");
});

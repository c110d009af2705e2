import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { Lookup, whoMayCall } from "../src/ui/reference.js";

const lookup = new Lookup(JSON.parse(readFileSync(new URL("../reference.json", import.meta.url), "utf8")));
const titled = (found) => found?.entry.title ?? null;

test("the word under the pointer is explained", () => {
  const text = "call bpf_map_lookup_elem#1";
  assert.equal(titled(lookup.word(text, 8)), "bpf_map_lookup_elem: helper 1");
  assert.equal(titled(lookup.word(text, 2)), null);
  assert.deepEqual([lookup.word(text, 8)?.from, lookup.word(text, 8)?.to], [5, 24]);
});

test("register types and fields of the log are explained, with the BTF type's name behind them", () => {
  const line = "5: R1=trusted_ptr_task_struct() R2=scalar(umax=255,var_off=(0x0; 0xff))";
  assert.match(titled(lookup.word(line, 8)) ?? "", /^trusted_ptr_/);
  assert.match(titled(lookup.word(line, line.indexOf("umax"))) ?? "", /^umax/);
  assert.match(titled(lookup.word(line, line.indexOf("var_off"))) ?? "", /^var_off/);
});

test("phrases of the log are explained", () => {
  const line = "processed 12 insns (limit 1000000)";
  assert.equal(titled(lookup.phrase(line, 3)), "processed");
  assert.equal(lookup.phrase(line, 20), null);
});

test("an instruction is explained by its bytes, variants of an opcode apart", () => {
  assert.match(lookup.instruction("61 12 04 00 00 00 00 00")?.title ?? "", /^load:/);
  assert.match(lookup.instruction("8500000001000000")?.title ?? "", /^call helper/);
  assert.match(lookup.instruction("8510000005000000")?.title ?? "", /^call subprog/);
  assert.match(lookup.instruction("8520000005000000")?.title ?? "", /^call kfunc/);
  assert.match(lookup.instruction("bf12000000000000")?.title ?? "", /^mov:/);
  assert.match(lookup.instruction("bf12080000000000")?.title ?? "", /^mov signed/);
  assert.equal(lookup.instruction("ff00000000000000"), null);
});

test("names of Object's own prototype are no words of the reference", () => {
  assert.equal(lookup.word("constructor __proto__", 3), null);
  assert.equal(lookup.word("constructor __proto__", 14), null);
});

test("who may call a function is said", () => {
  assert.equal(whoMayCall({ callers: ["XDP"] }), "May be called by: XDP.");
  assert.equal(whoMayCall({ callers: [] }), "No program type of this kernel may call it.");
  assert.equal(whoMayCall({}), "");
});

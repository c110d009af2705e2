import assert from "node:assert/strict";
import test from "node:test";
import { parting, plainLine } from "../src/core/parting.js";

const A = "0: R1=ctx() R10=fp0\n0: (b7) r0 = 0                        ; R0_w=0\n1: (95) exit\nprocessed 2 insns\nverification time 12 usec\n";

test("logs that differ only from boot to boot do not part", () => {
  assert.deepEqual(parting(A, A.replace("12 usec", "99 usec").replace("R0_w=0", "R0=0").replaceAll("      ", " ")), { walk: null, text: null });
  assert.equal(plainLine("R1=map_ptr(0xffff888012345678)"), plainLine("R1=map_ptr(0xffff888087654321)"));
  assert.notEqual(plainLine("R1=0x10"), plainLine("R1=0x11"));
});

test("a walk that visits another instruction parts there, and its text before it if a state is told otherwise", () => {
  const other = A.replace("R1=ctx()", "R1=ctx(off=0)").replace("1: (95) exit", "1: (b7) r0 = 1\n2: (95) exit");
  assert.deepEqual(parting(A, other), { walk: { a: 2, b: 2, after: 1 }, text: { a: 2, b: 2 } });
});

test("what a kernel writes before its walk is no difference, a state and a last word are", () => {
  const newer = `Live regs before insn:\n  0: .1... (b7) r0 = 0\n${A}`;
  assert.deepEqual(parting(A, newer), { walk: null, text: null });
  assert.deepEqual(parting(A, newer.replace("R0_w=0", "R0=1")), { walk: null, text: { a: 1, b: 3 } });
  assert.deepEqual(parting(A, A.replace("processed", "R0 is bad\nprocessed")), { walk: null, text: { a: 5, b: 3 } });
});

test("a log that ends before the other parts at its end", () => {
  const short = A.split("\n").slice(0, 2).join("\n");
  assert.deepEqual(parting(A, short), { walk: { a: 2, b: 2, after: 1 }, text: { a: 2, b: 2 } });
  assert.deepEqual(parting("", ""), { walk: null, text: null });
});

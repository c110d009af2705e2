import assert from "node:assert/strict";
import test from "node:test";
import { RunWindows } from "../src/core/windows.js";

/** Memory after each of some steps. */
function memory(...steps) {
  const made = new RunWindows(() => undefined);
  const told = steps.map((mem, i) => ({ insn: i, x86: i, regs: {}, mem }));
  made.add({ type: "steps", stage: "run", run: 0, from: 0, total: told.length, keyframe: { regs: {}, x: {}, mem: [] }, steps: told });
  return [...made.at(told.length - 1).mem.values()].map(({ addr, hex, step }) => [addr, hex, step]);
}

test("a store inside of what a call wrote changes its bytes", () => {
  assert.deepEqual(memory([{ addr: "0x10", hex: "0011223344556677", name: "fp-16", by: "call" }], [{ addr: "0x12", hex: "aabb", name: "fp-14" }]), [["0x10", "0011aabb44556677", 1]]);
});

test("what a call wrote takes the place of older stores that it covers", () => {
  assert.deepEqual(memory([{ addr: "0x10", hex: "00", name: "a" }, { addr: "0x20", hex: "01", name: "b" }], [{ addr: "0x0c", hex: "", missing: 16, name: "c", by: "call" }]), [
    ["0x20", "01", 0],
    ["0x0c", "", 1],
  ]);
});

test("a store beside others stands by itself", () => {
  assert.deepEqual(memory([{ addr: "0xfffffffffffffff0", hex: "0001", name: "a" }], [{ addr: "0xfffffffffffffff2", hex: "02", name: "b" }]), [
    ["0xfffffffffffffff0", "0001", 0],
    ["0xfffffffffffffff2", "02", 1],
  ]);
});

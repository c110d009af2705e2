import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, Log, Machine, slotOf } from "../src/core/model.js";
import { LOAD } from "./world.js";

test("instructions by slot, line and function", () => {
  const code = new Code(LOAD);
  assert.equal(code.at(5)?.text, "r1 += 1");
  assert.equal(code.at(99), null);
  assert.deepEqual(code.byLine.get(3), [0, 3]);
  assert.equal(code.line(4), 6);
  assert.deepEqual([code.func(4), code.func(6), code.func(99)], ["main", "helper", ""]);
  assert.equal(code.funcs, 2);
  assert.deepEqual(new Code(null).insns, []);
});

test("a program that a tail call enters stands behind the program itself", () => {
  const base = 1 << 24;
  const insns = [{ idx: base, text: "r1 = 1", line: 20, func: "second" }, { idx: base + 1, text: "exit", line: 21 }];
  const code = new Code(LOAD);
  const all = code.with([{ name: "second", insns, listing: [] }]);
  assert.equal(all.at(base + 1)?.text, "exit");
  assert.deepEqual([all.func(4), all.func(base + 1), all.line(base)], ["main", "second", 20]);
  assert.deepEqual(all.byLine.get(20), [base]);
  assert.deepEqual([all.enteredAt(4), all.enteredAt(base + 1)?.name, slotOf(base + 1)], [null, "second", 1]);
  assert.equal(code.insns.length, LOAD.insns.length);
  assert.equal(code.with([]), code);
});

test("lines of the log and steps, both ways", () => {
  const log = new Log({ log: "a\nb\nc\nd\nprocessed 3 insns\n", log_steps: [[0, 0], [2, 4]] });
  assert.equal(log.lines.length, 5);
  assert.deepEqual([0, 1, 3, 4, 9].map((step) => log.lineOf(step)), [0, 0, 0, 2, 2]);
  assert.equal(log.lineOf(-1), -1);
  assert.deepEqual([0, 1, 2, 3].map((line) => log.stepAt(line)), [0, 0, 4, 4]);
  assert.equal(log.after(4), "d", "up to the closing count");
  assert.equal(log.after(3), "", "a step the log does not name");
  assert.deepEqual(new Log(null).lines, []);
});

test("machine code by instruction", () => {
  const machine = new Machine({ listing: [{ insn: 0, text: "push" }, { insn: 1, text: "mov" }, { insn: 0, text: "ret" }] });
  assert.deepEqual(machine.byInsn.get(0)?.map((item) => item.text), ["push", "ret"]);
  assert.equal(new Machine(null).byInsn.size, 0);
});

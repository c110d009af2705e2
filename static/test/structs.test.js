import assert from "node:assert/strict";
import { test } from "node:test";
import { endOf, keyOf, knownRows, usedLast, valuesAt } from "../src/core/structs.js";

const row = (depth, name, holds = false) => ({ depth, name, type: "int", offset: 0, size: 4, bits: 0, holds });
const ROWS = [row(0, "first"), row(0, "inner", true), row(1, "a"), row(1, "b"), row(0, "last")];
const value = (at, step, how, text) => ({ row: at, step, how, text });
const struct = (name, ...values) => ({ run: 0, name, type: `struct ${name}`, address: "0x10", size: 16, layout: 0, values, steps: 9 });
const SOCK = struct("sock", value(0, -1, "entry", "1"), value(3, 2, "read", "7"), value(0, 4, "write", "2"), value(4, 8, "return", "5"));

test("a field has the last value up to the step", () => {
  const texts = (step) => [...valuesAt(SOCK, step)].map(([at, { text }]) => [at, text]);
  assert.deepEqual(texts(0), [[0, "1"]]);
  assert.deepEqual(texts(2), [[0, "1"], [3, "7"]]);
  assert.deepEqual(texts(5), [[0, "2"], [3, "7"]]);
  assert.deepEqual(texts(8), [[0, "2"], [3, "7"], [4, "5"]]);
});

test("the structs that a known field lies in are known too", () => {
  assert.deepEqual([...knownRows(ROWS, valuesAt(SOCK, 2))].sort(), [0, 1, 3]);
  assert.deepEqual([...knownRows(ROWS, valuesAt(SOCK, 0))], [0]);
});

test("a row ends behind all that it holds", () => {
  assert.equal(endOf(ROWS, 1), 4);
  assert.equal(endOf(ROWS, 0), 1);
  assert.equal(endOf(ROWS, 4), 5);
});

test("the struct that was used last", () => {
  const ctx = struct("ctx", value(0, -1, "entry", "1"), value(0, 3, "read", "1"));
  const used = (step) => usedLast([ctx, SOCK], step).name;
  assert.deepEqual([0, 2, 3, 4, 8].map(used), ["ctx", "sock", "ctx", "sock", "sock"]);
  assert.equal(keyOf(ctx), "ctx 0x10");
});

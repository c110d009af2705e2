import assert from "node:assert/strict";
import { test } from "node:test";
import { bestRange, bytes, concrete, count, grouped, ms, num, range, rangeSpoken, size, spell, spoken } from "../src/ui/format.js";
import { KINDS, kindOf, kindOfText, summary, summarySpoken } from "../src/ui/kinds.js";

const U64 = "18446744073709551615";

test("numbers are short and exact", () => {
  const cases = [[0, "0"], [-5, "−5"], [65536, "2¹⁶"], [65535, "65535"], [2 ** 24 - 1, "2²⁴−1"], [U64, "2⁶⁴−1"], ["-9223372036854775808", "−2⁶³"]];
  for (const [value, text] of cases) assert.equal(num(value), text);
  assert.equal(num(255, "hex"), "0xff");
  assert.equal(num(-1, "hex"), "−0x1");
  assert.equal(spoken(-7), "minus 7");
});

test("of the signed and the unsigned range the narrower is told", () => {
  assert.equal(range({ umin: 1, umax: 9 }, "dec"), "1…9");
  assert.equal(range({ smin: -4, smax: 3 }, "dec"), "−4…3");
  assert.equal(range({}, "dec"), "any");
  assert.equal(range({ u32max: 255 }, "dec"), "any, low half 0…255");
  assert.equal(range({ umin: U64, umax: U64, smin: -1, smax: -1 }, "dec"), "−1");
  assert.equal(range({ umin: U64, umax: U64, smin: -1, smax: -1 }, "hex"), "0xffffffffffffffff");
  assert.equal(bestRange({}).unknown, true);
  assert.equal(rangeSpoken({ umin: 1, umax: 9 }), "1 to 9");
  assert.equal(rangeSpoken({}), "any number");
});

test("values of the machine", () => {
  assert.equal(concrete(U64, "dec"), "−1");
  assert.equal(concrete(7, "dec"), "7");
  assert.equal(concrete("1099511627776", "dec"), "0x10000000000");
  assert.equal(concrete(U64, "hex"), "0xffffffffffffffff");
});

test("bytes, as one reads and as one counts them", () => {
  assert.equal(spell("11000000"), "17  (11 00 00 00)");
  assert.equal(spell("010203"), "01 02 03");
  assert.equal(spell("00".repeat(65)).endsWith(" …"), true);
  assert.deepEqual(bytes("12:3 45"), [0x12, 0x34]);
  assert.deepEqual([size(null), size(999), size(1500), size(2e6)], ["", "999 B", "1.5 kB", "2.0 MB"]);
  assert.deepEqual([ms(null), ms(0.2), ms(41.6), ms(1500)], ["", "<1 ms", "42 ms", "1.5 s"]);
  assert.deepEqual([count(1, "map"), count(2, "map"), count(0, "entry", "entries")], ["1 map", "2 maps", "0 entries"]);
});

test("registers: every kind has a name and a summary, and what is unknown reads as memory", () => {
  for (const k of Object.keys(KINDS)) {
    assert.equal(kindOf({ k }), k);
    assert.equal(typeof summary({ k, s: {}, t: "t", map: "m" }, "dec"), "string", k);
  }
  assert.equal(kindOf({ k: "of a newer server" }), "memory");
  assert.equal(kindOf(null), "none");
  assert.equal(summary(null, "dec"), "");
  assert.equal(summary({ k: "packet", off: 14, range: 34 }, "dec"), "packet +14 · 34 B proven");
  assert.equal(summary({ k: "map_value", map: "m", size: 8, null: true }, "dec"), "m +0 of 8 or NULL");
  assert.equal(summary({ k: "stack", off: -8 }, "dec"), "fp−8");
  assert.equal(summarySpoken({ k: "packet", off: 14, range: 34 }), "packet, offset 14, 34 bytes proven");
  assert.equal(summarySpoken(null), "not initialized");
});

test("kinds by the kernel's spelling", () => {
  const cases = { "pkt(off=14,r=34)": "packet", pkt_end: "packet_end", "map_value(ks=4)": "map_value", map_ptr: "map", fp0: "stack", "scalar(id=1)": "number", P1: "number", "trusted_ptr_task": "kernel", "?": "" };
  for (const [text, kind] of Object.entries(cases)) assert.equal(kindOfText(text), kind, text);
});

test("thousands are set apart as in English", () => {
  for (const n of [0, 7, 999, 1000, 12345, 123456, 1000001, -1234, -123456]) assert.equal(grouped(n), n.toLocaleString("en"));
});

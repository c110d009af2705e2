import assert from "node:assert/strict";
import { test } from "node:test";
import { ending } from "../src/ui/words.js";

test("a sentence gets its end, and its first word stays as it is spelt", () => {
  const cases = [
    ["e may be NULL here", "e may be NULL here."],
    ["size_t is no map.", "size_t is no map."],
    [" r1 is a number ", "r1 is a number."],
    ["a size with an upper bound: `size &= mask`", "a size with an upper bound: `size &= mask`"],
    ["", ""],
    [undefined, ""],
  ];
  for (const [text, said] of cases) assert.equal(ending(text), said);
});

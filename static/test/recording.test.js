import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { deflateSync, inflateSync } from "node:zlib";
import { base64 } from "../src/core/detect.js";
import { USUAL, known } from "../src/core/options.js";
import { openRecording } from "../src/core/recording.js";

const FILE = readFileSync(new URL("../../examples/guard_files.rec", import.meta.url));

/** The recording with another head. @param {(head: any) => void} change */
function changed(change) {
  const body = inflateSync(FILE.subarray(16));
  const size = body.readUInt32LE(0);
  const head = JSON.parse(body.subarray(4, 4 + size).toString());
  change(head);
  const told = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(told.length);
  return new Uint8Array(Buffer.concat([FILE.subarray(0, 16), deflateSync(Buffer.concat([length, told, body.subarray(4 + size)]))]));
}

test("a recording brings its program, and only options that there are", async () => {
  const opened = await openRecording(changed(({ source }) => (source.options = { ...source.options, mcpu: "v4", opt: "O9", verify: "yes", unprivileged: true, zzz: "1", __proto__: "x", 0: "a" })), base64);
  assert.deepEqual(opened.options, { ...opened.options, mcpu: "v4", unprivileged: true });
  assert.ok(Object.keys(opened.options).every((name) => Object.hasOwn(USUAL, name)));
  for (const name of ["opt", "verify"]) assert.ok(!Object.hasOwn(opened.options, name) || opened.options[name] === USUAL[name]);
  assert.equal(opened.events, 2);
});

test("options of another kind are left out", () => {
  assert.deepEqual(known({ ...USUAL, constructor: "x", toString: "y" }), USUAL);
  for (const none of [["a"], "text", 7, null, undefined, {}]) assert.deepEqual(known(none), {});
});

test("what is no recording that can be stepped is said", async () => {
  const cases = [
    [changed((head) => (head.events = [])), /holds no event/],
    [changed((head) => (head.source.kind = "log")), /holds no program/],
    [changed((head) => (head.source = null)), /damaged/],
    [changed((head) => (head.events = null)), /damaged/],
    [FILE.subarray(0, 10), /cut/],
    [FILE.subarray(0, FILE.length / 2), /cut/],
  ];
  for (const [data, words] of cases) assert.match((await openRecording(new Uint8Array(data), base64)).error, words);
  const opened = await openRecording(changed((head) => (head.release = "x".repeat(10_000))), base64);
  assert.equal(opened.release.length, 64);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "../src/core/model.js";
import { KINDS, known, lineValue, placeOf } from "../src/core/breakpoints.js";
import { MOST_FILES, included, inlined, lineName, meant, needed, without, wrongName } from "../src/core/files.js";
import { pack, unpack } from "../src/core/packed.js";

test("a name is a relative path that nothing else has", () => {
  for (const good of ["mine.h", "lib/a/b.h", "x_1.bpf.h", "A-b+c@2.h"]) assert.equal(wrongName(good, {}), "", good);
  const bad = ["", "../x.h", "../../etc/passwd", "/etc/passwd", "a//b.h", "a/../b.h", ".hidden", "a/.x", "a b.h", "a\\b.h", "<img onerror=alert(1)>.h", "\u202eh.x", "ü.h", "a\nb", "a".repeat(129), "a/b/c/d/e/f/g/h/i.h", "program.c", "vmlinux.h", "added.h", "__proto__/"];
  for (const name of bad) assert.notEqual(wrongName(name, {}), "", name);
  assert.notEqual(wrongName("a.h", { "a.h": "" }), "");
  assert.equal(wrongName("a.h", { "a.h": "" }, "a.h"), "");
  assert.notEqual(wrongName("a.h/b.h", { "a.h": "" }), "");
  assert.notEqual(wrongName("a", { "a/b.h": "" }), "");
  const many = Object.fromEntries(Array.from({ length: MOST_FILES }, (_, i) => [`f${i}.h`, ""]));
  assert.notEqual(wrongName("one_more.h", many), "");
  assert.equal(wrongName("renamed.h", many, "f0.h"), "");
});

test("files keep their order when one is renamed or removed", () => {
  assert.deepEqual(Object.keys(without({ a: "1", b: "2", c: "3" }, "b", "z")), ["a", "z", "c"]);
  assert.deepEqual(without({ a: "1", b: "2" }, "a"), { b: "2" });
});

test("an include means the file beside the one that has it, then one of the folder, then one below", () => {
  assert.deepEqual(included('#include "a.h"\n # include <b/c.h>\nint x; // #include no\n'), ["a.h", "b/c.h"]);
  const names = ["a.h", "lib/a.h", "lib/deep/b.h"];
  assert.equal(meant("a.h", "lib/x.h", names), "lib/a.h");
  assert.equal(meant("a.h", "x.c", names), "a.h");
  assert.equal(meant("../a.h", "lib/x.h", names), "a.h");
  assert.equal(meant("b.h", "x.c", names), "lib/deep/b.h");
  assert.equal(meant("../../../lib/a.h", "x.c", names), "lib/a.h");
  assert.equal(meant("linux/bpf.h", "x.c", names), null);
});

const FILES = { "a.h": '#pragma once\n#include "lib/b.h"\nint a;\n', "lib/b.h": '#include "../a.h"\nint b;\n', "other.h": "int other;\n" };

test("what a source needs is what it includes, and what that includes; circles end", () => {
  assert.deepEqual(Object.keys(needed("x.c", '#include "a.h"\n', FILES)), ["a.h", "lib/b.h"]);
  assert.deepEqual(needed("x.c", "int x;", FILES), {});
});

test("a source with its headers in their places is one file", () => {
  const text = inlined('#include <linux/bpf.h>\n#include "a.h"\n#include "a.h"\nint x;\n', FILES);
  assert.equal(text.match(/int a;/g)?.length, 1);
  assert.equal(text.match(/int b;/g)?.length, 1);
  assert.ok(text.includes("#include <linux/bpf.h>") && !text.includes("pragma once"));
  assert.equal(inlined("int x;\n", {}), "int x;\n");
});

test("lines of other files have their own instructions and breakpoints", () => {
  const insns = [{ idx: 0, line: 4 }, { idx: 1, line: 4, file: "a.h" }, { idx: 2, line: 9, file: "a.h" }].map((each) => ({ hex: "", text: "r0 = 0", target: null, ...each }));
  const code = new Code(/** @type {any} */ ({ insns, files: { "a.h": { 2: "two", 4: "four" } }, lines: {} }));
  assert.deepEqual([code.slots(4), code.slots(4, "a.h"), code.slots(9), code.slots(1, "none.h")], [[0], [1], [], []]);
  assert.deepEqual([code.file(0), code.file(1), code.file(7)], ["", "a.h", ""]);
  assert.equal(code.text("a.h"), "\ntwo\n\nfour");
  assert.equal(code.text("none.h"), "");
  assert.deepEqual(KINDS.line.insns("a.h:9", code), [2]);
  assert.deepEqual(KINDS.line.insns(4, code), [0]);
  assert.equal(KINDS.line.says("a.h:9"), "line 9 of a.h");
  assert.deepEqual(placeOf(lineValue(9, "x/a.h")), { line: 9, file: "x/a.h" });
  const points = [{ kind: "line", value: "a.h:9", enabled: true }, { kind: "line", value: "a.h", enabled: true }, { kind: "line", value: ":0", enabled: true }, { kind: "line", value: "a.h:0", enabled: true }];
  assert.deepEqual(known(points), [points[0]]);
  assert.equal(lineName(3), "line 3");
});

test("instructions that are not here yet have their files too", () => {
  const load = { insns: [{ idx: 0, hex: "", text: "a", line: 1, target: null }], more: { insns: 4 }, line_info: [[0, 1], [1, 5], [3, 2]], file_info: [[1, "a.h"], [3, ""]] };
  const code = new Code(/** @type {any} */ (load));
  assert.deepEqual(code.insns.map(({ line, file }) => [line, file ?? ""]), [[1, ""], [5, "a.h"], [5, "a.h"], [2, ""]]);
});

test("a link carries the files of a C source", async () => {
  const request = { kind: "c", source: "x", files: { "a.h": "int a;", "b.h": 5 }, options: {} };
  const found = await unpack(await pack(/** @type {any} */ ({ request, title: "", view: null })));
  assert.deepEqual(found?.request, { kind: "c", source: "x", files: { "a.h": "int a;" }, options: {} });
  const other = await unpack(await pack(/** @type {any} */ ({ request: { ...request, kind: "asm" }, title: "", view: null })));
  assert.equal(other?.request.files, undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, Log } from "../src/core/model.js";
import { mail, markdown, minimal, reproduction, sourceName } from "../src/core/report.js";
import { LOAD, state } from "./world.js";

const FAIL = { rule: "r", message: "R1 invalid mem access 'scalar'", step: 1, insn: 1, line: 2, explanation: "It is a *number*." };

/** @param {object} more @returns {any} */
const rejected = (more = {}) => ({
  ...state(),
  source: "int a;\nint b = <1>; // ````\n",
  stages: { compile: { stage: "compile", status: "done", compiler: "clang 22" }, load: LOAD, verify: { stage: "verify", status: "done", verdict: "reject", kernel: "6.12", fail: FAIL } },
  code: new Code(/** @type {any} */ (LOAD)),
  log: new Log(/** @type {any} */ ({ log: Array.from({ length: 150 }, (_, i) => `line ${i}`).join("\n") })),
  ...more,
});

test("Markdown has the verdict, the place, the source in a fence it cannot end, the end of the log and the link", () => {
  const text = markdown(rejected(), "https://x/s/1");
  assert.match(text, /^\*\*Rejected by the verifier of Linux 6\.12 \(emulated\): R1 invalid mem access 'scalar'\*\*$/m);
  assert.match(text, /^- line 2: `{5} int b = <1>; \/\/ ```` `{5}$/m);
  assert.match(text, /^- insn 1: `r2 = 5`$/m);
  assert.match(text, /It is a \\\*number\\\*\./);
  assert.match(text, /^`{5}c\nint a;\n[\s\S]*\n`{5}$/m);
  assert.ok(text.includes("(30 earlier lines left out)\nline 30\n") && text.includes("line 149\n"));
  assert.match(text, /\[Step through it\]\(https:\/\/x\/s\/1\)/);
});

test("a mailing list gets plain text, its sentences in short lines", () => {
  const long = rejected();
  long.stages.verify.fail = { ...FAIL, explanation: "word ".repeat(40).trim() };
  const lines = mail(long, "").split("\n").filter((line) => line.startsWith("  word"));
  assert.ok(lines.length === 3 && lines.every((line) => line.length <= 72));
  const text = mail(rejected(), "");
  assert.match(text, /^Rejected by the verifier of Linux 6\.12 \(emulated\): R1 invalid mem access\n'scalar'\n/);
  assert.match(text, /^ {2}int a;$/m);
  assert.match(text, /^ {2}\$ clang -target bpf -D__TARGET_ARCH_x86 -g -O2 -mcpu=v3 -c program\.c -o program\.o$/m);
  assert.ok(!text.includes("Step through it"));
});

test("a reproduction is the source, its command lines in comments that hold no line of the user's", () => {
  const hostile = rejected({ program: { title: "a\nint evil;" }, stages: { verify: { stage: "verify", status: "done", verdict: "reject", fail: { ...FAIL, message: "x\nint evil;" } } } });
  const lines = reproduction(hostile, "u\nint evil;").split("\n");
  assert.ok(!lines.includes("int evil;"));
  assert.deepEqual(lines.filter((line) => !line.startsWith("//")), ["int a;", "int b = <1>; // ````", ""]);
  assert.equal(sourceName(hostile), "a_int_evil_.c");
});

test("each kind of source has its command line", () => {
  const kinds = { asm: "bpfscope verify --prog-type tc program.s", hex: "bpfscope verify --prog-type tc program.hex", elf: "bpfscope verify program.o", log: "bpfscope log program.log" };
  for (const [kind, line] of Object.entries(kinds)) assert.ok(mail({ ...state(), kind, options: { prog_type: "tc" } }, "").includes(line), kind);
});

test("a minimal reproduction tells of the smaller source, not of the one that was run", () => {
  const found = { type: "reduced", source: "int evil(void)\n{\n  return *(int *)1; // x\n}\n", files: ["b.h"], lines: 4, whole: 1214, tried: 1, message: "R2 invalid\nint bad;", line: 3, ended: "smallest" };
  const text = minimal(rejected({ files: { "a.h": "int a;", "b.h": "int b;" }, options: { fix_includes: true } }), /** @type {any} */ (found), "https://x/s/1");
  const lines = text.split("\n");
  assert.equal(lines[0], "// Reduced from 1,214 to 4 lines; 1 smaller source tried.");
  assert.ok(lines.includes("// Rejected by the verifier of Linux 6.12 (emulated): R2 invalid int bad;"));
  assert.ok(lines.includes("// refused at: return *(int *)1; // x") && lines.includes("int evil(void)"));
  assert.ok(!text.includes("int a;") && !text.includes("insn") && !text.includes("number") && !text.includes("--fix-includes"));
  assert.ok(!lines.includes("int bad;"));
});

test("the line that a reproduction names is the one of its text", () => {
  const lines = reproduction(rejected({ source: "int a;\nint b = 2;\n" }), "").split("\n");
  const [, number] = /** @type {RegExpExecArray} */ (/line (\d+): int b/.exec(lines.find((line) => line.startsWith("// line")) ?? ""));
  assert.equal(lines[Number(number) - 1], "int b = 2;");
});

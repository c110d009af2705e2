import assert from "node:assert/strict";
import { test } from "node:test";
import { ChangeSet, Text } from "@codemirror/state";
import { diagnosticsOf } from "../src/panels/editor-diagnostics.js";
import { RanText } from "../src/panels/ran-text.js";

const before = Text.of(["one", "two", "three"]);

/** The text after a line was inserted above "two". */
function edited() {
  const ran = new RanText();
  ran.begin(before);
  const changes = ChangeSet.of({ from: before.line(2).from, insert: "new\n" }, before.length);
  ran.edited(changes);
  return { ran, now: changes.apply(before) };
}

test("a line of the text that ran is found after an edit above it", () => {
  const { ran, now } = edited();
  assert.equal(ran.line(now, 2)?.text, "two");
  assert.equal(ran.line(now, 2)?.number, 3);
  assert.equal(ran.line(now, 1)?.number, 1);
  assert.equal(ran.line(now, 4), null);
  assert.equal(ran.line(now, null), null);
  ran.forget();
  assert.equal(ran.line(now, 2), null);
});

test("a position of the text that ran is found after an edit, within its line", () => {
  const { ran, now } = edited();
  assert.equal(ran.position(now, 3, 2), now.line(4).from + 1);
  assert.equal(ran.position(now, 3, 999), now.line(4).to);
  assert.equal(new RanText().position(now, 99, 1), now.line(4).from);
});

test("what the loader complains about is underlined as what clang does", () => {
  const place = (line) => before.line(line);
  const said = { line: 2, column: 2, end_column: null, severity: "error", message: "unknown\u202e instruction" };
  const load = { stage: "load", status: "failed", diagnostics: [said] };
  const shown = { from: 5, to: 7, severity: "error", message: "unknown\\u202e instruction" };
  assert.deepEqual(diagnosticsOf({ load }, place, before.length), [shown]);
  const compile = { stage: "compile", status: "failed", diagnostics: [{ ...said, severity: "warning", end_column: 3 }] };
  assert.deepEqual(diagnosticsOf({ compile, load }, place, before.length), [{ ...shown, to: 6, severity: "warning" }]);
  assert.deepEqual(diagnosticsOf({ compile }, () => null, before.length), []);
});

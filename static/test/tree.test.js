import assert from "node:assert/strict";
import { test } from "node:test";
import { PUSHED, PathTree, ROOT, WENT_ON, fromPaths } from "../src/core/tree.js";

/** [parent, fork, first, last, end, by, fork insn, first insn, last insn, speculative] */
const row = (parent, fork, first, last, end = "exit", by = -1, insns = [-1, -1, -1], speculative = false) => [parent, fork, first, last, end, by, ...insns, speculative];

/** Path 0 forks at 2 and 5; path 1 (from 5) forks at 11 and ends there; path 2 was pruned before its first step; path 3 is from 2. */
const ROWS = [
  row(-1, -1, 0, 9, "exit", -1, [-1, 0, 9]),
  row(0, 5, 10, 11, "reject", -1, [105, 50, 51]),
  row(1, 11, 12, 11, "safe", 7, [111, -1, -1]),
  row(0, 2, 12, 15, "exit", -1, [102, 60, 61]),
];
const code = { at: (idx) => ({ text: `if r${idx - 100} > 0 goto pc+1` }), line: (idx) => (idx === 105 ? 34 : 1) };

/** Nodes in words: path:first-last, indented by level. @param {PathTree} tree @param {Iterable<number>} nodes */
const drawn = (tree, nodes) => [...nodes].map((node) => `${" ".repeat(tree.level[node] - 1)}${tree.path[node]}:${tree.first[node]}-${tree.last[node]}`);

test("paths are cut where others fork from them", () => {
  const tree = new PathTree(ROWS);
  assert.deepEqual(drawn(tree, tree.visible(new Set())), ["0:0-2", " 3:12-15", "0:3-5", " 1:10-11", "  2:12-11", "0:6-9"]);
  assert.deepEqual([...tree.begins], [ROOT, PUSHED, WENT_ON, PUSHED, PUSHED, WENT_ON]);
  assert.deepEqual([...tree.fork], [-1, 102, 102, 105, 111, 105]);
  assert.deepEqual([...tree.parent], [-1, 0, -1, 2, 3, -1]);
  assert.deepEqual([...tree.end], [2, 2, 5, 5, 5, 6]);
  assert.deepEqual([[...tree.position], [...tree.siblings]], [[1, 1, 2, 1, 1, 3], [3, 1, 3, 1, 1, 3]]);
  assert.deepEqual(Array.from({ length: tree.count }, (_, node) => tree.outcome(node)), ["", "exit", "", "reject", "safe", "exit"]);
  assert.equal(tree.depth, 3);
});

test("every step has its node, and every node a step to show", () => {
  const tree = new PathTree(ROWS);
  assert.deepEqual([0, 2, 3, 9, 11, 12, 15, 16].map((step) => tree.at(step)), [0, 0, 2, 5, 3, 1, 1, -1]);
  assert.deepEqual(Array.from({ length: tree.count }, (_, node) => tree.stepOf(node)), [0, 12, 3, 10, 11, 6]);
  assert.deepEqual([...tree.above(4)], [3, 2]);
  assert.equal(tree.below(2), 2);
});

test("closed nodes hide what is below them", () => {
  const tree = new PathTree(ROWS);
  assert.deepEqual(drawn(tree, tree.visible(new Set([2]))), ["0:0-2", " 3:12-15", "0:3-5", "0:6-9"]);
  assert.deepEqual(drawn(tree, tree.visible(new Set([0, 2]))), ["0:0-2", "0:3-5", "0:6-9"]);
});

test("what a search finds", () => {
  const tree = new PathTree(ROWS);
  const found = (text) => tree.find(text, code);
  assert.deepEqual(found(""), []);
  assert.deepEqual(found("exit"), [1, 5]);
  assert.deepEqual(found("pruned"), [4]);
  assert.deepEqual(found("Rejected"), [3]);
  assert.deepEqual(found("insn 105"), [2, 3, 5]);
  assert.deepEqual(found("line 34"), [2, 3, 5]);
  assert.deepEqual(found("insn:61"), [1]);
  assert.deepEqual(found("path 0 exit"), [5]);
  assert.deepEqual(found("step 11"), [3]);
  assert.deepEqual(found("r11 >"), [4]);
  assert.deepEqual(found("speculative"), []);
});

test("a log tells paths, of which some begin nowhere", () => {
  const tree = new PathTree(fromPaths([
    { id: 0, parent: -1, push_step: -1, first_step: 0, last_step: 3, end: "cut", pruned_by: -1 },
    { id: 1, parent: 7, push_step: 99, first_step: 4, last_step: 5, end: "exit", pruned_by: -1 },
  ]));
  assert.deepEqual(drawn(tree, tree.visible(new Set())), ["0:0-3", "1:4-5"]);
  assert.deepEqual([...tree.begins], [ROOT, ROOT]);
});

test("several paths of one fork are siblings", () => {
  const tree = new PathTree([row(-1, -1, 0, 4), row(0, 2, 5, 5), row(0, 2, 6, 6)]);
  assert.deepEqual(drawn(tree, tree.visible(new Set())), ["0:0-2", " 1:5-5", " 2:6-6", "0:3-4"]);
  assert.deepEqual([tree.position[1], tree.position[2], tree.siblings[1]], [1, 2, 2]);
});

test("20,000 nodes and long chains of forks are no burden", () => {
  const rows = [row(-1, -1, 0, 0)];
  for (let id = 1; id < 20000; id++) rows.push(row(id - 1, id - 1, id, id));
  const tree = new PathTree(rows);
  assert.equal(tree.count, 20000);
  assert.equal(tree.depth, 20000);
  assert.equal(tree.at(19999), 19999);
});

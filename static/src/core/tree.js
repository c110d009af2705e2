/**
 * The verifier's walk as a tree. Its nodes are the pieces of paths between forks: a path is cut behind each step that
 * pushed another path. What the cut pushed are the children of the piece that ends there; the piece that goes on with
 * the same path is its next sibling. Made once for a walk; 20,000 nodes are some columns of numbers.
 */

/** @import { Path, TreePart } from "../types/messages.js" */

/** @typedef {TreePart["items"][number]} Branch */

/** A path that is being written: how many of its cuts and pushed paths are, and the node that is open, -1 for none. @typedef {{id: number, cut: number, child: number, parent: number, level: number, own: number, group: number[]}} Open */

/** How a node begins: the walk itself, with a path that was pushed, or behind the step that pushed others. */
export const ROOT = 0;
export const PUSHED = 1;
export const WENT_ON = 2;

/** What is searched for: in words, and the outcomes that a word stands for. @type {Record<string, string[]>} */
const OUTCOMES = {
  exit: ["exit"], pruned: ["safe"], safe: ["safe"], rejected: ["reject"], reject: ["reject"], refused: ["reject"], limit: ["limit"], open: ["open"], cut: ["cut"],
};

/** Rows of a walk that are told as paths only: of a log, or of a server that sends no tree. @param {Path[]} paths @returns {Branch[]} */
export const fromPaths = (paths) =>
  paths.map((path) => [path.parent, path.push_step, path.first_step, path.last_step, path.end, path.pruned_by, -1, -1, -1, Boolean(path.speculative)]);

export class PathTree {
  /** @param {Branch[]} rows */
  constructor(rows) {
    this.rows = rows;
    /** @type {number[][]} paths that each path pushed, in order of their forks */
    const pushed = rows.map(() => []);
    /** @type {number[]} */
    const roots = [];
    for (const [id, [parent, fork]] of rows.entries()) {
      const from = rows[parent];
      if (from && parent < id && fork >= from[2] && fork <= from[3]) pushed[parent].push(id);
      else roots.push(id);
    }
    for (const list of pushed) list.sort((a, b) => rows[a][1] - rows[b][1] || a - b);
    const cuts = pushed.map((list) => [...new Set(list.map((id) => rows[id][1]))]);
    // A path that ends with a fork has no piece behind it.
    const count = rows.reduce((sum, row, id) => sum + cuts[id].length + (cuts[id].at(-1) === row[3] && cuts[id].length ? 0 : 1), 0);
    const column = () => new Int32Array(count);
    this.count = count;
    /** Path of each node; nodes stand in the order in which the tree is read. */
    this.path = column();
    this.first = column();
    this.last = column();
    this.level = column();
    this.parent = column();
    this.begins = new Uint8Array(count);
    /** Instruction of the fork that each begins behind, -1 for none. */
    this.fork = column();
    /** Behind the last node of the subtree of each. */
    this.end = column();
    /** Place among its siblings, from 1, and how many they are. */
    this.position = column();
    this.siblings = column();
    /** Whether the node is the last of its path. */
    this.closes = new Uint8Array(count);
    /** @type {Int32Array} first node of each path */
    this.nodeOf = new Int32Array(rows.length).fill(-1);
    this.depth = 0;
    this.fillIn(roots, pushed, cuts);
    /** Nodes with steps in the order of their steps. */
    this.bySteps = Int32Array.from({ length: count }, (_, node) => node).filter((node) => this.first[node] <= this.last[node]).sort((a, b) => this.first[a] - this.first[b]);
  }

  /** Write the nodes in the order in which the tree is read. @param {number[]} roots @param {number[][]} pushed @param {number[][]} cuts */
  fillIn(roots, pushed, cuts) {
    const { rows } = this;
    let node = 0;
    /** What is still to be written, the next one last. @type {Open[]} */
    const stack = [];
    /** @type {number[][]} */
    const groups = [];
    /** @param {number[]} ids @param {number} parent @param {number} level */
    const open = (ids, parent, level) => {
      /** @type {number[]} */
      const group = [];
      groups.push(group);
      for (const id of [...ids].reverse()) stack.push({ id, cut: 0, child: 0, parent, level, own: -1, group });
    };
    open(roots, -1, 1);
    while (stack.length) {
      const here = stack[stack.length - 1];
      const ends = cuts[here.id];
      if (here.own < 0 && here.cut && ends[here.cut - 1] >= rows[here.id][3]) {
        stack.pop(); // it ended with its last fork
        continue;
      }
      if (here.own < 0) {
        this.put(node, here, ends, pushed[here.id]);
        here.own = node++;
        const list = pushed[here.id];
        const begin = here.child;
        while (here.child < list.length && rows[list[here.child]][1] === this.last[here.own]) here.child++;
        if (here.child > begin) {
          open(list.slice(begin, here.child), here.own, here.level + 1);
          continue;
        }
      }
      this.end[here.own] = node;
      here.own = -1;
      if (here.cut++ >= ends.length) stack.pop();
    }
    for (const group of groups) for (const each of group) this.siblings[each] = group.length;
  }

  /** Write one node: the piece of a path behind its cut number `cut`. @param {number} node @param {Open} here @param {number[]} ends @param {number[]} pushed */
  put(node, { id, cut, child, parent, level, group }, ends, pushed) {
    const row = this.rows[id];
    this.path[node] = id;
    this.first[node] = cut ? ends[cut - 1] + 1 : row[2];
    this.last[node] = cut < ends.length ? ends[cut] : row[3];
    this.level[node] = level;
    this.parent[node] = parent;
    this.begins[node] = cut ? WENT_ON : parent < 0 ? ROOT : PUSHED;
    if (this.begins[node] === ROOT) this.fork[node] = -1;
    else this.fork[node] = this.rows[cut ? pushed[child - 1] : id][6];
    this.closes[node] = cut >= ends.length || this.last[node] === row[3] ? 1 : 0;
    group.push(node);
    this.position[node] = group.length;
    if (!cut) this.nodeOf[id] = node;
    this.depth = Math.max(this.depth, level);
  }

  /** The node that has a step, -1 for none. @param {number} step */
  at(step) {
    const { bySteps, first, last } = this;
    let low = 0;
    let high = bySteps.length - 1;
    while (low <= high) {
      const mid = (low + high) >> 1;
      const node = bySteps[mid];
      if (first[node] > step) high = mid - 1;
      else if (last[node] < step) low = mid + 1;
      else return node;
    }
    return -1;
  }

  /** The step that is shown for a node: its first one, or the fork of a path that was pruned there. @param {number} node */
  stepOf(node) {
    return this.first[node] <= this.last[node] ? this.first[node] : Math.max(0, this.rows[this.path[node]][1]);
  }

  /** Whether a node has children. @param {number} node */
  forks(node) {
    return this.end[node] > node + 1;
  }

  /** How a node ends: the outcome of its path, "" where the path goes on. @param {number} node */
  outcome(node) {
    return this.closes[node] ? this.rows[this.path[node]][4] : "";
  }

  /** Steps of the nodes below a node. @param {number} node */
  below(node) {
    let sum = 0;
    for (let k = node + 1; k < this.end[node]; k++) sum += Math.max(0, this.last[k] - this.first[k] + 1);
    return sum;
  }

  /** Nodes above a node, the nearest first. @param {number} node */
  *above(node) {
    for (let k = this.parent[node]; k >= 0; k = this.parent[k]) yield k;
  }

  /** Nodes that are shown while some are closed. @param {Set<number>} closed */
  visible(closed) {
    if (!closed.size) return Int32Array.from({ length: this.count }, (_, node) => node);
    const shown = new Int32Array(this.count);
    let n = 0;
    for (let node = 0; node < this.count; node = closed.has(node) ? this.end[node] : node + 1) shown[n++] = node;
    return shown.slice(0, n);
  }

  /**
   * Nodes that a search finds. Each word has to hold: an outcome ("exit", "pruned", "rejected"), "insn 12", "line 34",
   * "path 5", "step 99", "speculative", or a part of the condition's text. What is told of an instruction or line holds
   * for a node that begins behind it, begins with it or ends with it.
   * @param {string} text
   * @param {Pick<import("./model.js").Code, "line" | "at">} code
   */
  find(text, code) {
    const tests = this.tests(text.toLowerCase(), code);
    /** @type {number[]} */
    const found = [];
    if (tests.length) for (let node = 0; node < this.count; node++) if (tests.every((test) => test(node))) found.push(node);
    return found;
  }

  /** @param {string} text @param {Pick<import("./model.js").Code, "line" | "at">} code @returns {((node: number) => boolean)[]} */
  tests(text, code) {
    /** @type {((node: number) => boolean)[]} */
    const tests = [];
    const rest = text.replace(/\b(insn|line|path|step)\s*[:=]?\s*(\d+)\b/g, (_, what, digits) => {
      const n = Number(digits);
      if (what === "path") tests.push((node) => this.path[node] === n);
      else if (what === "step") tests.push((node) => this.first[node] <= n - 1 && n - 1 <= this.last[node]);
      else tests.push((node) => this.insns(node).some((insn) => insn >= 0 && (what === "insn" ? insn === n : code.line(insn) === n)));
      return " ";
    });
    for (const word of rest.split(/\s+/).filter(Boolean)) {
      const ends = OUTCOMES[word];
      if (ends) tests.push((node) => ends.includes(this.outcome(node)));
      else if (word === "speculative") tests.push((node) => this.rows[this.path[node]][9]);
      else
        tests.push((node) => {
          const insn = this.fork[node];
          return insn >= 0 && (code.at(insn)?.text ?? "").toLowerCase().includes(word);
        });
    }
    return tests;
  }

  /** Instructions that a node is known by. @param {number} node */
  insns(node) {
    const row = this.rows[this.path[node]];
    const found = [this.fork[node]];
    if (this.begins[node] !== WENT_ON) found.push(row[7]);
    if (this.closes[node]) found.push(row[8]);
    const child = node + 1;
    if (this.forks(node)) found.push(this.rows[this.path[child]][6]);
    return found;
  }
}

/** The tree of the paths that the verifier walked, and above it the same as an icicle over the scrubber's axis. */
import { PathTree, PUSHED, ROOT, fromPaths } from "../core/tree.js";
import { fill, fieldValue, h, setAttr, setText } from "../ui/dom.js";
import { count, grouped, grouping } from "../ui/format.js";
import { VirtualList } from "../ui/virtual.js";
import { Icicle } from "./shape-icicle.js";
import { choose, go } from "./shape-common.js";

/** @import { Scope } from "../core/scope.js" */
/** @import { Insn } from "../types/messages.js" */
/** @import { Row } from "../ui/virtual.js" */
/** @import { Branch } from "../core/tree.js" */

/** How a path ends, in words. @type {Record<string, string>} */
export const ENDS = { exit: "reached exit", safe: "pruned", reject: "rejected here", limit: "stopped at a limit", open: "not walked to its end", cut: "the log does not show its end" };
/** Levels that are indented; deeper ones say their number. */
const DEEPEST = 16;
/** Milliseconds without a key after which a search is looked up. */
const PAUSE = 150;

export class TreeView {
  /** @type {PathTree | null} */
  tree = null;
  /** @type {Branch[] | import("../types/messages.js").Path[] | null} what it is made of */
  made = null;
  /** @type {Set<number>} nodes that are closed */
  closed = new Set();
  /** What `closed` was made of. */
  closedBy = "";
  /** Nodes in the rows. */
  shown = new Int32Array(0);
  /** @type {Int32Array} node -> row, -1 where it is not shown */
  rowOf = new Int32Array(0);
  /** @type {{node: number, step: number} | null} the node that was clicked: one without steps shares its step with another */
  picked = null;
  /** @type {number[]} nodes that the search finds */
  found = [];
  /** @type {Set<number>} */
  hits = new Set();
  /** What `found` was made of. */
  foundBy = "";
  timer = 0;
  /** How many instructions had come when the rows were painted. */
  filled = 0;

  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.list = new VirtualList({
      label: "Paths of the verifier",
      className: "paths",
      render: (index, row) => this.row(index, row),
      pick: (index) => this.pick(this.shown[index]),
      tree: {
        place: (index) => this.place(index),
        toggle: (index, open) => this.toggle([this.shown[index]], open),
        wide: (index) => this.widen(this.shown[index]),
        enter: (index) => this.compare(this.shown[index]),
      },
    });
    // Before the list takes the click as one on the row.
    this.list.element.addEventListener("click", (event) => this.clicked(event), { capture: true });
    this.icicle = new Icicle((step) => go(scope, step));
    this.empty = h("p", { class: "empty" }, "The paths appear here while the verifier walks them.");
    this.element = h("div", { class: "shape-tree" }, this.icicle.element, this.list.element, this.empty);
    this.search = h("input", {
      type: "search", class: "shape-find", placeholder: "exit, insn 12, line 34…", "aria-label": "Search the tree: an outcome, insn, line, path, step with a number, or a part of a condition",
      spellcheck: "false", autocomplete: "off",
      on: { input: (event) => this.typed(fieldValue(event)), keydown: (event) => this.keyed(event) },
    });
    this.hitsText = h("output", { class: "shape-hits" });
    this.next = h("button", { type: "button", class: "icon", "aria-label": "Next node found", title: "Next (Enter)", on: { click: () => this.walk(1) } }, "↓");
    this.before = h("button", { type: "button", class: "icon", "aria-label": "Previous node found", title: "Previous (Shift Enter)", on: { click: () => this.walk(-1) } }, "↑");
    this.sum = h("span", { class: "hint shape-sum" });
    this.tools = h(
      "div",
      { class: "shape-tool" },
      this.search, this.hitsText, this.before, this.next,
      h("button", { type: "button", class: "button", on: { click: () => this.fold(true) } }, "Collapse all"),
      h("button", { type: "button", class: "button", on: { click: () => this.fold(false) } }, "Expand all"),
      this.sum,
    );
  }

  /** @param {Set<string>} changed */
  paint(changed) {
    const { store } = this.scope;
    const { stages, shape, code } = store.state;
    if (changed.has("stages")) this.make(stages.verify);
    if (!this.tree) return;
    if (changed.has("shape") || changed.has("stages")) this.arrange(shape);
    if (changed.has("shape") || changed.has("code") || changed.has("stages")) this.seek(shape.find);
    if (code.filled !== this.filled) {
      this.filled = code.filled;
      this.list.refresh();
    }
    this.follow();
    this.icicle.draw(changed.has("layout"));
  }

  /** @param {import("../core/store.js").Stages["verify"]} verify */
  make(verify) {
    const whole = this.scope.lists.whole("tree");
    const rows = verify?.tree ?? verify?.paths ?? null;
    if (rows === this.made) return;
    this.made = rows;
    this.closedBy = this.foundBy = "";
    this.tree = rows?.length && (verify?.tree ? whole : true) ? new PathTree(verify?.tree ? verify.tree : fromPaths(verify?.paths ?? [])) : null;
    this.empty.hidden = Boolean(this.tree);
    this.list.element.hidden = this.icicle.element.hidden = !this.tree;
    setText(this.empty, verify && !whole ? "The tree is being fetched…" : "The paths appear here while the verifier walks them.");
    if (!this.tree) {
      this.made = null;
      this.list.reset(0);
      return;
    }
    const paths = this.tree.rows.length;
    const total = verify?.paths_total ?? paths;
    setText(this.sum, `${grouping(this.tree.count, "node")} · ${grouping(paths, "path")}${total > paths ? ` of ${grouped(total)}` : ""}`);
    this.icicle.take(this.tree, verify?.steps ?? 0);
  }

  /** Work out which rows there are. @param {import("../core/shape.js").Shown} shape */
  arrange({ folded, nodes }) {
    const { tree } = this;
    if (!tree) return;
    const by = `${folded}|${nodes.join()}`;
    if (by === this.closedBy) return;
    this.closedBy = by;
    const named = new Set(nodes.map((step) => tree.at(step)));
    this.closed = new Set();
    if (folded || named.size)
      for (let node = 0; node < tree.count; node++) if (tree.forks(node) && named.has(node) !== folded) this.closed.add(node);
    this.shown = tree.visible(this.closed);
    this.rowOf = new Int32Array(tree.count).fill(-1);
    for (const [row, node] of this.shown.entries()) this.rowOf[node] = row;
    this.list.reset(this.shown.length);
  }

  /** Open or close nodes. @param {number[]} nodes @param {boolean} open */
  toggle(nodes, open) {
    const { tree } = this;
    const { shape } = this.scope.state;
    if (!tree) return;
    const steps = new Set(shape.nodes);
    for (const node of nodes) {
      if (!tree.forks(node)) continue;
      if (open === shape.folded) steps.add(tree.first[node]);
      else steps.delete(tree.first[node]);
    }
    choose(this.scope, { nodes: [...steps] });
    this.scope.store.flush();
  }

  /** Open a node and its siblings. @param {number} node */
  widen(node) {
    const { tree } = this;
    if (!tree) return;
    const parent = tree.parent[node];
    const nodes = [];
    for (let k = parent < 0 ? 0 : parent + 1; k < (parent < 0 ? tree.count : tree.end[parent]); k = tree.end[k]) nodes.push(k);
    this.toggle(nodes, true);
  }

  /** @param {boolean} folded */
  fold(folded) {
    choose(this.scope, { folded, nodes: [] });
  }

  // The search -----------------------------------------------------------------------------------------------------

  /** @param {string} text */
  typed(text) {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => choose(this.scope, { find: text.slice(0, 256) }), PAUSE);
  }

  /** @param {KeyboardEvent} event */
  keyed(event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    clearTimeout(this.timer);
    choose(this.scope, { find: this.search.value.slice(0, 256) });
    this.scope.store.flush();
    this.walk(event.shiftKey ? -1 : 1);
  }

  /** @param {string} text */
  seek(text) {
    const { tree } = this;
    const { code } = this.scope.state;
    const by = `${text}|${code.filled}`;
    if (!tree || by === this.foundBy) return;
    this.foundBy = by;
    if (document.activeElement !== this.search && this.search.value !== text) this.search.value = text;
    this.found = text.trim() ? tree.find(text, code) : [];
    this.hits = new Set(this.found);
    setText(this.hitsText, text.trim() ? `${grouped(this.found.length)} found` : "");
    this.next.disabled = this.before.disabled = !this.found.length;
    this.list.refresh();
    this.icicle.mark(this.found);
  }

  /** Go to the next node that was found, or the one before. @param {number} direction */
  walk(direction) {
    const { tree, found } = this;
    if (!tree || !found.length) return;
    const here = this.shown[this.list.active] ?? -1;
    const after = found.findIndex((node) => node > here);
    const to = direction > 0 ? (after < 0 ? 0 : after) : found.findLastIndex((node) => node < here);
    const node = found[to < 0 ? found.length - 1 : to];
    this.toggle([...tree.above(node)], true);
    this.pick(node);
  }

  // The cursor -----------------------------------------------------------------------------------------------------

  /** @param {number} node */
  pick(node) {
    if (!this.tree || node === undefined) return;
    const step = this.tree.stepOf(node);
    this.picked = { node, step };
    go(this.scope, step);
    this.scope.store.flush();
    this.follow();
  }

  /** The row of a node, or of the nearest one above it that is shown. @param {number} node */
  nearest(node) {
    const { tree } = this;
    for (let k = node; tree && k >= 0; k = tree.parent[k]) if (this.rowOf[k] >= 0) return this.rowOf[k];
    return -1;
  }

  follow() {
    const { tree } = this;
    const { step, view } = this.scope.state;
    if (!tree || view !== "verify") return;
    if (this.picked?.step !== step) this.picked = null;
    const node = this.picked?.node ?? tree.at(step);
    const row = this.nearest(node);
    if (row !== this.list.active) this.list.select(row);
    this.icicle.place(step);
  }

  /** @param {number} index @returns {import("../ui/virtual.js").Place} */
  place(index) {
    const tree = /** @type {PathTree} */ (this.tree);
    const node = this.shown[index];
    const parent = tree.parent[node];
    return {
      level: tree.level[node],
      position: tree.position[node],
      size: tree.siblings[node],
      expanded: tree.forks(node) ? !this.closed.has(node) : null,
      parent: parent < 0 ? -1 : this.rowOf[parent],
    };
  }

  // Rows -----------------------------------------------------------------------------------------------------------

  /** @param {MouseEvent} event */
  clicked(event) {
    const { target } = event;
    if (!(target instanceof Element)) return;
    const node = this.shown[this.list.indexOf(target)];
    if (node === undefined) return;
    if (target.closest(".tree-fold")) {
      event.stopPropagation();
      this.toggle([node], this.closed.has(node));
    } else if (target.closest(".tree-compare")) {
      event.stopPropagation();
      this.compare(node);
    }
  }

  /** Show both states of a pruning side by side; false for a node that was not pruned. @param {number} node */
  compare(node) {
    const { tree } = this;
    if (!tree || node === undefined) return false;
    const by = tree.rows[tree.path[node]][5];
    if (tree.outcome(node) !== "safe" || by < 0) return false;
    this.pick(node);
    // The comparison is that of the last step of the path, or of the fork it was pruned at.
    go(this.scope, tree.first[node] <= tree.last[node] ? tree.last[node] : tree.stepOf(node));
    choose(this.scope, { view: "states", checkpoint: by });
    return true;
  }

  /** @param {number} index @param {Row} row */
  row(index, row) {
    const tree = /** @type {PathTree} */ (this.tree);
    const { code } = this.scope.state;
    const node = this.shown[index];
    const insn = tree.fork[node] >= 0 ? code.at(tree.fork[node]) : null;
    row.classList.toggle("hit", this.hits.has(node));
    const stamp = `${node}|${this.closed.has(node)}|${insn?.text ?? ""}`;
    if (row.of === tree && row.stamp === stamp) return;
    row.of = tree;
    row.stamp = stamp;
    setAttr(row, "data-level", Math.min(tree.level[node] - 1, DEEPEST));
    const end = tree.outcome(node);
    const by = tree.rows[tree.path[node]][5];
    fill(
      row,
      h("span", { class: "tree-fold", "aria-hidden": "true" }, tree.forks(node) ? (this.closed.has(node) ? "▸" : "▾") : ""),
      tree.level[node] > DEEPEST + 1 ? h("span", { class: "tree-level" }, `${tree.level[node]}`) : null,
      h("span", { class: "path-id" }, `path ${tree.path[node]}`),
      h("span", { class: "path-steps" }, stepsOf(tree, node)),
      h("span", { class: "path-from" }, this.began(node, insn)),
      end ? h("span", { class: `path-end end-${end}` }, ENDS[end] ?? end, by >= 0 ? `: the state stored before step ${by + 1} contains it` : "") : null,
      end === "safe" && by >= 0 ? h("button", { type: "button", class: "line-link tree-compare", tabindex: "-1", title: "Both states side by side (Enter)" }, "compare") : null,
      this.closed.has(node) ? h("span", { class: "hint" }, `${grouping(tree.end[node] - node - 1, "node")}, ${grouping(tree.below(node), "step")} below`) : null,
    );
  }

  /** What a node begins with: the condition it was forked at, and which way it went. @param {number} node @param {Insn | null} insn */
  began(node, insn) {
    const tree = /** @type {PathTree} */ (this.tree);
    if (tree.begins[node] === ROOT) return h("span", { class: "hint" }, "from the start");
    const idx = tree.fork[node];
    const [, fork, , , , , , first, , speculative] = tree.rows[tree.path[node]];
    const pushed = tree.begins[node] === PUSHED;
    if (idx < 0) return pushed ? `forked after step ${fork + 1}` : "goes on";
    return [
      speculative && pushed ? h("span", { class: "tree-spec" }, "speculation ") : null,
      h("code", null, `${idx}: ${insn?.text || "…"}`),
      insn && conditional(insn) ? h("b", { class: "tree-way" }, (pushed ? jumped(insn, first, speculative) : !this.jumpedBeside(node, insn)) ? " taken" : " not taken") : null,
      insn?.line ? h("span", { class: "hint" }, ` line ${insn.line}`) : null,
    ];
  }

  /** Whether the path that was pushed where a node's path went on took the jump. @param {number} node @param {Insn} insn */
  jumpedBeside(node, insn) {
    const tree = /** @type {PathTree} */ (this.tree);
    for (let k = node - 1; k >= 0; k = tree.parent[k])
      if (tree.parent[k] === tree.parent[node] && tree.path[k] === tree.path[node]) {
        const [, , , , , , , first, , speculative] = tree.rows[tree.path[k + 1]];
        return jumped(insn, first, speculative);
      }
    return true;
  }
}

/** Whether an instruction is a branch with a condition. @param {Insn} insn */
const conditional = (insn) => insn.target !== null && /^if /.test(insn.text);

/** Whether the path that a branch pushed begins at the jump's target. @param {Insn} insn @param {number} first its first instruction, -1: it has none @param {boolean} speculative */
const jumped = (insn, first, speculative) => (first >= 0 ? first === insn.target : !speculative);

/** @param {PathTree} tree @param {number} node */
function stepsOf(tree, node) {
  const [first, last] = [tree.first[node] + 1, tree.last[node] + 1];
  if (last < first) return "no step";
  return first === last ? `step ${first}` : `steps ${first}–${last} (${count(last - first + 1, "step").split(" ")[0]})`;
}

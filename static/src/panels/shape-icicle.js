/**
 * The tree of paths as an icicle: each node a bar over the steps it has, on the level of its forks, above the scrubber's
 * axis. It is a picture for the eye and the mouse; what it shows is in the tree below it. Drawn once for a walk and a size.
 */
import { h, setAttr } from "../ui/dom.js";

/** @import { PathTree } from "../core/tree.js" */

/** Levels that get rows of their own; deeper ones share them in proportion. */
const ROWS = 14;

/** @type {Record<string, string>} */
const NAMES = { exit: "exit", safe: "pruned", reject: "rejected" };

/** Outcome -> custom property of its colour. @type {Record<string, string>} */
const COLOURS = { exit: "--good", safe: "--k-ctx", reject: "--bad", limit: "--bad", open: "--k-none", cut: "--k-none" };

export class Icicle {
  /** @type {PathTree | null} */
  tree = null;
  steps = 0;
  width = 0;
  height = 0;
  /** @type {Set<number> | null} nodes that a search found */
  found = null;
  /** Whether what is drawn is not what there is. */
  stale = true;

  /** @param {(step: number) => void} go */
  constructor(go) {
    this.canvas = h("canvas");
    this.cursor = h("div", { class: "icicle-cursor" });
    this.bars = h("div", { class: "icicle", "aria-hidden": "true", title: "The paths over the steps of the walk: click to go there" }, this.canvas, this.cursor);
    const key = ["exit", "safe", "reject"].map((end) => h("span", null, h("i", { class: `end-${end}` }), NAMES[end]));
    this.legend = h("div", { class: "icicle-key hint", "aria-hidden": "true" }, key);
    this.frame = h("div", { class: "icicle-frame" }, this.legend, this.bars);
    this.element = this.frame;
    /** @param {PointerEvent} event */
    const to = (event) => go(Math.max(0, Math.min(this.steps - 1, Math.floor((event.offsetX / Math.max(1, this.width)) * this.steps))));
    this.bars.addEventListener("pointerdown", (event) => event.button === 0 && to(event));
    this.bars.addEventListener("pointermove", (event) => event.buttons === 1 && to(event));
    // Over the same axis as the scrubber: a place in one is the place in the other.
    const line = () => this.align();
    new ResizeObserver(line).observe(this.frame);
    addEventListener("resize", line);
    document.addEventListener("arranged", line);
    new ResizeObserver(([entry]) => {
      this.width = entry.contentRect.width;
      this.height = entry.contentRect.height;
      this.stale = true;
      this.draw();
      if (this.at >= 0) this.place(this.at);
    }).observe(this.bars);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw(true));
    new MutationObserver(() => this.draw(true)).observe(document.documentElement, { attributeFilter: ["data-theme", "class", "style"] });
  }

  /** The step under the cursor. */
  at = -1;

  /** Put the bars over the scrubber's track. */
  align() {
    const frame = this.frame.getBoundingClientRect();
    const track = document.querySelector("bs-scrubber .track")?.getBoundingClientRect();
    if (!frame.width || !track?.width) return;
    // The thumb's middle goes from half its width to half its width before the end.
    const thumb = 8;
    this.bars.style.marginLeft = `${Math.max(0, track.left - frame.left + thumb)}px`;
    this.bars.style.width = `${Math.min(frame.width, track.width - 2 * thumb)}px`;
    this.legend.style.maxWidth = this.bars.style.marginLeft;
  }

  /** @param {PathTree} tree @param {number} steps */
  take(tree, steps) {
    this.tree = tree;
    this.steps = steps;
    this.found = null;
    this.stale = true;
  }

  /** @param {number[]} nodes that a search found */
  mark(nodes) {
    this.found = nodes.length ? new Set(nodes) : null;
    this.stale = true;
  }

  /** Put the cursor's line where a step is: nothing is drawn anew. @param {number} step */
  place(step) {
    this.at = step;
    this.cursor.style.transform = `translateX(${((step + 0.5) / Math.max(1, this.steps)) * this.width}px)`;
  }

  /** @param {boolean} [anew] */
  draw(anew = false) {
    const { tree, canvas, width, height } = this;
    if (!(this.stale || anew) || !tree || !width || !height) return;
    this.stale = false;
    const scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    if (!context) return;
    const style = getComputedStyle(this.bars);
    /** @type {Record<string, string>} */
    const colours = {};
    for (const [end, name] of Object.entries(COLOURS)) colours[end] = style.getPropertyValue(name);
    const rows = Math.min(ROWS, tree.depth);
    const tall = canvas.height / rows;
    const across = canvas.width / Math.max(1, this.steps);
    /** The last pixel that was painted in each row. */
    const done = new Float64Array(rows).fill(-1);
    for (let node = 0; node < tree.count; node++) {
      const [first, last] = [tree.first[node], tree.last[node]];
      if (last < first) continue;
      const row = rows < tree.depth ? Math.floor(((tree.level[node] - 1) / tree.depth) * rows) : tree.level[node] - 1;
      const x = first * across;
      const right = (last + 1) * across;
      const hit = this.found?.has(node);
      if (!hit && right - done[row] < 0.5 && x >= done[row] - 1) continue;
      done[row] = Math.max(done[row], right);
      context.globalAlpha = this.found ? (hit ? 1 : 0.2) : tree.begins[node] === 2 ? 0.55 : 0.75;
      context.fillStyle = colours[tree.rows[tree.path[node]][4]] ?? colours.open;
      context.fillRect(x, row * tall, Math.max(hit ? 2 : 0.75, right - x - (right - x > 3 ? 1 : 0)), Math.max(1, tall - 1));
    }
    setAttr(this.bars, "data-drawn", tree.count);
  }
}

/**
 * The control-flow graph: the basic blocks of each function in rows, edges between them, and how often the verifier came to
 * each. Only blocks in sight are elements; edges are drawn on a canvas behind them. One tab stop: up and down go through
 * the blocks, right follows an edge, left goes back along one.
 */
import { layered } from "../core/flow.js";
import { level } from "../core/heat.js";
import { fill, h, setAttr, setText } from "../ui/dom.js";
import { grouped, grouping } from "../ui/format.js";
import { waiting } from "./shape-loops.js";

/** @import { Layout } from "../core/flow.js" */
/** @import { Scope } from "../core/scope.js" */
/** @import { Graph } from "../types/messages.js" */

/** In pixels at scale 1: a block, and the rows with the room for the edges between them. */
const WIDE = 208;
const TALL = 46;
const GAP = 30;
const HEAD = 34;
const MARGIN = 26;

/** @typedef {{block: number, x: number, y: number}} Box the upper left corner */
/** @typedef {{from: number, to: number, kind: string, back: boolean, angled: boolean, top: number, bottom: number, points: [number, number][]}} Line */

export class GraphView {
  /** @type {Graph | null} */
  graph = null;
  /** @type {Box[]} by block */
  boxes = [];
  /** @type {Line[]} */
  lines = [];
  /** @type {{name: string, insn: number, y: number, first: number, last: number, text: string}[]} */
  heads = [];
  width = 0;
  height = 0;
  /** The size of a pixel of the style sheet. */
  scale = 1;
  /** @type {Map<number, HTMLElement>} blocks that are elements now */
  drawn = new Map();
  /** @type {Map<number, HTMLElement>} headings that are elements now */
  headed = new Map();
  /** The block that is active: that of the step, or one that was chosen. */
  active = -1;
  /** @type {{block: number, step: number} | null} a block that was chosen and that no step came to */
  picked = null;
  /** What the blocks were painted for. */
  stamp = "";
  /** Most visits of an instruction, for the colours. */
  total = 0;
  /** The sizes of the place, kept so that a step asks the browser for no layout. */
  view = { width: 0, height: 0, left: 0, top: 0 };

  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.uid = `cfg${Math.random().toString(36).slice(2, 8)}`;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.space = h("div", { class: "cfg-space", role: "presentation" });
    this.scroller = h("div", { class: "cfg-scroll", tabindex: "0", role: "listbox", "aria-label": "Basic blocks" }, this.space);
    this.message = h("div", { class: "cfg-message" });
    this.element = h("div", { class: "shape-graph" }, this.canvas, this.scroller, this.message);
    /** @type {HTMLSelectElement} */
    this.select = h("select", { "aria-label": "Function", on: { change: () => this.toFunction(Number(this.select.value)) } });
    this.sum = h("span", { class: "hint shape-sum" });
    this.tools = h("div", { class: "shape-tool" }, this.select, h("span", { class: "cfg-key hint" }, h("i", { class: "key-taken" }), "taken", h("i", { class: "key-not" }), "not taken", h("i", { class: "key-back" }), "back to a loop’s start"), this.sum);
    this.scroller.addEventListener("scroll", () => {
      this.view.left = this.scroller.scrollLeft;
      this.view.top = this.scroller.scrollTop;
      this.draw();
    }, { passive: true });
    this.scroller.addEventListener("click", (event) => {
      const block = event.target instanceof Element ? event.target.closest(".cfg-block") : null;
      if (block instanceof HTMLElement) this.pick(Number(block.dataset.block));
    });
    this.scroller.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(([entry]) => {
      this.view.width = entry.contentRect.width;
      this.view.height = entry.contentRect.height;
      this.scale = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
      this.size();
      this.reveal(this.active);
      this.draw();
    }).observe(this.scroller);
    const again = () => this.draw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    new MutationObserver(again).observe(document.documentElement, { attributeFilter: ["data-theme", "class", "style"] });
  }

  /** @param {Set<string>} changed */
  paint(changed) {
    const { scope } = this;
    const { stages, ran, code, view } = scope.state;
    const log = ran?.kind === "log";
    if (!log && stages.load?.status === "done") scope.analyses.ask("graph");
    const answer = scope.analyses.answer("graph");
    const graph = answer?.status === "done" ? /** @type {Graph} */ (answer.parts[0]) : null;
    if (graph !== this.graph) this.take(graph);
    this.scroller.hidden = this.canvas.hidden = this.tools.hidden = !graph;
    this.message.hidden = Boolean(graph);
    if (!graph) {
      fill(this.message, log ? h("p", { class: "hint" }, "A log does not hold the program, so its jumps are not known.") : stages.load?.status === "done" ? waiting(answer) : h("p", { class: "hint" }, "The graph appears here after the program was loaded."));
      return;
    }
    const stamp = `${code.filled} ${stages.verify?.status} ${view}`;
    if (stamp !== this.stamp || changed.has("stages") || changed.has("code")) {
      this.stamp = stamp;
      this.total = stages.verify?.insns_processed ?? 0;
      this.clear();
    }
    this.follow();
    this.draw();
  }

  // The layout -----------------------------------------------------------------------------------------------------

  /** @param {Graph | null} graph */
  take(graph) {
    this.graph = graph;
    this.boxes = [];
    this.lines = [];
    this.heads = [];
    this.active = -1;
    this.picked = null;
    this.clear();
    this.width = this.height = 0;
    if (!graph) return;
    let y = 0;
    /** @type {import("../types/messages.js").Graph["edges"][]} */
    const edges = graph.functions.map(() => []);
    const owner = new Int32Array(graph.blocks.length);
    for (const [i, each] of graph.functions.entries()) owner.fill(i, each.first, each.last + 1);
    for (const edge of graph.edges) if (owner[edge[0]] === owner[edge[1]]) edges[owner[edge[0]]].push(edge);
    for (const [i, each] of graph.functions.entries()) {
      const name = each.name || `function at ${each.insn}`;
      const blocks = each.last - each.first + 1;
      this.heads.push({ name, insn: each.insn, y, first: each.first, last: each.last, text: `${grouping(blocks, "block")}${each.line ? ` · line ${each.line}` : ""}${each.calls.length ? ` · called from ${each.calls.slice(0, 3).map((call) => `insn ${call}`).join(", ")}${each.calls.length > 3 ? ", …" : ""}` : ""}` });
      y += HEAD;
      const own = edges[i].map(([from, to]) => ({ from: from - each.first, to: to - each.first }));
      const layout = layered(blocks, own);
      this.lay(layout, each.first, edges[i], y);
      y += layout.rows * (TALL + GAP);
    }
    this.height = y + MARGIN;
    const functions = graph.functions.length;
    fill(this.select, this.heads.map((each, i) => h("option", { value: String(i) }, each.name)));
    this.select.hidden = functions < 2;
    setText(this.sum, `${grouping(graph.blocks.length, "block")}${functions > 1 ? ` in ${grouping(functions, "function")}` : ""}${graph.left_out ? `; ${grouping(graph.left_out, "block")} more are not shown` : ""}`);
    this.size();
  }

  /** @param {Layout} layout @param {number} first @param {Graph["edges"]} edges @param {number} y */
  lay(layout, first, edges, y) {
    const pitch = WIDE + 14;
    const at = (/** @type {number} */ x) => MARGIN + x * pitch;
    const top = (/** @type {number} */ row) => y + row * (TALL + GAP);
    for (const [node, { x, row }] of layout.spots.entries()) this.boxes[first + node] = { block: first + node, x: at(x) - WIDE / 2, y: top(row) };
    this.width = Math.max(this.width, at(layout.width) + MARGIN);
    for (const [i, [from, to, kind, closes]] of edges.entries()) {
      const [a, b] = [layout.spots[from - first], layout.spots[to - first]];
      const lean = kind === "taken" ? 26 : kind === "not" ? -26 : 0;
      const [ax, bx] = [at(a.x), at(b.x)];
      /** @type {[number, number][]} */
      const points = [[ax + lean, top(a.row) + TALL]];
      if (layout.back[i]) {
        // Back edges go up beside the blocks.
        const side = Math.min(ax, bx) - WIDE / 2 - 10;
        points.push([ax + lean, top(a.row) + TALL + 10], [side, top(a.row) + TALL + 10], [side, top(b.row) - 10], [bx - 40, top(b.row) - 10], [bx - 40, top(b.row)]);
      } else {
        for (const [k, x] of layout.bends[i].entries()) points.push([at(x), top(a.row + 1 + k) + TALL / 2]);
        points.push([bx, top(b.row)]);
      }
      const ys = points.map((point) => point[1]);
      this.lines.push({ from, to, kind, back: closes || layout.back[i], angled: layout.back[i], top: Math.min(...ys), bottom: Math.max(...ys), points });
    }
  }

  size() {
    this.space.style.width = `${this.width * this.scale}px`;
    this.space.style.height = `${this.height * this.scale}px`;
    this.clear();
  }

  /** Blocks and headings are made anew when they are drawn next. */
  clear() {
    for (const element of [...this.drawn.values(), ...this.headed.values()]) element.remove();
    this.drawn.clear();
    this.headed.clear();
  }

  // The cursor -----------------------------------------------------------------------------------------------------

  /** The block of an instruction, -1 for none. @param {number} insn */
  blockOf(insn) {
    const blocks = this.graph?.blocks ?? [];
    let low = 0;
    let high = blocks.length - 1;
    while (low <= high) {
      const mid = (low + high) >> 1;
      if (blocks[mid][0] > insn) high = mid - 1;
      else if (blocks[mid][1] < insn) low = mid + 1;
      else return mid;
    }
    return -1;
  }

  follow() {
    const { step } = this.scope.state;
    if (this.picked?.step !== step) this.picked = null;
    const idx = this.scope.cursor.now()?.idx;
    if (idx === undefined) return;
    this.now = this.blockOf(idx);
    const active = this.picked ? this.picked.block : this.now;
    if (active !== this.active) {
      this.active = active;
      this.reveal(active);
      const owner = this.heads.findIndex((each) => each.first <= active && active <= each.last);
      if (owner >= 0) this.select.value = String(owner);
    }
  }

  /** The block of the step. */
  now = -1;

  /** Go to the next visit of a block; one that was never visited is only marked. @param {number} block */
  pick(block) {
    const { graph, scope } = this;
    const { step, stages, view } = scope.state;
    if (!graph || block < 0) return;
    const [first] = graph.blocks[block];
    if (view === "verify" && !(stages.verify?.visits?.[first] ?? 0)) {
      this.picked = { block, step };
      this.active = block;
      this.reveal(block);
      this.draw();
      return;
    }
    this.picked = null;
    if (block === this.now) {
      this.active = block;
      this.draw();
    } else void scope.search.visitInsn(first);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { graph } = this;
    if (!graph || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const here = Math.max(0, this.active);
    const out = graph.edges.filter(([from]) => from === here).map(([, to]) => to);
    const into = graph.edges.filter(([, to]) => to === here).map(([from]) => from);
    /** @type {Record<string, number | undefined>} */
    const moves = { ArrowDown: here + 1, ArrowUp: here - 1, ArrowRight: out.find((each) => each > here) ?? out[0], ArrowLeft: into.findLast((each) => each < here) ?? into[0], Home: 0, End: graph.blocks.length - 1, Enter: here, " ": here };
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    const to = moves[event.key];
    if (to === undefined || to < 0 || to >= graph.blocks.length) return;
    if (event.key === "Enter" || event.key === " ") return this.pick(to);
    // The arrows only mark: a step is taken with Enter.
    this.picked = { block: to, step: this.scope.state.step };
    this.active = to;
    this.reveal(to);
    this.draw();
  }

  /** @param {number} index */
  toFunction(index) {
    const head = this.heads[index];
    if (!head) return;
    this.picked = { block: head.first, step: this.scope.state.step };
    this.active = head.first;
    this.reveal(head.first, head.y);
    this.draw();
  }

  /** Bring a block into sight; nothing moves when it already is. @param {number} block @param {number} [above] what is to be the top */
  reveal(block, above) {
    const box = this.boxes[block];
    const { view, scale } = this;
    if (!box || !view.height) return;
    const [x, y] = [box.x * scale, box.y * scale];
    const [wide, tall] = [WIDE * scale, TALL * scale];
    let { left, top } = view;
    if (above !== undefined) top = above * scale;
    else if (y < top + 8 || y + tall > top + view.height - 8) top = y - view.height / 2 + tall / 2;
    if (x < left + 8 || x + wide > left + view.width - 8) left = x - view.width / 2 + wide / 2;
    left = Math.max(0, Math.min(left, this.width * scale - view.width));
    top = Math.max(0, Math.min(top, this.height * scale - view.height));
    if (left !== view.left || top !== view.top) {
      view.left = left;
      view.top = top;
      this.scroller.scrollTo(left, top);
    }
  }

  // Drawing --------------------------------------------------------------------------------------------------------

  draw() {
    const { view, scale, graph } = this;
    if (!graph || !view.height) return;
    const from = view.top / scale - 60;
    const to = (view.top + view.height) / scale + 60;
    for (const [block, box] of this.boxes.entries()) {
      const near = box.y + TALL >= from && box.y <= to;
      const element = this.drawn.get(block);
      if (near && !element) this.make(block, box);
      else if (!near && element) {
        element.remove();
        this.drawn.delete(block);
      }
    }
    for (const [i, head] of this.heads.entries()) {
      const near = head.y + HEAD >= from && head.y <= to;
      const element = this.headed.get(i);
      if (near && !element) {
        const made = h("div", { class: "cfg-head", role: "presentation" }, h("b", null, head.name), h("span", { class: "hint" }, ` function · ${head.text}`));
        made.style.transform = `translate(${MARGIN * scale}px, ${(head.y + 6) * scale}px)`;
        this.headed.set(i, made);
        this.space.append(made);
      } else if (!near && element) {
        element.remove();
        this.headed.delete(i);
      }
    }
    for (const [block, element] of this.drawn) {
      setAttr(element, "aria-selected", String(block === this.active));
      element.classList.toggle("active", block === this.active);
      element.classList.toggle("now", block === this.now);
    }
    setAttr(this.scroller, "aria-activedescendant", this.drawn.has(this.active) ? `${this.uid}-${this.active}` : null);
    this.strokes(from, to);
  }

  /** @param {number} block @param {Box} box */
  make(block, box) {
    const { code, stages } = this.scope.state;
    const [first, last] = /** @type {Graph} */ (this.graph).blocks[block];
    const visits = stages.verify?.visits ?? {};
    const times = visits[first] ?? 0;
    let insns = 0;
    for (let idx = first; idx <= last; idx++) insns += visits[idx] ?? 0;
    const lines = [code.line(first), code.line(last)];
    const where = lines[0] === null ? "" : lines[0] === lines[1] || lines[1] === null ? `line ${lines[0]}` : `lines ${Math.min(lines[0], lines[1])}–${Math.max(lines[0], lines[1])}`;
    const walked = Boolean(stages.verify?.visits);
    const element = h(
      "div",
      {
        class: `cfg-block${walked && !times ? " never" : ""}`, role: "option", id: `${this.uid}-${block}`, data: { block, heat: level(insns, this.total) || "" },
        "aria-posinset": block + 1, "aria-setsize": this.boxes.length,
        title: walked ? `${grouping(times, "visit")}, ${grouping(insns, "instruction")} processed` : null,
      },
      h("span", { class: "cfg-top" }, h("b", null, first === last ? `${first}` : `${first}–${last}`), h("span", { class: "hint" }, where), h("span", { class: "visits" }, walked ? `×${grouped(times)}` : "")),
      h("code", null, code.at(last)?.text || "…"),
    );
    element.style.transform = `translate(${box.x * this.scale}px, ${box.y * this.scale}px)`;
    this.drawn.set(block, element);
    this.space.append(element);
  }

  /** The edges in sight. @param {number} from @param {number} to */
  strokes(from, to) {
    const { canvas, view, scale } = this;
    const dense = devicePixelRatio || 1;
    const [wide, tall] = [Math.round(view.width * dense), Math.round(view.height * dense)];
    if (canvas.width !== wide || canvas.height !== tall) {
      canvas.width = wide;
      canvas.height = tall;
      canvas.style.width = `${view.width}px`;
      canvas.style.height = `${view.height}px`;
    }
    const context = canvas.getContext("2d");
    if (!context) return;
    const style = getComputedStyle(this.element);
    /** @type {Record<string, string>} */
    const colour = { taken: style.getPropertyValue("--good"), not: style.getPropertyValue("--k-packet"), back: style.getPropertyValue("--accent"), other: style.getPropertyValue("--ink-3") };
    const zoom = dense * scale;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, wide, tall);
    context.setTransform(zoom, 0, 0, zoom, -view.left * dense, -view.top * dense);
    for (const line of this.lines) {
      if (line.bottom < from || line.top > to) continue;
      const own = line.from === this.active || line.to === this.active;
      context.lineWidth = own ? 2.25 : 1.25;
      context.strokeStyle = context.fillStyle = line.back ? colour.back : (colour[line.kind] ?? colour.other);
      context.setLineDash(line.back ? [5, 3] : line.kind === "not" ? [2, 2] : []);
      context.beginPath();
      context.moveTo(...line.points[0]);
      if (line.angled) for (const point of line.points.slice(1)) context.lineTo(...point);
      else
        for (let i = 1; i < line.points.length; i++) {
          const [[x0, y0], [x1, y1]] = [line.points[i - 1], line.points[i]];
          context.bezierCurveTo(x0, (y0 + y1) / 2, x1, (y0 + y1) / 2, x1, y1);
        }
      context.stroke();
      const [x, y] = /** @type {[number, number]} */ (line.points.at(-1));
      context.setLineDash([]);
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x - 3.5, y - 6);
      context.lineTo(x + 3.5, y - 6);
      context.fill();
    }
  }
}

/**
 * A list that draws only the rows in sight. Rows may be several lines high; a line's height is measured once from
 * the style sheet. Works as a listbox, or as a tree: one tab stop, arrows move, the active row is announced.
 */
import { h, setAttr } from "./dom.js";

/** @typedef {HTMLElement & {of?: unknown, stamp?: string}} Row with what was painted into it */

/**
 * Where a row stands in a tree. `expanded` is null for one without children; `parent` is its row, -1 for none.
 * @typedef {{level: number, position: number, size: number, expanded: boolean | null, parent: number}} Place
 */

/** What makes a list a tree. @typedef {{place: (index: number) => Place, toggle: (index: number, open: boolean) => void, wide: (index: number) => void, enter: (index: number) => boolean}} Tree `wide` opens all siblings; `enter` does what a row offers, false where it offers nothing */

/** Lists that are to be scrolled. @type {Set<VirtualList>} */
const scrolled = new Set();

/** Scroll the lists when all that paints has painted: each scroll asks the browser for a layout, which is then done once. */
function scrollAll() {
  for (const list of scrolled) list.element.scrollTop = list.top;
  scrolled.clear();
}

export class VirtualList {
  /** @type {number | undefined} */
  forget;
  /** @type {boolean | undefined} */
  pending;

  /**
   * @param {{label: string, render: (index: number, row: Row) => void, pick: (index: number) => void,
   *   hover?: (index: number) => void, lines?: (index: number) => number, className?: string, tree?: Tree}} options
   */
  constructor(options) {
    this.options = options;
    this.count = 0;
    this.active = -1;
    /** @type {number | null} */
    this.aim = null;
    this.lineHeight = 20;
    this.offsets = new Int32Array([0]);
    /** @type {Map<number, Row>} */
    this.rows = new Map();
    this.spacer = h("div", { class: "vl-spacer", role: "presentation" });
    this.uid = `vl${Math.random().toString(36).slice(2, 8)}`;
    this.element = h(
      "div",
      { class: `vl ${options.className ?? ""}`, role: options.tree ? "tree" : "listbox", tabindex: "0", "aria-label": options.label },
      this.spacer,
    );
    // Kept here so that a step never asks the browser for a layout.
    this.height = 0;
    this.top = 0;
    this.element.addEventListener(
      "scroll",
      () => {
        this.top = this.element.scrollTop;
        this.draw();
      },
      { passive: true },
    );
    this.element.addEventListener("click", (event) => {
      const index = this.indexOf(event.target);
      if (index >= 0 && !String(getSelection() ?? "")) options.pick(index);
    });
    this.element.addEventListener("keydown", (event) => this.key(event));
    if (options.hover) {
      this.element.addEventListener("pointerover", (event) => options.hover?.(this.indexOf(event.target)));
      this.element.addEventListener("pointerleave", () => options.hover?.(-1));
    }
    // The rows have another height when the size of the type is changed.
    document.addEventListener("arranged", () => {
      const before = this.lineHeight;
      this.measure();
      if (this.lineHeight !== before) this.reset(this.count);
    });
    new ResizeObserver((entries) => {
      this.height = entries[0].contentRect.height;
      this.measure();
      this.draw();
      if (this.pending) this.reveal(this.active);
    }).observe(this.element);
  }

  measure() {
    const row = getComputedStyle(this.element).getPropertyValue("--row");
    const height = Number.parseFloat(row) * (row.endsWith("rem") ? Number.parseFloat(getComputedStyle(document.documentElement).fontSize) : 1);
    if (height > 0 && height !== this.lineHeight) {
      this.lineHeight = height;
      this.layout();
    }
  }

  /** Row that an event was for, or -1. @param {EventTarget | null} target */
  indexOf(target) {
    const row = target instanceof Element ? target.closest(".vl-row") : null;
    return row instanceof HTMLElement ? Number(row.dataset.index) : -1;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || (event.shiftKey && event.key !== "*")) return;
    const page = Math.max(1, Math.floor(this.height / this.lineHeight) - 1);
    const move = new Map([["ArrowDown", 1], ["ArrowUp", -1], ["PageDown", page], ["PageUp", -page]]).get(event.key);
    if (!this.count) return;
    // Keys may come faster than frames: what the last one aimed at counts, not what is drawn yet.
    const from = this.aim ?? Math.max(0, this.active);
    const to = move ? from + move : this.options.tree ? this.treeKey(event.key, from, this.options.tree) : null;
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    if (to === from && !move) return;
    this.aim = Math.max(0, Math.min(this.count - 1, to));
    clearTimeout(this.forget);
    this.forget = setTimeout(() => (this.aim = null), 100);
    this.options.pick(this.aim);
  }

  /**
   * What the keys of a tree do (ARIA Authoring Practices, "Tree View"): the row to go to, null for a key that does nothing.
   * @param {string} key
   * @param {number} from
   * @param {Tree} tree
   */
  treeKey(key, from, tree) {
    const { expanded, parent } = tree.place(from);
    switch (key) {
      case "ArrowRight":
        if (expanded) return from + 1;
        if (expanded === false) tree.toggle(from, true);
        return from;
      case "ArrowLeft":
        if (!expanded) return parent < 0 ? from : parent;
        tree.toggle(from, false);
        return from;
      case "Home":
        return 0;
      case "End":
        return this.count - 1;
      case "*":
        tree.wide(from);
        return from;
      case "Enter":
      case " ":
        if (key === " " || !tree.enter(from)) this.options.pick(from);
        return from;
    }
    return null;
  }

  /** New content: `count` rows, all redrawn. @param {number} count */
  reset(count) {
    this.count = count;
    this.active = Math.min(this.active, count - 1);
    this.layout();
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
    if (this.top) this.scroll(this.top);
    this.draw();
  }

  layout() {
    const { lines } = this.options;
    this.offsets = new Int32Array(this.count + 1);
    for (let i = 0; i < this.count; i++) this.offsets[i + 1] = this.offsets[i] + (lines ? lines(i) : 1);
    this.spacer.style.height = `${this.offsets[this.count] * this.lineHeight}px`;
  }

  /** Redraw rows in sight in place. */
  refresh() {
    for (const [index, row] of this.rows) this.paint(index, row);
  }

  /** Row at a line offset, by bisection. @param {number} line */
  find(line) {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.offsets[mid + 1] <= line) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  draw() {
    const { top, height } = this;
    if (!height) return;
    const first = Math.max(0, this.find(Math.floor(top / this.lineHeight)) - 4);
    const last = Math.min(this.count, this.find(Math.ceil((top + height) / this.lineHeight)) + 5);
    for (const [index, row] of this.rows)
      if (index < first || index >= last) {
        row.remove();
        this.rows.delete(index);
      }
    for (let index = first; index < last; index++) {
      if (this.rows.has(index)) continue;
      const row = h("div", { class: "vl-row", role: this.options.tree ? "treeitem" : "option", id: `${this.uid}-${index}`, data: { index } });
      row.style.transform = `translateY(${this.offsets[index] * this.lineHeight}px)`;
      row.style.height = `${(this.offsets[index + 1] - this.offsets[index]) * this.lineHeight}px`;
      this.rows.set(index, row);
      this.paint(index, row);
      this.spacer.append(row);
    }
  }

  /** @param {number} index @param {Row} row */
  paint(index, row) {
    const active = index === this.active;
    setAttr(row, "aria-selected", active ? "true" : "false");
    const place = this.options.tree?.place(index);
    setAttr(row, "aria-posinset", place ? place.position : index + 1);
    setAttr(row, "aria-setsize", place ? place.size : this.count);
    if (place) {
      setAttr(row, "aria-level", place.level);
      setAttr(row, "aria-expanded", place.expanded === null ? null : String(place.expanded));
    }
    row.classList.toggle("active", active);
    this.options.render(index, row);
  }

  /** Make a row the active one and bring it into sight. @param {number} index @param {boolean} scroll */
  select(index, scroll = true) {
    if (index < 0 && this.active < 0) return;
    this.active = index;
    if (scroll) this.reveal(index);
    this.draw();
    this.refresh();
    setAttr(this.element, "aria-activedescendant", index >= 0 ? `${this.uid}-${index}` : null);
  }

  /** Scroll so that a row is seen with some rows around it; nothing moves when it already is. @param {number} index */
  reveal(index) {
    const { height, top: scrollTop } = this;
    this.pending = !height;
    if (index < 0 || index >= this.count || !height) return;
    const top = this.offsets[index] * this.lineHeight;
    const bottom = this.offsets[index + 1] * this.lineHeight;
    const margin = Math.min(2 * this.lineHeight, height / 4);
    if (top - margin < scrollTop) this.scroll(top - margin);
    else if (bottom + margin > scrollTop + height) this.scroll(bottom + margin - height);
  }

  /** @param {number} top in pixels */
  scroll(top) {
    const most = this.offsets[this.count] * this.lineHeight - this.height;
    this.top = Math.max(0, Math.min(top, most));
    if (!scrolled.size) queueMicrotask(scrollAll);
    scrolled.add(this);
  }
}

/**
 * Handles between the columns and above the panels: dragged, or moved with the arrow keys; Home or a double click goes
 * back to the page's own sizes. What is closed, and the size of the type, are applied here too.
 */
import { COLUMNS, saveLayout, shown } from "../core/layout.js";
import { Panel } from "../core/panel.js";
import { scaleNow } from "../core/room.js";
import { setAttr } from "../ui/dom.js";

/** @import { Layout } from "../core/layout.js" */

/** @type {Record<string, string>} */
const NAMES = { code: "source", insns: "instructions", state: "state" };
const NARROWEST = 170;
const LOWEST = 74;
const STEP = 24;
/** Shares of the columns in the style sheet (frame.css). */
const OWN = [1.2, 1, 1.15];
/** Pixels of a rem at scale 1. */
const REM = 16;

export class Splitters extends Panel {
  /** @type {HTMLElement[]} */
  columns;
  /** @type {HTMLElement} */
  dock;
  /** @type {HTMLElement[]} */
  bars;

  build() {
    this.columns = COLUMNS.map((name) => /** @type {HTMLElement} */ (document.querySelector(`.column-${name}`)));
    this.dock = /** @type {HTMLElement} */ (document.querySelector("bs-dock"));
    // They are in the page from the start, so that nothing moves when the scripts arrive.
    this.bars = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".splitter")]);
    for (const i of [0, 1]) this.bar(this.bars[i], (by, from) => this.shift(i, by, from), () => this.change({ columns: [] }));
    this.bar(this.bars[2], (by, from) => this.raise(by, from), () => this.change({ dock: 0 }));
    let first = true;
    this.store.on(["layout"], () => {
      this.apply();
      if (!first) {
        saveLayout(this.store.state.layout);
        this.tell();
      }
      first = false;
    });
    // Called once for what is there, after the first layout: none is asked for while the panels are made.
    new ResizeObserver(() => this.tell()).observe(this.columns[0].parentElement ?? this);
  }

  /** @param {Partial<Layout>} patch */
  change(patch) {
    this.store.set({ layout: { ...this.store.state.layout, ...patch } });
    this.store.flush();
  }

  /**
   * @param {HTMLElement} bar
   * @param {(by: number, from: number[]) => void} move
   * @param {() => void} reset
   */
  bar(bar, move, reset) {
    const orientation = bar.classList.contains("splitter-vertical") ? "vertical" : "horizontal";
    const along = orientation === "vertical" ? "clientX" : "clientY";
    let start = /** @type {{at: number, from: number[]} | null} */ (null);
    /** @type {Record<string, number>} */
    const keys = orientation === "vertical" ? { ArrowLeft: -STEP, ArrowRight: STEP } : { ArrowUp: -STEP, ArrowDown: STEP };
    /** @type {import("../ui/dom.js").Handlers} */
    const handlers = {
      pointerdown: (event) => {
        start = { at: event[along], from: this.measure() };
        bar.setPointerCapture(event.pointerId);
        bar.dataset.dragged = "";
        event.preventDefault();
        bar.focus();
      },
      pointermove: (event) => start && move(event[along] - start.at, start.from),
      lostpointercapture: () => {
        start = null;
        delete bar.dataset.dragged;
      },
      dblclick: reset,
      keydown: (event) => {
        if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
        if (event.key === "Home") reset();
        else if (event.key in keys) move(keys[event.key], this.measure());
        else return;
        event.preventDefault();
        event.stopPropagation();
      },
    };
    for (const [type, handler] of Object.entries(handlers)) bar.addEventListener(type, /** @type {EventListener} */ (handler));
    const attributes = { role: "separator", tabindex: "0", "aria-orientation": orientation, "aria-valuemin": "0", "aria-valuemax": "100" };
    for (const [name, value] of Object.entries(attributes)) setAttr(bar, name, value);
  }

  /** Widths of the columns and the height of the panels, in pixels. */
  measure() {
    return [...this.columns.map((column) => column.getBoundingClientRect().width), this.dock.getBoundingClientRect().height];
  }

  /** The columns on both sides of a handle, as places in COLUMNS; null where one of them is closed. @param {number} i handle */
  between(i) {
    const open = shown(this.store.state.layout).map((name) => COLUMNS.indexOf(name));
    const left = i === 0 ? open.find((at) => at === 0) : open.findLast((at) => at <= 1);
    const right = open.find((at) => at > (left ?? 3));
    if (left === undefined || right === undefined) return null;
    // Without the middle column one handle is enough: the first.
    return i === 1 && left === 0 ? null : { left, right };
  }

  /** @param {number} i handle @param {number} by pixels @param {number[]} from sizes */
  shift(i, by, from) {
    const pair = this.between(i);
    if (!pair) return;
    const { left, right } = pair;
    const least = Math.min(NARROWEST, from[left], from[right]);
    const moved = Math.max(least - from[left], Math.min(by, from[right] - least));
    const shares = this.shares();
    // What both have together is divided anew.
    const both = shares[left] + shares[right];
    const part = (from[left] + moved) / (from[left] + from[right]);
    shares[left] = Number((both * part).toFixed(4));
    shares[right] = Number((both - shares[left]).toFixed(4));
    this.change({ columns: shares });
  }

  /** Shares of the columns, of a sum of 1. */
  shares() {
    const { columns } = this.store.state.layout;
    const own = columns.length ? columns : OWN;
    const sum = own.reduce((a, b) => a + b);
    return own.map((share) => share / sum);
  }

  /** @param {number} by pixels @param {number[]} from sizes */
  raise(by, from) {
    const height = Math.max(LOWEST, Math.min(from[3] - by, innerHeight * 0.7));
    this.change({ dock: Math.round(height / scaleNow()) });
  }

  apply() {
    const { layout } = this.store.state;
    document.dispatchEvent(new CustomEvent("scale", { detail: layout.scale }));
    const grid = /** @type {HTMLElement} */ (this.columns[0].parentElement);
    const shares = this.shares();
    const open = shown(layout);
    for (const [i, name] of COLUMNS.entries()) {
      this.columns[i].classList.toggle("closed", !open.includes(name));
      grid.style.setProperty(`--w-${name}`, open.includes(name) ? `${(shares[i] * 100).toFixed(2)}fr` : "0px");
    }
    for (const i of [0, 1]) {
      const pair = this.between(i);
      this.bars[i].classList.toggle("closed", !pair);
      grid.style.setProperty(`--s-${i}`, pair ? "5px" : "0px");
      if (pair) this.name(this.bars[i], `Width of ${NAMES[COLUMNS[pair.left]]} and ${NAMES[COLUMNS[pair.right]]}`);
    }
    this.name(this.bars[2], "Height of the panels");
    if (layout.dock) document.body.style.setProperty("--dock-own", `${layout.dock / REM}rem`);
    else document.body.style.removeProperty("--dock-own");
  }

  /** @param {HTMLElement} bar @param {string} label */
  name(bar, label) {
    setAttr(bar, "aria-label", label);
    setAttr(bar, "title", `${label}: drag it, or use the arrow keys. Home or a double click restores the default.`);
  }

  /** Where each handle stands, in percent of what it divides. */
  tell() {
    const sizes = this.measure();
    for (const i of [0, 1]) {
      const pair = this.between(i);
      if (pair) setAttr(this.bars[i], "aria-valuenow", Math.round((100 * sizes[pair.left]) / (sizes[pair.left] + sizes[pair.right]) || 0));
    }
    setAttr(this.bars[2], "aria-valuenow", Math.round(100 * (1 - sizes[3] / innerHeight) || 0));
  }
}

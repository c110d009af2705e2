/**
 * Handles between the columns and above the panels: dragged, or moved with the arrow keys; Home or a double click goes
 * back to the page's own sizes. Sizes are remembered in this browser.
 */
import { Panel } from "../core/panel.js";
import { setAttr } from "../ui/dom.js";

const KEY = "bpfscope.sizes";
/** @typedef {{columns?: number[], dock?: number}} Sizes shares of the columns, and the height of the panels in pixels */

const COLUMNS = ["code", "insns", "state"];
/** @type {Record<string, string>} */
const NAMES = { code: "source", insns: "instructions", state: "state" };
const NARROWEST = 170;
const LOWEST = 74;
const STEP = 24;

/** @returns {Sizes} */
function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return kept && typeof kept === "object" ? kept : {};
  } catch {
    return {};
  }
}

export class Splitters extends Panel {
  /** @type {Sizes} */
  sizes;
  /** @type {HTMLElement[]} */
  columns;
  /** @type {HTMLElement} */
  dock;
  /** @type {HTMLElement[]} */
  bars;

  build() {
    this.sizes = read();
    this.columns = COLUMNS.map((name) => /** @type {HTMLElement} */ (document.querySelector(`.column-${name}`)));
    this.dock = /** @type {HTMLElement} */ (document.querySelector("bs-dock"));
    // They are in the page from the start, so that nothing moves when the scripts arrive.
    this.bars = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".splitter")]);
    for (const i of [0, 1])
      this.bar(this.bars[i], `Width of ${NAMES[COLUMNS[i]]} and ${NAMES[COLUMNS[i + 1]]}`, (by, from) => this.shift(i, by, from), () => this.reset("columns"));
    this.bar(this.bars[2], "Height of the panels", (by, from) => this.raise(by, from), () => this.reset("dock"));
    this.apply();
    new ResizeObserver(() => this.tell()).observe(this.columns[0]);
  }

  /**
   * @param {HTMLElement} bar
   * @param {string} label
   * @param {(by: number, from: number[]) => void} move
   * @param {() => void} reset
   */
  bar(bar, label, move, reset) {
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
        this.keep();
      },
      dblclick: reset,
      keydown: (event) => {
        if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
        if (event.key === "Home") reset();
        else if (event.key in keys) move(keys[event.key], this.measure());
        else return;
        event.preventDefault();
        event.stopPropagation();
        this.keep();
      },
    };
    for (const [type, handler] of Object.entries(handlers)) bar.addEventListener(type, /** @type {EventListener} */ (handler));
    const attributes = { role: "separator", tabindex: "0", "aria-orientation": orientation, "aria-label": label };
    for (const [name, value] of Object.entries(attributes)) setAttr(bar, name, value);
    setAttr(bar, "title", `${label}: drag it, or use the arrow keys. Home or a double click restores the default.`);
  }

  /** Widths of the columns and the height of the panels, in pixels. */
  measure() {
    return [...this.columns.map((column) => column.getBoundingClientRect().width), this.dock.getBoundingClientRect().height];
  }

  /** @param {number} i handle @param {number} by pixels @param {number[]} from sizes */
  shift(i, by, from) {
    const widths = from.slice(0, 3);
    const least = Math.min(NARROWEST, widths[i], widths[i + 1]);
    const moved = Math.max(least - widths[i], Math.min(by, widths[i + 1] - least));
    widths[i] += moved;
    widths[i + 1] -= moved;
    const sum = widths.reduce((a, b) => a + b);
    this.sizes.columns = widths.map((width) => Number((width / sum).toFixed(4)));
    this.apply();
  }

  /** @param {number} by pixels @param {number[]} from sizes */
  raise(by, from) {
    this.sizes.dock = Math.round(Math.max(LOWEST, Math.min(from[3] - by, innerHeight * 0.7)));
    this.apply();
  }

  /** @param {keyof Sizes} what */
  reset(what) {
    delete this.sizes[what];
    this.apply();
    this.keep();
  }

  apply() {
    const { columns, dock } = this.sizes;
    const shares = Array.isArray(columns) && columns.length === 3 && columns.every((share) => share > 0 && share < 1) ? columns : null;
    const grid = /** @type {HTMLElement} */ (this.columns[0].parentElement).style;
    for (const [i, name] of COLUMNS.entries())
      if (shares) grid.setProperty(`--w-${name}`, `${(shares[i] * 100).toFixed(2)}fr`);
      else grid.removeProperty(`--w-${name}`);
    if (typeof dock === "number" && dock > 0) document.body.style.setProperty("--dock-own", `${dock}px`);
    else document.body.style.removeProperty("--dock-own");
    this.tell();
  }

  /** Where each handle stands, in percent of what it divides. */
  tell() {
    const [code, insns, state, dock] = this.measure();
    const values = [code / (code + insns), insns / (insns + state), 1 - dock / innerHeight];
    for (const [i, bar] of this.bars.entries()) setAttr(bar, "aria-valuenow", Math.round(100 * (values[i] || 0)));
  }

  keep() {
    try {
      localStorage.setItem(KEY, JSON.stringify(this.sizes));
    } catch {
      // The sizes then last until the page is left.
    }
  }
}

/** Rows of the state column for the verifier's walk: what it knows of each register and slot. */
import { inFrame } from "../core/cursor.js";
import { bitStrip, drawBits } from "../ui/bits.js";
import { calm, glyph, h, setAttr, setText } from "../ui/dom.js";
import { bestRange, bounds, num } from "../ui/format.js";
import { kindOf, summary } from "../ui/kinds.js";
import { term } from "../ui/tip.js";
import { rowsOf, split } from "./state-names.js";
import { Rows } from "./state-rows.js";

/** @import { WalkHere } from "../core/cursor.js" */
/** @import { Reg } from "../types/messages.js" */
/** @import { Base } from "../ui/format.js" */

/** @typedef {ReturnType<typeof makeRow>} Row */

/**
 * A row and the parts of it that change.
 * @param {string} name
 * @param {{mark: HTMLElement, button: HTMLElement, cell: HTMLElement}} head its first cell
 * @param {() => void} toWriter goes to what wrote it
 */
function makeRow(name, head, toWriter) {
  const { frame, slot } = split(name);
  const icon = h("span", { class: "icon-slot" });
  const text = h("span", { class: "holds" });
  const was = h("span", { class: "was" });
  const precise = h("span", { class: "precise", title: "precise: the verifier relies on this exact value" });
  const strip = bitStrip();
  const line = h("button", { type: "button", class: "line-link", on: { click: toWriter } });
  const what = h("td", { class: "what" }, h("div", { class: "what-line" }, icon, text, precise, was));
  const cell = h("td", { class: "bits-cell" }, strip);
  const element = h("tr", { data: { name }, class: slot.startsWith("fp") ? "slot" : "" }, head.cell, what, cell, h("td", { class: "line-cell" }, line));
  /** @type {{reg: Reg | null | undefined, base: string}} what the row shows; undefined: nothing yet */
  const shows = { reg: undefined, base: "" };
  return { element, head, icon, text, was, precise, strip, what, cell, line, frame, shows };
}

/** @extends {Rows<Row>} */
export class WalkRows extends Rows {
  caption = "Registers and stack as the verifier knows them";

  /** @param {import("./state.js").State} panel */
  constructor(panel) {
    super(panel.body);
    this.panel = panel;
    this.store = panel.store;
    this.cursor = panel.scope.cursor;
    /** Where the last rejection was pointed at: once for each run. */
    this.pulsed = "";
  }

  headings() {
    return ["Register", "Holds", term("bits", "Bits"), "Line"];
  }

  /** @param {string} name @override */
  make(name) {
    return makeRow(name, this.panel.head(name, split(name).slot), () => this.toWriter(name));
  }

  /** Show the state after a step; `failing`: the step is the one that was refused, and the state is that before it. @param {WalkHere} here @param {boolean} failing */
  paint(here, failing) {
    const { code, stages } = this.store.state;
    const log = Boolean(stages.verify?.read_from);
    const names = rowsOf(here.state.keys(), here.frame, inFrame);
    // What a log does not print is not known, which is not the same as not initialized.
    this.names(log ? names.filter((name) => here.state.has(name) || here.wrote.has(name)) : names);
    // Without a source there is no line to tell: then the step stands there.
    const lines = code.byLine.size > 0;
    const last = this.panel.headings.lastElementChild;
    if (last) setText(last, lines ? "Line" : "Step");
    const fail = failing ? (stages.verify?.fail?.reg ?? "") : "";
    const read = new Set(here.raw.read ?? []);
    for (const [name, row] of this.rows) this.show(name, row, here, { read: read.has(name), fault: fail === name, lines, none: log ? "not printed" : "not initialized" });
    if (fail) this.pulse(fail, here.step);
  }

  /**
   * @param {string} name
   * @param {Row} row
   * @param {WalkHere} here
   * @param {{read: boolean, fault: boolean, lines: boolean, none: string}} marked `none`: what it is called to hold nothing
   */
  show(name, row, here, { read, fault, lines, none }) {
    const { base, reg: selected } = this.store.state;
    const reg = here.state.get(name);
    const old = here.before.get(name);
    const wrote = here.wrote.has(name);
    const moved = wrote && summary(old, base) !== summary(reg, base);
    if (row.shows.reg !== reg || row.shows.base !== base || row.shows.reg === undefined) this.hold(row, reg, base);
    this.writer(name, row.line, reg, lines);
    // A place on the stack is counted from the frame pointer: a term to be looked up.
    const stack = reg?.k === "stack";
    setAttr(row.text, "data-term", stack ? "fp" : null);
    setAttr(row.text, "tabindex", stack ? "0" : null);
    setText(row.was, moved ? `was ${summary(old, base) || none}` : aside(reg, base));
    /** @type {Record<string, boolean>} */
    const marks = {
      slot: split(name).slot.startsWith("fp"), outer: row.frame !== here.frame, undefined: !reg, wrote, changed: moved, read,
      selected: selected === name, fault,
    };
    const class_ = Object.keys(marks).filter((mark) => marks[mark]).join(" ");
    if (row.element.className !== class_) row.element.className = class_;
    setText(row.head.mark, `${read ? "r" : ""}${wrote ? "w" : ""}`);
    setAttr(row.head.button, "aria-pressed", selected === name ? "true" : "false");
  }

  /** The line, or the step, that wrote a register. @param {string} name @param {HTMLElement} link @param {Reg | undefined} reg @param {boolean} lines */
  writer(name, link, reg, lines) {
    const at = lines ? this.cursor.writerLine(reg) : reg?.w !== undefined && reg.w >= 0 ? reg.w + 1 : null;
    setText(link, at ? `${at}` : "");
    setAttr(link, "aria-label", at ? `${split(name).slot} was written ${lines ? "on line" : "at step"} ${at}; go there` : null);
    link.hidden = !at;
  }

  /** @param {Row} row @param {Reg | undefined} reg @param {Base} base */
  hold(row, reg, base) {
    row.shows.reg = reg ?? null;
    row.shows.base = base;
    const kind = kindOf(reg);
    row.icon.textContent = "";
    row.icon.append(glyph(kind, Boolean(reg?.null)));
    setText(row.text, reg ? summary(reg, base) : "·");
    row.element.dataset.kind = kind;
    setAttr(row.element, "title", reg?.t ?? "not initialized");
    row.precise.textContent = reg?.p ? "●" : "";
    const bits = reg?.k === "number" ? reg.s : undefined;
    row.what.colSpan = bits ? 1 : 2; // a pointer has no bits to show: its words get the room
    row.cell.hidden = !bits;
    if (bits) drawBits(row.strip, bits);
  }

  /** Bring the register at fault into sight and draw the eye to it, once. @param {string} name @param {number} step */
  pulse(name, step) {
    const stamp = `${this.store.state.ran?.edited}:${step}`;
    if (this.pulsed === stamp) return;
    this.pulsed = stamp;
    const row = this.rows.get(name)?.element;
    row?.scrollIntoView({ block: "nearest" });
    if (row && !calm())
      row.animate([{ opacity: 1 }, { opacity: 0.35 }, { opacity: 1 }], { duration: 140, easing: "ease-in-out" });
  }

  /** @param {string} name */
  toWriter(name) {
    const at = this.cursor.walked()?.state.get(name)?.w ?? -1;
    if (at >= 0) this.cursor.goto(at);
  }
}

/** What stands small beside a known number: the same in the other base. @param {Reg | undefined} reg @param {Base} base */
function aside(reg, base) {
  if (!reg?.s || reg.k !== "number") return "";
  const r = bestRange(reg.s);
  if (r.min !== r.max || (r.min >= 0n && r.min < 10n)) return "";
  return base === "hex" ? num(r.min, "dec") : `0x${BigInt.asUintN(64, bounds(reg.s).umin).toString(16)}`;
}

/**
 * The four ranges of a number, each on a line of its own, and the value of a run as a tick. Lines are logarithmic: what
 * lies between 0 and 255 is to be seen beside what reaches up to 2^64.
 */
import { h, setAttr, setText, svg } from "./dom.js";
import { big, bounds, num, spoken } from "./format.js";

/** @import { Scalar } from "../types/messages.js" */
/** @import { Base } from "./format.js" */

/** @typedef {{name: string, spoken: string, bits: number, signed: boolean, low: "umin" | "smin" | "u32min" | "s32min", high: "umax" | "smax" | "u32max" | "s32max"}} Line */

/** @type {Line[]} */
export const LINES = [
  { name: "u64", spoken: "unsigned, 64 bits", bits: 64, signed: false, low: "umin", high: "umax" },
  { name: "s64", spoken: "signed, 64 bits", bits: 64, signed: true, low: "smin", high: "smax" },
  { name: "u32", spoken: "unsigned, 32 bits", bits: 32, signed: false, low: "u32min", high: "u32max" },
  { name: "s32", spoken: "signed, 32 bits", bits: 32, signed: true, low: "s32min", high: "s32max" },
];
const WIDTH = 1000;
/** Least width of what is drawn, so that one value is seen. */
const LEAST = 10;

/** log2(1 + v) of a value that is not negative. @param {bigint} v */
function log(v) {
  const digits = (v + 1n).toString(2);
  return digits.length - 1 + Math.log2(Number.parseInt(digits.slice(0, 30).padEnd(30, "0"), 2) / 2 ** 29);
}

/** Where a value lies on its line, from 0 to 1. @param {Pick<Line, "bits" | "signed">} line @param {bigint} v */
export function place({ bits, signed }, v) {
  if (!signed) return Math.min(1, log(v) / bits);
  const part = log(v < 0n ? -v : v) / (bits - 1) / 2;
  return Math.max(0, Math.min(1, v < 0n ? 0.5 - part : 0.5 + part));
}

/** A value's bits as the line reads them. @param {Pick<Line, "bits" | "signed">} line @param {bigint} v */
export const asOn = ({ bits, signed }, v) => (signed ? BigInt.asIntN(bits, v) : BigInt.asUintN(bits, v));

export class NumberLine {
  constructor() {
    this.rows = LINES.map((line) => {
      const range = svg("rect", { y: 3, height: 6, class: "nl-range" });
      const tick = svg("rect", { y: 0, width: 6, height: 12, class: "nl-tick" });
      const marks = [0, 0.25, 0.5, 0.75, 1].map((x) => svg("line", { x1: x * WIDTH, x2: x * WIDTH, y1: 1, y2: 11, class: "nl-mark", "vector-effect": "non-scaling-stroke" }));
      const axis = svg("line", { x1: 0, x2: WIDTH, y1: 6, y2: 6, class: "nl-axis", "vector-effect": "non-scaling-stroke" });
      const picture = svg("svg", { viewBox: `0 0 ${WIDTH} 12`, preserveAspectRatio: "none", class: "nl", "aria-hidden": "true" }, axis, ...marks, range, tick);
      const text = h("span", { class: "nl-text" });
      const element = h("div", { class: "nl-row" }, h("span", { class: "nl-name", title: line.spoken }, line.name), picture, text);
      return { line, range, tick, text, element };
    });
    this.element = h("div", { class: "number-line", role: "img" }, this.rows.map((row) => row.element));
  }

  /** @param {Scalar} scalar @param {string | null} concrete hex @param {Base} base */
  show(scalar, concrete, base) {
    const b = bounds(scalar);
    const value = concrete === null ? null : big(concrete);
    for (const { line, range, tick, text } of this.rows) {
      const [low, high] = [b[line.low], b[line.high]];
      const [from, to] = [place(line, low) * WIDTH, place(line, high) * WIDTH];
      const width = Math.max(LEAST, to - from);
      setAttr(range, "x", Math.min(from, WIDTH - width).toFixed(1));
      setAttr(range, "width", width.toFixed(1));
      setText(text, low === high ? num(low, base) : `${num(low, base)} … ${num(high, base)}`);
      tick.style.display = value === null ? "none" : "";
      if (value !== null) setAttr(tick, "x", Math.min(WIDTH - 6, Math.max(0, place(line, asOn(line, value)) * WIDTH - 3)).toFixed(1));
    }
    const said = LINES.map((line) => `${line.spoken}: ${spoken(b[line.low])} to ${spoken(b[line.high])}`).join("; ");
    setAttr(this.element, "aria-label", value === null ? said : `${said}; in the run ${spoken(value)}`);
  }
}

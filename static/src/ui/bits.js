/** A strip of 64 bits in two rows of 32: filled where known (tall and coloured for 1, low for 0), hollow where unknown. */
import { svg } from "./dom.js";
import { TWO64, bounds } from "./format.js";

/** @import { Scalar } from "../types/messages.js" */

const PITCH = 4.5;
const GAP = 3;
const CELL = 3.3;
const HIGH = 7;

/** Empty strip; `drawBits` fills it. */
export function bitStrip() {
  const width = 32 * PITCH + 3 * GAP;
  const one = svg("path", { class: "bit-one" });
  const zero = svg("path", { class: "bit-zero" });
  const unknown = svg("path", { class: "bit-unknown" });
  const strip = svg("svg", { class: "bits", viewBox: `0 0 ${width} ${HIGH * 2 + 4}`, role: "img" }, one, zero, unknown);
  return strip;
}

/** @param {number} x @param {number} y @param {number} height */
const cell = (x, y, height) => `M${x} ${y + HIGH - height}h${CELL}v${height}h${-CELL}z`;

/** Draw value/mask of a scalar; null empties the strip. @param {SVGSVGElement} strip @param {Scalar | null | undefined} s */
export function drawBits(strip, s) {
  const paths = ["", "", ""];
  if (s) {
    const { value, mask } = bounds(s);
    const known = BigInt.asUintN(64, ~mask);
    for (let i = 0; i < 64; i++) {
      const bit = BigInt(63 - i);
      const column = i % 32;
      const x = column * PITCH + Math.floor(column / 8) * GAP + 0.4;
      const y = i < 32 ? 0.5 : HIGH + 3;
      const which = !((known >> bit) & 1n) ? 2 : (value >> bit) & 1n ? 0 : 1;
      paths[which] += which === 1 ? cell(x, y, 2) : cell(x, y, HIGH);
    }
  }
  for (const [i, path] of [...strip.children].entries()) path.setAttribute("d", paths[i]);
  strip.setAttribute("aria-label", s ? bitsSpoken(s) : "");
  strip.classList.toggle("blank", !s);
}

/** "bits 0 to 7 unknown, the others known" in few words. @param {Scalar} s */
export function bitsSpoken(s) {
  const { value, mask } = bounds(s);
  if (mask === 0n) return `all bits known: 0x${value.toString(16)}`;
  if (mask === TWO64 - 1n) return "no bit known";
  return `value 0x${value.toString(16)}, unknown bits 0x${mask.toString(16)}`;
}

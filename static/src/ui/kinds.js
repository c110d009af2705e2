/** One hue and one glyph for each kind of register, everywhere; the names are the protocol's. */
import { num, range, rangeSpoken, bestRange } from "./format.js";

/** @import { Reg } from "../types/messages.js" */
/** @import { Base } from "./format.js" */

/** @type {Record<string, string>} */
export const KINDS = {
  number: "number",
  ctx: "context",
  packet: "packet",
  packet_end: "packet end",
  packet_meta: "packet metadata",
  map_value: "map value",
  map: "map",
  stack: "stack",
  kernel: "kernel object",
  memory: "memory",
  func: "function",
  none: "not initialized",
};

/** A kind this page knows, or "memory" for one a newer server may send. @param {Reg | null | undefined} reg */
export const kindOf = (reg) => (reg && reg.k in KINDS ? reg.k : reg ? "memory" : "none");

/** @type {[RegExp, string][]} */
const WORDS = [
  [/^(scalar|P?\d|inv|misc|zero)/, "number"],
  [/^ctx/, "ctx"],
  [/^pkt_end/, "packet_end"],
  [/^pkt_meta/, "packet_meta"],
  [/^pkt/, "packet"],
  [/^map_value/, "map_value"],
  [/^map_ptr/, "map"],
  [/^fp/, "stack"],
  [/^(mem|buf|dynptr|iter|arena)/, "memory"],
  [/^func/, "func"],
  [/^(ptr_|trusted_ptr|rcu_ptr|sock|tcp_sock|percpu)/, "kernel"],
];

/** The kind a kernel text such as "pkt(off=14,r=34)" speaks of; "" for none. @param {string} text */
export function kindOfText(text) {
  for (const [pattern, kind] of WORDS) if (pattern.test(text)) return kind;
  return "";
}

/** @param {Reg} reg @param {Base} [base] */
function offset(reg, base) {
  const parts = [];
  const off = reg.off ?? 0;
  if (off) parts.push(`${off < 0 ? "−" : "+"}${num(Math.abs(off), base)}`);
  if (reg.s) {
    const r = bestRange(reg.s);
    if (!(r.min === 0n && r.max === 0n)) parts.push(`+ ${range(reg.s, base)}`);
  }
  return parts.join(" ");
}

const SLOT_BYTES = { m: "any", 0: "zero", "?": "unwritten" };

/** A stack slot the verifier knows byte by byte. */
const MIXED = /^[m0?]{8}$/;

/** "mmmm????" -> "4 B any, 4 B unwritten": a stack slot the verifier knows byte by byte. @param {string} text */
function slotBytes(text) {
  const parts = [];
  for (const [letter, word] of Object.entries(SLOT_BYTES)) {
    const n = [...text].filter((c) => c === letter).length;
    if (n) parts.push(`${n} B ${word}`);
  }
  return parts.join(", ");
}

/** What the kernel says of a pointer behind the packet by a negative range (AT_PKT_END, BEYOND_PKT_END). @type {Record<number, string>} */
const PAST = { [-1]: "at its end", [-2]: "beyond its end" };

/** @type {Record<string, (reg: Reg, base?: Base) => string>} */
const SUMMARIES = {
  number: (reg, base) => (reg.s ? range(reg.s, base) : MIXED.test(reg.t ?? "") ? slotBytes(reg.t) : reg.t || "any"),
  ctx: (reg, base) => `ctx ${offset(reg, base)}`,
  packet: (reg, base) => `packet ${offset(reg, base) || "+0"} · ${PAST[reg.range ?? 0] ?? `${num(reg.range ?? 0, base)} B proven`}`,
  packet_end: () => "packet end",
  packet_meta: (reg, base) => `packet meta ${offset(reg, base) || "+0"} · ${num(reg.range ?? 0, base)} B proven`,
  map_value: (reg, base) =>
    `${reg.map || "map value"} ${offset(reg, base) || "+0"}${reg.size ? ` of ${num(reg.size, base)}` : ""}${reg.null ? " or NULL" : ""}`,
  map: (reg) => `map ${reg.map ?? ""}`,
  stack: (reg, base) => `fp${offset(reg, base) || "+0"}`,
  none: () => "",
};

/** One line that says what a register holds. @param {Reg | null | undefined} reg @param {Base} [base] */
export function summary(reg, base) {
  if (!reg) return "";
  const make = SUMMARIES[reg.k];
  const text = make ? make(reg, base).trim() : reg.t || KINDS[kindOf(reg)];
  return reg.null && !text.includes("NULL") ? `${text} or NULL` : text;
}

/** The same, for the ear. @param {Reg | null | undefined} reg */
export function summarySpoken(reg) {
  if (!reg) return "not initialized";
  if (reg.k === "number") return reg.s ? `number ${rangeSpoken(reg.s)}` : MIXED.test(reg.t ?? "") ? slotBytes(reg.t ?? "").replaceAll(" B ", " bytes ") : `number ${reg.t ?? ""}`;
  return `${KINDS[kindOf(reg)]}${reg.off ? `, offset ${reg.off}` : ""}${reg.range ? `, ${reg.range} bytes proven` : ""}${reg.null ? ", or NULL" : ""}`;
}

/** Numbers as people read them. Wire numbers are JSON numbers, "0x…" or decimal strings; here they are BigInts. */

/** @import { Scalar } from "../types/messages.js" */

/** @typedef {bigint | number | string} Wire a number of a message */
/** @typedef {"dec" | "hex"} Base */

const TWO32 = 1n << 32n;
export const TWO64 = 1n << 64n;
const U64_MAX = TWO64 - 1n;
const S64_MIN = -(1n << 63n);
const S64_MAX = (1n << 63n) - 1n;

/** A wire number as a BigInt. @param {Wire | null | undefined} value @returns {bigint} */
export function big(value) {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") return BigInt(Math.trunc(value));
  const text = String(value ?? 0);
  return text.startsWith("-0x") ? -BigInt(text.slice(1)) : BigInt(text);
}

const SUPER = "⁰¹²³⁴⁵⁶⁷⁸⁹";
/** @param {number} n */
const superscript = (n) => [...String(n)].map((d) => SUPER[Number(d)]).join("");

/** k when v is 2^k, else -1. @param {bigint} v */
function powerOfTwo(v) {
  if (v <= 0n || (v & (v - 1n)) !== 0n) return -1;
  return v.toString(2).length - 1;
}

/** One number: short, exact. Powers of two from 2^16 up (and their neighbour below) are written as such in decimal. @param {Wire} value @param {Base} base @returns {string} */
export function num(value, base = "dec") {
  const v = big(value);
  if (v < 0n) return `−${num(-v, base)}`;
  if (base === "hex") return `0x${v.toString(16)}`;
  const k = powerOfTwo(v);
  if (k >= 16) return `2${superscript(k)}`;
  const j = powerOfTwo(v + 1n);
  if (j >= 24) return `2${superscript(j)}−1`;
  return v.toString();
}

/** A number spoken: no superscripts or signs a screen reader would drop. @param {Wire} value */
export function spoken(value) {
  const v = big(value);
  return v < 0n ? `minus ${(-v).toString()}` : v.toString();
}

/** Read the bounds of a scalar once. Missing 32-bit bounds follow from the low half of nothing: the full range. @param {Partial<Scalar>} s */
export function bounds(s) {
  return {
    umin: big(s.umin ?? 0),
    umax: big(s.umax ?? U64_MAX),
    smin: big(s.smin ?? S64_MIN),
    smax: big(s.smax ?? S64_MAX),
    value: big(s.value ?? 0),
    mask: big(s.mask ?? U64_MAX),
    u32min: big(s.u32min ?? 0),
    u32max: big(s.u32max ?? TWO32 - 1n),
    s32min: big(s.s32min ?? -(1n << 31n)),
    s32max: big(s.s32max ?? (1n << 31n) - 1n),
  };
}

/** {min, max, signed, unknown}: the narrower of the signed and unsigned readings. @param {Partial<Scalar>} s */
export function bestRange(s) {
  const b = bounds(s);
  const unknown = b.umin === 0n && b.umax === U64_MAX && b.smin === S64_MIN && b.smax === S64_MAX;
  const signed = b.smin < 0n && b.smax - b.smin < b.umax - b.umin + (b.smax < 0n ? 1n : 0n);
  return signed
    ? { min: b.smin, max: b.smax, signed: true, unknown }
    : { min: b.umin, max: b.umax, signed: false, unknown };
}

/** "14", "0…255", "any" (or "any, low half 0…255"). @param {Partial<Scalar>} s @param {Base} [base] */
export function range(s, base) {
  const r = bestRange(s);
  // A known negative number: its sign in decimal, all its bits in hexadecimal.
  if (r.min === r.max) return num(base === "hex" ? BigInt.asUintN(64, r.min) : r.min, base);
  if (!r.unknown) return `${num(r.min, base)}…${num(r.max, base)}`;
  const b = bounds(s);
  if (b.u32min > 0n || b.u32max < TWO32 - 1n) return `any, low half ${num(b.u32min, base)}…${num(b.u32max, base)}`;
  return "any";
}

/** The same for a screen reader. @param {Partial<Scalar>} s */
export function rangeSpoken(s) {
  const r = bestRange(s);
  if (r.unknown) return "any number";
  return r.min === r.max ? spoken(r.min) : `${spoken(r.min)} to ${spoken(r.max)}`;
}

/** Milliseconds for people. @param {number | null | undefined} value */
export function ms(value) {
  if (value === null || value === undefined) return "";
  if (value < 1) return "<1 ms";
  return value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}

/** Bytes for people. @param {number | null | undefined} bytes */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "";
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** "1,234,567". toLocaleString() takes as long the first time as making all panels. @param {number} n */
export const grouped = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

/** "1,234 states". @param {number} n @param {string} one @param {string} [many] */
export const grouping = (n, one, many = `${one}s`) => `${grouped(n)} ${n === 1 ? one : many}`;

/** "1 map", "2 maps". @param {number} n @param {string} one @param {string} many */
export const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

/** A register's concrete value, decimal (signed when that is plainly meant) or hex. @param {Wire} value @param {Base} [base] */
export function concrete(value, base) {
  const v = BigInt.asUintN(64, big(value));
  if (base === "hex") return `0x${v.toString(16)}`;
  const s = BigInt.asIntN(64, v);
  if (s < 0n && s > -(1n << 32n)) return `−${(-s).toString()}`;
  return v >= 1n << 40n ? `0x${v.toString(16)}` : v.toString();
}

/** "17  (11 00 00 00)": bytes, with the little-endian number they spell where they are as short as one. @param {string} hex */
export function spell(hex) {
  const data = bytes(hex);
  const text = data.slice(0, 64).map((b) => b.toString(16).padStart(2, "0")).join(" ") + (data.length > 64 ? " …" : "");
  if (![1, 2, 4, 8].includes(data.length)) return text;
  const value = data.reduceRight((sum, b) => sum * 256n + BigInt(b), 0n);
  return `${value}  (${text})`;
}

/** Bytes of a hex string. @param {string | null | undefined} hex */
export function bytes(hex) {
  const clean = String(hex ?? "").replace(/[^0-9a-fA-F]/g, "");
  const out = [];
  for (let i = 0; i + 1 < clean.length; i += 2) out.push(Number.parseInt(clean.slice(i, i + 2), 16));
  return out;
}

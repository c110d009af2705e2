/**
 * A stored state and one that arrived at the same instruction: which fields of a register or slot keep the stored value
 * from containing the one that arrived. The verifier decides (docs/trace.md, "Pruning"); this says where to look.
 */
import { bounds } from "../ui/format.js";

/** @import { Reg } from "../types/messages.js" */

/**
 * A field of a value in both states. `fits`: the stored one contains the other, null: it is told for both and decides nothing.
 * @typedef {{field: string, stored: string, arrived: string, fits: boolean}} Field
 */

/** @typedef {"same" | "within" | "outside" | "gone" | "new"} Relation `gone`: only the stored state has it; `new`: only the other one */

/** @typedef {{name: string, stored: Reg | undefined, arrived: Reg | undefined, relation: Relation, fields: Field[]}} Pair */

/** The ranges of a number, each with its least and its largest value. @type {[string, keyof ReturnType<typeof bounds>, boolean][]} */
const LIMITS = [
  ["umin", "umin", true], ["umax", "umax", false], ["smin", "smin", true], ["smax", "smax", false],
  ["u32min", "u32min", true], ["u32max", "u32max", false], ["s32min", "s32min", true], ["s32max", "s32max", false],
];

/** Fields that have to be equal. @type {[string, (reg: Reg) => string][]} */
const EQUAL = [
  ["type", (reg) => reg.k],
  ["map", (reg) => reg.map ?? ""],
  ["offset", (reg) => String(reg.off ?? 0)],
  ["may be NULL", (reg) => (reg.null ? "yes" : "no")],
];

const hex = (/** @type {bigint} */ value) => `0x${value.toString(16)}`;

/** The fields of two values that differ, those that do not fit first. @param {Reg} stored @param {Reg} arrived @returns {Field[]} */
export function fields(stored, arrived) {
  /** @type {Field[]} */
  const found = [];
  for (const [field, of] of EQUAL) {
    const [a, b] = [of(stored), of(arrived)];
    // A value that may be NULL contains one that is known not to be.
    if (a !== b) found.push({ field, stored: a, arrived: b, fits: field === "may be NULL" && a === "yes" });
  }
  if (stored.k === arrived.k && ((stored.range ?? 0) !== (arrived.range ?? 0)))
    found.push({ field: "proven bytes", stored: String(stored.range ?? 0), arrived: String(arrived.range ?? 0), fits: (arrived.range ?? 0) >= (stored.range ?? 0) });
  if (stored.s && arrived.s) {
    const [a, b] = [bounds(stored.s), bounds(arrived.s)];
    for (const [field, key, least] of LIMITS)
      if (a[key] !== b[key]) found.push({ field, stored: String(a[key]), arrived: String(b[key]), fits: least ? a[key] <= b[key] : a[key] >= b[key] });
    if (a.value !== b.value || a.mask !== b.mask)
      found.push({
        field: "var_off", stored: `(${hex(a.value)}; ${hex(a.mask)})`, arrived: `(${hex(b.value)}; ${hex(b.mask)})`,
        fits: (b.mask & ~a.mask) === 0n && (b.value & ~a.mask) === a.value,
      });
  } else if (stored.k === arrived.k && stored.t !== arrived.t && !found.length) found.push({ field: "value", stored: stored.t, arrived: arrived.t, fits: false });
  return joined(found).sort((x, y) => Number(x.fits) - Number(y.fits));
}

/** Fields that say the same become one, as the kernel's log writes them: "umax=smax". @param {Field[]} list @returns {Field[]} */
function joined(list) {
  /** @type {Map<string, Field>} */
  const found = new Map();
  for (const each of list) {
    const key = `${each.stored}|${each.arrived}|${each.fits}`;
    const known = found.get(key);
    found.set(key, known ? { ...known, field: `${known.field}=${each.field}` } : each);
  }
  return [...found.values()];
}

/** @param {string} name @param {Reg | undefined} stored @param {Reg | undefined} arrived @returns {Pair} */
export function pair(name, stored, arrived) {
  if (!stored || !arrived) return { name, stored, arrived, relation: stored ? "gone" : "new", fields: [] };
  const list = fields(stored, arrived);
  const relation = list.some((each) => !each.fits) ? "outside" : list.length ? "within" : "same";
  return { name, stored, arrived, relation, fields: list };
}

/** "1:fp-16" as numbers to sort by: frame, registers before slots, number. @param {string} name @returns {[number, number, number]} */
function place(name) {
  const colon = name.indexOf(":");
  const slot = name.slice(colon + 1);
  return [colon < 0 ? 0 : Number(name.slice(0, colon)), slot.startsWith("fp") ? 1 : 0, Math.abs(Number(slot.replace(/^\D+/, "")))];
}

/** Order of names: by frame, registers first, the stack from the top down. @param {string} a @param {string} b */
export function byPlace(a, b) {
  const [x, y] = [place(a), place(b)];
  return x[0] - y[0] || x[1] - y[1] || x[2] - y[2];
}

/** Both states by name. @param {Record<string, Reg>} stored @param {Record<string, Reg>} arrived @returns {Pair[]} */
export const pairs = (stored, arrived) =>
  [...new Set([...Object.keys(stored), ...Object.keys(arrived)])].sort(byPlace).map((name) => pair(name, stored[name], arrived[name]));

/** Breakpoints: places and conditions at which playing and continuing stop. They are kept in `store.state.breakpoints`. */

import { lineName } from "./files.js";

/** @import { MachineStep, VerifierStep } from "../types/messages.js" */
/** @import { Code } from "./model.js" */
/** @import { Stop } from "./seeker.js" */

/** @typedef {{kind: "line" | "insn" | "helper" | "condition", value: number | string, enabled: boolean}} Breakpoint */
/** @typedef {{stops: Stop[], of: Breakpoint[]}} Stops the stops of a search, and the breakpoint of each */

export const MOST = 64;
/** Characters of a condition. */
export const LONGEST = 200;
const NAME = 128;

/** A line of another file than the source: "parse.h:12". */
const IN_FILE = /^[^\0]{1,128}:[1-9]\d{0,6}$/;

/** The line that a breakpoint is on, by its value. @param {number | string} value @returns {{line: number, file: string}} */
export function placeOf(value) {
  if (typeof value === "number") return { line: value, file: "" };
  const colon = value.lastIndexOf(":");
  return { line: Number(value.slice(colon + 1)), file: value.slice(0, Math.max(0, colon)) };
}

/** The value of a breakpoint on a line. @param {number} line @param {string} file */
export const lineValue = (line, file) => (file ? `${file}:${line}` : line);

/** The value of a breakpoint on a line, or on the next one below it that has instructions. @param {number | string} value @param {Code} code */
export function withCode(value, code) {
  const { line, file } = placeOf(value);
  const next = code.lineFrom(line, file);
  return next === null ? value : lineValue(next, file);
}

/** @type {Record<Breakpoint["kind"], {label: string, says: (value: number | string) => string, good: (value: unknown) => boolean, insns: (value: number | string, code: Code) => number[] | null}>} */
export const KINDS = {
  line: {
    label: "line",
    says: (value) => lineName(placeOf(value).line, placeOf(value).file),
    good: (value) => (typeof value === "string" ? IN_FILE.test(value) : Number.isSafeInteger(value) && Number(value) > 0),
    insns: (value, code) => code.slots(placeOf(value).line, placeOf(value).file),
  },
  insn: {
    label: "instruction",
    says: (value) => `instruction ${value}`,
    good: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
    insns: (value) => [Number(value)],
  },
  helper: {
    label: "call of",
    says: (value) => `call of ${value}`,
    good: (value) => typeof value === "string" && value.length > 0 && value.length <= NAME,
    insns: (value, code) => code.calls.get(String(value)) ?? [],
  },
  condition: {
    label: "condition",
    says: (value) => String(value),
    good: (value) => typeof value === "string" && value.trim().length > 0 && value.length <= LONGEST,
    insns: () => null,
  },
};

/** The breakpoints in what a link or this browser kept: others are left out. @param {unknown} kept @returns {Breakpoint[]} */
export function known(kept) {
  if (!Array.isArray(kept)) return [];
  /** @type {Breakpoint[]} */
  const list = [];
  for (const each of kept) {
    if (!each || typeof each !== "object" || !Object.hasOwn(KINDS, each.kind)) continue;
    const { kind, value, enabled } = /** @type {Breakpoint} */ (each);
    if (KINDS[kind].good(value) && list.length < MOST && at(list, kind, value) < 0) list.push({ kind, value, enabled: enabled !== false });
  }
  return list;
}

/** Place of a breakpoint in a list, or -1. @param {Breakpoint[]} list @param {Breakpoint["kind"]} kind @param {number | string} value */
export const at = (list, kind, value) => list.findIndex((each) => each.kind === kind && each.value === value);

/** The list with a breakpoint more, or without it if it is there. @param {Breakpoint[]} list @param {Breakpoint["kind"]} kind @param {number | string} value @returns {Breakpoint[]} */
export function toggled(list, kind, value) {
  const place = at(list, kind, value);
  return place < 0 ? known([...list, { kind, value, enabled: true }]) : list.filter((_, i) => i !== place);
}

/** What a search has to stop at. @param {Breakpoint[]} list @param {Code} code @returns {Stops} */
export function stopsOf(list, code) {
  /** @type {Stops} */
  const found = { stops: [], of: [] };
  for (const each of list) {
    if (!each.enabled) continue;
    const insns = KINDS[each.kind].insns(each.value, code);
    if (insns && !insns.length) continue;
    found.stops.push(insns ? { kind: each.kind === "line" ? "line" : "insn", insns } : { kind: "condition", text: String(each.value) });
    found.of.push(each);
  }
  return found;
}

/**
 * A test of steps for stops that steps alone decide; null if one of them needs the server.
 * @param {Stop[]} stops
 * @returns {((raw: VerifierStep | MachineStep, before: VerifierStep | MachineStep | null) => number) | null} number of the stop
 *   that holds, or -1
 */
export function tested(stops) {
  const sets = stops.map((stop) => (stop.kind === "insn" || stop.kind === "line" ? new Set(stop.insns) : null));
  if (sets.includes(null)) return null;
  return (raw, before) =>
    sets.findIndex((insns, i) => {
      if (!insns?.has(raw.insn)) return false;
      if (stops[i].kind === "insn" || !before) return true;
      return !insns.has(before.insn) || raw.insn <= before.insn || ("prev" in raw && raw.prev !== undefined);
    });
}

const KEY = "bpfscope.breakpoints";

/** Name of a program, by what it is. @param {{kind: string, source: string}} program */
function nameOf({ kind, source }) {
  let hash = 5381;
  for (let i = 0; i < source.length; i++) hash = (hash * 33 + source.charCodeAt(i)) | 0;
  return `${kind}.${source.length}.${hash}`;
}

/** Keep the breakpoints of a program in this browser. @param {{kind: string, source: string, breakpoints: Breakpoint[]}} state */
function save(state) {
  try {
    if (state.breakpoints.length) localStorage.setItem(KEY, JSON.stringify({ of: nameOf(state), list: state.breakpoints }));
    else localStorage.removeItem(KEY);
  } catch {
    // They then last until the page is left.
  }
}

/** Keep them from now on, as they and the program change. @param {import("./store.js").Store} store */
export function keepBreakpoints(store) {
  let first = true;
  store.on(["breakpoints", "source"], () => {
    if (!first) save(store.state);
    first = false;
  });
}

/** Those that were kept of a program. @param {{kind: string, source: string}} program @returns {Breakpoint[]} */
export function kept(program) {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "null");
    return found?.of === nameOf(program) ? known(found.list) : [];
  } catch {
    return [];
  }
}

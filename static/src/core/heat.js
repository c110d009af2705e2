/** What lines and instructions cost of the verifier's walk, as levels of colour. Taken from the profile once it is here. */

/** @import { WalkProfile } from "../types/messages.js" */
/** @import { State } from "./store.js" */

const KEY = "bpfscope.heat";

/** Shares of the walk from which on a level begins. */
export const SHARES = [0.001, 0.005, 0.02, 0.06, 0.15];

/** Whether the colours were on when the page was left. */
export function keptHeat() {
  try {
    return localStorage.getItem(KEY) === "on";
  } catch {
    return false;
  }
}

/** Keep it for the next visit. @param {boolean} on */
export function keepHeat(on) {
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch {
    // The browser keeps nothing: it is on until the page is left.
  }
}

/** The level of a share: 0 (nothing) to SHARES.length. @param {number} insns @param {number} total */
export function level(insns, total) {
  return total ? SHARES.filter((from) => insns / total >= from).length : 0;
}

/** @type {WeakMap<WalkProfile, {lines: Map<string, Map<number, number>>, insns: Map<number, number>}>} */
const known = new WeakMap();

/** The profile that is here, or null. @param {Pick<State, "analyses">} state @returns {WalkProfile | null} */
export function profileOf(state) {
  const answer = state.analyses.profile;
  return answer?.status === "done" ? /** @type {WalkProfile} */ (answer.parts[0]) : null;
}

/** Levels by line and by instruction, null while they are not wanted or not known. @param {State} state */
export function levels(state) {
  const profile = state.heat ? profileOf(state) : null;
  if (!profile) return null;
  let found = known.get(profile);
  if (!found) {
    const total = profile.insns_processed;
    /** @type {Map<string, Map<number, number>>} by file, "" for the source itself */
    const lines = new Map();
    for (const row of profile.lines) {
      if (!row.line) continue;
      const found = lines.get(row.file) ?? new Map();
      lines.set(row.file, found.set(row.line, level(row.insns, total)));
    }
    found = { lines, insns: new Map(profile.insns.map(([insn, insns]) => [insn, level(insns, total)])) };
    known.set(profile, found);
  }
  return found;
}

/** The same for two states that have the same colours. @param {State} state */
export function heatStamp(state) {
  const profile = state.heat ? profileOf(state) : null;
  return profile ? `${profile.insns_processed} ${profile.lines.length} ${profile.states}` : "";
}

/** Loops: the rounds of one on a path of the walk, what differs between them, and which loop an instruction is in. */
import { byPlace } from "./contain.js";

/** @import { GraphLoop, LoopRounds, Reg } from "../types/messages.js" */

/** A round with all that it found. @typedef {{step: number, path: number, frame: number, state: Map<string, Reg>, changed: Set<string>}} Round */

/** The rounds with their whole states. @param {LoopRounds} told @returns {Round[]} */
export function unfolded(told) {
  /** @type {Map<string, Reg>} */
  let state = new Map();
  return told.rounds.map(({ step, path, frame, set, gone }) => {
    state = new Map(state);
    for (const name of gone) state.delete(name);
    for (const [name, reg] of Object.entries(set)) state.set(name, reg);
    return { step, path, frame, state, changed: new Set([...gone, ...Object.keys(set)]) };
  });
}

/** Names whose values differ between rounds, those that change most often first. @param {Round[]} rounds @returns {string[]} */
export function varying(rounds) {
  /** @type {Map<string, number>} */
  const times = new Map();
  for (const { changed } of rounds.slice(1)) for (const name of changed) times.set(name, (times.get(name) ?? 0) + 1);
  return [...times].sort((a, b) => b[1] - a[1] || byPlace(a[0], b[0])).map(([name]) => name);
}

/** The innermost loop that an instruction is in. @param {GraphLoop[]} loops @param {number} insn */
export function around(loops, insn) {
  const size = (/** @type {GraphLoop} */ { ranges }) => ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const inside = loops.filter(({ ranges }) => ranges.some(([first, last]) => first <= insn && insn <= last));
  return inside.sort((a, b) => size(a) - size(b))[0];
}

/** Whether a step lies between rounds that are told. @param {LoopRounds} told @param {number} step */
export const covers = ({ rounds, begun, ended }, step) => (begun || step >= (rounds[0]?.step ?? Infinity)) && (ended || step <= (rounds.at(-1)?.step ?? -1));

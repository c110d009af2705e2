/** Structs in the memory of a recorded event: which fields have which value at a step. */

/** @import { HeldStruct, StructRow, StructValue } from "../types/messages.js" */

/** A struct among those of its event. @param {HeldStruct} each */
export const keyOf = (each) => `${each.name} ${each.address}`;

/** The struct that a step used last, the first one before that. @param {HeldStruct[]} structs @param {number} step */
export function usedLast(structs, step) {
  let found = structs[0];
  let at = -1;
  for (const each of structs)
    for (const value of each.values)
      if (value.step > at && value.step <= step && value.how !== "return") {
        found = each;
        at = value.step;
      }
  return found;
}

/** The last value of each field up to a step. @param {HeldStruct} found @param {number} step @returns {Map<number, StructValue>} */
export function valuesAt(found, step) {
  const now = new Map();
  for (const each of found.values) if (each.step <= step) now.set(each.row, each);
  return now;
}

/** Fields that have a value, and the structs that they lie in. @param {StructRow[]} rows @param {Map<number, StructValue>} now */
export function knownRows(rows, now) {
  const known = new Set(now.keys());
  /** @type {number[]} */
  const path = [];
  rows.forEach((row, i) => {
    path.length = row.depth;
    path[row.depth] = i;
    if (now.has(i)) for (const each of path) if (each !== undefined) known.add(each);
  });
  return known;
}

/** The row behind one and all that it holds. @param {StructRow[]} rows @param {number} i */
export function endOf(rows, i) {
  let end = i + 1;
  while (end < rows.length && rows[end].depth > rows[i].depth) end++;
  return end;
}

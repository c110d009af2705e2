/** The input of a counterexample in words: what the JSON of an input file holds (docs/counterexample.md). */
import { count } from "../ui/format.js";

/** Bytes, entries and characters that are shown. */
const BYTES = 64;
const ENTRIES = 8;
const WIDTH = 400;

/** @param {string} hex */
function spaced(hex) {
  const shown = hex.slice(0, 2 * BYTES).replace(/(..)(?=.)/g, "$1 ");
  return hex.length > 2 * BYTES ? `${shown} …` : shown;
}

/** @param {unknown} value */
const short = (value) => {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > WIDTH ? `${text.slice(0, WIDTH)}…` : text;
};

/** @param {unknown[]} list @param {(each: unknown) => string} say */
const listed = (list, say) => [...list.slice(0, ENTRIES).map(say), ...(list.length > ENTRIES ? [`and ${list.length - ENTRIES} more`] : [])].join("; ");

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** What an instruction gets, `{"insn": 7, "result": 0}` as "instruction 7: result 0". @param {unknown} each */
function given(each) {
  if (!isRecord(each)) return short(each);
  const { insn, ...rest } = each;
  const parts = Object.entries(rest).map(([name, value]) => `${name} ${short(value)}`);
  return short(`instruction ${insn}: ${parts.join(", ")}`);
}

/** @type {Record<string, (value: any) => [string, string][]>} field of the file -> what is said of it */
const FIELDS = {
  packet: (hex) => [[`Packet, ${count(String(hex).length >> 1, "byte")}`, spaced(String(hex)) || "empty"]],
  meta: (hex) => [[`Metadata before the packet, ${count(String(hex).length >> 1, "byte")}`, spaced(String(hex))]],
  ctx: (fields) => Object.entries(fields).slice(0, ENTRIES).map(([offset, hex]) => [`Context at offset ${offset}`, spaced(String(hex))]),
  maps: (maps) =>
    Object.entries(maps).slice(0, ENTRIES).map(([name, entries]) => [
      `Map ${name}`,
      Array.isArray(entries) ? listed(entries, (each) => (Array.isArray(each) ? `${spaced(String(each[0]))} → ${spaced(String(each[1]))}` : short(each))) : short(entries),
    ]),
  helpers: (list) => [["Calls return", listed(list, given)]],
  loads: (list) => [["Loads return", listed(list, given)]],
  start: (start) => [["The run starts at", given(start)]],
};

/**
 * What an input holds, by name. A part that is not as documented is shown as it is.
 * @param {string} json
 * @returns {[string, string][]}
 */
export function givenParts(json) {
  /** @type {unknown} */
  let value;
  try {
    value = JSON.parse(json);
  } catch {
    return [["Input", short(json)]];
  }
  if (!isRecord(value)) return [["Input", short(json)]];
  return Object.entries(value).flatMap(([name, part]) => {
    if (!Object.hasOwn(FIELDS, name)) return [];
    try {
      return FIELDS[name](part);
    } catch {
      return /** @type {[string, string][]} */ ([[name, short(part)]]);
    }
  });
}

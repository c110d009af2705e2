/** Two answers of kernels, or of a kernel and the emulation, beside each other. */
import { parting } from "../core/parting.js";
import { h } from "../ui/dom.js";
import { count } from "../ui/format.js";

/** @import { EmulatedCell, KernelCell } from "../types/messages.js" */
/** @typedef {KernelCell | EmulatedCell} AnyCell */

/** Lines around the parting that are shown, and characters of a line. */
const AROUND = 3;
const LONGEST = 300;

/** Whose answer it is. @param {AnyCell} cell */
export const whose = (cell) => [cell.type === "emulated" ? "the emulation" : `Linux ${cell.release}`, cell.clang ? `${cell.clang} -mcpu=${cell.mcpu} -${cell.opt}` : ""].filter(Boolean).join(", ");

/** @param {AnyCell} cell */
const verdict = (cell) => ({ accept: "accepted", reject: "rejected", error: "not loaded", limit: "no answer" })[cell.verdict];

/** Both, where they part, and a way to end the comparison. @param {AnyCell} a @param {AnyCell} b @param {() => void} end */
export function compared(a, b, end) {
  const { walk, text } = parting(a.log, b.log);
  const place = walk ?? text;
  return h(
    "section",
    { class: "kernels-compared", "aria-label": "Two answers compared" },
    h("p", null, h("strong", null, whose(a)), ` ${verdict(a)}, ${count(a.insns_processed, "instruction")} processed; `, h("strong", null, whose(b)), ` ${verdict(b)}, ${count(b.insns_processed, "instruction")} processed. `, h("button", { type: "button", class: "button", on: { click: end } }, "End the comparison")),
    h("p", null, said(a, b, walk, text)),
    place ? h("div", { class: "kernels-beside" }, excerpt(whose(a), a.log, place.a), excerpt(whose(b), b.log, place.b)) : null,
  );
}

/**
 * @param {AnyCell} a
 * @param {AnyCell} b
 * @param {import("../core/parting.js").Parting["walk"]} walk
 * @param {import("../core/parting.js").Parting["text"]} text
 */
function said(a, b, walk, text) {
  if (!a.log && !b.log) return "Neither wrote a log.";
  const code = a.code && b.code ? (a.code === b.code ? "Both got the same instructions. " : "They got different instructions. ") : "";
  if (walk) return `${code}Their walks part after ${count(walk.after, "equal instruction")}, in lines ${walk.a + 1} and ${walk.b + 1} of the logs.`;
  if (text) return `${code}They visit the same instructions; the first line that differs is line ${text.a + 1}, or ${text.b + 1}.`;
  return `${code}Their logs are the same, addresses of the kernel and times aside.`;
}

/** The lines around the parting. @param {string} title @param {string} log @param {number} at */
function excerpt(title, log, at) {
  const lines = log.trimEnd().split("\n");
  const from = Math.max(0, at - AROUND);
  return h(
    "ol",
    { class: "kernels-lines", start: String(from + 1), "aria-label": title },
    lines.slice(from, at + AROUND + 1).map((line, i) => h("li", { class: from + i === at ? "bad" : "" }, h("code", null, line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line))),
    at >= lines.length ? h("li", { class: "bad" }, "(the log ends here)") : null,
  );
}

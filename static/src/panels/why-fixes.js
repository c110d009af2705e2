/** Fixes: changes of the source with which the verifier accepts the program, each as a diff with a button. */
import { h } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { ending } from "../ui/words.js";

/** @import { Edit } from "../types/messages.js" */
/** @import { FixFound } from "../types/page.js" */

/** Fixes that are shown; lines and characters of a diff. */
const FIXES = 5;
const LINES = 200;
const WIDTH = 300;

/** First character of a diff's line -> what it is. @type {Record<string, string>} */
const KINDS = { "+": "added", "-": "removed", "@": "place" };

/**
 * A card for each fix.
 * @param {FixFound[]} fixes
 * @param {boolean} edited the source was changed since the run: the fixes are of another text
 * @param {(edits: Edit[]) => void} apply
 */
export function fixCards(fixes, edited, apply) {
  return fixes.slice(0, FIXES).map((fix, i) => card(fix, i, edited, apply));
}

/** @param {FixFound} fix @param {number} n @param {boolean} edited @param {(edits: Edit[]) => void} apply */
function card(fix, n, edited, apply) {
  const id = `fix-${n}`;
  return h(
    "article",
    { class: "fix-card", tabindex: "-1", "aria-labelledby": id },
    h("h3", { id }, "Fix: ", fix.title),
    fix.why ? h("p", null, ending(fix.why)) : null,
    diff(fix.diff, fix.title),
    h("p", { class: "verified" }, h("span", { "aria-hidden": "true" }, "✔ "), `Verified: accepted, ${count(fix.insns_processed, "instruction")} processed.`),
    h(
      "p",
      { class: "fix-actions" },
      h("button", { type: "button", class: "button primary", disabled: edited, "aria-describedby": edited ? `${id}-edited` : null, on: { click: () => apply(fix.edits) } }, "Apply"),
      edited ? h("span", { class: "hint", id: `${id}-edited` }, "The source was edited after this run. Run it again to look for fixes.") : null,
    ),
  );
}

/** "line 18" for the line of a diff that says where a change is; null for the others. @param {string} line */
function place(line) {
  const found = /^@@ -(\d{1,9})/.exec(line);
  return found ? `line ${found[1]}` : null;
}

/** A unified diff without its head. @param {string} text @param {string} title */
export function diff(text, title) {
  const lines = text.replace(/\n$/, "").split("\n");
  const first = lines.findIndex((line) => line.startsWith("@@"));
  const shown = lines.slice(Math.max(0, first), Math.max(0, first) + LINES);
  const left = lines.length - Math.max(0, first) - shown.length;
  return h(
    "pre",
    { class: "diff", tabindex: "0", role: "region", "aria-label": `Change: ${title}` },
    shown.map((line) => h("span", { class: `diff-line ${KINDS[line[0]] ?? ""}` }, place(line) ?? (line.length > WIDTH ? `${line.slice(0, WIDTH)}…` : line), "\n")),
    left > 0 ? h("span", { class: "diff-line place" }, `${count(left, "more line")}\n`) : null,
  );
}

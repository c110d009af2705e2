/** See it go wrong: an input with which the refused access fails, found on request, and a run on it. */
import { h } from "../ui/dom.js";
import { ending } from "../ui/words.js";
import { givenParts } from "./given.js";

/** @import { Answer } from "../core/analyses.js" */
/** @import { Child, Counterexample, CounterexampleFault } from "../types/page.js" */

/**
 * The card; null where the rejection is about no memory access.
 * @param {Answer<Counterexample> | undefined} answer
 * @param {boolean} edited the source was changed since the run: the answer is of another text
 * @param {{search: () => void, run: (found: Counterexample) => void}} acts
 */
export function counterexampleCard(answer, edited, acts) {
  const [found] = answer?.parts ?? [];
  if (found?.status === "other") return null;
  return h(
    "article",
    { class: "go-wrong", "aria-labelledby": "go-wrong-label" },
    h("h3", { id: "go-wrong-label" }, "See it go wrong"),
    found ? told(found, edited, acts) : asked(answer, edited, acts),
  );
}

/** @param {Answer<Counterexample> | undefined} answer @param {boolean} edited @param {{search: () => void}} acts @returns {Child} */
function asked(answer, edited, { search }) {
  if (answer?.status === "failed") return h("p", { class: "bad" }, answer.message);
  return [
    h("p", { class: "hint" }, "Is there an input with which this access fails? The search follows the path that the verifier refused."),
    h("p", null, h("button", { type: "button", class: "button", disabled: edited && !answer, "aria-disabled": Boolean(answer) && "true", on: { click: search } }, answer ? "Searching…" : "Search for an input")),
  ];
}

/** @param {Counterexample} found @param {boolean} edited @param {{run: (found: Counterexample) => void}} acts @returns {Child} */
function told(found, edited, { run }) {
  const { why, forgotten, fault, input } = found;
  switch (found.status) {
    case "found":
      return [
        h("p", null, fault ? `With this input the program stops at instruction ${fault.insn}: ${ending(fault.message)}` : ending(why)),
        fault && why ? h("p", { class: "hint" }, ending(why)) : null,
        input ? described(input) : null,
        input ? h("p", null, h("button", { type: "button", class: "button primary", disabled: edited, on: { click: () => run(found) } }, "Run with this input")) : null,
        edited ? h("p", { class: "hint" }, "The source was edited after this run. Run it again to search for an input.") : null,
        fault ? registers(fault) : null,
      ];
    case "none":
      return [
        h("p", null, why ? ending(why) : "On this path the access is safe for every input, but the verifier cannot see it."),
        forgotten ? [h("h4", null, "What the verifier no longer knows"), h("p", null, ending(forgotten))] : null,
      ];
    default:
      return [h("p", null, "The search gave no answer: it is not known whether an input makes this access fail."), why ? h("p", { class: "hint" }, ending(why)) : null];
  }
}

/** @param {string} input as JSON */
function described(input) {
  const parts = givenParts(input);
  if (!parts.length) return h("p", { class: "go-wrong-input" }, "Any input does.");
  return h("dl", { class: "given go-wrong-input" }, parts.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, h("code", null, value)))));
}

/** r0 to r10 where the run stopped. @param {CounterexampleFault} fault */
function registers({ insn, registers: values }) {
  if (!values.length) return null;
  return h(
    "table",
    { class: "why-table fault-registers" },
    h("caption", null, `Registers at instruction ${insn}`),
    h("tbody", null, values.map((value, i) => h("tr", null, h("th", { scope: "row" }, `r${i}`), h("td", null, h("code", null, hex(value)))))),
  );
}

/** Decimal text of 64 bits in hex; text that is no number stays as it is. @param {string} text */
const hex = (text) => (/^\d{1,20}$/.test(text) ? `0x${BigInt(text).toString(16)}` : text);

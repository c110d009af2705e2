/** See it go wrong: an input with which the refused access fails, found on request, and a run on it. */
import { h } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { asSentence, ending } from "../ui/words.js";

/** @import { Answer } from "../core/analyses.js" */
/** @import { Input } from "../core/store.js" */
/** @import { Counterexample } from "../types/page.js" */
/** @import { Child } from "../types/page.js" */

/** Bytes of an input that are shown. */
const BYTES = 64;
const VALUES = 12;

/**
 * @param {Answer<Counterexample> | undefined} answer
 * @param {boolean} edited the source was changed since the run: the answer is of another text
 * @param {{search: () => void, run: (found: Counterexample) => void}} acts
 */
export function counterexampleCard(answer, edited, acts) {
  const [found] = answer?.parts ?? [];
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
        h("p", null, fault ? `With this input the program stops at instruction ${fault.insn}: ${ending(fault.message)}` : asSentence(why)),
        fault && why ? h("p", { class: "hint" }, asSentence(why)) : null,
        input ? h("p", { class: "go-wrong-input" }, describe(input)) : null,
        input ? h("p", null, h("button", { type: "button", class: "button primary", disabled: edited, on: { click: () => run(found) } }, "Run with this input")) : null,
        edited ? h("p", { class: "hint" }, "The source was edited after this run. Run it again to search for an input.") : null,
      ];
    case "none":
      return [
        h("p", null, "On this path the access is safe for every input, but the verifier cannot see it."),
        why ? h("p", null, asSentence(why)) : null,
        forgotten ? [h("h4", null, "What the verifier no longer knows"), h("p", null, asSentence(forgotten))] : null,
      ];
    default:
      return [h("p", null, "The search gave no answer: it is not known whether an input makes this access fail."), why ? h("p", { class: "hint" }, asSentence(why)) : null];
  }
}

/** An input in words and bytes. @param {Input} input @returns {Child} */
function describe(input) {
  switch (input.kind) {
    case "packet": {
      const clean = input.hex.replace(/\s/g, "");
      const shown = clean.slice(0, 2 * BYTES).replace(/(..)(?=.)/g, "$1 ");
      return [`A packet of ${count(clean.length >> 1, "byte")}: `, h("code", null, shown, clean.length > 2 * BYTES ? " …" : "")];
    }
    case "event": {
      const values = Object.entries(input.values ?? {});
      const shown = values.slice(0, VALUES).map(([name, value]) => `${name} = ${typeof value === "object" ? JSON.stringify(value) : value}`);
      return ["An event with ", h("code", null, shown.join(", "), values.length > VALUES ? ", …" : "")];
    }
    case "auto":
      return "The program's own input.";
    case "none":
      return "No packet and no event: every run fails.";
    default:
      return null;
  }
}

/** In a file that holds several answers to one question: which of them is shown. */
import { fieldValue, h } from "../ui/dom.js";

/**
 * A field to choose from; null where there is nothing to choose.
 * @param {import("../core/scope.js").Scope} scope
 * @param {import("../core/analyses.js").Question} name
 * @param {string} label
 * @param {(asked: any) => string} words what was asked beside the program, in words
 * @param {(asked: any) => void} chosen fills the form
 */
export function heldChoice({ analyses }, name, label, words, chosen) {
  const all = analyses.held[name] ?? [];
  if (all.length < 2) return null;
  /** @param {Event} event */
  const change = (event) => {
    const asked = all[Number(fieldValue(event))];
    chosen(asked);
    analyses.again(name, asked);
  };
  const select = h("select", { on: { change } }, all.map((asked, i) => h("option", { value: String(i) }, `${i + 1}. ${words(asked)}`)));
  select.value = String(all.length - 1);
  return h("p", { class: "held-choice" }, h("label", null, `${label} `, select));
}

/** Which kernels, compilers and options the strip of real kernels asks. */
import { MCPUS, OPTS } from "../core/options.js";
import { h } from "../ui/dom.js";

/** @import { Kernels } from "../types/messages.js" */

/** What the server takes at once. */
const MOST = 32;

/** @typedef {{kernels: string[], clangs: string[], mcpus: string[], opts: string[]}} Choice */

/**
 * A form in a fold. `ask` gets what was chosen.
 * @param {Kernels} kernels
 * @param {{opt?: string, mcpu?: string}} options of the program
 * @param {boolean} c whether there is something to compile
 * @param {(choice: Choice) => void} ask
 */
export function choiceForm(kernels, options, c, ask) {
  const hint = h("span", { class: "hint", role: "status" });
  /** @param {string} legend @param {string} name @param {[string, string, boolean][]} all value, label, chosen */
  const group = (legend, name, all) =>
    h("fieldset", { class: "kernels-group" }, h("legend", null, legend), all.map(([value, label, checked]) => h("label", null, h("input", { type: "checkbox", name, value, checked }), ` ${label}`)));
  const form = h(
    "form",
    {
      on: {
        submit: (event) => {
          event.preventDefault();
          const chosen = (/** @type {string} */ name) => [...form.querySelectorAll("input")].filter((each) => each.name === name && each.checked).map((each) => each.value);
          const [clangs, mcpus, opts] = ["clangs", "mcpus", "opts"].map(chosen);
          const number = [clangs, mcpus, opts].reduce((product, each) => product * Math.max(1, each.length), 1);
          if (number > MOST) hint.textContent = `These are ${number} compilers and options; at most ${MOST} are asked at once.`;
          else if (!chosen("kernels").length) hint.textContent = "Choose at least one kernel.";
          else ask({ kernels: chosen("kernels"), clangs, mcpus, opts });
        },
      },
    },
    group("Kernels", "kernels", kernels.kernels.map(({ name }) => [name, name, true])),
    c ? group("clang", "clangs", [["", "the usual one", true], ...kernels.compilers.map((each) => /** @type {[string, string, boolean]} */ ([each, each, false]))]) : null,
    c ? group("-mcpu", "mcpus", MCPUS.map((each) => [each, each, each === (options.mcpu ?? "v3")])) : null,
    c ? group("-O", "opts", OPTS.map((each) => [each, each, each === (options.opt ?? "O2")])) : null,
    h("p", { class: "fix-actions" }, h("button", { type: "submit", class: "button primary" }, "Ask these"), hint),
    c && !kernels.compilers.length ? h("p", { class: "hint" }, "There are no other versions of clang here: the operator can add them with `make compilers`.") : null,
  );
  return h("details", { class: "kernels-choice" }, h("summary", null, "Kernels and compilers"), form);
}

/** Where the emulation stops: neither a fault of the program nor a verdict. */
import { lineName } from "../core/files.js";
import { h } from "../ui/dom.js";
import { notEmulated, waysOn } from "../ui/words.js";

/** @import { StageName, State } from "../core/store.js" */
/** @import { NotCovered } from "../types/messages.js" */
/** @import { Links } from "./why.js" */

/** The emulated kernel by name. @param {State} state */
function kernelOf({ stages, kernel }) {
  const release = stages.verify?.kernel || kernel;
  return release ? `Linux ${release}` : "the emulated kernel";
}

/**
 * @param {NotCovered[]} what is not emulated
 * @param {StageName} stage that met it
 * @param {State} state
 * @param {Links & {unverified: () => void}} links `unverified` runs the program without the verifier
 */
export function stop(what, stage, state, links) {
  const { stopped } = state.reasons;
  const insn = stage === "verify" && stopped ? state.code.at(stopped.insn) : null;
  const kernel = kernelOf(state);
  const verifying = stage === "verify";
  return h(
    "article",
    { class: "stop-card", "aria-labelledby": "why-label" },
    h("h3", { id: "why-label" }, "The emulation stops here"),
    h("p", { class: "kernel-said" }, h("code", null, `not emulated: ${notEmulated(what)}`)),
    h(
      "p",
      { class: "explained" },
      stage === "run" || stage === "jit"
        ? "The verifier accepted the program, and that verdict is valid. The next stage is not emulated for this program, and bpfscope does not guess."
        : `This is not a verdict. bpfscope does not emulate what ${kernel} does from here on, and it does not guess.`,
    ),
    insn
      ? h(
          "p",
          null,
          "The verifier got as far as ",
          h("code", { class: "where-insn" }, `${insn.idx}: ${insn.text}`),
          insn.line ? h("span", { class: "hint" }, ` ${lineName(insn.line, insn.file)}`) : null,
          stopped && stopped.step >= 0 ? [" after ", links.to(stopped.step), ". The results up to there are valid."] : null,
        )
      : null,
    h("h4", null, "What you can do"),
    h(
      "ul",
      null,
      waysOn(what[0].kind).map((way) => h("li", null, way)),
      verifying && state.options.verify !== false
        ? h(
            "li",
            null,
            "Run it unverified: the interpreter checks every memory access. ",
            h("button", { type: "button", class: "chip", on: { click: links.unverified } }, "Run without the verifier"),
          )
        : null,
      !verifying || what[0].kind === "crash" ? null : h("li", null, `Ask ${kernel} itself: `, h("code", null, "bpftool prog load"), " prints its verdict and its log."),
    ),
  );
}

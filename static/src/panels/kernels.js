/** What real kernels say of the program: a strip of cells below the pipeline, opened by a button of the pipeline. */
import { Panel } from "../core/panel.js";
import { fill, h } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { asSentence } from "../ui/words.js";

/** @import { Answer } from "../core/analyses.js" */
/** @import { CellsDone, KernelCell, Kernels } from "../types/messages.js" */
/** @import { Child } from "../types/page.js" */

/** @type {Record<KernelCell["verdict"], {mark: string, said: string}>} */
const VERDICTS = {
  accept: { mark: "✔", said: "accepted" },
  reject: { mark: "✖", said: "rejected" },
  error: { mark: "!", said: "not loaded" },
  limit: { mark: "⏱", said: "no answer" },
};

/** A verdict in a sentence. @param {KernelCell} cell */
export function cellSentence(cell) {
  const { said } = VERDICTS[cell.verdict];
  const cost = cell.insns_processed ? `, ${count(cell.insns_processed, "instruction")} processed` : "";
  return `Linux ${cell.release}: ${said}${cost}${cell.message ? `: ${cell.message}` : ""}`;
}

export class KernelsStrip extends Panel {
  build() {
    this.store.on(["analyses", "stages", "kernelsOpen", "ran", "kind", "kernelLog", "edited"], () => this.paint());
  }

  /** Whether the kernels can be asked: a program that is not only a log, and a server that offers them. */
  get offered() {
    const { ran, kind } = this.store.state;
    return (ran?.kind ?? kind) !== "log" && this.scope.analyses.offers("matrix");
  }

  /** Whether the verifier has its verdict, so that there is something to compare. */
  get verified() {
    return ["done", "failed"].includes(this.store.state.stages.verify?.status ?? "");
  }

  /** Open the strip and ask at once, or close it. */
  toggle() {
    const { kernelsOpen } = this.store.state;
    this.store.set({ kernelsOpen: !kernelsOpen });
    if (!kernelsOpen && this.verified) this.scope.analyses.ask("matrix");
  }

  paint() {
    this.hidden = !(this.offered && this.store.state.kernelsOpen);
    if (this.hidden) return;
    fill(this, this.said(this.scope.analyses.answer("matrix")));
  }

  /** @param {Answer<any> | undefined} answer @returns {Child} */
  said(answer) {
    const { analyses } = this.scope;
    const label = h("span", { class: "kernels-label" }, "Real kernels");
    if (!answer && !this.verified) return [label, h("span", { class: "hint" }, "They can be asked once the program is verified.")];
    if (!answer) {
      const ask = () => {
        analyses.ask("matrix");
        this.querySelector("button")?.focus();
      };
      return [label, h("button", { type: "button", class: "button", on: { click: ask } }, "Ask them"), h("span", { class: "hint" }, "Each loads the program in a virtual machine of its own.")];
    }
    if (answer.status === "failed") return [label, h("span", { class: "bad" }, answer.message)];
    const [kernels] = /** @type {Kernels[]} */ (answer.parts.filter((part) => part.type === "kernels"));
    const cells = /** @type {KernelCell[]} */ (answer.parts.filter((part) => part.type === "cell"));
    if (!kernels) return [label, h("span", { class: "hint", role: "status" }, "Waiting for a worker…")];
    if (kernels.missing) return [label, h("span", { class: "hint", role: "status" }, kernels.missing, " ", "The operator's guide is docs/kernels.md.")];
    const asked = answer.status === "asked";
    const done = /** @type {CellsDone | undefined} */ (answer.parts.find((part) => part.type === "cells_done"));
    const releases = kernels.kernels.map(({ name }) => name);
    const changes = (done?.changes ?? []).map(({ kernel, title }) =>
      h("li", null, h("strong", null, `${releases[releases.indexOf(kernel) - 1] ?? ""} → ${kernel}`), " ", asSentence(title)),
    );
    return [
      label,
      h("ul", { class: "kernels-cells" }, kernels.kernels.map(({ name, release }) => h("li", null, this.cell(name, release, cells.find((cell) => cell.kernel === name), asked)))),
      changes.length ? h("ul", { class: "kernels-changes", "aria-label": "What changed between kernels" }, changes) : null,
      h("span", { class: "visually-hidden", role: "status" }, asked ? `${cells.length} of ${kernels.kernels.length} kernels have answered` : "All kernels have answered"),
    ];
  }

  /** @param {string} name @param {string} release @param {KernelCell | undefined} cell @param {boolean} asked */
  cell(name, release, cell, asked) {
    const { store } = this;
    const { kernelLog, stages } = store.state;
    if (!cell)
      return h("button", { type: "button", class: "kernel-cell", disabled: true, title: `Linux ${release}` }, name, h("span", { class: "kernel-mark" }, asked ? "…" : "–"));
    const { mark, said } = VERDICTS[cell.verdict];
    const ours = stages.verify?.verdict;
    const differs = (ours === "accept" || ours === "reject") && (cell.verdict === "accept" || cell.verdict === "reject") && ours !== cell.verdict;
    const pressed = kernelLog?.kernel === cell.kernel;
    const show = () => store.set(pressed ? { kernelLog: null } : { kernelLog: cell, pane: "log", dock: true });
    return h(
      "button",
      { type: "button", class: "kernel-cell", "aria-pressed": String(pressed), title: cellSentence(cell), data: { verdict: cell.verdict }, on: { click: show } },
      name,
      h("span", { class: "kernel-mark", "aria-hidden": "true" }, mark),
      h("span", { class: "visually-hidden" }, said),
      differs ? h("span", { class: "kernel-differs" }, "differs") : null,
    );
  }
}

/** What real kernels say of the program: a strip of cells below the pipeline, opened by a button of the pipeline. */
import { missingKernels } from "../core/missing-kernels.js";
import { Panel } from "../core/panel.js";
import { fill, h } from "../ui/dom.js";
import { count, grouped, grouping } from "../ui/format.js";
import { ending } from "../ui/words.js";
import { choiceForm } from "./kernels-choice.js";
import { compared, whose } from "./kernels-compared.js";

/** @import { Answer } from "../core/analyses.js" */
/** @import { CellsDone, EmulatedCell, FixTried, KernelCell, Kernels } from "../types/messages.js" */
/** @import { AnyCell } from "./kernels-compared.js" */
/** @import { Child } from "../types/page.js" */

/** @type {Record<KernelCell["verdict"], {mark: string, said: string}>} */
const VERDICTS = {
  accept: { mark: "✔", said: "accepted" },
  reject: { mark: "✖", said: "rejected" },
  error: { mark: "!", said: "not loaded" },
  limit: { mark: "⏱", said: "no answer" },
};

/** Different reasons that are listed. */
const MOST_REASONS = 8;

/** @type {Record<string, string>} */
const WHERE = { verdict: "verdict", errno: "error number", insns_processed: "number of instructions", log: "log" };

/** What the verifier did, in short. @param {KernelCell} cell */
const costOf = ({ insns_processed, states }) => `${grouped(insns_processed)} insns${states > -1 ? `, ${grouping(states, "state")}` : ""}`;

/** "accepted by all", or by which. @param {FixTried["kernels"]} said */
function tried(said) {
  const named = (/** @type {(verdict: string) => boolean} */ which) => said.filter((each) => which(each.verdict)).map((each) => each.kernel);
  const by = named((verdict) => verdict === "accept");
  const late = named((verdict) => verdict === "limit");
  const not = named((verdict) => verdict !== "accept" && verdict !== "limit");
  const silent = late.length ? ` ${late.join(", ")} did not answer in time.` : "";
  if (!by.length) return not.length ? `does not make ${late.length ? not.join(", ") : "any of them"} accept it.${silent}` : `could not be tried:${silent}`;
  if (!not.length) return late.length ? `makes ${by.join(", ")} accept it.${silent}` : "makes all of them accept it.";
  return `makes ${by.join(", ")} accept it, not ${not.join(", ")}.${silent}`;
}

/** A verdict in a sentence. @param {AnyCell} cell */
export function cellSentence(cell) {
  const { said } = VERDICTS[cell.verdict];
  const cost = [cell.insns_processed ? `${count(cell.insns_processed, "instruction")} processed` : "", cell.insns_processed && cell.states > -1 ? count(cell.states, "state") : ""].filter(Boolean).map((text) => `, ${text}`).join("");
  return `${whose(cell)}: ${said}${cost}${cell.message ? `: ${cell.message}` : ""}`;
}

/** How a cell's source was compiled. @param {KernelCell} cell */
const how = (cell) => [cell.clang, cell.mcpu && `-mcpu=${cell.mcpu}`, cell.opt && `-${cell.opt}`].filter(Boolean).join(" ");

/** Letters of the distinct codes of cells: equal code, equal letter. None if all have the same code. @param {KernelCell[]} cells @returns {Map<string, string>} */
function letters(cells) {
  const codes = [...new Set(cells.map((cell) => cell.code).filter(Boolean))];
  const letter = (/** @type {number} */ i) => String.fromCharCode(65 + (i % 26));
  return new Map(codes.length > 1 ? codes.map((code, i) => [code, (i < 26 ? "" : letter(Math.floor(i / 26) - 1)) + letter(i)]) : []);
}

/** Why kernels did not accept the program: each message once, with the kernels that gave it. @param {KernelCell[]} cells @returns {[string, string[]][]} */
function reasons(cells) {
  /** @type {Map<string, Set<string>>} */
  const by = new Map();
  for (const { verdict, message, kernel } of cells)
    if (verdict !== "accept" && message) by.set(message, (by.get(message) ?? new Set()).add(kernel));
  return [...by].slice(0, MOST_REASONS).map(([message, names]) => [message, [...names]]);
}

export class KernelsStrip extends Panel {
  /** @type {AnyCell | null} the answer that another one shall be compared with */
  held = null;
  /** @type {AnyCell | null} */
  other = null;
  /** @type {HTMLDetailsElement | null} */
  choice = null;
  /** @type {Kernels | null} the kernels that the choice is made of */
  chosenOf = null;
  /** Whether the diagnosis was opened. */
  diagnosed = false;

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
    if (!kernelsOpen && this.verified && !missingKernels(this.scope)) this.scope.analyses.ask("matrix");
  }

  paint() {
    if (this.verified && this.store.state.kernels) this.scope.analyses.restore();
    this.hidden = !(this.offered && this.store.state.kernelsOpen);
    if (this.hidden) return;
    fill(this, this.said(this.scope.analyses.answer("matrix")));
  }

  /** @param {Answer<any> | undefined} answer @returns {Child} */
  said(answer) {
    const { analyses } = this.scope;
    const label = h("span", { class: "kernels-label" }, "Real kernels");
    if (!answer && missingKernels(this.scope)) return this.lacking(label, missingKernels(this.scope));
    if (!answer && !this.verified) return [label, h("span", { class: "hint" }, "They can be asked once the program is verified.")];
    if (!answer) {
      const ask = () => {
        analyses.ask("matrix");
        this.querySelector("button")?.focus();
      };
      return [label, h("button", { type: "button", class: "button", on: { click: ask } }, "Ask them"), h("span", { class: "hint" }, "Each loads the program in a virtual machine of its own.")];
    }
    const [kernels] = /** @type {Kernels[]} */ (answer.parts.filter((part) => part.type === "kernels"));
    const cells = /** @type {KernelCell[]} */ (answer.parts.filter((part) => part.type === "cell"));
    const failed =
      answer.status === "failed"
        ? [h("span", { class: "bad", role: "alert" }, answer.message), h("button", { type: "button", class: "button", on: { click: () => analyses.again("matrix", {}) } }, "Ask all kernels")]
        : [];
    // What some kernels said before it stands beside it.
    if (failed.length && !cells.length) return [label, ...failed];
    if (!kernels) return [label, h("span", { class: "hint", role: "status" }, "Waiting for a worker…")];
    if (kernels.missing) return this.lacking(label, missingKernels(this.scope, kernels));
    const asked = answer.status === "asked";
    const done = /** @type {CellsDone | undefined} */ (answer.parts.find((part) => part.type === "cells_done"));
    const own = /** @type {EmulatedCell | undefined} */ (answer.parts.find((part) => part.type === "emulated"));
    const fixes = /** @type {FixTried[]} */ (answer.parts.filter((part) => part.type === "fix_tried"));
    const all = [...cells, ...(own ? [own] : [])];
    if (this.held && !all.includes(this.held)) this.held = this.other = null;
    if (!this.choice || this.chosenOf?.kernels.length !== kernels.kernels.length) {
      const { ran, kind } = this.store.state;
      this.choice = choiceForm(kernels, ran?.options ?? {}, (ran?.kind ?? kind) === "c", (choice) => analyses.again("matrix", choice));
      this.chosenOf = kernels;
    }
    const releases = kernels.kernels.map(({ name }) => name);
    const changes = (done?.changes ?? []).map(({ kernel, title }) =>
      h("li", null, h("strong", null, `${releases[releases.indexOf(kernel) - 1] ?? ""} → ${kernel}`), " ", ending(title)),
    );
    const rows = [...new Set(cells.map(how))];
    const codes = letters(cells);
    const ways = rows.length > 1 ? this.table(kernels, cells, rows, asked, codes) : this.row(kernels, cells, asked, codes);
    const why = reasons(cells);
    return [
      label,
      ...failed,
      ways,
      codes.size ? h("p", { class: "hint kernels-own" }, "Cells with the same letter got the same instructions.") : null,
      own ? this.own(own) : null,
      why.length ? h("ul", { class: "kernels-changes", "aria-label": "Reasons" }, why.map(([message, names]) => h("li", null, h("strong", null, names.join(", ")), " ", message))) : null,
      this.diagnoses(cells, own),
      this.comparison(),
      changes.length ? h("ul", { class: "kernels-changes", "aria-label": "What changed between kernels" }, changes) : null,
      done?.lacking.length
        ? h("ul", { class: "kernels-changes", "aria-label": "What kernels lack" }, done.lacking.map(({ kernel, needs }) => h("li", null, h("strong", null, kernel), " ", needs.join(" "))))
        : null,
      fixes.length
        ? h("ul", { class: "kernels-changes", "aria-label": "Fixes tried on the kernels" }, fixes.map(({ title, kernels: said }) => h("li", null, h("strong", null, title), " ", tried(said))))
        : null,
      this.choice,
      h("span", { class: "visually-hidden", role: "status" }, asked ? `${cells.length} answers of ${kernels.kernels.length} kernels` : failed.length ? "" : "All kernels have answered"),
    ];
  }

  /** @param {HTMLElement} label @param {string} text what is missing @returns {Child} */
  lacking(label, text) {
    return [label, h("span", { class: "hint", role: "status" }, text)];
  }

  /** The answers for one compiler. @param {Kernels} kernels @param {KernelCell[]} cells @param {boolean} asked @param {Map<string, string>} codes */
  row(kernels, cells, asked, codes) {
    return h(
      "ul",
      { class: "kernels-cells" },
      kernels.kernels.map(({ name, release }) => {
        const cell = cells.find((each) => each.kernel === name);
        return h("li", null, this.cell(name, release, cell, asked, codes.get(cell?.code ?? "") ?? ""));
      }),
    );
  }

  /** The answers of several compilers, a row each. @param {Kernels} kernels @param {KernelCell[]} cells @param {string[]} rows @param {boolean} asked @param {Map<string, string>} codes */
  table(kernels, cells, rows, asked, codes) {
    const shown = kernels.kernels.filter(({ name }) => asked || cells.some((cell) => cell.kernel === name));
    return h(
      "div",
      { class: "kernels-table", role: "region", "aria-label": "Kernels and compilers", tabindex: "0" },
      h(
        "table",
        null,
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "Compiler"), shown.map(({ name }) => h("th", { scope: "col" }, name)))),
        h(
          "tbody",
          null,
          rows.map((row) =>
            h(
              "tr",
              null,
              h("th", { scope: "row" }, row),
              shown.map(({ name, release }) => {
                const cell = cells.find((each) => each.kernel === name && how(each) === row);
                return h("td", null, this.cell(name, release, cell, asked, codes.get(cell?.code ?? "") ?? "", true));
              }),
            ),
          ),
        ),
      ),
    );
  }

  /** What the emulation said, and how it compares with the kernel that it emulates. @param {EmulatedCell} own */
  own(own) {
    const { verified } = own;
    const text = !verified
      ? ""
      : verified.where
        ? `The emulation differs from the real Linux ${verified.release} in its ${WHERE[verified.where]}: ${verified.ours || "nothing"} instead of ${verified.theirs || "nothing"}. This is a fault of the emulation.`
        : `Verified against the real Linux ${verified.release} just now: identical.`;
    return text ? h("p", { class: `kernels-own ${verified?.where ? "bad" : "good"}` }, text) : null;
  }

  /** The diagnosis that a kernel wrote beside its message, beside the emulation's explanation. @param {KernelCell[]} cells @param {EmulatedCell | undefined} own */
  diagnoses(cells, own) {
    const { kernelLog } = this.store.state;
    const told = cells.filter(({ diagnosis }) => diagnosis?.length);
    const cell = told.find((each) => each === kernelLog) ?? told[told.length - 1];
    if (!cell) return null;
    const sides = [cell, ...(own?.diagnosis?.length ? [own] : [])];
    return h(
      "details",
      { class: "kernels-diagnosis", open: this.diagnosed || cell === kernelLog, on: { toggle: (event) => void (/** @type {HTMLDetailsElement} */ (event.target).isConnected && this.keep(/** @type {HTMLDetailsElement} */ (event.target).open)) } },
      h("summary", null, `Diagnosis of ${whose(cell)}${sides.length > 1 ? ", beside the emulation's" : ""}`),
      h("div", { class: "kernels-beside" }, sides.map((each) => h("section", { "aria-label": `Diagnosis of ${whose(each)}` }, h("h4", null, whose(each)), h("pre", { class: "kernels-said" }, each.diagnosis.join("\n"))))),
    );
  }

  /** @param {boolean} open */
  keep(open) {
    this.diagnosed = open;
  }

  /** The comparison of two answers, or how to make one. */
  comparison() {
    const end = () => {
      this.held = this.other = null;
      this.paint();
    };
    if (this.held && this.other) return compared(this.held, this.other, end);
    const { kernelLog } = this.store.state;
    const answer = this.scope.analyses.answer("matrix");
    const all = /** @type {AnyCell[]} */ ((answer?.parts ?? []).filter((part) => part.type === "cell" || part.type === "emulated"));
    if (!kernelLog || all.length < 2) return null;
    const others = all.filter((each) => each !== kernelLog);
    const select = h("select", { "aria-label": "Compare it with", on: { change: () => {
      this.held = kernelLog;
      this.other = others[Number(select.value)] ?? null;
      this.paint();
      /** @type {HTMLElement | null} */ (this.querySelector(".kernels-compared button"))?.focus();
    } } }, h("option", { value: "" }, "another answer"), others.map((each, i) => h("option", { value: String(i) }, `${whose(each)}: ${VERDICTS[each.verdict].said}`)));
    return h("p", { class: "kernels-with" }, `Compare ${whose(kernelLog)} with `, select);
  }

  /** @param {string} name @param {string} release @param {KernelCell | undefined} cell @param {boolean} asked @param {string} code letter of its code @param {boolean} [column] whether a column says whose it is */
  cell(name, release, cell, asked, code, column = false) {
    const { store } = this;
    const { kernelLog, stages } = store.state;
    if (!cell)
      return h("button", { type: "button", class: "kernel-cell", disabled: true, title: `Linux ${release}` }, name, h("span", { class: "kernel-mark" }, asked ? "…" : "–"));
    const { mark, said } = VERDICTS[cell.verdict];
    const ours = stages.verify?.verdict;
    const differs = (ours === "accept" || ours === "reject") && (cell.verdict === "accept" || cell.verdict === "reject") && ours !== cell.verdict;
    const pressed = kernelLog === cell;
    const show = () => store.set(pressed ? { kernelLog: null } : { kernelLog: cell, pane: "log", dock: true });
    return h(
      "button",
      { type: "button", class: "kernel-cell", "aria-pressed": String(pressed), title: cellSentence(cell), data: { verdict: cell.verdict }, on: { click: show } },
      column ? h("span", { class: "visually-hidden" }, name) : name,
      h("span", { class: "kernel-mark", "aria-hidden": "true" }, mark),
      h("span", { class: "visually-hidden" }, said),
      code ? h("span", { class: "kernel-code" }, h("span", { class: "visually-hidden" }, "code "), code) : null,
      cell.insns_processed ? h("span", { class: "kernel-cost" }, costOf(cell)) : null,
      differs ? h("span", { class: "kernel-differs" }, "differs") : null,
    );
  }
}

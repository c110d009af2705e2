/** Go to a step, an instruction or a line; or search for text. */
import { Panel } from "../core/panel.js";
import { fill, h, setText } from "../ui/dom.js";

const MOST = 50;

export class Goto extends Panel {
  /** @type {HTMLInputElement} */
  input;
  /** @type {HTMLUListElement} */
  results;
  /** @type {HTMLParagraphElement} */
  said;
  /** @type {HTMLDialogElement} */
  dialog;

  build() {
    this.input = h("input", { type: "text", "aria-label": "Step, i and instruction, l and line, or / and text", spellcheck: "false", on: { input: () => this.search() } });
    this.results = h("ul", { class: "goto-results" });
    this.said = h("p", { class: "hint", role: "status" });
    this.dialog = h(
      "dialog",
      { class: "goto", "aria-label": "Go to" },
      h("form", { method: "dialog", on: { submit: (event) => this.go(event) } }, this.input, this.said),
      this.results,
    );
    this.append(this.dialog);
  }

  open(prefix) {
    this.input.value = prefix;
    setText(this.said, "12 a step · i7 an instruction · l30 a line · /text searches");
    fill(this.results);
    this.dialog.showModal();
    this.input.setSelectionRange(prefix.length, prefix.length);
  }

  go(event) {
    const text = this.input.value.trim();
    const found = /^([il]?)\s*(\d+)$/i.exec(text);
    if (!found) {
      event.preventDefault();
      const first = /** @type {any} */ (this.results.querySelector("button"));
      if (first) first.click();
      else if (!text.startsWith("/")) setText(this.said, "Enter a step (12), an instruction (i7) or a line (l30).");
      return;
    }
    const n = Number(found[2]);
    const kind = found[1].toLowerCase();
    if (kind === "i") void this.scope.visitInsn(n);
    else if (kind === "l") void this.scope.visitOf(n);
    else this.scope.goto(n - 1);
  }

  search() {
    const text = this.input.value;
    if (!text.startsWith("/") || text.length < 2) {
      fill(this.results);
      return;
    }
    const needle = text.slice(1).toLowerCase();
    const { code, log, source, kind } = this.store.state;
    const hits = [];
    const add = (where, line, go) => {
      if (hits.length < MOST)
        hits.push(
          h("li", null, h("button", { type: "button", class: "menu-item", on: { click: () => { this.dialog.close(); go(); } } }, h("span", { class: "hint" }, where), " ", h("code", null, line.trim().slice(0, 120)))),
        );
    };
    for (const insn of code.insns) if (insn.text.toLowerCase().includes(needle)) add(`insn ${insn.idx}`, insn.text, () => void this.scope.visitInsn(insn.idx));
    if (kind !== "elf") for (const [i, line] of source.split("\n").entries()) if (line.toLowerCase().includes(needle)) add(`line ${i + 1}`, line, () => void this.scope.visitOf(i + 1));
    for (const [i, line] of log.lines.entries()) {
      if (hits.length >= MOST) break;
      if (line.toLowerCase().includes(needle))
        add(`log ${i + 1}`, line, () => {
          const step = log.stepAt(i);
          if (step >= 0) this.scope.show("verify", step);
        });
    }
    setText(this.said, hits.length ? `${hits.length}${hits.length >= MOST ? " or more" : ""} found` : "Nothing found.");
    fill(this.results, hits);
  }
}

/** Go to a step, an instruction or a line; or search for text. */
import { occurrences, place as findPlace } from "../core/find.js";
import { Panel } from "../core/panel.js";
import { fill, h, setText } from "../ui/dom.js";
import { summary } from "../ui/kinds.js";

/** @typedef {ReturnType<typeof occurrences>[number]} Hit */

const MOST = 50;
/** Characters of a line that was found. */
const LONGEST = 120;

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
    this.store.on(["windows"], () => this.dialog.open && this.search());
  }

  /** @param {string} prefix what stands in the field at first */
  open(prefix) {
    this.input.value = prefix;
    setText(this.said, "12 a step · i7 an instruction · l30 a line · /text searches");
    fill(this.results);
    this.dialog.showModal();
    this.input.setSelectionRange(prefix.length, prefix.length);
  }

  /** @param {Event} event */
  go(event) {
    const text = this.input.value.trim();
    const place = findPlace(text);
    if (!place) {
      event.preventDefault();
      const first = this.results.querySelector("button");
      if (first) first.click();
      else if (!text.startsWith("/")) setText(this.said, "Enter a step (12), an instruction (i7) or a line (l30).");
      return;
    }
    if (place.kind === "step") this.scope.cursor.goto(place.n);
    else this.visit(place);
  }

  /** What registers and stack slots hold at the cursor, as texts. @returns {[string, string][]} */
  values() {
    const here = this.scope.cursor.now();
    if (here?.view === "verify") return [...here.state].map(([name, reg]) => [name, `${summary(reg)} ${reg.t ?? ""}`]);
    return here ? Object.entries(here.regs) : [];
  }

  /** @param {Pick<Hit, "kind" | "n" | "name" | "file">} place */
  visit({ kind, n, name, file }) {
    if (kind === "value") this.store.set({ reg: name ?? "", column: "state" });
    else if (kind === "insn") void this.scope.search.visitInsn(n);
    else if (kind === "line") void this.scope.search.visitOf(n, file);
    else if (n >= 0) this.scope.cursor.show("verify", n);
  }

  search() {
    const text = this.input.value;
    if (!text.startsWith("/") || text.length < 2) {
      fill(this.results);
      return;
    }
    this.scope.lists.all("insns", "log");
    const hits = occurrences(this.store.state, text.slice(1), MOST, this.values());
    setText(this.said, hits.length ? `${hits.length}${hits.length >= MOST ? " or more" : ""} found` : "Nothing found.");
    fill(this.results, hits.map((hit) => h("li", null, this.hit(hit))));
  }

  /** @param {Hit} hit */
  hit(hit) {
    const click = () => {
      this.dialog.close();
      this.visit(hit);
    };
    const line = h("code", null, hit.text.trim().slice(0, LONGEST));
    return h("button", { type: "button", class: "menu-item", on: { click } }, h("span", { class: "hint" }, hit.where), " ", line);
  }
}

/** The program's source beside a log: verified here too, to see where the two part. */
import { detect, fromFile } from "../core/detect.js";
import { saveDraft } from "../core/draft.js";
import { fill, h, setText } from "../ui/dom.js";

/** @import { Scope } from "../core/scope.js" */
/** @import { State } from "../core/store.js" */

/** Kinds of source that can stand beside a log. */
const KINDS = ["c", "asm", "hex", "elf"];

export class Beside {
  /** Whether the field is open. */
  open = false;
  /** @type {State["beside"] | undefined} what the field holds */
  shown;

  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.element = h("section", { class: "beside", "aria-label": "Source beside the log", hidden: true });
    /** @type {HTMLTextAreaElement} */
    this.text = h("textarea", {
      class: "beside-source", "aria-label": "C source of the program", spellcheck: "false", rows: "8", placeholder: "Paste the C source, assembly or hex of the program that the log is of",
      on: { input: () => this.typed(this.text.value) },
    });
    this.file = h("input", { type: "file", hidden: true, "aria-label": "Open the program's source", on: { change: () => void this.opened() } });
    this.said = h("p", { class: "hint", role: "status" });
    scope.store.on(["kind", "beside", "ran"], () => this.paint());
  }

  paint() {
    const { kind, beside } = this.scope.state;
    this.element.hidden = kind !== "log";
    if (beside) this.open = true;
    const stamp = `${this.open}|${beside?.kind === "elf"}`;
    if (this.element.dataset.made !== stamp) {
      this.element.dataset.made = stamp;
      fill(this.element, this.open ? this.field(beside?.kind === "elf") : this.closed());
    }
    if (this.shown !== beside && beside?.kind !== "elf" && this.text.value !== (beside?.source ?? "")) this.text.value = beside?.source ?? "";
    this.shown = beside;
  }

  closed() {
    return [
      h("span", { class: "hint" }, "No source. "),
      h("button", { type: "button", class: "chip", on: { click: () => this.show() } }, "Add the source"),
      h("span", { class: "hint" }, " to see where the log and the walk here part."),
    ];
  }

  /** @param {boolean} object an object file stands there, which has no text */
  field(object) {
    return [
      h("div", { class: "beside-head" },
        h("b", null, "Source"),
        h("button", { type: "button", class: "chip", on: { click: () => this.file.click() } }, "Open…"),
        h("button", { type: "button", class: "chip", on: { click: () => this.remove() } }, "Remove"),
        h("button", { type: "button", class: "button primary", on: { click: () => this.compare() } }, "Compare"),
        this.file),
      object ? h("p", { class: "hint" }, "An object file.") : this.text,
      this.said,
    ];
  }

  show() {
    this.open = true;
    this.paint();
    this.text.focus();
  }

  remove() {
    this.open = false;
    this.put(null);
    this.paint();
    this.element.querySelector("button")?.focus();
  }

  /** @param {string} text */
  typed(text) {
    const kind = detect(text)?.kind ?? "c";
    setText(this.said, kind === "log" || kind === "listing" ? "This is no source: paste the C source, assembly or hex." : "");
    this.put(text.trim() ? { kind: kind === "log" || kind === "listing" ? "c" : kind, source: text } : null);
  }

  /** @param {State["beside"]} beside */
  put(beside) {
    const { store } = this.scope;
    this.shown = beside;
    store.set({ beside, edited: store.state.edited + 1 });
    saveDraft(store.state);
  }

  async opened() {
    const file = this.file.files?.[0];
    this.file.value = "";
    if (!file) return;
    const found = await fromFile(file, this.scope.config.limits ?? {});
    if (found.error !== undefined || found.kind === undefined || !KINDS.includes(found.kind)) {
      setText(this.said, found.error ?? `${file.name} is no source of a program. Open C, assembly, hex or an object file.`);
      return;
    }
    setText(this.said, found.said);
    this.put({ kind: /** @type {"c"} */ (found.kind), source: found.source });
    this.text.value = found.kind === "elf" ? "" : found.source;
    this.paint();
  }

  compare() {
    if (this.scope.state.beside?.source.trim()) this.scope.run();
    else {
      setText(this.said, "There is no source yet: paste it above, or open a file.");
      this.text.focus();
    }
  }
}

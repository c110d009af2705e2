/** What a run says about lines of the source: marks in the text and beside it. */
import { RangeSet, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, GutterMarker, WidgetType, gutter } from "@codemirror/view";
import { h } from "../ui/dom.js";

/** @type {import("@codemirror/state").StateEffectType<any>} */
export const setMarks = StateEffect.define();
/** Why the verifier refused, below the line: its sentence, and what else it said. */
export class Sentence extends WidgetType {
  constructor({ sentence, beside }) {
    super();
    this.sentence = sentence;
    this.beside = beside.join("\n");
  }
  eq(other) {
    return other.sentence === this.sentence && other.beside === this.beside;
  }
  toDOM() {
    return h(
      "div",
      { class: "bs-sentence", role: "note" },
      h("div", null, `✖ ${this.sentence}`),
      this.beside ? h("div", { class: "bs-beside" }, this.beside) : null,
    );
  }
}

class Pointer extends GutterMarker {
  toDOM() {
    return document.createTextNode("▸");
  }
}
export const pointer = new Pointer();

/** The number of a step that led to the rejection, beside its line. */
export class CauseMark extends GutterMarker {
  constructor(n) {
    super();
    this.n = n;
  }
  eq(other) {
    return other.n === this.n;
  }
  toDOM() {
    return h("span", { class: "bs-cause" }, String(this.n));
  }
}

/** What the run says about lines: the cursor's, hovered, those with instructions, the rejected one. */
export const marks = StateField.define({
  create: () => /** @type {any} */ ({ lines: Decoration.none, gutter: RangeSet.empty }),
  update(value, transaction) {
    let next = value;
    if (transaction.docChanged)
      next = { lines: next.lines.map(transaction.changes), gutter: next.gutter.map(transaction.changes) };
    for (const effect of transaction.effects) if (effect.is(setMarks)) next = effect.value;
    return next;
  },
  provide: (field) => [
    EditorView.decorations.from(field, (value) => value.lines),
    gutter({ class: "bs-cursor-gutter", markers: (view) => view.state.field(field).gutter, initialSpacer: () => pointer }),
  ],
});

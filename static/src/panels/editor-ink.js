/** What branches proved, at the ends of the lines of the source: it follows the cursor, and can be switched off. */
import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, WidgetType } from "@codemirror/view";
import { inkAt, keepInk } from "../core/values.js";
import { h, setAttr } from "../ui/dom.js";

/** @import { Line, StateEffectType } from "@codemirror/state" */
/** @import { DecorationSet } from "@codemirror/view" */
/** @import { Scope } from "../core/scope.js" */

/** @typedef {{text: string, mark: string}} Said */

/** @type {StateEffectType<DecorationSet>} */
const setInk = StateEffect.define();
/** Facts at one line, at most: the last. */
const MOST = 4;
/** @type {Record<string, string>} */
const SPOKEN = { gained: "proved here: ", lost: "lost here: " };

class Ink extends WidgetType {
  /** @param {Said[]} facts */
  constructor(facts) {
    super();
    this.facts = facts;
    this.stamp = facts.map(({ text, mark }) => `${mark}|${text}`).join("\n");
  }
  /** @param {Ink} other @override */
  eq(other) {
    return other.stamp === this.stamp;
  }
  /** @override */
  toDOM() {
    return h(
      "span",
      { class: "bs-ink", role: "note" },
      this.facts.map(({ text, mark }, i) => [
        i ? " · " : "",
        h(mark === "lost" ? "s" : "span", { class: `bs-fact ${mark}`, "aria-label": SPOKEN[mark] ? `${SPOKEN[mark]}${text}` : null }, text),
      ]),
    );
  }
}

export const ink = StateField.define({
  create: () => /** @type {DecorationSet} */ (Decoration.none),
  update(value, transaction) {
    let next = transaction.docChanged ? value.map(transaction.changes) : value;
    for (const effect of transaction.effects) if (effect.is(setInk)) next = effect.value;
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

export class InkMarks {
  stamp = "";

  /**
   * @param {Scope} scope
   * @param {import("./editor-marks.js").PlaceOf} place where a line of the run is in the text
   */
  constructor(scope, place) {
    this.scope = scope;
    this.place = place;
    this.button = h("button", { type: "button", class: "chip ink-chip", title: "Show at the ends of lines what branches proved", on: { click: () => this.flip() } }, "Facts");
  }

  flip() {
    const { store } = this.scope;
    keepInk(!store.state.ink);
    store.set({ ink: !store.state.ink });
  }

  /** A new text: nothing is shown in it yet. */
  forget() {
    this.stamp = "";
  }

  /** Show what holds at the cursor. @param {EditorView} view */
  paint(view) {
    const { ink: on, facts, kind, code } = this.scope.state;
    setAttr(this.button, "aria-pressed", on ? "true" : "false");
    this.button.hidden = kind === "log" || kind === "listing";
    /** @type {Map<number, {at: Line, said: Said[]}>} */
    const lines = new Map();
    for (const fact of on ? inkAt(facts, this.scope.values.walkStep()) : []) {
      const at = this.place(fact.line, code.file(fact.insn));
      if (!at) continue;
      const found = lines.get(at.from);
      if (found) found.said.push(fact);
      else lines.set(at.from, { at, said: [fact] });
    }
    const stamp = JSON.stringify([...lines].map(([from, { said }]) => [from, said]));
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    const ranges = [...lines.values()].map(({ at, said }) => Decoration.widget({ widget: new Ink(said.slice(-MOST)), side: 1 }).range(at.to));
    view.dispatch({ effects: setInk.of(Decoration.set(ranges, true)) });
  }
}

/** What is found out about a rejection after the run: fixes, and an input with which the refused access fails. */
import { fill, h } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { counterexampleCard } from "./why-counterexample.js";
import { fixCards } from "./why-fixes.js";

/** @import { Scope } from "../core/scope.js" */
/** @import { Edit } from "../types/messages.js" */
/** @import { Counterexample, FixFound } from "../types/page.js" */
/** @import { Editor } from "./editor.js" */

/** Categories of rejections for which an input can show what goes wrong: accesses. */
const ACCESSES = ["Memory Safety", "Register Type Safety"];
/** Kinds of source that can be edited. */
const TEXTS = ["c", "asm"];

/** A box that is filled anew only when what it is made of has changed, and keeps the focus. */
class Box {
  /** @type {unknown[]} */
  made = [];

  /** @param {Record<string, any>} props */
  constructor(props) {
    this.element = h("div", props);
  }

  /**
   * @param {unknown[]} of what the content is made of
   * @param {() => import("../types/page.js").Child} make
   */
  show(of, make) {
    if (of.length === this.made.length && of.every((each, i) => each === this.made[i])) return;
    this.made = of;
    const focused = this.element.contains(document.activeElement);
    fill(this.element, make());
    if (focused) (this.element.querySelector("button") ?? this.element).focus();
  }
}

export class WhyAnswers {
  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.fixes = new Box({ class: "fixes", tabindex: "-1" });
    this.goWrong = new Box({ "aria-live": "polite", tabindex: "-1" });
    this.searching = new Box({ class: "fix-search", role: "status" });
    this.element = h("div", { class: "why-answers" }, this.fixes.element, this.goWrong.element);
  }

  /** Where the rejection's card says whether a fix was found. */
  get search() {
    return this.searching.element;
  }

  paint() {
    const { analyses, state } = this.scope;
    const { reasons, ran, edited, status, pane, dock } = state;
    const { fail } = reasons;
    const stale = ran?.edited !== edited;
    if (fail && ran && TEXTS.includes(ran.kind) && !stale && status.state === "done" && pane === "why" && dock) analyses.ask("fixes");
    const answer = fail ? analyses.answer("fixes") : undefined;
    const found = (answer?.parts ?? []).flatMap((each) => (each.type === "fix" ? [each] : []));
    this.fixes.show([answer, stale], () => fixCards(found, stale, (edits) => this.apply(edits)));
    this.searching.show([answer], () => this.said(found, answer?.status === "asked"));
    const access = fail && ran?.kind !== "log" && fail.step >= 0 && ACCESSES.includes(fail.category) && analyses.offers("counterexample");
    const example = analyses.answer("counterexample");
    this.goWrong.show([access, example, stale], () => access && counterexampleCard(example, stale, { search: () => analyses.ask("counterexample"), run: (each) => this.run(each) }));
  }

  /** @param {FixFound[]} found @param {boolean} searching */
  said(found, searching) {
    if (!found.length) return searching ? "Looking for a fix…" : "";
    return h("button", { type: "button", class: "line-link", on: { click: () => this.show() } }, `${count(found.length, "fix", "fixes")} found`);
  }

  /** Bring the first fix into sight. */
  show() {
    const card = /** @type {HTMLElement | null} */ (this.fixes.element.firstElementChild);
    card?.scrollIntoView({ block: "start" });
    card?.focus({ preventScroll: true });
  }

  /** @param {Edit[]} edits */
  apply(edits) {
    /** @type {Editor | null} */ (document.querySelector("bs-editor"))?.apply(edits);
  }

  /** @param {Counterexample} found */
  run({ input }) {
    if (input) this.scope.runGiven(input);
  }
}

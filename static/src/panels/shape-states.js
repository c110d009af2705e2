/** Two states that the verifier compared at a checkpoint, side by side: why one contains the other, or what kept it from it. */
import { pairs } from "../core/contain.js";
import { glyph, h } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { kindOf, summary } from "../ui/kinds.js";
import { ending } from "../ui/words.js";
import { choose, go, refill } from "./shape-common.js";

/** @import { Pair } from "../core/contain.js" */
/** @import { Covered } from "../core/reasons.js" */
/** @import { Scope } from "../core/scope.js" */
/** @import { Arrival, ComparedStates } from "../types/messages.js" */
/** @import { Child } from "../types/page.js" */

/** A comparison: `pruned` tells of one that succeeded, `failed` of one that did not. @typedef {{checkpoint: number, path: number, after: number, pruned: Covered | null, failed: Arrival | null}} Comparison */

/** Comparisons of a step that are listed. */
const MOST = 60;

/** What a relation comes to, in words. @type {Record<Pair["relation"], string>} */
const RELATIONS = { same: "the same", within: "contained", outside: "differs", gone: "not there any more", new: "only here" };
/** What decided of a value of a pruning. @type {Record<string, string>} */
const HOW = { same: "has to be the same, and is", within: "has to be contained, and is", any: "any number: nothing depends on it" };

/** The comparisons of a step, those that succeeded first. @param {import("../core/reasons.js").Reasons} reasons @param {number} step @returns {Comparison[]} */
export function comparisons(reasons, step) {
  const pruned = (reasons.prunings.get(step) ?? []).filter((each) => each.checkpoint >= 0);
  const failed = reasons.arrivals.get(step) ?? [];
  return [
    ...pruned.map((each) => ({ checkpoint: each.checkpoint, path: each.path, after: each.after, pruned: each, failed: null })),
    ...failed.map((each) => ({ checkpoint: each.checkpoint, path: each.path, after: each.after, pruned: null, failed: each })),
  ].filter((each) => each.checkpoint >= 0).slice(0, MOST);
}

export class StatesView {
  tools = null;
  stamp = "";
  /** @type {unknown} what the table was made of */
  of = null;
  /** Whether values that are the same are shown. */
  all = false;

  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.element = h("div", { class: "shape-states shape-scroll", tabindex: "0", role: "region", "aria-label": "Two states side by side" });
  }

  paint() {
    const { scope } = this;
    const { step, view, reasons, shape, base, stages } = scope.state;
    if (view !== "verify") return this.say("run", null, () => h("p", { class: "hint" }, "States are compared by the verifier: choose its stage above."));
    if (stages.verify?.read_from) return this.say("log", null, () => h("p", { class: "hint" }, "A log does not tell which states were compared."));
    const list = comparisons(reasons, step);
    if (!list.length) return this.say(`none ${step}`, reasons, () => this.nothing(step));
    const chosen = list.find((each) => each.checkpoint === shape.checkpoint) ?? list[0];
    const answer = scope.shapes.look({ type: "states", step: chosen.after, path: chosen.path, checkpoint: chosen.checkpoint });
    this.say(`${step} ${chosen.checkpoint} ${base} ${this.all}`, answer ?? reasons, () => [this.head(list, chosen), this.told(chosen, answer)]);
  }

  /** @param {string} stamp @param {unknown} of @param {() => Child} make */
  say(stamp, of, make) {
    if (this.stamp === stamp && this.of === of) return;
    this.stamp = stamp;
    this.of = of;
    refill(this.element, make());
  }

  /** Where the nearest comparisons are. @param {number} step */
  nothing(step) {
    const { reasons } = this.scope.state;
    const steps = [...new Set([...reasons.prunings.keys(), ...reasons.arrivals.keys()])].filter((each) => each >= 0).sort((a, b) => a - b);
    const after = steps.find((each) => each > step);
    const before = steps.findLast((each) => each < step);
    return h(
      "p",
      { class: "hint" },
      "No state was compared at this step. ",
      before !== undefined ? this.link(before, "The comparison before") : null,
      before !== undefined && after !== undefined ? " · " : "",
      after !== undefined ? this.link(after, "The next comparison") : null,
    );
  }

  /** @param {number} step @param {string} [text] */
  link(step, text) {
    return h("button", { type: "button", class: "line-link step-link", on: { click: () => go(this.scope, step) } }, text ? `${text}: step ${step + 1}` : `step ${step + 1}`);
  }

  /** @param {Comparison[]} list @param {Comparison} chosen */
  head(list, chosen) {
    const { pruned, failed } = chosen;
    const at = list.indexOf(chosen);
    /** @type {HTMLSelectElement} */
    const select = h(
      "select",
      { "aria-label": "Comparison", data: { keep: "comparison" }, on: { change: () => choose(this.scope, { checkpoint: list[Number(select.value)].checkpoint }) } },
      list.map((each, i) => h("option", { value: String(i), selected: i === at }, `stored before step ${each.checkpoint + 1}${each.pruned ? ": contains it" : each.failed?.name ? `: ${each.failed.name} differs` : ": differs"}`)),
    );
    return h(
      "div",
      { class: "states-head" },
      list.length > 1 ? h("label", null, `${count(list.length, "comparison")}: `, select) : null,
      pruned
        ? h("p", { class: "states-verdict" }, h("b", { class: "end-safe" }, pruned.rule === "endless" ? "Refused as endless" : "Pruned"), pruned.rule === "endless" ? ": nothing has changed since the state stored before " : `: path ${pruned.path} ends, because the state stored before `, this.link(chosen.checkpoint), pruned.rule === "endless" ? "." : " contains this one.")
        : h("p", { class: "states-verdict" }, h("b", null, "Not pruned"), ": the state stored before ", this.link(chosen.checkpoint), " does not contain this one", failed?.name ? [", because of ", h("b", { class: "reg-word" }, failed.name)] : "", "."),
      h("p", { class: "hint" }, ending((pruned ?? failed)?.text ?? "")),
    );
  }

  /** @param {Comparison} chosen @param {ComparedStates | string | null} answer @returns {Child} */
  told(chosen, answer) {
    if (answer === null) return h("p", { class: "hint", role: "status" }, "Fetching both states…");
    if (typeof answer === "string") return h("p", { class: "bad" }, answer);
    const compared = new Map((chosen.pruned?.compared ?? []).map(([name, , , how]) => [name, how]));
    const all = pairs(answer.stored, answer.arrived);
    const deciding = chosen.failed?.name ?? "";
    // What a slot is called where its bytes differ: the slot's own name.
    const decides = (/** @type {Pair} */ { name }) => (chosen.failed ? name === deciding : compared.has(name));
    const shown = this.all ? all : all.filter((each) => each.relation !== "same" || decides(each));
    const hidden = all.length - shown.length;
    /** @type {HTMLInputElement} */
    const toggle = h("input", { type: "checkbox", checked: this.all, data: { keep: "all" }, on: { change: () => this.toggle(toggle.checked) } });
    return [
      h(
        "table",
        { class: "map-table states-table" },
        h("thead", null, h("tr", null, ["", "Stored state", "This state", "Comparison"].map((text, i) => (i ? h("th", { scope: "col" }, text) : h("td"))))),
        h("tbody", null, shown.map((each) => this.row(each, decides(each), compared.get(each.name), Boolean(chosen.pruned)))),
      ),
      h("p", { class: "hint" }, h("label", null, toggle, ` values that are the same${hidden ? ` (${hidden} not shown)` : ""}`)),
    ];
  }

  /** @param {boolean} all */
  toggle(all) {
    this.all = all;
    this.paint();
  }

  /** @param {Pair} each @param {boolean} decides @param {string | undefined} how @param {boolean} pruned whether the states matched */
  row(each, decides, how, pruned) {
    const { base } = this.scope.state;
    /** @param {Pair["stored"]} reg */
    const cell = (reg) => h("td", { title: reg?.t ?? null }, reg ? [glyph(kindOf(reg), Boolean(reg.null)), h("span", { class: `kind-${kindOf(reg)}` }, ` ${summary(reg, base)}`), reg.p ? h("span", { title: "precise" }, " ●") : null] : h("span", { class: "hint" }, "not initialized"));
    const bad = each.fields.filter((field) => !field.fits);
    const told = bad.length ? bad : each.fields;
    // Comparisons end at the first difference, and values that nothing reads are not compared at all.
    const aside = pruned && each.relation !== "same" ? "not compared: nothing reads it behind this point" : RELATIONS[each.relation];
    return h(
      "tr",
      { class: decides ? "decides" : "", data: { relation: each.relation } },
      h("th", { scope: "row" }, each.name, decides ? h("span", { class: "visually-hidden" }, " (compared)") : null),
      cell(each.stored),
      cell(each.arrived),
      h(
        "td",
        { class: "states-why" },
        how ? (HOW[how] ?? how) : decides ? "kept them apart" : h("span", { class: "hint" }, aside),
        told.length && how !== "any" && !(pruned && !decides) ? h("ul", { class: "states-fields" }, told.slice(0, 4).map((field) => h("li", { class: decides && !field.fits ? "bad" : "hint" }, h("code", null, `${field.field}: ${field.stored} → ${field.arrived}`)))) : null,
      ),
    );
  }
}

/** What made a value, step by step: each row goes to its step. */
import { lineName } from "../core/files.js";
import { programOf } from "../core/model.js";
import { h } from "../ui/dom.js";
import { concrete } from "../ui/format.js";
import { kindOf, summary } from "../ui/kinds.js";
import { split } from "./state-names.js";

/** @import { Base } from "../ui/format.js" */
/** @import { Value, ValueEvent } from "../types/messages.js" */

/** @type {Record<string, string>} */
const KINDS = {
  entry: "start", value: "set", load: "loaded", call: "call", argument: "argument", move: "copied", spill: "stored", fill: "loaded back",
  arithmetic: "computed", branch: "branch", clobbered: "lost", narrowed: "narrowed", written: "written",
};

/** @param {string} kind */
export const kindWord = (kind) => (Object.hasOwn(KINDS, kind) ? KINDS[kind] : kind);

/**
 * Whether an event has a step that can be shown: not one of the walk of a program that a tail call entered, unless the run
 * took it.
 * @param {ValueEvent} event @param {import("../core/store.js").View} view
 */
export const goes = (event, view) => event.step >= 0 && (view === "verify" || event.at !== null || !programOf(event.insn));

/** Where an event stands: a step of what is shown. @param {ValueEvent} event @param {number | null} at @param {import("../core/store.js").View} view */
function placed(event, at, view) {
  if (event.step < 0) return "start";
  return goes(event, view) ? `${(at ?? event.step) + 1}` : "·";
}

/** What an event did to the value. @param {ValueEvent} event @param {Base} base */
function effect({ was, now }, base) {
  const after = summary(now, base) || "nothing";
  if (!was) return h("span", { class: `made-now kind-${kindOf(now)}` }, after);
  const before = summary(was, base);
  // What no summary tells apart is told in the kernel's words.
  const told = before !== after;
  return [
    h("span", { class: "made-was" }, told ? before : was.t), " → ",
    h("span", { class: `made-now kind-${kindOf(now)}` }, told ? after : (now?.t ?? "nothing")),
  ];
}

/**
 * The events as list items.
 * @param {Value} value
 * @param {import("../core/scope.js").Scope} scope
 * @param {(event: ValueEvent) => void} go
 */
export function made(value, scope, go) {
  const { code, base, step, view } = scope.state;
  const current = view === "run" ? value.walk_step : step;
  return value.events.map((event) => {
    const insn = event.insn >= 0 ? code.at(event.insn) : null;
    const line = insn?.line;
    const at = value.stage === "run" ? event.at : event.step;
    const here = view === "run" ? at === step : event.step === current;
    const body = [
      h("span", { class: "made-at" }, placed(event, at, view)),
      h("span", { class: "made-what" },
        h("span", { class: "made-head" },
          h("b", null, split(event.name).slot), " ", h("span", { class: "made-kind" }, kindWord(event.kind)),
          line ? h("span", { class: "made-line" }, ` ${lineName(line, insn?.file)}`) : null,
          event.concrete === null ? null : h("span", { class: "made-ran", title: "in the run" }, ` ${concrete(event.concrete, base)}`)),
        event.kind === "branch" || (!insn?.text && event.why) ? h("code", null, event.why) : insn?.text ? h("code", null, insn.text) : null,
        h("span", { class: "made-effect" }, effect(event, base)),
        event.via.length ? h("span", { class: "made-via" }, `by way of ${event.via.map((name) => split(name).slot).join(", ")}`) : null),
    ];
    const label = event.kind === "load" || event.kind === "call" || event.kind === "clobbered" ? event.why : null;
    return h("li", null, !goes(event, view)
      ? h("div", { class: "made-row" }, body)
      : h("button", { type: "button", class: "made-row", title: label, "aria-current": here ? "step" : null, on: { click: () => go(event) } }, body));
  });
}

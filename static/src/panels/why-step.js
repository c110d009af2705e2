/** Why the step under the cursor is where it is: why its path ends there, what was compared, what had to be precise. */
import { fill, h } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { kindOfText } from "../ui/kinds.js";
import { EXACT, ending } from "../ui/words.js";

/** @import { WalkHere } from "../core/cursor.js" */
/** @import { Covered, Reasons } from "../core/reasons.js" */
/** @import { State } from "../core/store.js" */
/** @import { Arrival, Precision } from "../types/messages.js" */
/** @import { Child } from "../types/page.js" */
/** @import { Links } from "./why.js" */

const LINKS = 6;
const ARRIVALS = 40;

/** @param {string} term @param {...Child} words */
const item = (term, ...words) => h("div", { class: "why-item" }, h("h4", null, term), h("div", { class: "why-words" }, words));

/**
 * Something folded away; its content is made when it is first opened.
 * @param {string} summary
 * @param {() => Child} make
 */
function more(summary, make) {
  const body = h("div", { class: "more-body" });
  const details = h("details", { class: "more" }, h("summary", null, summary), body);
  details.addEventListener("toggle", () => details.open && !body.firstChild && fill(body, make()));
  return details;
}

/**
 * All there is to say of a step.
 * @param {WalkHere} here
 * @param {Pick<State, "reasons" | "code" | "stages">} state
 * @param {Links} links
 * @returns {Child[]}
 */
export function told(here, { reasons, code, stages }, links) {
  const { step } = here;
  const { path } = here.raw;
  const parts = [
    ended(step, path, reasons),
    ...(reasons.prunings.get(step) ?? []).map((each) => pruning(each, path, links)),
    remembered(reasons.covers.get(step) ?? [], links),
    arrivals(reasons.arrivals.get(step) ?? [], links),
    ...(reasons.marks.get(step) ?? []).map((each) => precise(each, code, links)),
  ].filter(Boolean);
  return [
    h("h3", null, `Step ${step + 1}`, h("code", { class: "where-insn" }, `${here.idx}: ${here.insn?.text ?? ""}`)),
    parts.length ? parts : stages.verify?.read_from ? h("p", { class: "hint" }, "The log says no more of this step.") : nothing(step, reasons, links),
  ];
}

/**
 * A step of which there is no more to say than its state: where the nearest others are.
 * @param {number} step
 * @param {Reasons} reasons
 * @param {Links} links
 */
function nothing(step, reasons, links) {
  const [before, after] = reasons.around(step);
  return h(
    "p",
    { class: "hint" },
    step <= reasons.until
      ? "No path ends at this step, no state was compared, and no value had to be precise."
      : `Comparisons and precision are recorded up to step ${reasons.until + 1} only.`,
    before >= 0 || after >= 0 ? " Nearest steps with an explanation: " : "",
    before >= 0 ? links.to(before) : null,
    before >= 0 && after >= 0 ? " and " : "",
    after >= 0 ? links.to(after) : null,
    before >= 0 || after >= 0 ? "." : "",
  );
}

/** @param {number} step @param {number} path @param {Reasons} reasons */
function ended(step, path, reasons) {
  const ends = (reasons.ends.get(step) ?? []).find((each) => each.id === path);
  return ends?.end === "exit" ? item("Path ends", h("p", null, `Path ${path} reached exit.`)) : null;
}

/** @param {Covered} pruned @param {number} path of the step @param {Links} links */
function pruning(pruned, path, links) {
  const forked = pruned.path !== path;
  const endless = pruned.rule === "endless";
  const by = pruned.checkpoint >= 0 ? ["the state before ", links.to(pruned.checkpoint)] : "a state seen before";
  const { compared, exact } = pruned;
  return item(
    endless ? "Loop" : forked ? "Other branch" : "Path ends",
    endless
      ? h("p", null, "The verifier returned to ", by, ", and nothing had changed.")
      : forked
        ? h("p", null, `Path ${pruned.path}, forked here, did not need to be verified: `, by, " covers it.")
        : h("p", null, `Path ${pruned.path} ends here: `, by, " covers it."),
    pruned.text ? h("p", { class: "hint" }, ending(pruned.text)) : null,
    compared
      ? more(compared.length ? `What was compared: ${count(compared.length, "value")}` : "What was compared", () => [
          table(compared),
          exact && EXACT[exact] ? h("p", { class: "hint" }, EXACT[exact]) : null,
        ])
      : null,
  );
}

/** @param {NonNullable<Covered["compared"]>} compared */
function table(compared) {
  if (!compared.length) return h("p", { class: "hint" }, "No register or slot: none of them is read afterwards.");
  /** @param {string} text */
  const cell = (text) => h("td", null, h("code", { class: `kind-${kindOfText(text) || "none"}` }, text));
  return h(
    "table",
    { class: "why-table" },
    h("thead", null, h("tr", null, ["", "At the checkpoint", "Here"].map((text, i) => (i ? h("th", { scope: "col" }, text) : h("td"))))),
    h("tbody", null, compared.map(([name, old, now]) => h("tr", null, h("th", { scope: "row" }, name), cell(old), cell(now)))),
  );
}

/** @param {Covered[]} covers paths that the state before the step covered @param {Links} links */
function remembered(covers, links) {
  if (!covers.length) return null;
  const paths = covers.slice(0, LINKS).map((each, i) => [i ? ", " : "", `path ${each.path} (after `, links.to(Math.max(0, each.after)), ")"]);
  return item("Checkpoint", h("p", null, "The state before this step covered ", paths, covers.length > LINKS ? ` and ${covers.length - LINKS} more` : "", "."));
}

/** @param {Arrival[]} list @param {Links} links */
function arrivals(list, links) {
  if (!list.length) return null;
  return item(
    "Not covered",
    more(`${count(list.length, "checkpoint")} did not cover this state`, () =>
      h(
        "ul",
        { class: "arrivals" },
        list.slice(0, ARRIVALS).map((arrival) => h("li", null, "before ", links.to(Math.max(0, arrival.checkpoint)), `: ${ending(arrival.text)}`)),
        list.length > ARRIVALS ? h("li", { class: "hint" }, `and ${list.length - ARRIVALS} more`) : null,
      ),
    ),
  );
}

/** @param {Precision} mark @param {State["code"]} code @param {Links} links */
function precise(mark, code, links) {
  return item(
    "Precise",
    h("p", null, h("b", { class: "reg-word" }, mark.names.join(", ")), ` had to be precise: ${mark.text}.`),
    mark.chain.length ? more(`Tracked back over ${count(mark.chain.length, "instruction")}`, () => back(mark, code, links)) : null,
  );
}

/** The instructions precision was tracked back over, newest first. @param {Precision} mark @param {State["code"]} code @param {Links} links */
function back(mark, code, links) {
  const insns = mark.chain.map(([idx]) => idx);
  return h(
    "ol",
    { class: "back" },
    mark.chain.map(([idx, names], i) =>
      h(
        "li",
        null,
        idx < 0
          ? "not tracked further: before this, every number counts as precise"
          : [
              h("button", { type: "button", class: "line-link", on: { click: () => links.backTo(mark.step, insns.slice(0, i + 1)) } }, h("code", null, `${idx}: ${code.at(idx)?.text ?? ""}`)),
              names.length ? h("span", { class: "hint" }, ` ${names.join(", ")}`) : null,
            ],
      ),
    ),
  );
}

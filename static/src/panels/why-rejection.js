/** The rejection: what is wrong, what is proven beside what is needed, and the steps that led there. */
import { lineName } from "../core/files.js";
import { glyph, h } from "../ui/dom.js";
import { kindOf } from "../ui/kinds.js";
import { category, ending } from "../ui/words.js";

/** @import { NumberedCause } from "../core/reasons.js" */
/** @import { State } from "../core/store.js" */
/** @import { Fail, Reg } from "../types/messages.js" */
/** @import { Links } from "./why.js" */

/** @param {string} said what was said of it; "" for nothing */
export function refusedEarly(said) {
  return h("article", { class: "fail-card" }, h("h3", null, "Refused before verification"), h("p", { class: "kernel-said" }, h("code", null, said)));
}

/**
 * @param {Fail} fail
 * @param {State} state
 * @param {number} total steps of the walk
 * @param {Links} links
 * @param {HTMLElement} search where it is said whether a fix was found
 */
export function rejection(fail, state, total, links, search) {
  const { label, sentence } = category(fail.category);
  const kernel = state.reasons.said(state.stages.verify?.message ?? "", state.log);
  const insn = state.code.at(fail.insn);
  const line = fail.line ?? insn?.line;
  const walked = fail.step >= 0 && total > 0;
  const source = line ? "" : (state.stages.verify?.read_from?.source ?? "");
  return h(
    "article",
    { class: "fail-card", "aria-labelledby": "why-label" },
    h(
      "div",
      { class: "card-head" },
      h("h3", { id: "why-label" }, label, fail.category && label !== fail.category ? h("span", { class: "group", title: "The kernel's name for this category (Linux 7.3 and later)" }, fail.category) : null),
      state.stages.verify?.read_from ? h("span", { class: "group" }, "read from a log") : search,
    ),
    fail.explanation || sentence ? h("p", { class: "explained" }, fail.explanation || sentence) : null,
    h(
      "p",
      { class: "at-fault" },
      fail.reg ? [register(fail.reg, fail.proven, links), " "] : null,
      walked ? [fail.reg ? "at " : "At ", links.to(Math.min(fail.step, total - 1))] : insn ? "Found before the program was verified, at" : null,
      insn ? h("code", { class: "where-insn" }, `${insn.idx}: ${insn.text}`) : null,
      line ? h("span", { class: "hint" }, lineName(line, fail.file)) : null,
      source ? h("code", { class: "where-source" }, source) : null,
    ),
    checkInSource(fail, state),
    sides(fail, Boolean(state.stages.verify?.read_from)),
    h("p", { class: "kernel-said" }, h("span", { class: "visually-hidden" }, "The kernel says: "), h("code", null, [kernel.sentence, ...kernel.beside].join("\n"))),
    fail.rule ? h("p", { class: "about-error" }, h("a", { href: `/errors/${encodeURIComponent(fail.rule)}`, target: "_blank", rel: "noopener" }, "About this error"), h("span", { class: "hint" }, ": what it means, a program that has it, and the corrected one")) : null,
  );
}

/**
 * The comparison in the source that the rejection is about, beside what the compiler made of it.
 * @param {Fail} fail
 * @param {State} state
 */
function checkInSource(fail, state) {
  const check = fail.cause?.source_check;
  if (!check) return null;
  const insns = (fail.cause?.insns ?? []).map((idx) => state.code.at(idx)).filter((insn) => insn !== null);
  return h(
    "dl",
    { class: "source-check" },
    h("div", null, h("dt", null, `Source, line ${check.line}`), h("dd", null, h("code", null, check.text))),
    h(
      "div",
      null,
      h("dt", null, insns.length > 1 ? "Instructions" : "Instruction"),
      insns.length ? insns.map((insn) => h("dd", null, h("code", null, `${insn.idx}: ${insn.text}`))) : h("dd", { class: "hint" }, "The compiler made none of it."),
    ),
  );
}

/** What is proven beside what is needed; of a log what it prints. @param {Fail} fail @param {boolean} log */
function sides(fail, log) {
  if (log && fail.proven?.t)
    return h(
      "div",
      { class: "sides" },
      h("section", { class: "side" }, h("h4", null, "Printed"), h("code", { class: `kind-${kindOf(fail.proven)}` }, fail.proven.t)),
      fail.needed ? h("section", { class: "side needed" }, h("h4", null, "Needed"), h("p", null, ending(fail.needed))) : null,
    );
  if (!fail.proven_text && !fail.needed) return null;
  return h(
    "div",
    { class: "sides" },
    fail.proven_text
      ? h(
          "section",
          { class: "side" },
          h("h4", null, "Proven"),
          h("p", null, ending(fail.proven_text)),
          fail.proven?.t ? h("code", { class: `kind-${kindOf(fail.proven)}` }, fail.proven.t) : null,
        )
      : null,
    fail.needed ? h("section", { class: "side needed" }, h("h4", null, "Needed"), h("p", null, ending(fail.needed))) : null,
  );
}

/** @param {string} name @param {Reg | null} reg @param {Links} links */
function register(name, reg, links) {
  return h(
    "button",
    { type: "button", class: "fault-name", title: `Select ${name}`, on: { click: () => links.select(name) } },
    reg ? glyph(kindOf(reg), Boolean(reg.null)) : null,
    name,
  );
}

/**
 * The steps that led there, oldest first, each a link that knows its step.
 * @param {State} state
 * @param {Links} links
 * @returns {{element: HTMLElement | null, items: {button: HTMLElement, step: number}[]}}
 */
export function chain(state, links) {
  const { causes } = state.reasons;
  if (!causes.length) return { element: null, items: [] };
  const made = causes.map((each) => ({ button: cause(each, state, links), step: each.step }));
  const list = h("ol", null, made.map(({ button }) => h("li", null, button)));
  const element = h("section", { class: "chain", "aria-labelledby": "chain-label" }, h("h3", { id: "chain-label" }, "Steps that led here"), list);
  return { element, items: made.filter(({ step }) => step >= 0) };
}

/** @param {NumberedCause} each @param {State} state @param {Links} links */
function cause(each, { code, stages, reasons }, links) {
  const insn = code.at(each.insn);
  const line = each.line ?? insn?.line;
  const why = each.kind === "failed" ? `refused here: ${stages.verify?.message || reasons.fail?.category}` : each.why;
  const inside = [
    h("span", { class: "cause-n", "aria-hidden": "true" }, String(each.n)),
    h(
      "span",
      { class: "cause-words" },
      each.name && !why.includes(each.name) ? [h("b", null, `${each.name}:`), " "] : null,
      why,
      h("span", { class: "cause-where" }, insn ? [each.step >= 0 ? `step ${each.step + 1}` : "", line ? ` · ${lineName(line, each.file)}` : "", " · ", h("code", null, `${insn.idx}: ${insn.text}`)] : "at the start"),
    ),
  ];
  if (each.step < 0) return h("span", { class: "cause", data: { kind: each.kind } }, inside);
  const over = () => links.hover({ line, file: each.file, insn: each.insn });
  const out = () => links.hover(null);
  return h(
    "button",
    {
      type: "button",
      class: "cause",
      data: { kind: each.kind },
      on: { click: () => links.go(each.step), pointerenter: over, pointerleave: out, focus: over, blur: out },
    },
    inside,
  );
}

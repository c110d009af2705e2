/** Everything known of one register, below the state table. */
import { lineName } from "../core/files.js";
import { fill, h } from "../ui/dom.js";
import { bounds, num } from "../ui/format.js";
import { kindOf } from "../ui/kinds.js";
import { split } from "./state-names.js";

/** @import { Reg, Scalar } from "../types/messages.js" */
/** @import { Base } from "../ui/format.js" */

/** @param {string} term @param {string} text */
const pair = (term, text) => (text ? h("div", null, h("dt", null, term), h("dd", null, text)) : null);

/** The bounds of a scalar and its known bits. @param {Scalar} s @param {Base} base */
function scalar(s, base) {
  const b = bounds(s);
  return [
    pair("unsigned 64", `${num(b.umin, base)} … ${num(b.umax, base)}`),
    pair("signed 64", `${num(b.smin, base)} … ${num(b.smax, base)}`),
    pair("unsigned 32", `${num(b.u32min, base)} … ${num(b.u32max, base)}`),
    pair("signed 32", `${num(b.s32min, base)} … ${num(b.s32max, base)}`),
    pair("known bits", `0x${b.value.toString(16)} / unknown 0x${b.mask.toString(16)}`),
  ];
}

export class Detail {
  /**
   * @param {import("../core/scope.js").Scope} scope
   * @param {(step: number) => HTMLElement} to makes a link to a step
   */
  constructor(scope, to) {
    this.scope = scope;
    this.to = to;
    this.element = h("div", { class: "detail", "aria-live": "off" });
    /** @type {unknown[]} what is shown was made of these */
    this.stamp = [];
  }

  /** Whether the values are those that a log prints. */
  get log() {
    return Boolean(this.scope.state.stages.verify?.read_from);
  }

  /** Say something instead of a register. @param {string} text */
  hint(text) {
    if (this.fresh(text)) fill(this.element, h("p", { class: "hint" }, text));
  }

  /** True when what is shown was made of something else. @param {...unknown} stamp */
  fresh(...stamp) {
    if (stamp.length === this.stamp.length && stamp.every((each, i) => each === this.stamp[i])) return false;
    this.stamp = stamp;
    return true;
  }

  /** @param {Reg | undefined} reg @param {string} name @param {Base} base */
  show(reg, name, base) {
    if (!name) {
      this.hint("Select a register to see its details.");
      return;
    }
    const { slot } = split(name);
    if (!reg) {
      this.hint(this.log ? `The log prints no value of ${slot} here.` : `${slot} has no value that the program may read.`);
      return;
    }
    if (!this.fresh(reg, name, base)) return;
    fill(
      this.element,
      h("p", { class: `kernel-text kind-${kindOf(reg)}` }, h("b", null, slot), ` ${reg.t ?? ""}`),
      this.wrote(reg, name),
      h(
        "dl",
        null,
        reg.s ? scalar(reg.s, base) : null,
        reg.off ? pair("offset", num(reg.off, base)) : null,
        reg.range ? pair("proven bytes", num(reg.range, base)) : null,
        reg.map ? pair("map", reg.map) : null,
        reg.id ? pair("id", String(reg.id)) : null,
        reg.ref ? pair("reference", String(reg.ref)) : null,
      ),
    );
  }

  /** Who wrote a register last, and why it had to be precise: links to those steps. @param {Reg} reg @param {string} name */
  wrote(reg, name) {
    const idx = this.scope.cursor.writerInsn(reg);
    const { code } = this.scope.state;
    const line = idx === null ? null : code.line(idx);
    const why = () => this.scope.search.whyPrecise(name);
    return h(
      "p",
      { class: "wrote-at" },
      reg.w !== undefined && reg.w >= 0
        ? ["written at ", this.to(reg.w), idx === null ? "" : [" by ", h("code", null, `${idx}: ${code.at(idx)?.text ?? ""}`)], line ? `, ${lineName(line, code.file(Number(idx)))}` : ""]
        : this.log
          ? null
          : "present from the start",
      reg.p ? ["; precise ", h("button", { type: "button", class: "line-link", on: { click: why } }, "why?")] : null,
    );
  }
}

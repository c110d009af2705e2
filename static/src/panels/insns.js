/** The middle column: the program's instructions; in run mode each with its machine code below it. */
import { at, toggled } from "../core/breakpoints.js";
import { Panel } from "../core/panel.js";
import { inFrame } from "../core/cursor.js";
import { levels } from "../core/heat.js";
import { slotOf } from "../core/model.js";
import { closer } from "./closer.js";
import { fill, h, setAttr, setText } from "../ui/dom.js";
import { count } from "../ui/format.js";
import { kindOf } from "../ui/kinds.js";
import { VirtualList } from "../ui/virtual.js";

/** @import { Here } from "../core/cursor.js" */
/** @import { NumberedCause } from "../core/reasons.js" */
/** @import { Insn } from "../types/messages.js" */
/** @import { Row } from "../ui/virtual.js" */

/** "3", or "3+" where an instruction stands several times in what led to the rejection. @param {NumberedCause[]} causes */
const mark = (causes) => `${causes[0].n}${causes.length > 1 ? "+" : ""}`;
const REGISTER = /\b([rw])(10|[0-9])\b/g;

export class Insns extends Panel {
  /** @type {VirtualList} */
  list;
  /** @type {HTMLHeadingElement} */
  heading;
  /** @type {HTMLSpanElement} */
  info;
  /** @type {HTMLParagraphElement} */
  empty;
  /** @type {Here | null} what is under the cursor */
  here = null;
  /** @type {Record<string, number> | null} instruction -> how often the verifier came there */
  visits = null;
  /** @type {Map<number, number> | null} instruction -> level of its share of the walk */
  heat = null;
  /** @type {number | null} the slot a jump under the cursor goes to */
  target = null;

  build() {
    const { store, scope } = this;
    this.list = new VirtualList({
      label: "Instructions",
      className: "insns",
      render: (index, row) => this.row(index, row),
      pick: (index) => void scope.search.visitInsn(store.state.code.insns[index].idx),
      hover: (index) => store.set({ hover: index < 0 ? null : { line: store.state.code.insns[index].line, file: store.state.code.insns[index].file } }),
      lines: (index) => this.height(index),
    });
    this.heading = h("h2", { class: "column-title" }, "Instructions");
    this.info = h("span", { class: "column-info" });
    this.empty = h("p", { class: "empty" });
    this.append(h("div", { class: "column-head" }, this.heading, this.info, closer(store, "insns", "the instructions")), this.list.element, this.empty);
    store.on(["code", "view", "machine"], () => this.reset());
    // Before the list takes the click as one on the row.
    this.list.element.addEventListener("click", (event) => this.marked(event), { capture: true });
    store.on(["step", "windows", "stages", "hover", "breakpoints", "heat", "analyses"], () => this.paint());
    store.on(["reasons"], () => {
      this.list.element.classList.toggle("has-causes", store.state.reasons.causesOf.size > 0);
      this.paint();
    });
  }

  /** Lines of a row. @param {number} index */
  height(index) {
    const { view, code, machine } = this.store.state;
    const insn = code.insns[index];
    return 1 + (this.headed(insn) ? 1 : 0) + (this.quoted(index) ? 1 : 0) + (view === "run" ? (machine.byInsn.get(insn.idx)?.length ?? 0) : 0);
  }

  /** True where a function begins, if there are several: of a single one the column's head says the name. @param {Insn} insn */
  headed(insn) {
    return Boolean(insn.func) && this.store.state.code.funcs > 1;
  }

  /** The C line above an instruction that has no line number (of a log of older kernels), "" if it stands there already. @param {number} index */
  quoted(index) {
    const { insns } = this.store.state.code;
    const { source } = insns[index];
    return source && source !== insns[index - 1]?.source ? source : "";
  }

  reset() {
    const { code, view, machine } = this.store.state;
    this.list.reset(code.insns.length);
    if (!code.insns.length) setText(this.info, "");
    this.empty.hidden = code.insns.length > 0;
    this.list.element.hidden = !code.insns.length;
    setText(this.heading, view === "run" && machine.listing.length ? "Instructions and machine code" : "Instructions");
    this.paint();
  }

  paint() {
    const { code, stages, view } = this.store.state;
    if (!code.insns.length) {
      const refused = stages.compile?.status === "failed";
      setText(this.empty, refused ? "There are no instructions, because clang did not accept the source." : "The instructions appear here after the program was loaded.");
      return;
    }
    this.here = this.scope.cursor.now();
    this.heat = view === "verify" ? (levels(this.store.state)?.insns ?? null) : null;
    this.visits = view === "verify" ? (stages.verify?.visits ?? null) : null;
    const row = this.here ? (code.row.get(this.here.idx) ?? -1) : this.list.active;
    this.target = this.here?.insn?.target ?? null;
    if (row !== this.list.active) this.list.select(row);
    else this.list.refresh();
    setText(this.info, code.func(this.here?.idx ?? code.insns[0].idx));
  }

  /** A click beside an instruction sets or removes a breakpoint. @param {MouseEvent} event */
  marked(event) {
    const { target } = event;
    if (!(target instanceof Element) || !target.closest(".bp-mark")) return;
    event.stopPropagation();
    const { breakpoints, code } = this.store.state;
    const index = this.list.indexOf(target);
    if (index >= 0) this.store.set({ breakpoints: toggled(breakpoints, "insn", code.insns[index].idx) });
  }

  /** The breakpoint on an instruction: "on", "off" or "" for none. @param {number} idx */
  breakpoint(idx) {
    const { breakpoints } = this.store.state;
    const place = at(breakpoints, "insn", idx);
    return place < 0 ? "" : breakpoints[place].enabled ? "on" : "off";
  }

  /** @param {number} index @param {Row} row */
  row(index, row) {
    const { code, view, machine, hover, reasons, step } = this.store.state;
    const insn = code.listed(index);
    const active = index === this.list.active;
    const visits = this.visits?.[insn.idx] ?? 0;
    row.classList.toggle("target", this.target !== null && insn.idx === this.target);
    row.classList.toggle("never", Boolean(this.visits) && !visits);
    row.classList.toggle("same-line", Boolean(this.here?.line) && insn.line === this.here?.line && (insn.file ?? "") === this.here?.file);
    row.classList.toggle("hovered", hover?.insn !== undefined ? hover.insn === insn.idx : Boolean(hover?.line) && hover?.line === insn.line && (hover?.file ?? "") === (insn.file ?? ""));
    const causes = view === "verify" ? reasons.causesOf.get(insn.idx) : undefined;
    row.classList.toggle("cause-now", Boolean(causes?.some((cause) => cause.step === step)));
    setAttr(row, "data-heat", this.heat?.get(insn.idx));
    const stop = this.breakpoint(insn.idx);
    const stamp = `${active ? `${view}${this.here?.step}` : ""}|${this.visits ? visits : ""}|${view}|${causes ? causes[0].n : ""}|${stop}`;
    if (row.stamp === stamp && row.of === insn) return;
    row.stamp = stamp;
    row.of = insn;
    fill(
      row,
      this.quoted(index) ? h("div", { class: "insn-source" }, h("code", null, this.quoted(index))) : null,
      this.headed(insn) ? this.head(insn, visits) : null,
      h(
        "div",
        { class: "insn-line" },
        h("span", { class: "bp-mark", title: `Breakpoint on instruction ${slotOf(insn.idx)} (Shift F9)`, data: { stop } }, stop ? h("span", { class: "visually-hidden" }, "breakpoint ") : ""),
        h("span", { class: "cursor-mark", "aria-hidden": "true" }, active ? "▸" : ""),
        h("span", { class: "cause-mark", title: causes ? causes.map((cause) => `${cause.n}. ${cause.why}`).join("\n") : null }, causes ? mark(causes) : ""),
        h("span", { class: "insn-idx" }, `${slotOf(insn.idx)}:`),
        h("code", { class: "insn-text", data: { hex: insn.hex } }, active ? this.operands(insn.text) : insn.text || "…"),
        visits > 1 ? h("span", { class: "visits", title: `the verifier visited this instruction ${visits} times` }, `×${visits}`) : null,
      ),
    );
    if (view === "run")
      for (const item of machine.byInsn.get(insn.idx) ?? [])
        row.append(
          h(
            "div",
            { class: "x86-line" },
            h("span", { class: "x86-off" }, item.off.toString(16)),
            h("code", { class: "insn-text" }, item.text),
          ),
        );
  }

  /** The heading of a function: its name, line, and how often the verifier entered it. @param {Insn} insn @param {number} visits */
  head(insn, visits) {
    const entered = this.store.state.code.enteredAt(insn.idx)?.first === insn.idx;
    const said = [entered ? " program, entered by a tail call: its frame replaces the caller's" : " function", insn.line ? `line ${insn.line}` : "", this.visits ? `entered ${count(visits, "time")}` : ""].filter(Boolean);
    return h("div", { class: "func-head" }, insn.func, h("span", { class: "hint" }, said.join(", ")));
  }

  /** The instruction's text with each register in the hue of what it holds. @param {string} text */
  operands(text) {
    const here = this.here;
    if (here?.view !== "verify") return text;
    const out = [];
    let at = 0;
    for (const match of text.matchAll(REGISTER)) {
      const name = inFrame(here.frame, `r${match[2]}`);
      const reg = (here.wrote.has(name) ? here.state : here.before).get(name) ?? here.state.get(name);
      out.push(text.slice(at, match.index), h("span", { class: `operand kind-${kindOf(reg)}` }, match[0]));
      at = match.index + match[0].length;
    }
    out.push(text.slice(at));
    return out;
  }
}

/** This run beside another source, an earlier run of this tab, or other options: verdict, cost by line, where walks part. */
import { MCPUS, OPTS } from "../core/options.js";
import { Panel } from "../core/panel.js";
import { fill, h } from "../ui/dom.js";
import { count, grouped, grouping } from "../ui/format.js";
import { heldChoice } from "./held-choice.js";

/** @import { ComparedLine, Options, Request, SideSummary, WalksCompared, WalksPart } from "../types/messages.js" */

/** A run to compare with; of one that a file brought nothing but the request is known. @typedef {{request: Request, title?: string, at?: Date, verdict?: string}} Earlier */

/** Rows that are shown, and earlier runs that are kept. */
const ROWS = 300;
const KEPT = 10;

/** @type {[keyof SideSummary, string][]} */
const FIGURES = [
  ["insns_processed", "Instructions processed"],
  ["states", "States stored"],
  ["insns", "Instructions"],
  ["xlated", "Rewritten instructions"],
  ["jited", "Bytes of machine code"],
];

export class ComparePane extends Panel {
  /** @type {HTMLSelectElement} */
  what;
  /** @type {HTMLTextAreaElement} */
  text;
  /** @type {HTMLSelectElement} */
  opt;
  /** @type {HTMLSelectElement} */
  mcpu;
  /** @type {HTMLInputElement} */
  unprivileged;
  /** @type {HTMLInputElement} */
  differing;
  /** @type {HTMLButtonElement} */
  button;
  /** @type {HTMLElement} */
  textField;
  /** @type {HTMLElement} */
  optionField;
  /** @type {HTMLElement} */
  told;
  /** @type {Earlier[]} the newest first */
  earlier = [];
  /** @type {Request | null} the run that is shown */
  current = null;
  /** @type {unknown[]} */
  shown = [];

  build() {
    const { store } = this;
    /** @param {string} label @param {string[]} all */
    const select = (label, all, before = "") => h("select", { "aria-label": label }, all.map((each) => h("option", { value: each }, `${before}${each}`)));
    this.what = h("select", { id: "compare-what", on: { change: () => this.form() } });
    this.text = h("textarea", { id: "compare-text", rows: "6", spellcheck: "false", autocomplete: "off", placeholder: "Paste the other source here" });
    this.opt = select("Optimisation level", OPTS, "-");
    this.mcpu = select("Instruction set version", MCPUS, "-mcpu=");
    this.unprivileged = h("input", { type: "checkbox" });
    this.button = h("button", { type: "submit", class: "button primary" }, "Compare");
    this.textField = h("p", { class: "compare-text" }, h("label", { for: "compare-text" }, "Other source"), this.text);
    this.optionField = h("p", { class: "compare-options" }, this.opt, this.mcpu, h("label", null, this.unprivileged, " without capabilities"));
    this.differing = h("input", { type: "checkbox", checked: true, on: { change: () => this.paint(true) } });
    this.told = h("div", { class: "compare-told", "aria-live": "polite" });
    this.append(
      h(
        "form",
        { class: "compare-form", on: { submit: (event) => this.ask(event) } },
        heldChoice(this.scope, "compare", "In this file", ({ other }) => this.words(other), ({ other }) => this.choose(other)),
        h("p", null, h("label", { for: "compare-what" }, "Compare this run (a) with (b) "), this.what),
        this.textField,
        this.optionField,
        h("p", { class: "fix-actions" }, this.button),
      ),
      this.told,
    );
    store.on(["ran", "stages"], () => this.keep());
    store.on(["pane", "dock", "analyses", "ran"], () => this.paint());
  }

  /** Keep the run that is shown for later, once the verifier has said something of it. */
  keep() {
    const { ran, stages, program } = this.store.state;
    if (!ran || ran.kind === "log" || !["done", "failed"].includes(stages.verify?.status ?? "")) return;
    const { edited, ...request } = ran;
    if (this.current && same(this.current, request)) return;
    const { verify } = stages;
    const verdict = verify?.verdict === "accept" ? `accepted, ${grouped(verify.insns_processed ?? 0)} processed` : "refused";
    this.current = request;
    this.earlier = [{ request, title: program.title || "a program", at: new Date(), verdict }, ...this.earlier.filter((each) => !same(each.request, request))].slice(0, KEPT);
    const chosen = this.what.value;
    fill(
      this.what,
      h("option", { value: "options" }, "the same source with other options"),
      h("option", { value: "text" }, "another source"),
      this.earlier.slice(1).map((each, i) => h("option", { value: String(i + 1) }, `earlier run: ${this.named(each)}`)),
    );
    this.what.value = chosen === "text" ? "text" : "options";
    this.opt.value = request.options?.opt ?? "O2";
    this.mcpu.value = request.options?.mcpu ?? "v3";
    this.unprivileged.checked = request.options?.unprivileged ?? false;
    this.held(request);
    this.form();
  }

  /** An earlier run in few words. @param {Earlier} run */
  named({ request, title, at, verdict }) {
    return [title ?? this.words(request), at?.toLocaleTimeString(), verdict].filter(Boolean).join(", ");
  }

  /** In a file: what was compared before it was made. @param {Request} request */
  held(request) {
    const others = (this.scope.analyses.held.compare ?? []).map(({ other }) => /** @type {Request} */ (other));
    for (const other of others.filter(({ kind, source }) => kind !== request.kind || source !== request.source)) {
      this.earlier.push({ request: other });
      this.what.append(h("option", { value: String(this.earlier.length - 1) }, `in this file: ${this.words(other)}`));
    }
    const last = others.at(-1);
    if (last) this.choose(last);
  }

  /** The other side of a comparison in few words. @param {Request} other */
  words({ kind, source, options }) {
    const own = this.scope.protocol.request();
    const text = kind === own.kind && source === own.source ? "the same source" : kind === "elf" ? "another object" : `another source, ${count(source.split("\n").length, "line")}`;
    return [text, `-${options?.opt ?? "O2"}`, `-mcpu=${options?.mcpu ?? "v3"}`, options?.unprivileged ? "without capabilities" : ""].filter(Boolean).join(", ");
  }

  /** Fill the form with the other side of a comparison. @param {Request} other */
  choose(other) {
    const { kind, source, options } = other;
    this.opt.value = options?.opt ?? "O2";
    this.mcpu.value = options?.mcpu ?? "v3";
    this.unprivileged.checked = options?.unprivileged ?? false;
    const at = this.earlier.findIndex(({ request }) => request === other);
    this.what.value = at >= 0 ? String(at) : this.current && kind === this.current.kind && source === this.current.source ? "options" : this.what.value;
    this.form();
  }

  /** Show the fields of what is chosen. */
  form() {
    const chosen = this.what.value;
    this.textField.hidden = chosen !== "text";
    this.optionField.hidden = !["text", "options"].includes(chosen);
  }

  /** The other side. @returns {Request | null} */
  other() {
    const request = this.current;
    if (!request) return null;
    const chosen = this.what.value;
    if (chosen !== "text" && chosen !== "options") return this.earlier[Number(chosen)]?.request ?? null;
    const { kind, source } = request;
    /** @type {Options} */
    const options = { ...request.options, opt: /** @type {Options["opt"]} */ (this.opt.value), mcpu: /** @type {Options["mcpu"]} */ (this.mcpu.value), unprivileged: this.unprivileged.checked };
    if (chosen === "options") return { kind, source, options };
    if (!this.text.value.trim()) return null;
    return { kind: kind === "elf" ? "c" : kind, source: this.text.value, options: { ...options, program: "" } };
  }

  /** @param {Event} event */
  ask(event) {
    event.preventDefault();
    const other = this.other();
    if (other) this.scope.analyses.again("compare", { other });
    else this.text.focus();
  }

  paint(again = false) {
    const answer = this.scope.analyses.answer("compare");
    this.button.disabled = answer?.status === "asked";
    if (!again && this.shown[0] === answer) return;
    this.shown = [answer];
    if (!answer) fill(this.told);
    else if (answer.status === "asked") fill(this.told, h("p", { class: "empty" }, "Verifying both…"));
    else if (answer.status === "failed") fill(this.told, h("p", { class: "bad" }, answer.message));
    else fill(this.told, this.answer(answer.parts[0]));
  }

  /** @param {WalksCompared} found */
  answer(found) {
    const differing = found.lines.filter((row) => row.kind !== "same" || row.a.insns !== row.b.insns || row.insns.some(([a, b]) => a === null || b === null));
    const rows = this.differing.checked ? differing : found.lines;
    const more = rows.length - ROWS + (this.differing.checked ? 0 : found.left_out);
    return [
      h(
        "div",
        { class: "compare-top" },
        this.summary(found),
        h(
          "div",
          null,
          found.parting ? this.parting(found.parting, "") : null,
          found.ways ? this.parting(found.ways, "Without the instructions that only one of them has: ") : null,
        ),
      ),
      h("p", { class: "profile-switch" }, h("label", null, this.differing, ` Only lines that differ (${differing.length} of ${found.lines.length + found.left_out})`)),
      rows.length
        ? h(
            "table",
            { class: "map-table compare-lines" },
            h("thead", null, h("tr", null, ["Line a", "b", "Processed a", "b", "Difference", ""].map((text) => h("th", { scope: "col" }, text)))),
            h("tbody", null, rows.slice(0, ROWS).map((row) => this.row(row, bothAccepted(found)))),
          )
        : h("p", { class: "hint" }, "No line differs."),
      more > 0 ? h("p", { class: "hint" }, `${count(more, "more line is", "more lines are")} not shown.`) : null,
    ];
  }

  /** @param {WalksCompared} found */
  summary({ a, b }) {
    const judged = bothAccepted({ a, b });
    return h(
      "table",
      { class: "map-table compare-sum" },
      h("thead", null, h("tr", null, ["", "a (this run)", "b", "Difference"].map((text) => h("th", { scope: "col" }, text)))),
      h(
        "tbody",
        null,
        h("tr", null, h("th", { scope: "row" }, "Verdict"), [a, b].map((side) => h("td", { class: side?.verdict === "accept" ? "good" : "bad" }, side ? (side.verdict === "accept" ? "accepted" : side.message || side.verdict) : "no such program")), h("td")),
        FIGURES.map(([key, label]) => {
          const left = a?.[key] ?? null;
          const right = b?.[key] ?? null;
          return h("tr", null, h("th", { scope: "row" }, label), [left, right].map((value) => h("td", null, value === null ? "" : grouped(Number(value)))), change(left, right, judged));
        }),
      ),
    );
  }

  /** @param {WalksPart} part @param {string} before */
  parting(part, before) {
    if (part.kind === "none") return h("p", { class: "compare-parting" }, `${before}${part.why}`);
    const { a_step, a_insn, b_insn } = part;
    const name = part.name ? `${part.name}: ` : "";
    return h(
      "div",
      { class: "compare-parting" },
      h("p", null, `${before}After ${grouping(part.agreed, "step")} that both take: ${part.why}`),
      h(
        "dl",
        null,
        h("dt", null, "a"),
        h(
          "dd",
          null,
          a_step !== null ? h("button", { type: "button", class: "line-link", on: { click: () => this.goto(a_step) } }, `step ${a_step + 1}`) : "is over",
          a_insn !== null ? h("code", null, ` ${a_insn}: ${name}${part.a}`) : null,
        ),
        h("dt", null, "b"),
        h("dd", null, part.b_step !== null ? `step ${part.b_step + 1}` : "is over", b_insn !== null ? h("code", null, ` ${b_insn}: ${name}${part.b}`) : null),
      ),
    );
  }

  /** @param {number} step */
  goto(step) {
    this.store.set({ view: "verify" });
    this.scope.cursor.goto(step);
  }

  /** @param {ComparedLine} row @param {boolean} judged */
  row(row, judged) {
    const { a, b, file } = row;
    const inner = row.insns.filter(([one, two]) => one === null || two === null).length;
    const text = row.kind === "b" ? b.text : a.text;
    return h(
      "tr",
      { class: `compare-${row.kind}` },
      h("td", null, a.line === null ? "" : file ? `${file}:${a.line}` : this.toLine(a.line)),
      h("td", null, b.line === null ? "" : String(b.line)),
      h("td", null, row.kind === "b" ? "" : grouped(a.insns)),
      h("td", null, row.kind === "a" ? "" : grouped(b.insns)),
      change(row.kind === "b" ? 0 : a.insns, row.kind === "a" ? 0 : b.insns, judged),
      h("td", null, h("code", null, text.trim()), row.kind === "changed" ? h("code", { class: "compare-other" }, b.text.trim()) : null, inner ? h("span", { class: "hint" }, ` ${count(inner, "other instruction")}`) : null),
    );
  }

  /** @param {number} line */
  toLine(line) {
    return h("button", { type: "button", class: "line-link", title: `Go to line ${line}`, on: { click: () => void this.scope.search.visitOf(line) } }, String(line));
  }
}

/** Less work is better only where both are accepted. @param {Pick<WalksCompared, "a" | "b">} found */
const bothAccepted = ({ a, b }) => a?.verdict === "accept" && b?.verdict === "accept";

/** @param {Request} a @param {Request} b */
const same = (a, b) => JSON.stringify([a.kind, a.source, a.options]) === JSON.stringify([b.kind, b.source, b.options]);

/** A cell with what b has more or less. @param {unknown} a @param {unknown} b @param {boolean} judged whether less is better */
function change(a, b, judged) {
  if (typeof a !== "number" || typeof b !== "number" || a === b) return h("td");
  const more = b - a;
  return h("td", { class: judged ? (more > 0 ? "bad" : "good") : "" }, `${more > 0 ? "+" : "−"}${grouped(Math.abs(more))}`);
}

/** A loop round by round: what each visit of its first instruction found, what changed, and what kept the states apart. */
import { byPlace } from "../core/contain.js";
import { around, covers, unfolded, varying } from "../core/loops.js";
import { fill, h } from "../ui/dom.js";
import { count, grouping } from "../ui/format.js";
import { kindOf, summary } from "../ui/kinds.js";
import { ending } from "../ui/words.js";
import { comparisons } from "./shape-states.js";
import { choose, go, refill } from "./shape-common.js";

/** @import { Answer } from "../core/analyses.js" */
/** @import { Scope } from "../core/scope.js" */
/** @import { Graph, GraphLoop, LoopRounds } from "../types/messages.js" */
/** @import { Round } from "../core/loops.js" */
/** @import { Child } from "../types/page.js" */

/** Registers and slots that get a column. */
const COLUMNS = 10;

export class LoopsView {
  stamp = "";
  /** @type {unknown} */
  of = null;
  /** @type {LoopRounds | null} the answer that is shown */
  told = null;
  /** The path whose rounds these are. */
  path = -1;
  /** @type {GraphLoop[]} loops in the list */
  loops = [];

  /** @param {Scope} scope */
  constructor(scope) {
    this.scope = scope;
    this.element = h("div", { class: "shape-loops shape-scroll", tabindex: "0", role: "region", "aria-label": "A loop round by round: up and down go through its rounds" });
    this.element.addEventListener("keydown", (event) => this.key(event));
    /** @type {HTMLSelectElement} */
    this.select = h("select", { on: { change: () => choose(scope, { insn: Number(this.select.value) }) } });
    this.tools = h("div", { class: "shape-tool" }, h("label", null, "Loop ", this.select));
  }

  paint() {
    const { scope } = this;
    const { view, step, shape, base, reasons, stages, ran } = scope.state;
    if (ran?.kind === "log") return this.say("log", null, () => h("p", { class: "hint" }, "A log holds neither the program nor its states, so its loops are not known."));
    if (stages.verify && stages.verify.status !== "working") scope.analyses.ask("graph");
    const graph = scope.analyses.answer("graph");
    if (graph?.status !== "done") return this.say(graph?.status ?? "", graph, () => waiting(graph));
    this.list(/** @type {Graph} */ (graph.parts[0]));
    if (!this.loops.length && shape.insn < 0) return this.say("none", graph, () => h("p", { class: "hint" }, "This program has no loop: no jump leads back, and no function is called back."));
    if (view !== "verify") return this.say("run", graph, () => h("p", { class: "hint" }, "Rounds are those of the verifier's walk: choose its stage above."));
    const here = scope.cursor.walked();
    if (!here) return;
    const head = shape.insn >= 0 ? shape.insn : (around(this.loops, here.idx)?.insn ?? this.loops[0].insn);
    const { told } = this;
    const fits = told?.insn === head && this.path === here.raw.path && (told.step === step || (told.begun && told.ended) || covers(told, step));
    if (!fits) {
      const answer = scope.shapes.look({ type: "rounds", step, insn: head });
      if (answer === null) return this.told?.insn === head ? undefined : this.say(`asked ${head}`, null, () => h("p", { class: "hint", role: "status" }, "Fetching the rounds…"));
      if (typeof answer === "string") return this.say(answer, null, () => h("p", { class: "bad" }, answer));
      this.told = answer;
      this.path = here.raw.path;
    }
    const shown = /** @type {LoopRounds} */ (this.told);
    const at = shown.rounds.findLastIndex((each) => each.step <= step);
    if (this.stamp.startsWith("rounds ") && this.of === shown && this.made === `${base} ${reasons.totals.arrivals} ${reasons.arrivals.size}`) return this.mark(at);
    this.made = `${base} ${reasons.totals.arrivals} ${reasons.arrivals.size}`;
    this.say(`rounds ${head} ${this.made}`, shown, () => this.table(shown, head));
    this.mark(at);
  }

  made = "";

  /** Up and down go to the round before and to the next one. @param {KeyboardEvent} event */
  key(event) {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const all = this.stamp.startsWith("rounds ") ? (this.told?.rounds ?? []) : [];
    if (!by || all.length < 2 || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    const { step } = this.scope.state;
    const to = by > 0 ? all.find((each) => each.step > step) : all.findLast((each) => each.step < step);
    if (!to) return;
    go(this.scope, to.step);
    this.scope.store.flush();
    this.element.querySelector("tr.current")?.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} stamp @param {unknown} of @param {() => Child} make */
  say(stamp, of, make) {
    if (this.stamp === stamp && this.of === of) return;
    this.stamp = stamp;
    this.of = of;
    refill(this.element, make());
  }

  /** @param {Graph} graph */
  list(graph) {
    const { shape, code } = this.scope.state;
    if (this.loops !== graph.loops) {
      this.loops = graph.loops;
      fill(
        this.select,
        h("option", { value: "-1" }, "around this step"),
        graph.loops.map((each) => h("option", { value: String(each.insn) }, `${each.kind === "callback" ? "callback at " : ""}insn ${each.insn}${each.line ? `, line ${each.line}` : ""}${code.funcs > 1 ? ` in ${code.func(each.insn)}` : ""}`)),
      );
    }
    if (shape.insn >= 0 && !graph.loops.some((each) => each.insn === shape.insn) && ![...this.select.options].some((each) => each.value === String(shape.insn)))
      this.select.append(h("option", { value: String(shape.insn) }, `insn ${shape.insn}`));
    this.select.value = String(shape.insn);
    this.tools.hidden = !graph.loops.length && shape.insn < 0;
  }

  /** Mark the round under the cursor. @param {number} at */
  mark(at) {
    for (const row of this.element.querySelectorAll("tr[data-round]")) {
      const now = row.getAttribute("data-round") === String(at);
      row.classList.toggle("current", now);
      if (now) row.setAttribute("aria-current", "step");
      else row.removeAttribute("aria-current");
    }
  }

  /** @param {LoopRounds} told @param {number} head */
  table(told, head) {
    const { base, code } = this.scope.state;
    const rounds = unfolded(told);
    const insn = code.at(head);
    const title = h("h3", null, `Insn ${head}`, insn?.line ? `, line ${insn.line}` : "", h("code", { class: "where-insn" }, ` ${insn?.text ?? ""}`));
    if (rounds.length < 2) return [title, this.none(rounds.length, head)];
    const all = varying(rounds);
    const names = all.slice(0, COLUMNS).sort(byPlace);
    return [
      title,
      h("p", { class: "loop-why" }, this.why(rounds, told)),
      all.length
        ? h(
            "table",
            { class: "map-table loop-table" },
            h("thead", null, h("tr", null, h("th", { scope: "col" }, "Round"), h("th", { scope: "col" }, "Step"), names.map((name) => h("th", { scope: "col" }, name)), h("th", { scope: "col" }, "Compared with stored states"))),
            h("tbody", null, rounds.map((round, i) => this.row(round, i, names, told.begun, base))),
          )
        : h("p", null, `Nothing differs between ${count(rounds.length, "round")}.`),
      all.length > names.length ? h("p", { class: "hint" }, `${count(all.length - names.length, "other value")} changed as well: ${all.slice(COLUMNS, COLUMNS + 12).join(", ")}${all.length > COLUMNS + 12 ? ", …" : ""}`) : null,
      told.begun && told.ended ? null : h("p", { class: "hint" }, "There are more rounds on this path: those nearest to the step are shown."),
    ];
  }

  /** Why there are no rounds on the path of this step, and where there may be some. @param {number} visits @param {number} head */
  none(visits, head) {
    const { search, state } = this.scope;
    if (state.stages.verify?.visits?.[head] === 0) return h("p", { class: "hint" }, "The verifier never came here.");
    const next = () => void (visits ? search.visits(1, [head], `visit of instruction ${head}`) : search.visitInsn(head));
    return h(
      "p",
      { class: "hint" },
      visits ? "The path of this step comes here once: there are no rounds to compare. " : "The path of this step does not come here. ",
      h("button", { type: "button", class: "chip", on: { click: next } }, visits ? "Next visit" : "Go to a path that does"),
    );
  }

  /** @param {Round} round @param {number} i @param {string[]} names @param {boolean} begun @param {"dec" | "hex"} base */
  row(round, i, names, begun, base) {
    const link = h("button", { type: "button", class: "line-link step-link", on: { click: () => go(this.scope, round.step) } }, `${round.step + 1}`);
    return h(
      "tr",
      { data: { round: i } },
      h("th", { scope: "row" }, begun ? `${i + 1}` : `… ${i + 1}`),
      h("td", null, link),
      names.map((name) => {
        const reg = round.state.get(name);
        const moved = i > 0 && round.changed.has(name);
        return h("td", { class: moved ? "moved" : "", title: reg?.t ?? null }, reg ? h("span", { class: `kind-${kindOf(reg)}` }, summary(reg, base), reg.p ? h("span", { title: "precise" }, " ●") : null) : h("span", { class: "hint" }, "–"));
      }),
      h("td", { class: "loop-compared" }, this.compared(round.step)),
    );
  }

  /** What the comparisons of a visit came to. @param {number} step */
  compared(step) {
    const list = comparisons(this.scope.state.reasons, step);
    const [first] = list;
    if (!first) return h("span", { class: "hint" }, "none recorded");
    const show = () => {
      go(this.scope, step);
      choose(this.scope, { view: "states", checkpoint: first.checkpoint });
    };
    const text = first.pruned ? `contained in the state before step ${first.checkpoint + 1}` : first.failed?.name ? `${first.failed.name} differs` : (first.failed?.text ?? "");
    return [h("button", { type: "button", class: "line-link", on: { click: show } }, text), list.length > 1 ? h("span", { class: "hint" }, ` and ${list.length - 1} more`) : null];
  }

  /** Why the rounds went on, in a sentence. @param {Round[]} rounds @param {LoopRounds} told @returns {Child} */
  why(rounds, told) {
    const { reasons } = this.scope.state;
    /** @type {Map<string, {times: number, text: string}>} */
    const names = new Map();
    let failed = 0;
    for (const { step } of rounds)
      for (const each of comparisons(reasons, step)) {
        if (each.pruned) return [h("b", null, "Converged: "), `the state at step ${step + 1} is contained in the one stored before step ${each.checkpoint + 1}.`];
        failed++;
        const name = each.failed?.name ?? "";
        const known = names.get(name) ?? { times: 0, text: each.failed?.text ?? "" };
        names.set(name, { ...known, times: known.times + 1 });
      }
    const rounded = `${count(rounds.length, "round")}${told.begun && told.ended ? "" : " here"}`;
    if (!failed) return [`${rounded}. No state was compared at this instruction, as far as comparisons are recorded.`, exact(rounds)];
    const [[name, { times, text }]] = [...names].sort((a, b) => b[1].times - a[1].times);
    const last = rounds[rounds.length - 1];
    const precise = name ? reasons.whyPrecise(name, last.step, last.path) : null;
    return [
      h("b", null, "Did not converge: "),
      `${rounded}, ${grouping(failed, "comparison")}; `,
      name ? h("b", { class: "reg-word" }, name) : "something else",
      ` kept the states apart in ${times}. `,
      ending(text),
      precise ? ` Its exact value matters: ${ending(precise.text)}` : "",
    ];
  }
}

/** Which value keeps the rounds apart where no comparison says it: the one that changes most often and has to be precise. @param {Round[]} rounds */
function exact(rounds) {
  const name = varying(rounds).find((each) => rounds.some(({ state }) => state.get(each)?.p));
  if (!name) return "";
  const times = rounds.slice(1).filter(({ changed }) => changed.has(name)).length;
  return [" ", h("b", { class: "reg-word" }, name), ` has another value in ${grouping(times, "round")}, and its exact value matters: it is marked precise.`];
}

/** @param {Answer<any> | undefined} answer */
export const waiting = (answer) => (answer?.status === "failed" ? h("p", { class: "bad" }, answer.message) : h("p", { class: "hint", role: "status" }, "Looking at the program's jumps…"));

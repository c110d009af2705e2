/** What the verifier's walk costs: lines, loops, functions, why states did not match, advice that was tried, settings. */
import { lineName } from "../core/files.js";
import { keepHeat } from "../core/heat.js";
import { Panel } from "../core/panel.js";
import { fill, h } from "../ui/dom.js";
import { count, grouped, grouping } from "../ui/format.js";
import { diff } from "./why-fixes.js";
import { SettingsForm } from "./profile-settings.js";

/** @import { Answer } from "../core/analyses.js" */
/** @import { Edit, FoundAdvice, WalkProfile } from "../types/messages.js" */
/** @import { Child } from "../types/page.js" */

/** Rows of a table that are shown. */
const ROWS = 100;

export class ProfilePane extends Panel {
  /** @type {HTMLDivElement} */
  told;
  /** @type {HTMLElement} */
  advice;
  /** @type {SettingsForm} */
  settings;
  /** @type {unknown[]} what is shown */
  shown = [undefined, undefined, undefined, undefined];

  build() {
    const { store } = this;
    const heat = h("input", {
      type: "checkbox",
      checked: store.state.heat,
      on: {
        change: () => {
          store.set({ heat: heat.checked });
          keepHeat(heat.checked);
        },
      },
    });
    this.told = h("div", { class: "profile-told" });
    this.advice = h("section", { class: "profile-advice", "aria-label": "Advice", "aria-live": "polite" });
    this.settings = new SettingsForm(this.scope);
    this.append(
      h(
        "div",
        { class: "profile-left" },
        h("p", { class: "profile-switch" }, h("label", null, heat, " Colour the line numbers and instructions by their share of the walk")),
        this.told,
        this.settings.element,
      ),
      this.advice,
    );
    store.on(["pane", "dock", "stages", "analyses", "heat", "edited", "ran"], () => this.paint());
  }

  paint() {
    const { analyses, state } = this.scope;
    const { pane, dock, stages, heat, ran, edited } = state;
    const walked = stages.verify?.status === "done" || stages.verify?.status === "failed";
    const open = pane === "profile" && dock;
    if (walked && ran?.kind !== "log" && (open || heat)) analyses.ask("profile");
    const profile = analyses.answer("profile");
    const here = profile?.status === "done" ? profile.parts[0] : null;
    if (open && here && ran?.kind === "c" && here.verdict !== "error") analyses.ask("advice");
    const advice = analyses.answer("advice");
    const stale = Boolean(ran) && ran?.edited !== edited;
    if (this.shown[0] !== profile || this.shown[3] !== walked) fill(this.told, walked ? this.answer(profile) : h("p", { class: "empty" }, "The profile appears once the verifier has walked the program."));
    if (this.shown[1] !== advice || this.shown[2] !== stale) fill(this.advice, this.cards(advice, stale));
    this.shown = [profile, advice, stale, walked];
    this.settings.show(here);
  }

  /** @param {Answer<WalkProfile> | undefined} answer */
  answer(answer) {
    if (!answer || answer.status === "asked") return h("p", { class: "empty" }, "Counting the walk…");
    if (answer.status === "failed") return h("p", { class: "bad" }, answer.message);
    const [found] = answer.parts;
    if (!found.insns_processed) return h("p", { class: "empty" }, "The program was refused before its first instruction was verified.");
    return this.tables(found);
  }

  /** @param {WalkProfile} found */
  tables(found) {
    const total = found.insns_processed;
    const { code, ran } = this.store.state;
    const files = ran?.files ?? {};
    const source = ran?.kind === "c" || ran?.kind === "asm" ? ran.source.split("\n") : [];
    /** @param {string} file @param {number | null} line */
    const text = (file, line) => {
      if (!line) return "";
      const own = file ? files[file]?.split("\n") : source;
      return (own?.[line - 1] ?? (file ? code.files[file] : code.lines)?.[String(line)] ?? "").trim();
    };
    return [
      h(
        "p",
        { class: "profile-sum" },
        `${grouped(total)} instructions processed · ${grouping(found.states, "state")} stored · ${grouping(found.pruned, "path")} pruned · ${grouping(found.missed, "comparison")} of states failed`,
      ),
      table("Lines", ["Line", "Processed", "Share", "States", "Pruned", ""], found.lines, (row) => [
        row.line === null ? "none" : this.toLine(row.line, row.file ? `${row.file}:${row.line}` : String(row.line), row.file),
        grouped(row.insns),
        share(row.insns, total),
        grouped(row.states),
        grouped(row.pruned),
        h("code", null, text(row.file, row.line)),
      ]),
      found.loops.length
        ? table("Loops", ["Round begins at", "Line", "Rounds", "Processed", "Share", "What kept its states apart"], found.loops, (row) => [
            this.toInsn(row.insn, row.kind === "callback" ? "callback of " : ""),
            row.line ? this.toLine(row.line) : "",
            grouped(row.rounds),
            grouped(row.insns),
            share(row.insns, total),
            h("span", { class: "prose" }, row.why_not_pruned || "nothing"),
          ])
        : null,
      found.functions.length > 1
        ? table("Functions", ["Function", "Calls", "Processed", "With callees", "Share", ""], found.functions, (row) => [
            row.line ? this.toLine(row.line, row.name) : row.name,
            grouped(row.calls),
            grouped(row.insns),
            grouped(row.total),
            share(row.total, total),
            row.alone ? h("span", { class: "prose" }, "verified once, for any arguments") : "",
          ])
        : null,
      found.misses.length
        ? table("States that did not match", ["Instruction", "Line", "Comparisons", "What differed"], found.misses, (row) => [
            this.toInsn(row.insn),
            row.line ? this.toLine(row.line) : "",
            grouped(row.failed),
            h("span", { class: "prose" }, row.text, row.needed_by === null ? "" : [". Its exact value is needed at ", this.toInsn(row.needed_by), `: ${row.needed}`]),
          ], false)
        : null,
    ];
  }

  /** A button that goes to a line. @param {number} line @param {string} [name] @param {string} [file] */
  toLine(line, name = String(line), file = "") {
    return h("button", { type: "button", class: "line-link", title: `Go to ${lineName(line, file)}`, on: { click: () => void this.scope.search.visitOf(line, file) } }, name);
  }

  /** A button that goes to an instruction. @param {number} insn @param {string} [before] */
  toInsn(insn, before = "") {
    return h("button", { type: "button", class: "line-link", title: `Go to instruction ${insn}`, on: { click: () => void this.scope.search.visitInsn(insn) } }, `${before}${insn}`);
  }

  /**
   * @param {Answer<import("../core/analyses.js").Answers["advice"]> | undefined} answer
   * @param {boolean} stale the source was edited after the run
   */
  cards(answer, stale) {
    if (!answer) return null;
    const found = /** @type {FoundAdvice[]} */ (answer.parts.filter((part) => part.type === "advice"));
    return [
      found.map((each, i) => card(each, i, stale, (edits) => this.apply(edits))),
      answer.status === "asked" ? h("p", { class: "hint" }, "Trying changes that make the walk shorter…") : null,
      answer.status === "done" && !found.length ? h("p", { class: "hint" }, "None of the changes that were tried makes the walk at least 10 % shorter.") : null,
      answer.status === "failed" ? h("p", { class: "bad" }, answer.message) : null,
    ];
  }

  /** @param {Edit[]} edits */
  apply(edits) {
    /** @type {import("./editor.js").Editor | null} */ (document.querySelector("bs-editor"))?.apply(edits);
  }
}

/** @param {FoundAdvice} advice @param {number} n @param {boolean} stale @param {(edits: Edit[]) => void} apply */
function card(advice, n, stale, apply) {
  const id = `advice-${n}`;
  return h(
    "article",
    { class: "fix-card", "aria-labelledby": id },
    h("h3", { id }, `${advice.title}: ${grouped(advice.before)} → ${grouped(advice.insns_processed)}`),
    h("p", null, advice.why),
    diff(advice.diff, advice.title),
    h("p", { class: "verified" }, h("span", { "aria-hidden": "true" }, "✔ "), `Verified: accepted, ${grouping(advice.insns_processed, "instruction")} processed.`),
    h(
      "p",
      { class: "fix-actions" },
      h("button", { type: "button", class: "button primary", disabled: stale, "aria-describedby": stale ? `${id}-edited` : null, on: { click: () => apply(advice.edits) } }, "Apply"),
      stale ? h("span", { class: "hint", id: `${id}-edited` }, "The source was edited after this run. Run it again.") : null,
    ),
  );
}

/** @param {number} insns @param {number} total */
const share = (insns, total) => `${((100 * insns) / total).toFixed(1)}\u00a0%`;

/**
 * @template T
 * @param {string} title
 * @param {string[]} heads
 * @param {T[]} rows
 * @param {(row: T) => Child[]} cells
 */
function table(title, heads, rows, cells, open = true) {
  const more = rows.length - ROWS;
  return h(
    "details",
    { class: "object-part profile-part", open },
    h("summary", null, title, h("span", { class: "hint" }, ` ${rows.length}`)),
    h(
      "table",
      { class: "map-table" },
      h("thead", null, h("tr", null, heads.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", null, rows.slice(0, ROWS).map((row) => h("tr", null, cells(row).map((cell) => h("td", null, cell))))),
    ),
    more > 0 ? h("p", { class: "hint" }, `${count(more, "more row is", "more rows are")} not shown.`) : null,
  );
}

/** What each stage took and returned, how long it took, the command that does the same, and where both are shown. */
import { Panel } from "../core/panel.js";
import { STAGES, isFinal } from "../core/stages.js";
import { fill, h } from "../ui/dom.js";
import { count, ms, size } from "../ui/format.js";
import { PANES } from "./dock.js";

/** @import { Passed } from "../types/messages.js" */
/** @import { StageName, State } from "../core/store.js" */
/** @import { Child } from "../types/page.js" */

/** A place of the page that shows what a stage took or returned. @typedef {{label: string, column?: string, pane?: string}} Place */

/** @type {Record<StageName, string>} */
const NAMES = { compile: "clang", load: "Loader", verify: "Verifier", jit: "JIT", run: "Run" };
/** @type {Partial<Record<StageName, string>>} */
const OF_LOG = { load: "Instructions of the log", verify: "Steps of the log" };

const SOURCE = { label: "Source", column: "code" };
const INSNS = { label: "Instructions", column: "insns" };
/** @type {Record<StageName, Place[]>} */
const PLACES = {
  compile: [SOURCE, { label: "Object file", pane: "object" }],
  load: [{ label: "Object file", pane: "object" }, INSNS, { label: "Maps", pane: "maps" }],
  verify: [INSNS, { label: "State", column: "state" }, { label: "Log", pane: "log" }, { label: "Shape", pane: "paths" }, { label: "Why", pane: "why" }],
  jit: [INSNS, { label: "Rewritten", pane: "rewritten" }, { label: "Machine code", pane: "machine" }],
  run: [{ label: "Machine code", pane: "machine" }, { label: "Input", pane: "packet" }, { label: "Output", pane: "output" }, { label: "Maps", pane: "maps" }],
};

/** @type {Record<string, string>} */
const ENDED = { done: "done", failed: "failed", skipped: "skipped", stopped: "stopped" };

export class PassedDialog extends Panel {
  /** @type {HTMLDialogElement} */
  dialog;
  /** @type {HTMLOListElement} */
  list;

  build() {
    this.list = h("ol", { class: "passed" });
    this.dialog = h(
      "dialog",
      { class: "passed-dialog", "aria-labelledby": "passed-title" },
      h("h2", { id: "passed-title" }, "What each stage took and returned"),
      this.list,
      h("form", { method: "dialog" }, h("button", { class: "button primary" }, "Close")),
    );
    this.append(this.dialog);
    this.store.on(["stages", "ran"], () => this.dialog.open && this.paint());
  }

  /** Show the dialog, at the stage that is looked at. */
  open() {
    this.paint();
    this.dialog.showModal();
    this.list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  paint() {
    const { state } = this.store;
    const ended = STAGES.filter((stage) => isFinal(state.stages[stage]));
    const log = (state.ran?.kind ?? state.kind) === "log";
    // A log has two stages that say something.
    const shown = log ? ended.filter((stage) => stage in OF_LOG) : ended;
    fill(this.list, shown.length ? shown.map((stage) => this.item(stage, state, log)) : h("li", { class: "hint" }, "No stage has ended yet: press Run."));
  }

  /** @param {StageName} stage @param {State} state @param {boolean} log */
  item(stage, state, log) {
    const m = state.stages[stage];
    const here = state.focusStage === stage || (state.focusStage === "object" && stage === "compile");
    const about = [ENDED[m?.status ?? ""] ?? "", m?.status === "skipped" ? "" : ms(m?.ms)].filter(Boolean).join(" · ");
    return h(
      "li",
      { data: { stage }, "aria-current": here ? "step" : null },
      h("h3", null, (log && OF_LOG[stage]) || NAMES[stage], " ", h("span", { class: "hint" }, about)),
      m?.message ? h("p", { class: m.status === "failed" ? "bad" : "" }, m.message) : null,
      h("dl", null, things("took", m?.took), things("returned", m?.returned)),
      m?.command ? h("p", { class: "command" }, h("code", { tabindex: "0", role: "region", "aria-label": `command of ${NAMES[stage]}` }, m.command)) : null,
      m?.took ? this.places(stage, state) : null,
    );
  }

  /** Links to what shows it. @param {StageName} stage @param {State} state */
  places(stage, state) {
    const there = PLACES[stage].filter(({ pane }) => {
      const found = PANES.find((each) => each.id === pane);
      return !pane || (found && (!found.when || found.when(state)));
    });
    return h("p", { class: "places" }, h("span", { class: "hint" }, "shown in "), there.map((place) => this.link(place)));
  }

  /** @param {Place} place */
  link({ label, column, pane }) {
    const click = () => {
      this.dialog.close();
      if (pane) this.store.set({ pane, dock: true });
      if (column) this.store.set({ column });
    };
    return h("button", { type: "button", class: "line-link", on: { click } }, label);
  }
}

/** @param {string} label @param {Passed[] | undefined} items @returns {Child} */
function things(label, items) {
  return items?.length ? h("div", null, h("dt", null, label), items.map((each) => h("dd", null, thing(each)))) : null;
}

/** "C source program.c, 1.2 kB". @param {Passed} passed @returns {Child} */
function thing({ what, name, size: much, unit }) {
  const amount = much === null ? "" : unit === "byte" ? size(much) : count(much, unit);
  return [what, name ? [" ", h("code", null, name)] : "", amount ? `, ${amount}` : ""];
}

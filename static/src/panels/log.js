/** The verifier's own log; each line belongs to a step. */
import { Log } from "../core/model.js";
import { Panel } from "../core/panel.js";
import { fill, h, setText } from "../ui/dom.js";
import { grouped } from "../ui/format.js";
import { kindOfText } from "../ui/kinds.js";
import { VirtualList } from "../ui/virtual.js";
import { cellSentence } from "./kernels.js";

/** @import { KernelCell } from "../types/messages.js" */
/** @import { Row } from "../ui/virtual.js" */

const TOKEN = /\b(R\d+|fp-?\d+)((?:_[a-zA-Z]+)*)=([^\s()]+(?:\([^)]*\)+)?)/g;
const LONGEST = 4000;

export class LogPane extends Panel {
  /** @type {VirtualList} */
  list;
  /** @type {HTMLParagraphElement} */
  empty;
  /** @type {HTMLParagraphElement} */
  cut;
  /** @type {Log | null} the log of a real kernel */
  foreign = null;
  /** @type {number | undefined} the line that was clicked */
  wanted;

  build() {
    const { store, scope } = this;
    this.list = new VirtualList({
      label: "The verifier's log",
      className: "log",
      render: (index, row) => this.row(index, row),
      pick: (index) => this.pick(index),
    });
    this.empty = h("p", { class: "empty" });
    this.cut = h("p", { class: "cut", hidden: true });
    this.append(this.cut, this.list.element, this.empty);
    store.on(["log", "stages", "kernelLog"], (changed) => {
      const { stages, kernelLog } = store.state;
      if (changed.has("kernelLog")) this.foreign = kernelLog && new Log({ log: kernelLog.log });
      const { log } = this;
      if (changed.has("log") || changed.has("kernelLog")) this.list.reset(log.lines.length);
      this.empty.hidden = log.lines.length > 0;
      this.list.element.hidden = !log.lines.length;
      setText(
        this.empty,
        stages.compile?.status === "failed" || stages.load?.status === "failed"
          ? `There is no log, because ${stages.compile?.status === "failed" ? "clang did not accept the source" : "the loader did not accept the object"}.`
          : stages.verify?.status === "skipped"
            ? "The program was run without the verifier."
            : stages.verify?.not_covered?.length
              ? "There is no log, because the verifier is not emulated for this program. See Why."
              : "The verifier's log appears here.",
      );
      if (kernelLog && !log.lines.length) setText(this.empty, "This kernel wrote no log.");
      this.cut.hidden = !log.cut && !log.more && !kernelLog;
      if (changed.has("log") || changed.has("kernelLog")) fill(this.cut, kernelLog ? this.whose(kernelLog) : this.shortened());
      this.follow();
    });
    store.on(["step", "view", "windows"], (changed) => {
      if (changed.has("windows") && store.state.log.index.length) this.list.refresh();
      this.follow();
    });
    void scope;
  }

  /** The log that is shown: a real kernel's if one was chosen. */
  get log() {
    return this.foreign ?? this.store.state.log;
  }

  /** Whose log it is, and the way back. @param {KernelCell} cell */
  whose(cell) {
    const back = () => this.store.set({ kernelLog: null });
    return [`${cellSentence(cell)} `, h("button", { type: "button", class: "button", on: { click: back } }, "Back to the emulated log")];
  }

  /** What is said of a log that is not whole. */
  shortened() {
    const { log, stages } = this.store.state;
    if (log.more) {
      const steps = grouped(stages.verify?.steps ?? 0);
      const button = h("button", { type: "button", class: "button" }, "Show the end of the log");
      button.addEventListener("click", () => {
        button.disabled = true;
        setText(button, "The program is being verified again…");
        this.scope.session.log();
      });
      return [`This is the beginning of the log of ${steps} steps. `, button];
    }
    return log.cut ? [`The log is shortened: ${grouped(log.cut)} bytes in the middle are not shown.`] : [];
  }

  /** @param {number} index */
  pick(index) {
    const step = this.log.stepAt(index);
    if (step < 0) return;
    this.wanted = index;
    if (this.store.state.view !== "verify") this.scope.cursor.show("verify", step);
    else this.scope.cursor.goto(step);
  }

  follow() {
    const { view } = this.store.state;
    const { log } = this;
    if (!log.lines.length || this.foreign) return;
    let { step } = this.store.state;
    if (view === "run") {
      // Beside the machine's step: what the log said where the verifier walked the same way.
      const here = this.scope.cursor.now();
      const pair = here && this.scope.cursor.abstract(here.step);
      if (!pair?.shown) return;
      step = pair.step;
    }
    const line =
      this.wanted !== undefined && log.stepAt(this.wanted) === step ? this.wanted : log.lineOf(step);
    this.wanted = undefined;
    if (line !== this.list.active) this.list.select(line);
  }

  /** @param {number} index @param {Row} row */
  row(index, row) {
    const text = this.log.line(index);
    if (row.of === text) return;
    row.of = text;
    const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
    const out = [];
    let at = 0;
    for (const match of shown.matchAll(TOKEN)) {
      const kind = kindOfText(match[3]);
      if (!kind) continue;
      out.push(shown.slice(at, match.index), h("span", { class: `kind-${kind}` }, match[0]));
      at = match.index + match[0].length;
    }
    out.push(shown.slice(at));
    const source = /^; /.test(shown);
    fill(row, h("code", { class: source ? "log-source" : "", data: source ? {} : { log: "" } }, out));
  }
}

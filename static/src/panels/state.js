/** The state column: what the verifier knows, or what the machine holds, after the step under the cursor. */
import { slotOf } from "../core/model.js";
import { Panel } from "../core/panel.js";
import { selectedOf } from "../core/values.js";
import { fill, h, setAttr, setText } from "../ui/dom.js";
import { closer } from "./closer.js";
import { Detail } from "./state-detail.js";
import { Held } from "./state-held.js";
import { MachineRows } from "./state-machine.js";
import { WalkRows } from "./state-walk.js";

/** @import { Here, WalkHere } from "../core/cursor.js" */
/** @import { View } from "../core/store.js" */

/** @param {EventTarget | null} target */
const inButton = (target) => target instanceof Element && Boolean(target.closest("button"));
/** @param {EventTarget | null} target */
const rowName = (target) => (target instanceof Element ? (target.closest("tr")?.dataset.name ?? "") : "");

export class State extends Panel {
  /** @type {HTMLHeadingElement} */
  heading;
  /** @type {HTMLButtonElement} */
  base;
  /** @type {HTMLTableCaptionElement} */
  caption;
  /** @type {HTMLTableRowElement} */
  headings;
  /** @type {HTMLTableSectionElement} */
  body;
  /** @type {HTMLTableElement} */
  table;
  /** @type {Held} */
  held;
  /** @type {Detail} */
  detail;
  /** @type {{verify: WalkRows, run: MachineRows}} */
  kinds;
  /** @type {View | undefined} what the table is made for */
  view;

  build() {
    const { store, scope } = this;
    /** @param {number} step */
    const to = (step) => this.to(step);
    this.held = new Held(to);
    this.detail = new Detail(scope, to);
    this.heading = h("h2", { class: "column-title" }, "State");
    this.base = h(
      "button",
      { type: "button", class: "chip", on: { click: () => store.set({ base: store.state.base === "dec" ? "hex" : "dec" }) } },
      "dec",
    );
    this.caption = h("caption", { class: "visually-hidden" }, "Registers and stack");
    this.headings = h("tr");
    this.body = h("tbody");
    this.kinds = { verify: new WalkRows(this), run: new MachineRows(this) };
    this.table = h("table", { class: "state-table" }, this.caption, h("thead", null, this.headings), this.body);
    this.preview();
    // A click anywhere in a row selects it, unless it was for a link or to select text.
    this.body.addEventListener("click", (event) => {
      const name = rowName(event.target);
      if (name && !inButton(event.target) && !String(getSelection() ?? "")) this.pick(name);
    });
    this.append(
      h("div", { class: "column-head" }, this.heading, this.base, closer(store, "state", "the state")),
      h("div", { class: "state-scroll", tabindex: "0", role: "region", "aria-label": "State table" }, this.table, this.held.element),
      this.detail.element,
    );
    store.on(["step", "view", "windows", "stages", "reg", "base", "code", "reasons"], () => this.paint());
    store.on(["peek"], () => this.peeked());
  }

  /** Pointing at a row, or coming to it by Tab, shows all that is known of it and marks who wrote it. */
  preview() {
    /** @param {string} peek */
    const set = (peek) => this.store.set({ peek });
    this.body.addEventListener("pointerover", (event) => event.pointerType === "mouse" && set(rowName(event.target)));
    this.body.addEventListener("pointerleave", () => set(""));
    this.body.addEventListener("focusin", (event) => {
      const { target } = event;
      set(target instanceof Element && target.matches(":focus-visible") ? rowName(target) : "");
    });
    this.body.addEventListener("focusout", () => set(""));
  }

  peeked() {
    const { peek, code } = this.store.state;
    const here = this.scope.cursor.walked();
    const reg = here && peek ? here.state.get(peek) : null;
    const idx = reg ? this.scope.cursor.writerInsn(reg) : null;
    this.store.set({ hover: idx === null ? null : { line: code.line(idx), file: code.file(idx), insn: idx } });
    if (here) this.describe(here);
  }

  /** Show what is known of the row that is pointed at, or else of the selected one. @param {WalkHere} here */
  describe(here) {
    const { peek, reg: selected, base } = this.store.state;
    const name = peek && this.kinds.verify.rows.has(peek) ? peek : selected;
    this.detail.show(here.state.get(name), name, base);
  }

  paint() {
    const { view, base, step, stages, reasons } = this.store.state;
    setText(this.base, base);
    setAttr(this.base, "title", `Numbers are ${base === "dec" ? "decimal" : "hexadecimal"}. Switch to ${base === "dec" ? "hexadecimal" : "decimal"} (x)`);
    if (this.view !== view) this.frame(view);
    const here = this.scope.cursor.now();
    const failing = view === "verify" && stages.verify?.fail?.step === step;
    setText(this.heading, this.says(here, failing));
    setAttr(this, "data-waiting", !here && this.scope.cursor.total > 0);
    if (!here) {
      if (this.scope.cursor.total > 0) return; // keep what is there until the window arrives
      this.kinds[view].names([]);
      this.held.hide();
      this.detail.hint("The registers appear here after the program was verified.");
    } else if (here.view === "verify") {
      this.kinds.verify.paint(here, failing);
      this.describe(here);
      this.held.show(reasons, here);
    } else {
      const pair = this.kinds.run.paint(here);
      const entered = this.store.state.code.enteredAt(here.idx);
      const walk = entered ? `step ${(pair?.step ?? 0) + 1} of its walk of ${entered.name}` : `its step ${(pair?.step ?? 0) + 1}`;
      const knew = pair && `Next to each value: the verifier's state ${pair.before ? "before" : "after"} ${walk}.`;
      const tail = entered && `A tail call entered ${entered.name}, whose frame replaced the caller's. What the verifier knew is shown beside runs of ${entered.name} itself.`;
      this.detail.hint(knew ?? tail ?? "The verifier's state at this step is not known.");
    }
  }

  /** What the column is headed. @param {Here | null} here @param {boolean} failing */
  says(here, failing) {
    if (!here) return "State";
    if (here.view !== "verify") {
      const entered = this.store.state.code.enteredAt(here.idx);
      return `Machine after ${slotOf(here.idx)}${entered ? ` of ${entered.name}` : ""}`;
    }
    return `${failing ? "State before" : "State after"} ${here.idx}${here.depth > 1 ? ` · frame ${here.frame}` : ""}`;
  }

  /** Make the table anew for the walk or the run. @param {View} view */
  frame(view) {
    const kind = this.kinds[view];
    this.view = view;
    for (const each of Object.values(this.kinds)) each.clear();
    this.held.hide();
    fill(this.headings, kind.headings().map((text) => h("th", { scope: "col" }, text)));
    this.table.dataset.view = view;
    this.caption.textContent = kind.caption;
  }

  /** @param {string} name */
  pick(name) {
    const { reg, asking } = this.store.state;
    const again = reg === name && asking !== "";
    this.store.set({ selected: again ? null : selectedOf(name), reg: again ? "" : name, asking: again ? "" : asking || "open" });
  }

  /** The first cell of a row: its name, which selects it, and a mark for read and written. @param {string} name @param {string} label */
  head(name, label) {
    const mark = h("span", { class: "rw", "aria-hidden": "true" });
    const button = h("button", { type: "button", class: "reg-name", on: { click: () => this.pick(name) } }, label);
    return { mark, button, cell: h("th", { scope: "row" }, h("span", { class: "reg-head" }, button, mark)) };
  }

  /** A link to a step. @param {number} step */
  to(step) {
    return h("button", { type: "button", class: "line-link step-link", on: { click: () => this.scope.cursor.goto(step) } }, `step ${step + 1}`);
  }
}

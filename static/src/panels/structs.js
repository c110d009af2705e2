/** Structs in the memory of a recorded event, field by field, as far as the recording knows them at the step. */
import { Panel } from "../core/panel.js";
import { endOf, keyOf, knownRows, usedLast, valuesAt } from "../core/structs.js";
import { fieldValue, fill, h, setText } from "../ui/dom.js";
import { count } from "../ui/format.js";

/** @import { HeldStruct, StructLayout, StructRow, StructValue } from "../types/messages.js" */

/** What the mark of a field says, and how it is drawn. @type {Record<StructValue["how"], string>} */
const HOW = { read: "read", write: "written", call: "written by the call", entry: "", return: "at the return" };
const SELECTED = { read: "wrote", write: "wrote changed", call: "wrote changed", entry: "", return: "" };

/** Rows of fields without a value, between two that have one: folded together. */
const FOLD = 1;

export class StructsPane extends Panel {
  /** @type {HTMLSelectElement} */
  select;
  /** @type {HTMLInputElement} */
  all;
  /** @type {HTMLElement} */
  said;
  /** @type {HTMLTableElement} */
  table;
  /** @type {HTMLTableSectionElement} */
  body;
  /** Which struct is chosen, by its name and address; "": the one that was used last. */
  chosen = "";
  /** Fields that are folded, by the offset and depth of their row; and rows of unread fields that are unfolded. */
  folded = new Set();
  unfolded = new Set();
  /** The struct that is shown, and those that are offered. */
  shown = "";
  offered = "";

  build() {
    this.select = h("select", { "aria-label": "Struct", on: { change: (event) => this.choose(fieldValue(event)) } });
    this.all = h("input", { type: "checkbox", on: { change: () => this.paint() } });
    this.said = h("p", { class: "hint" });
    const head = h(
      "div",
      { class: "structs-head" },
      h("label", { class: "field" }, h("span", null, "Struct"), this.select),
      h("label", { class: "field check" }, this.all, h("span", null, "show fields that are not recorded")),
      this.said,
    );
    this.body = h("tbody");
    this.table = h(
      "table",
      { class: "structs-table" },
      h("caption", { class: "visually-hidden" }, "Fields of the struct"),
      h("thead", null, h("tr", null, ["Offset", "Field", "Value", ""].map((text) => h("th", { scope: "col" }, text)))),
      this.body,
    );
    this.append(head, this.table);
    this.store.on(["pane", "dock", "stages", "step", "view", "packetRun"], () => this.paint());
  }

  /** The structs of the event in view. @returns {HeldStruct[]} */
  get structs() {
    const { stages, packetRun } = this.store.state;
    return (stages.run?.recorded?.structs ?? []).filter((each) => each.run === packetRun);
  }

  /** @param {string} key */
  choose(key) {
    this.chosen = key;
    this.paint();
  }

  paint() {
    const { pane, dock, stages } = this.store.state;
    const { structs } = this;
    if (pane !== "structs" || !dock) return;
    const layouts = stages.run?.recorded?.layouts ?? [];
    this.table.hidden = !structs.length;
    if (!structs.length) {
      this.offered = "";
      fill(this.select, []);
      setText(this.said, "The recording holds no struct of this event.");
      return;
    }
    this.options(structs);
    const step = this.store.state.view === "run" ? this.store.state.step : this.scope.cursor.kept.run;
    const found = structs.find((each) => keyOf(each) === this.chosen) ?? usedLast(structs, step);
    const same = keyOf(found) === this.shown;
    this.shown = keyOf(found);
    if (!same) {
      this.folded.clear();
      this.unfolded.clear();
    }
    this.draw(found, layouts[found.layout], structs, step);
  }

  /** Offer the structs of an event. @param {HeldStruct[]} structs */
  options(structs) {
    const said = structs.map(keyOf).join();
    if (this.offered !== said) {
      this.offered = said;
      fill(this.select, h("option", { value: "" }, "the one used last"), structs.map((each) => h("option", { value: keyOf(each) }, `${each.name}: ${each.type || "arguments of the hook"}`)));
    }
    this.select.value = structs.some((each) => keyOf(each) === this.chosen) ? this.chosen : "";
  }

  /** @param {HeldStruct} found @param {StructLayout} layout @param {HeldStruct[]} structs @param {number} step */
  draw(found, layout, structs, step) {
    const now = valuesAt(found, step);
    const known = knownRows(layout.rows, now);
    const left = this.store.state.stages.run?.recorded?.structs_left ?? 0;
    const parts = [`${found.name}: ${found.type || "the arguments of the hook"} at ${found.address}, ${count(found.size, "byte")}, after step ${step + 1}.`];
    const unread = layout.rows.filter((row, i) => !row.holds && !now.has(i)).length;
    if (unread) parts.push(`${count(unread, "field is", "fields are")} not recorded here.`);
    if (step >= found.steps) parts.push(`Reads and writes are told up to step ${found.steps}.`);
    if (left) parts.push(`${count(left, "more struct is", "more structs are")} left out.`);
    setText(this.said, parts.join(" "));
    fill(this.body, this.rows(found, layout.rows, now, known, step, structs));
  }

  /**
   * @param {HeldStruct} found
   * @param {StructRow[]} rows
   * @param {Map<number, StructValue>} now
   * @param {Set<number>} known
   * @param {number} step
   * @param {HeldStruct[]} structs
   */
  rows(found, rows, now, known, step, structs) {
    const made = [];
    const every = this.all.checked;
    for (let i = 0; i < rows.length; ) {
      const end = endOf(rows, i);
      if (!known.has(i) && !every && !this.unfolded.has(i)) {
        let last = i;
        while (last < rows.length && !known.has(last) && rows[last].depth >= rows[i].depth) last = endOf(rows, last);
        if (last - i > FOLD) {
          made.push(this.unread(rows, i, last));
          i = last;
          continue;
        }
      }
      // What follows an unfolded row is unfolded as well, up to the next one that is known.
      if (this.unfolded.has(i) && end < rows.length && !known.has(end)) this.unfolded.add(end);
      made.push(this.row(found, rows, i, now, step, structs));
      i = rows[i].holds && this.folded.has(i) ? end : i + 1;
    }
    return made;
  }

  /** Fields in a row that are not recorded. @param {StructRow[]} rows @param {number} first @param {number} end */
  unread(rows, first, end) {
    const fields = rows.slice(first, end).filter((row) => !row.holds).length;
    const show = () => {
      this.unfolded.add(first);
      this.paint();
      this.focusRow(first);
    };
    return h(
      "tr",
      { class: "structs-unread" },
      h("td", { class: "structs-offset" }, `+${rows[first].offset}`),
      h("td", { class: `depth-${Math.min(rows[first].depth, 12)}`, colspan: "3" }, h("button", { type: "button", class: "line-link", on: { click: show } }, `${count(fields, "field")} not recorded`)),
    );
  }

  /** @param {number} row */
  focusRow(row) {
    const made = this.body.querySelector(`tr[data-row="${row}"] [tabindex], tr[data-row="${row}"] button`);
    if (made instanceof HTMLElement) made.focus();
  }

  /**
   * @param {HeldStruct} found
   * @param {StructRow[]} rows
   * @param {number} i
   * @param {Map<number, StructValue>} now
   * @param {number} step
   * @param {HeldStruct[]} structs
   */
  row(found, rows, i, now, step, structs) {
    const row = rows[i];
    const value = now.get(i);
    const here = value && value.step === step;
    const name = row.name || (row.type ? "" : "value");
    const open = !this.folded.has(i);
    const fold = () => {
      if (open) this.folded.add(i);
      else this.folded.delete(i);
      this.paint();
      this.focusRow(i);
    };
    const label = [h("span", { class: "structs-type" }, row.type), name ? " " : "", name ? h("b", null, name) : null, row.bits ? `:${row.bits}` : ""];
    return h(
      "tr",
      { class: here ? SELECTED[value.how] : "", data: { row: i } },
      h("td", { class: "structs-offset" }, `+${row.offset}`),
      h(
        "th",
        { scope: "row", class: `depth-${Math.min(row.depth, 12)}` },
        row.holds ? h("button", { type: "button", class: "structs-fold", "aria-expanded": open ? "true" : "false", on: { click: fold } }, open ? "▾ " : "▸ ", label) : h("span", { tabindex: "-1" }, label),
      ),
      h("td", { class: "structs-value" }, row.holds ? "" : value ? this.text(value, found, structs) : h("span", { class: "hint" }, "not recorded")),
      h("td", { class: "structs-how" }, row.holds ? "" : this.how(found, i, value, step)),
    );
  }

  /** A value; an address of another struct leads there. @param {StructValue} value @param {HeldStruct} found @param {HeldStruct[]} structs */
  text({ text, how }, found, structs) {
    if (!text) return h("span", { class: "hint" }, how === "call" ? "written by the call, not recorded" : "not recorded");
    const target = structs.find((each) => each !== found && each.address === text);
    if (!target) return h("code", null, text);
    const to = () => {
      this.choose(keyOf(target));
      this.select.focus();
    };
    return [h("code", null, text), " ", h("button", { type: "button", class: "line-link", on: { click: to } }, `→ ${target.type || target.name}`)];
  }

  /** How a value is known, and the next step that tells one. @param {HeldStruct} found @param {number} row @param {StructValue | undefined} value @param {number} step */
  how(found, row, value, step) {
    /** @param {number} to @param {string} text */
    const link = (to, text) => h("button", { type: "button", class: "line-link step-link", on: { click: () => this.scope.cursor.show("run", to) } }, text);
    if (value?.step === step) return HOW[value.how];
    if (value) return value.step < 0 ? "at the entry" : [`${HOW[value.how]} at `, link(value.step, `step ${value.step + 1}`)];
    const next = found.values.find((each) => each.row === row && each.step > step && each.text);
    if (!next) return "";
    return next.how === "return" ? link(next.step, "known at the return") : [`${HOW[next.how]} at `, link(next.step, `step ${next.step + 1}`)];
  }
}

/** What the object file holds: sections, symbols, relocations, types. Asked for when the panel is opened. */
import { Panel } from "../core/panel.js";
import { fill, h } from "../ui/dom.js";
import { count } from "../ui/format.js";

/** @import { Answer } from "../core/analyses.js" */
/** @import { Contents } from "../types/messages.js" */
/** @import { Child } from "../types/page.js" */

/**
 * A table under a heading that can be folded.
 * @param {string} title
 * @param {string[]} heads
 * @param {Child[][]} rows
 * @param {number} more rows that are not shown
 * @param {boolean} open
 */
const table = (title, heads, rows, more, open) =>
  h(
    "details",
    { class: "object-part", open },
    h("summary", null, title, h("span", { class: "hint" }, ` ${rows.length + more}`)),
    rows.length
      ? h(
          "table",
          { class: "map-table" },
          h("thead", null, h("tr", null, heads.map((text) => h("th", { scope: "col" }, text)))),
          h("tbody", null, rows.map((row) => h("tr", null, row.map((cell) => h("td", null, cell))))),
        )
      : h("p", { class: "hint" }, "None."),
    more ? h("p", { class: "hint" }, `${count(more, "more row is", "more rows are")} not shown.`) : null,
  );

export class ObjectPane extends Panel {
  /** @type {Answer<Contents> | undefined} */
  shown;

  build() {
    this.store.on(["pane", "dock", "stages", "analyses"], () => this.paint());
  }

  get open() {
    const { pane, dock, stages } = this.store.state;
    return pane === "object" && dock && (stages.load?.status ?? "working") !== "working";
  }

  paint() {
    const { analyses } = this.scope;
    if (this.open) analyses.ask("contents");
    const answer = analyses.answer("contents");
    if (answer === this.shown && this.hasChildNodes()) return;
    this.shown = answer;
    if (!answer || answer.status === "asked") fill(this, h("p", { class: "empty" }, "Reading the object file…"));
    else if (answer.status === "failed") fill(this, h("p", { class: "bad" }, answer.message));
    else fill(this, this.contents(answer.parts[0]));
  }

  /** @param {Contents} found */
  contents(found) {
    const { left_out } = found;
    return [
      h("p", { class: "hint" }, `ELF object file, ${count(found.bytes, "byte")}.`),
      table(
        "Sections",
        ["", "Name", "Type", "Flags", "Bytes", "What it is for"],
        found.sections.map((s) => [s.index, s.name, s.type, s.flags, s.size, h("span", { class: "prose" }, s.meaning)]),
        left_out.sections,
        true,
      ),
      table(
        "Symbols",
        ["Name", "Section", "Offset", "Bytes", "Binding", "Type"],
        found.symbols.map((s) => [s.name, s.section, s.value, s.size, s.bind, s.type]),
        left_out.symbols,
        false,
      ),
      table(
        "Relocations",
        ["Section", "Offset", "Instruction", "Type", "Symbol"],
        found.relocations.map((r) => [r.section, r.offset, r.insn === null ? "" : r.insn, r.type, r.symbol]),
        left_out.relocations,
        false,
      ),
      h(
        "details",
        { class: "object-part" },
        h("summary", null, "Types", h("span", { class: "hint" }, ` ${found.types.length + left_out.types}, with offsets and sizes in bytes`)),
        found.types.length ? h("pre", { class: "object-types" }, found.types.map((t) => t.text).join("\n")) : h("p", { class: "hint" }, "None: compile with -g."),
        left_out.types ? h("p", { class: "hint" }, `${count(left_out.types, "more type is", "more types are")} not shown.`) : null,
      ),
    ];
  }
}

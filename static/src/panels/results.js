/** What a run left behind: map contents, output, machine code. */
import { slotOf } from "../core/model.js";
import { Panel } from "../core/panel.js";
import { fill, h, setText } from "../ui/dom.js";
import { count, spell } from "../ui/format.js";
import { VirtualList } from "../ui/virtual.js";

/** @import { Stages } from "../core/store.js" */
/** @import { Event as Output, Variable } from "../types/messages.js" */
/** @import { Row } from "../ui/virtual.js" */

const ENTRIES = 200;
const FEW = 4;

/** Global variables of a section map (.data, .bss, .rodata), as its BTF describes them. @param {Variable[]} list */
const variables = (list) =>
  h(
    "table",
    { class: "map-table" },
    h("thead", null, h("tr", null, ["Variable", "Type", "Value after the run"].map((text) => h("th", { scope: "col" }, text)))),
    h(
      "tbody",
      null,
      list.slice(0, ENTRIES).map((each) => h("tr", null, h("th", { scope: "row" }, each.name), h("td", { class: "variable-type" }, each.type), h("td", null, each.value))),
    ),
  );

export class MapsPane extends Panel {
  /** @type {Stages["load"]} */
  load;
  /** @type {Stages["run"]} */
  run;

  build() {
    this.store.on(["stages"], () => this.paint());
  }

  paint() {
    const { stages } = this.store.state;
    const specs = stages.load?.maps ?? [];
    const after = stages.run?.maps ?? {};
    if (stages.load === this.load && stages.run === this.run) return;
    this.load = stages.load;
    this.run = stages.run;
    if (!specs.length) {
      fill(this, h("p", { class: "empty" }, stages.load?.status === "done" ? "This program uses no maps." : "The program's maps appear here after it was loaded."));
      return;
    }
    fill(
      this,
      specs.map((spec) => {
        const content = after[spec.name];
        const all = content?.entries ?? [];
        // An array is mostly zeroes: what the program wrote is what one looks for.
        const zero = all.filter(([, value, text]) => !text && /^0*$/.test(value));
        const entries = zero.length > FEW ? all.filter((entry) => !zero.includes(entry)) : all;
        const keys = new Map(all.map((entry, i) => [entry, content?.keys?.[i]]));
        return h(
          "section",
          { class: "map" },
          h(
            "h3",
            null,
            h("span", { class: "kind-map map-name" }, spec.name),
            h("span", { class: "hint" }, ` ${spec.type} · key ${spec.key_size} B · value ${spec.value_size} B · ${count(spec.max_entries, "entry", "entries")} at most`),
          ),
          content?.variables?.length
            ? variables(content.variables)
            : entries.length
              ? h(
                  "table",
                  { class: "map-table" },
                  h("thead", null, h("tr", null, h("th", { scope: "col" }, "Key"), h("th", { scope: "col" }, "Value after the run"))),
                  h(
                    "tbody",
                    null,
                    entries.slice(0, ENTRIES).map((entry) => h("tr", null, h("td", null, keys.get(entry) || spell(entry[0])), h("td", null, entry[2] || spell(entry[1])))),
                  ),
                )
              : zero.length
                ? null
                : h("p", { class: "hint" }, content ? "Empty after the run." : "Its content appears after a run."),
          !content?.variables?.length && zero.length > FEW ? h("p", { class: "hint" }, `${count(zero.length, "entry is", "entries are")} zero.`) : null,
          entries.length > ENTRIES || (content?.variables?.length ?? 0) > ENTRIES || content?.cut ? h("p", { class: "hint" }, "More entries are not shown.") : null,
        );
      }),
    );
  }
}

export class OutputPane extends Panel {
  /** @type {Stages["run"]} */
  run;

  build() {
    this.store.on(["stages"], () => this.paint());
  }

  paint() {
    const { run } = this.store.state.stages;
    if (run === this.run && run) return;
    this.run = run;
    if (!run || run.status === "working") {
      fill(this, h("p", { class: "empty" }, run ? "Running…" : "The result and the output of the program appear here after a run."));
      return;
    }
    if (!run.runs) {
      fill(this, h("p", { class: run.status === "failed" ? "bad" : "empty" }, run.message || run.summary || "The program was not run."));
      return;
    }
    const runs = run.runs ?? [];
    fill(
      this,
      h(
        "div",
        { class: "results" },
        runs.map((r, i) =>
          h(
            "p",
            { class: "result" },
            runs.length > 1 ? h("span", { class: "hint" }, `${run?.recorded ? "event" : "packet"} ${i + 1} `) : null,
            r.fault
              ? [
                  h("b", { class: "result-name bad" }, "Stopped"),
                  h("span", { class: "hint" }, ` at instruction ${r.fault.insn_idx}, after ${count(r.insns ?? 0, "instruction")} `),
                  h("span", { class: "bad" }, r.fault.message),
                ]
              : [h("b", { class: "result-name" }, r.result || String(r.r0)), h("span", { class: "hint" }, ` r0 = ${r.r0} · ${count(r.insns ?? 0, "instruction")}`)],
          ),
        ),
      ),
      run.events?.length
        ? h(
            "ol",
            { class: "events" },
            run.events.map((event) =>
              h(
                "li",
                null,
                h("button", { type: "button", class: "line-link", on: { click: () => this.show(event) } }, `step ${event.step + 1}`),
                h("span", { class: "event-kind" }, event.kind),
                h("code", null, event.decoded ? `${event.text}: ${event.decoded}` : event.text),
              ),
            ),
          )
        : h("p", { class: "hint" }, "The program printed nothing."),
    );
  }

  /** Go to where an output was made. @param {Output} event */
  show(event) {
    if ((event.run ?? 0) !== this.store.state.packetRun) this.scope.cursor.packet(event.run ?? 0);
    this.scope.cursor.show("run", event.step);
  }
}

export class MachinePane extends Panel {
  /** @type {VirtualList} */
  list;
  /** @type {HTMLParagraphElement} */
  empty;
  /** The instruction under the cursor. */
  insn = -1;

  build() {
    const { store, scope } = this;
    this.list = new VirtualList({
      label: "Machine code",
      className: "machine",
      render: (index, row) => this.row(index, row),
      pick: (index) => {
        const { insn } = store.state.machine.listing[index];
        if (insn >= 0) void scope.search.visitInsn(insn);
      },
    });
    this.empty = h("p", { class: "empty" });
    this.append(this.list.element, this.empty);
    store.on(["machine", "stages"], (changed) => {
      const { machine, stages } = store.state;
      if (changed.has("machine")) this.list.reset(machine.listing.length);
      this.list.element.hidden = !machine.listing.length;
      this.empty.hidden = machine.listing.length > 0;
      setText(this.empty, stages.jit?.message || "The x86-64 code appears here after the program was accepted.");
    });
    store.on(["step", "view", "windows", "machine"], () => {
      this.insn = scope.cursor.now()?.idx ?? -1;
      const first = store.state.machine.listing.findIndex((item) => item.insn === this.insn);
      this.list.select(first);
    });
  }

  /** @param {number} index @param {Row} row */
  row(index, row) {
    const item = this.store.state.machine.listing[index];
    row.classList.toggle("same-insn", item.insn === this.insn);
    if (row.of === item) return;
    row.of = item;
    fill(
      row,
      h("span", { class: "x86-off" }, item.off.toString(16).padStart(4, "0")),
      h("span", { class: "x86-hex" }, item.hex),
      h("span", { class: "x86-insn" }, item.insn >= 0 ? `${slotOf(item.insn)}:` : ""),
      h("code", { class: "insn-text" }, item.text),
    );
  }
}

/** What is changed before a run on a real kernel: a form of the object's variables, maps and programs. */
import { fieldValue, fill, h } from "../ui/dom.js";
import { grouped } from "../ui/format.js";

/** @import { MapEntryGiven, SetMap, SetTarget, SetVariable, Setup, SetupGiven } from "../types/messages.js" */

/** Entries that can be written, as the server takes them. */
const ENTRIES = 64;

export class RealSetup {
  /** @param {import("../core/scope.js").Scope} scope */
  constructor(scope) {
    this.scope = scope;
    /** @type {Setup | null} what the form was made of */
    this.of = null;
    /** What was written, kept from run to run: by kind, then by name. @type {{values: Map<string, string>, sizes: Map<string, string>, targets: Map<string, string>}} */
    this.written = { values: new Map(), sizes: new Map(), targets: new Map() };
    /** @type {MapEntryGiven[]} */
    this.entries = [];
    this.said = h("p", { class: "hint", role: "status" });
    this.fields = h("div", { class: "real-setup-fields" });
    this.element = h(
      "details",
      { class: "object-part real-setup", on: { toggle: () => this.paint() } },
      h("summary", null, "Before the run: variables, maps, targets"),
      h("p", { class: "hint" }, "An empty field changes nothing. Values are written as in C: 7, \"text\", {1, 2}, {.pid = 7}; or hex: and all bytes."),
      this.said,
      this.fields,
    );
  }

  paint() {
    const { analyses, state } = this.scope;
    if (!this.element.open) return;
    if (state.stages.load?.status === "done") analyses.ask("setup");
    const answer = analyses.answer("setup");
    const found = /** @type {Setup | undefined} */ (answer?.parts[0]);
    fill(this.said, answer?.status === "failed" ? answer.message : answer?.status === "asked" ? "The object is being read…" : "");
    if (!found || found === this.of) return;
    this.of = found;
    if (state.kernels?.real?.setup && !this.changed) this.take(state.kernels.real.setup);
    this.draw(found);
  }

  get changed() {
    const { values, sizes, targets } = this.written;
    return values.size + sizes.size + targets.size + this.entries.length > 0;
  }

  /** Fill in what a link says. @param {SetupGiven} given */
  take({ values = {}, sizes = {}, entries = [], targets = {} }) {
    for (const [name, value] of Object.entries(values)) this.written.values.set(name, value);
    for (const [name, size] of Object.entries(sizes)) this.written.sizes.set(name, String(size));
    for (const [name, target] of Object.entries(targets)) this.written.targets.set(name, target);
    this.entries = entries.map((each) => ({ ...each }));
  }

  /** @param {Setup} found */
  draw({ variables, maps, programs }) {
    const filled = maps.filter((map) => map.filled);
    this.rows = h("div", { class: "real-entries" });
    fill(
      this.fields,
      variables.length ? group("Global variables", variables.map((each) => this.variable(each))) : null,
      maps.length ? group("Sizes of maps (max_entries)", maps.map((each) => this.size(each))) : null,
      filled.length ? group("Entries of maps, written before the programs are attached", [this.rows, this.adding(filled)]) : null,
      programs.length ? group("What programs are attached to", programs.map((each) => this.target(each))) : null,
      variables.length || maps.length || programs.length ? null : h("p", { class: "hint" }, "There is nothing in this object that can be changed."),
    );
    this.drawEntries();
  }

  /** @param {SetVariable} variable */
  variable({ name, section, type, value }) {
    return this.field("values", name, h("span", null, h("code", null, name), h("span", { class: "hint" }, ` ${type}, ${section}`)), { placeholder: value, maxlength: "1000" });
  }

  /** @param {SetMap} map */
  size({ name, type, key, value, max_entries }) {
    const what = type ? ` ${type}: ${key} → ${value}` : "";
    return this.field("sizes", name, h("span", null, h("code", null, name), h("span", { class: "hint" }, what)), {
      placeholder: grouped(max_entries),
      inputmode: "numeric",
      maxlength: "8",
    });
  }

  /** @param {SetTarget} program */
  target({ program, section, target, devices }) {
    const label = h("span", null, h("code", null, program), h("span", { class: "hint" }, ` ${section}`));
    if (!devices.length) return this.field("targets", program, label, { placeholder: target, maxlength: "128" });
    const select = h(
      "select",
      { on: { change: (event) => this.write("targets", program, fieldValue(event)) } },
      devices.map((each, i) => h("option", { value: i ? each : "" }, each)),
    );
    select.value = this.written.targets.get(program) ?? "";
    return h("label", { class: "real-setup-field" }, label, select);
  }

  /**
   * @param {"values" | "sizes" | "targets"} kind
   * @param {string} name
   * @param {HTMLElement} label
   * @param {Record<string, string>} more
   */
  field(kind, name, label, more) {
    const input = h("input", {
      type: "text",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      ...more,
      value: this.written[kind].get(name) ?? "",
      on: { input: (event) => this.write(kind, name, fieldValue(event).trim()) },
    });
    return h("label", { class: "real-setup-field" }, label, input);
  }

  /** @param {"values" | "sizes" | "targets"} kind @param {string} name @param {string} text */
  write(kind, name, text) {
    if (text) this.written[kind].set(name, text);
    else this.written[kind].delete(name);
  }

  /** @param {SetMap[]} maps */
  adding(maps) {
    const map = h("select", { "aria-label": "Map of the entry" }, maps.map(({ name }) => h("option", { value: name }, name)));
    const add = () => {
      if (this.entries.length >= ENTRIES) return;
      this.entries.push({ map: map.value, key: "", value: "" });
      this.drawEntries();
      /** @type {HTMLInputElement | null | undefined} */ (this.rows?.lastElementChild?.querySelector("input"))?.focus();
    };
    return h("p", { class: "fix-actions" }, map, h("button", { type: "button", class: "button", on: { click: add } }, "Add an entry"));
  }

  drawEntries() {
    const { rows, of } = this;
    if (!rows || !of) return;
    fill(
      rows,
      this.entries.map((entry, i) => {
        const map = of.maps.find(({ name }) => name === entry.map);
        const put = (/** @type {"key" | "value"} */ field) =>
          h("input", {
            type: "text",
            autocomplete: "off",
            autocapitalize: "off",
            spellcheck: "false",
            maxlength: "1000",
            "aria-label": `${field === "key" ? "Key" : "Value"} of entry ${i + 1} of ${entry.map}`,
            placeholder: map?.[field] ?? "",
            value: entry[field],
            on: { input: (event) => void Object.assign(entry, { [field]: fieldValue(event).trim() }) },
          });
        const remove = () => {
          this.entries.splice(i, 1);
          this.drawEntries();
          /** @type {HTMLElement | null} */ (this.fields.querySelector(".fix-actions button"))?.focus();
        };
        return h("p", { class: "real-entry" }, h("code", null, entry.map), h("span", null, "["), put("key"), h("span", { class: "real-equals" }, "] ="), put("value"), h("button", { type: "button", class: "button", "aria-label": `Remove entry ${i + 1} of ${entry.map}`, on: { click: remove } }, "Remove"));
      }),
    );
  }

  /** What was written, for the question; nothing if that is nothing, or not of this object. @returns {{setup?: SetupGiven}} */
  given() {
    const { of } = this;
    if (!of) return {};
    /** @param {Map<string, string>} written @param {string[]} names */
    const known = (written, names) => Object.fromEntries([...written].filter(([name]) => names.includes(name)));
    const maps = of.maps.map(({ name }) => name);
    const values = known(this.written.values, of.variables.map(({ name }) => name));
    const sizes = Object.fromEntries(Object.entries(known(this.written.sizes, maps)).map(([name, size]) => [name, Number(size)]));
    const targets = known(this.written.targets, of.programs.map(({ program }) => program));
    const entries = this.entries.filter((each) => each.key && each.value && maps.includes(each.map));
    const some = [values, sizes, targets].some((each) => Object.keys(each).length) || entries.length;
    return some ? { setup: { values, sizes, entries, targets } } : {};
  }
}

/** @param {string} title @param {import("../types/page.js").Child[]} children */
const group = (title, children) => h("fieldset", { class: "kernels-group real-setup-group" }, h("legend", null, title), children);

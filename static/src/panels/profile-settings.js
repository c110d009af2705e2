/** Values of `const volatile` variables to verify the program with, and what each setting costs. */
import { fieldValue, fill, h } from "../ui/dom.js";
import { grouped } from "../ui/format.js";
import { heldChoice } from "./held-choice.js";

/** @import { ConstantEntry, SettingsDone, TriedSetting, WalkProfile } from "../types/messages.js" */

export class SettingsForm {
  /** @param {import("../core/scope.js").Scope} scope */
  constructor(scope) {
    this.scope = scope;
    /** @type {WalkProfile | null} */
    this.of = null;
    /** @type {unknown} */
    this.answered = undefined;
    /** @type {Map<string, string>} what was written, by variable; kept from run to run */
    this.values = written(scope.analyses.held.settings?.at(-1)?.values);
    this.button = h("button", { type: "submit", class: "button" }, "Compare settings");
    this.fields = h("div", { class: "settings-fields" });
    this.said = h("p", { class: "bad", role: "alert" });
    this.table = h("div", { class: "settings-table", "aria-live": "polite" });
    this.form = h(
      "form",
      { on: { submit: (event) => this.ask(event) } },
      h("p", { class: "hint" }, "Values a loader could set, separated by commas. Every combination is verified."),
      heldChoice(scope, "settings", "In this file", ({ values }) => [...written(values)].map(([name, each]) => `${name} = ${each}`).join("; "), ({ values }) => this.restore(values)),
      this.fields,
      h("p", { class: "fix-actions" }, this.button),
    );
    this.element = h("details", { class: "object-part profile-part", open: true, hidden: true }, h("summary", null, "Settings of constants"), this.form, this.said, this.table);
  }

  /** @param {WalkProfile | null} profile */
  show(profile) {
    if (profile && profile !== this.of) {
      this.of = profile;
      this.element.hidden = !profile.constants.length;
      fill(this.fields, profile.constants.map((each) => this.field(each)));
    }
    const answer = this.scope.analyses.answer("settings");
    this.button.disabled = !profile || answer?.status === "asked";
    if (answer === this.answered) return;
    this.answered = answer;
    const tried = /** @type {TriedSetting[]} */ ((answer?.parts ?? []).filter((part) => part.type === "setting"));
    const done = /** @type {SettingsDone | undefined} */ (answer?.parts.find((part) => part.type === "settings_done"));
    fill(this.said, done?.message || answer?.message || "");
    fill(this.table, tried.length ? rows(tried) : null, answer?.status === "asked" ? h("p", { class: "hint" }, "Verifying…") : null);
  }

  /** @param {Record<string, string[]>} values */
  restore(values) {
    this.values = written(values);
    for (const field of this.fields.querySelectorAll("input")) field.value = this.values.get(field.name) ?? "";
  }

  /** @param {ConstantEntry} constant */
  field(constant) {
    const id = `setting-${constant.name}`;
    return h(
      "p",
      { class: "settings-field" },
      h("label", { for: id }, h("code", null, constant.name), h("span", { class: "hint" }, ` ${constant.type} = ${constant.value}`)),
      h("input", {
        id,
        name: constant.name,
        autocomplete: "off",
        spellcheck: "false",
        placeholder: constant.words.length ? constant.words.slice(0, 3).join(", ") : `${constant.value}, …`,
        value: this.values.get(constant.name) ?? "",
        on: { input: (event) => void this.values.set(constant.name, fieldValue(event)) },
      }),
    );
  }

  /** @param {Event} event */
  ask(event) {
    event.preventDefault();
    const named = (this.of?.constants ?? []).map(({ name }) => /** @type {[string, string[]]} */ ([name, values(this.values.get(name) ?? "")]));
    const given = named.filter(([, each]) => each.length);
    if (!given.length) {
      fill(this.said, "Write values for at least one variable.");
      /** @type {HTMLInputElement | null} */ (this.fields.querySelector("input"))?.focus();
      return;
    }
    this.scope.analyses.again("settings", { values: Object.fromEntries(given) });
  }
}

/** Values as one writes them into the fields. @param {unknown} values @returns {Map<string, string>} */
const written = (values) => new Map(Object.entries(/** @type {Record<string, string[]>} */ (values ?? {})).map(([name, each]) => [name, each.join(", ")]));

/** @param {string} text */
const values = (text) => text.split(",").map((each) => each.trim()).filter(Boolean);

/** @param {TriedSetting[]} tried */
function rows(tried) {
  const names = Object.keys(tried[0].values);
  const least = Math.min(...tried.map((each) => each.insns_processed));
  return h(
    "table",
    { class: "map-table" },
    h("thead", null, h("tr", null, [...names, "Verdict", "Processed", "States", "Instructions", "Machine code"].map((text) => h("th", { scope: "col" }, text)))),
    h(
      "tbody",
      null,
      tried.map((each) =>
        h(
          "tr",
          null,
          names.map((name) => h("td", null, each.values[name])),
          h("td", { class: each.verdict === "accept" ? "good" : "bad", title: each.message || null }, each.verdict),
          h("td", { class: each.insns_processed === least && tried.length > 1 ? "good" : "" }, grouped(each.insns_processed)),
          h("td", null, grouped(each.states)),
          h("td", null, each.xlated === null ? "" : grouped(each.xlated)),
          h("td", null, each.jited === null ? "" : `${grouped(each.jited)} B`),
        ),
      ),
    ),
  );
}
